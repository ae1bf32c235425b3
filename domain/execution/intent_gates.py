"""What every intent is asked before the journal accepts it: named gates in one order, the first verdict wins.

Each speaks for the kind of intent that it is about, and lets all others by. What is asked of an opening besides is
in `pre_send_checks.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.execution.order_rules import OrderRulebook, order_kind
from domain.execution.pre_send_checks import PreSendChecks
from domain.instant import Instant
from domain.instrument import Instrument
from domain.ledger.expiries import Expiries
from domain.ledger.order_ledger import OrderLedger
from domain.messages.denials import Denial, DenialReason
from domain.messages.orders import OrderIntent, Purpose


class Arrival(NamedTuple):
    """An intent at the gates."""

    intent: OrderIntent
    instrument: Instrument | None  # None: nobody has told what it is
    now: Instant


class IntentGates:
    """The router's side of a decision: whether it is taken up at all."""

    def __init__(self, ledger: OrderLedger, expiries: Expiries, checks: PreSendChecks, rulebook: OrderRulebook) -> None:
        self._ledger = ledger
        self._expiries = expiries
        self._checks = checks
        self._rulebook = rulebook
        self.is_stopped = False  # after winding down nothing is sent any more
        self._in_order = (
            self._not_stopped,
            self._in_time,
            self._product_known,
            self._opening_is_aware,
            self._opening_passes,
            self._opening_leaves_enough,
            self._venue_has_such_orders,
            self._stop_has_prices,
        )

    def refusal(self, intent: OrderIntent, instrument: Instrument | None, now: Instant) -> Denial:
        """Return the verdict of the first gate that has one, empty when it passes all."""
        arrival = Arrival(intent, instrument, now)
        for gate in self._in_order:
            if denial := gate(arrival):
                return denial
        return ""

    def _not_stopped(self, at: Arrival) -> Denial:
        return DenialReason.WINDING_DOWN if self.is_stopped else ""

    def _in_time(self, at: Arrival) -> Denial:
        return DenialReason.EXPIRED if self._expiries.is_over(at.intent, at.now) else ""

    def _product_known(self, at: Arrival) -> Denial:
        """Let what reduces risk wait for the products to be told; an opening doesn't."""
        is_due = at.intent.purpose is Purpose.OPEN or self._checks.knows_products(at.intent.venue)
        return DenialReason.NO_INSTRUMENT if at.instrument is None and is_due else ""

    def _venue_has_such_orders(self, at: Arrival) -> Denial:
        if at.instrument is None:
            return ""
        kind_of_order = order_kind(at.intent)
        return (
            ""
            if self._rulebook.takes(at.intent.venue, at.instrument.kind, *kind_of_order)
            else DenialReason.NOT_OFFERED
        )

    def _opening_is_aware(self, at: Arrival) -> Denial:
        is_outdated = at.intent.purpose is Purpose.OPEN and self._ledger.is_outdated(at.intent)
        return DenialReason.OUTDATED if is_outdated else ""

    def _opening_passes(self, at: Arrival) -> Denial:
        if at.intent.purpose is not Purpose.OPEN or at.instrument is None:
            return ""
        return self._checks.refusal(at.intent, at.instrument, at.intent.quantity, at.now)

    def _opening_leaves_enough(self, at: Arrival) -> Denial:
        if at.intent.purpose is not Purpose.OPEN or at.instrument is None:
            return ""
        return self._checks.overdraft(at.intent, at.instrument, at.intent.quantity, at.now)

    def _stop_has_prices(self, at: Arrival) -> Denial:
        is_bare = at.intent.purpose is Purpose.PROTECT and None in (at.intent.limit_price, at.intent.stop_price)
        return DenialReason.NO_PRICE if is_bare else ""
