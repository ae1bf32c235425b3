"""What the portfolio and people ask of the router, beside the orders that they want: halts and their end, stops to
withdraw, exits to remember, losses to measure from.
"""

from __future__ import annotations

from domain.execution.cancels import Cancels
from domain.execution.replacements import Replacements
from domain.execution.venue_readiness import VenueReadiness
from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.halts import scopes
from domain.ledger.outbox import Outbox
from domain.ledger.wallet import Wallet
from domain.messages.account import ValueTransfer
from domain.messages.halts import RaiseHalt, ResumeTrading
from domain.messages.journal import EquityMarked, ExitEnded, ExitWished, HaltCleared, TransferValued
from domain.messages.orders import CancelProtection, Purpose
from domain.messages.system import EndExit, MarkEquity, WishExit
from domain.reconciliation.reconciliation import Reconciliation
from domain.reconciliation.unread_rows import UnreadRows


class AccountCommands:
    """Journals what is new of each command, and nothing of one that is told again."""

    def __init__(
        self,
        outbox: Outbox,
        readiness: VenueReadiness,
        unread: UnreadRows,
        cancels: Cancels,
        replacements: Replacements,
        reconciliation: Reconciliation,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._readiness = readiness
        self._unread = unread
        self._cancels = cancels
        self._replacements = replacements
        self._reconciliation = reconciliation

    def cancel_protection(self, command: CancelProtection, now: Instant) -> None:
        for order in self._ledger.live_orders(command.venue, command.instrument):
            is_meant = order.order.purpose is Purpose.PROTECT and command.leg in (None, order.order.leg)
            if is_meant and not self._replacements.resize(order, command, now):
                self._cancels.wish(order, command.reason, now)

    def raise_halt(self, command: RaiseHalt, now: Instant) -> None:
        self._outbox.halt(command.scope, command.kind, command.reason, now.utc_ns)

    def mark_equity(self, command: MarkEquity, now: Instant) -> None:
        if command.marked_at != self._ledger.equity_marked_at:
            self._outbox.record(
                EquityMarked(ts_event=command.marked_at, peak=command.peak, day_start=command.day_start)
            )

    def value_transfer(self, command: ValueTransfer, now: Instant) -> None:
        if (
            self._ledger.books.transfers.get(Wallet(command.venue, command.wallet, command.currency))
            == command.quantity
        ):
            event = TransferValued(
                ts_event=now.utc_ns,
                venue=command.venue,
                wallet=command.wallet,
                currency=command.currency,
                quantity=command.quantity,
                worth=command.worth,
            )
            self._outbox.record(event)

    def wish_exit(self, command: WishExit, now: Instant) -> None:
        known = self._ledger.books.exits.wanted.get(InstrumentId.of(command))
        if known is None or known.signal_id != command.signal_id:
            about = {"venue": command.venue, "instrument": command.instrument}
            self._outbox.record(ExitWished(ts_event=now.utc_ns, signal_id=command.signal_id, **about))
        for order in self._ledger.live_orders(command.venue, command.instrument):
            if order.order.purpose is Purpose.OPEN:  # nobody wants what it may still buy
                self._cancels.wish(order, "an exit is wanted", now)

    def end_exit(self, command: EndExit, now: Instant) -> None:
        if InstrumentId.of(command) in self._ledger.books.exits.wanted:
            about = {"venue": command.venue, "instrument": command.instrument}
            self._outbox.record(ExitEnded(ts_event=now.utc_ns, **about))

    def resume(self, command: ResumeTrading, now: Instant) -> None:
        """Clear halts. Openings wait for one more look at the accounts: a cause that still stands halts them anew."""
        self._unread.forget(command.scope)
        cleared = [scope for scope in scopes(self._ledger.halts) if command.scope in ("", scope)]
        for scope in cleared:
            self._outbox.record(HaltCleared(ts_event=now.utc_ns, scope=scope))
        for venue in self._readiness.venues:
            if {"all", venue} & {scope.partition(":")[0] for scope in cleared}:
                self._readiness.is_reconciled[venue] = False
                self._reconciliation.ask(venue, now)
