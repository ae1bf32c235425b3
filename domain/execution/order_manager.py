"""The order router's machine: every word about our orders comes in here, every decision leaves as an effect.

It routes. What venues say of the account, and of orders where that says something about the account too (reports,
refusals, fills), goes to `account_reports.py`, which hands on to `execution_reports.py`; all else about orders goes
there at once. What the portfolio and people ask for is done in `account_commands.py`, what to send next is decided in
`order_executor.py`, when to ask in `status_queries.py`, whether the books are right in `reconciliation.py`. What must
survive is recorded into the ledger through the outbox, so an order manager that replays the journal stands where this
one stood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from domain.dispatch import on
from domain.effects import Effect, Role, WakeupKey
from domain.execution.account_commands import AccountCommands
from domain.execution.account_reports import AccountReports
from domain.execution.attempts import Attempts
from domain.execution.blocking_orders import BlockingOrders
from domain.execution.cancels import Cancels
from domain.execution.closing_prices import ClosingPrices
from domain.execution.endings import Endings
from domain.execution.execution_reports import ExecutionReports
from domain.execution.forced_fills import ForcedFills
from domain.execution.manager_facts import ManagerFacts
from domain.execution.order_executor import OrderExecutor
from domain.execution.order_manager_report import OrderManagerReport
from domain.execution.order_rules import OrderRulebook
from domain.execution.overdue import Overdue
from domain.execution.pre_send_checks import PreSendChecks
from domain.execution.replacements import Replacements
from domain.execution.venue_readiness import VenueReadiness
from domain.execution.wind_down import WindingDown
from domain.instant import Instant
from domain.ledger.account import Portfolio
from domain.ledger.expiries import Expiries
from domain.ledger.order_ids import NO_INSTANCE
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import FundingReported, RowsUnread, SnapshotFailed, ValueTransfer, VenueSnapshot
from domain.messages.base import Message
from domain.messages.halts import HaltLine, RaiseHalt, ResumeTrading
from domain.messages.journal import JournalEntry
from domain.messages.market import MarketBatch
from domain.messages.orders import (
    CancelAccepted,
    CancelProtection,
    CancelRejected,
    CancelUnconfirmed,
    FillsReported,
    InstrumentsLoaded,
    OrderAccepted,
    OrderIntent,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderUnconfirmed,
    PrivateStreamChanged,
    QueryFailed,
    TouchReported,
    VenueClockSeen,
)
from domain.messages.replacements import ModifyAccepted, ModifyRejected, ModifyUnconfirmed
from domain.messages.system import (
    BreakerChanged,
    EndExit,
    MarkEquity,
    OrdersReported,
    VenueAccessChanged,
    VenueReadyChanged,
    WindDown,
    WishExit,
)
from domain.portfolio.foreign_orders import ForeignOrders
from domain.reconciliation.evidence import Rules
from domain.reconciliation.holds import Holds
from domain.reconciliation.margin_settings import MarginSettings
from domain.reconciliation.opening_balances import OpeningBalances
from domain.reconciliation.oversold import Oversold
from domain.reconciliation.reconciliation import Reconciliation
from domain.reconciliation.standing_totals import ends_when
from domain.reconciliation.status_queries import StatusQueries
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unmatched_orders import Adoption
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings


class OrderManager:
    """The life of every order of this account.

    Args:
        instance: which of all systems this is, in the ids of its orders.
        former_instances: which it was before, where its journal lived then.
    """

    def __init__(
        self,
        settings: Settings,
        facts: ManagerFacts,
        instance: str = NO_INSTANCE,
        former_instances: Collection[str] = (),
    ) -> None:
        self._rules = Rules(settings, facts.evidence)
        rulebook = OrderRulebook(settings, facts.order_rules)
        self._outbox = outbox = Outbox(facts.counts_since)
        self.ledger = outbox.ledger
        self._quotes = LatestQuotes(settings, self.books.definitions)
        self._readiness = VenueReadiness(settings.traded, settings.risk.max_clock_error_s)
        self._unmatched = UnmatchedFills(settings, outbox)
        self._unread = UnreadRows(settings, outbox, self._quotes)
        self._holds = Holds(self.ledger, self._quotes, self._rules)
        self._status_queries = StatusQueries(settings, outbox, self._quotes, self._rules, self._holds, self._unmatched)
        self._prices = ClosingPrices(settings, outbox, self._quotes)
        self._cancels = Cancels(settings, outbox, self._status_queries, rulebook)
        expiries = Expiries(settings.orders)
        self._overdue = Overdue(settings, outbox, self._quotes, expiries, self._cancels)
        foreign = ForeignOrders(self._quotes, self.ledger.books)
        margin = MarginSettings(settings, outbox, self._quotes)
        pre_send_checks = PreSendChecks(
            settings,
            self.ledger,
            self._quotes,
            self._readiness,
            self._unmatched,
            self._unread,
            foreign,
            margin,
        )
        self._blocking = BlockingOrders(self.ledger, self._quotes, self._cancels, self._rules, self._holds, foreign)
        attempts = Attempts(settings, self.ledger, self._quotes, rulebook, instance)
        self._replacements = Replacements(settings, outbox, attempts, self._status_queries, rulebook, self._rules)
        self._execution = OrderExecutor(
            settings,
            outbox,
            self._quotes,
            pre_send_checks,
            self._status_queries,
            self._blocking,
            self._prices,
            expiries,
            facts,
            attempts,
            rulebook,
        )
        opening = OpeningBalances(outbox, self._quotes, self._rules)
        self._reconciliation = Reconciliation(
            settings, outbox, self._quotes, self._unmatched, self._unread, self._rules, opening
        )
        self._oversold = Oversold(outbox, self._quotes, self._unmatched)
        self._adoption = Adoption(outbox, self._quotes, facts.provenance, instance, former_instances)
        self._execution_reports = ExecutionReports(
            outbox,
            self._execution,
            self._status_queries,
            self._cancels,
            self._overdue,
            self._unmatched,
            self._rules,
            self._adoption,
            opening,
            self._blocking,
            Endings(settings, outbox, self._rules, self._unmatched, self._unread),
            self._replacements,
        )
        self._winding_down = WindingDown(
            outbox,
            pre_send_checks,
            self._execution,
            self._status_queries,
            self._cancels,
            self._reconciliation,
            self._quotes,
            foreign,
            settings,
        )
        self._account = AccountReports(
            outbox,
            self._quotes,
            self._execution_reports,
            self._status_queries,
            self._unread,
            self._holds,
            self._reconciliation,
            self._readiness,
            self._winding_down,
            foreign,
            ForcedFills(outbox, opening, self._unmatched),
            margin,
        )
        self._report = OrderManagerReport(
            outbox, pre_send_checks, self._readiness, self._reconciliation.audits, self._account, foreign, self._quotes
        )
        commands = AccountCommands(
            outbox, self._readiness, self._unread, self._cancels, self._replacements, self._reconciliation
        )
        self._handlers = dict(
            (
                on(OrderIntent, self._execution.take),
                on(MarketBatch, self._on_market),
                on(VenueClockSeen, self._on_venue_clock),
                on(InstrumentsLoaded, self._on_instruments),
                on(TouchReported, self._prices.hear),
                on(BreakerChanged, self._readiness.on_breaker),
                on(VenueAccessChanged, self._readiness.on_access),
                on(PrivateStreamChanged, self._on_private_stream),
                on(OrderAccepted, self._execution_reports.on_accepted),
                on(OrderRejected, self._account.on_rejected),
                on(OrderNotSent, self._execution_reports.on_refused),
                on(OrderUnconfirmed, self._execution_reports.on_unconfirmed),
                on(OrderReported, self._account.on_report),
                on(OrderNotFound, self._execution_reports.on_not_found),
                on(QueryFailed, self._execution_reports.on_query_failed),
                on(CancelAccepted, self._execution_reports.on_cancel),
                on(CancelRejected, self._execution_reports.on_cancel),
                on(CancelUnconfirmed, self._execution_reports.on_cancel),
                on(ModifyAccepted, self._execution_reports.on_modified),
                on(ModifyRejected, self._execution_reports.on_modified),
                on(ModifyUnconfirmed, self._execution_reports.on_modified),
                on(FillsReported, self._account.on_fills),
                on(FundingReported, self._account.on_funding),
                on(RowsUnread, self._account.on_unread),
                on(VenueSnapshot, self._account.on_snapshot),
                on(SnapshotFailed, self._account.on_snapshot_failed),
                on(CancelProtection, commands.cancel_protection),
                on(RaiseHalt, commands.raise_halt),
                on(MarkEquity, commands.mark_equity),
                on(ValueTransfer, commands.value_transfer),
                on(WishExit, commands.wish_exit),
                on(EndExit, commands.end_exit),
                on(ResumeTrading, commands.resume),
                on(WindDown, self._winding_down.begin),
            )
        )

    @property
    def books(self) -> Portfolio:
        return self.ledger.books

    @property
    def halts(self) -> tuple[HaltLine, ...]:
        """Return the halts that stand: one that ends by itself first, then those of the journal, oldest first."""
        return self._readiness.halts + tuple(
            HaltLine(
                scope=halt.scope, reason=halt.reason, since=halt.since, ends_when=ends_when(halt.kind), kind=halt.kind
            )
            for halt in self.ledger.halts
        )

    # ---- what the actor calls ----------------------------------------------------------------------------

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Take in what the journal holds; before anything else."""
        self._outbox.replay(entries)

    def recover(self, now: Instant) -> list[Effect]:
        """Begin a run: ask about everything that a previous one left open, then trust nothing unproven."""
        self._adoption.begin(now)
        self._blocking.restore_all_stops(now)
        for order in self.ledger.live_orders():
            self._execution_reports.doubt(order, "restarted", now)
        for plan in list(self.ledger.open_plans.values()):
            self._execution.advance(plan, now)
        for venue in self._readiness.venues:
            self._reconciliation.ask(venue, now)
        return self._finish(now)

    def gateway_restarted(self, venue: str, now: Instant) -> list[Effect]:
        """Doubt whatever was on its way through a gateway that is gone."""
        for order in self.ledger.live_orders(venue):
            self._execution_reports.doubt(order, "gateway_restarted", now)
        if venue in self._readiness.venues:
            self._reconciliation.ask(venue, now)
        return self._finish(now)

    def announce(self, now: Instant) -> list[Effect]:
        """Tell a portfolio that has just appeared how each venue stands."""
        self._readiness.forget_announcements()
        self._account.announce(now)
        return self._finish(now)

    def halt(self, scope: str, kind: str, reason: str, now: Instant) -> list[Effect]:
        """Halt openings, e.g. on a full disk; cancels and reducing orders still pass."""
        self._outbox.halt(scope, kind, reason, now.utc_ns)
        return self._finish(now)

    def hold_up(self, why: str, now: Instant) -> list[Effect]:
        """Take no openings while the journal cannot be written as it should; `why` is empty when it can again."""
        told, over = self._readiness.hold_up(why, now.utc_ns)
        if over:
            self._outbox.alarm_over("journal", over, now.utc_ns)
        if told:
            self._outbox.alarm("journal", told, now.utc_ns)
        return self._finish(now)

    def apply(self, message: Message, now: Instant) -> list[Effect]:
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message, now)
        return self._finish(now)

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        """Look after whatever `key` (of an earlier WakeAt) is about, if that is still due."""
        order = self.ledger.live.get(key.name)
        match key.kind:
            case OrderWakeup.RECONCILE if key.name in self._readiness.venues:
                self._account.tick(key.name, now)
            case OrderWakeup.OWNER:
                self._unmatched.tick(key.venue, key.name, now)
            case OrderWakeup.PLAN:
                self._execution.tick(key.name, now)
            case OrderWakeup.ACKNOWLEDGE if order:
                self._status_queries.unacknowledged(order, "no_acknowledgement", now)
            case OrderWakeup.CANCEL if order:
                self._cancels.tick(order, now)
            case OrderWakeup.OVERDUE if order:
                self._overdue.tick(order, now)
            case OrderWakeup.ENDING if order:
                self._execution_reports.end_when_due(order, now)
            case OrderWakeup.QUERY if order:
                self._execution_reports.ask_when_due(order, now)
        return self._finish(now)

    def report(self, now: Instant) -> OrdersReported:
        """Return the counts since the run began, and how things stand."""
        return self._report.of(self.halts, now)

    def _finish(self, now: Instant) -> list[Effect]:
        self._reconciliation.note_movements(now)
        self._oversold.review(now)
        self._winding_down.progress(now)
        for venue, missing in self._readiness.changes():
            self._outbox.tell(
                Role.PORTFOLIO,
                VenueReadyChanged(ts_event=now.utc_ns, venue=venue, is_ready=not missing, reason=missing),
            )
        return self._outbox.take()

    # ---- the market and the venues -----------------------------------------------------------------------

    def _on_market(self, batch: MarketBatch, now: Instant) -> None:
        self._quotes.apply(batch)
        self._readiness.on_clock(batch.venue, batch.state.clock_error_ns, now.utc_ns)

    def _on_venue_clock(self, event: VenueClockSeen, now: Instant) -> None:
        self._quotes.on_clock(event)

    def _on_instruments(self, event: InstrumentsLoaded, now: Instant) -> None:
        self._quotes.apply(event)
        self._readiness.is_loaded[event.venue] = True
        self._execution.define_held(event.instruments, now)

    def _on_private_stream(self, event: PrivateStreamChanged, now: Instant) -> None:
        was_live = self._readiness.is_live.get(event.venue)
        self._readiness.is_live[event.venue] = event.is_live
        if event.is_live and not was_live:  # what happened meanwhile was told to nobody
            self._reconciliation.ask(event.venue, now)
