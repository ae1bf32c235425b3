"""What a venue says about the account as a whole: fills, snapshots, rows that nobody could read.

It hands every part to whom it concerns, and tells the portfolio of the live orders there that are not ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from domain.effects import Role
from domain.execution.execution_reports import ExecutionReports
from domain.execution.forced_fills import ForcedFills
from domain.execution.venue_readiness import VenueReadiness
from domain.execution.wind_down import WindingDown
from domain.instant import SECOND_NS, Instant
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ids import is_ours
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import FundingReported, RowsUnread, SnapshotFailed, VenuePositionsSeen, VenueSnapshot
from domain.messages.listing import Unread
from domain.messages.orders import Fill, FillsReported, OrderRejected, OrderReported, Purpose
from domain.messages.system import ExternalOrder, ExternalOrdersSeen
from domain.portfolio.foreign_orders import ForeignOrders
from domain.reconciliation.differences import describe
from domain.reconciliation.funding import Funding
from domain.reconciliation.holds import Holds
from domain.reconciliation.margin_settings import MarginSettings
from domain.reconciliation.reconciliation import AGAIN_NS, TRIES, Reconciliation
from domain.reconciliation.status_queries import StatusQueries
from domain.reconciliation.unread_rows import UnreadRows
from domain.reconciliation.unspendable import UnspendableMoney
from domain.resilience.outage import CAUSES


class AccountReports:
    """Takes in the venues' words about accounts."""

    def __init__(
        self,
        outbox: Outbox,
        quotes: LatestQuotes,
        execution_reports: ExecutionReports,
        status_queries: StatusQueries,
        unread: UnreadRows,
        holds: Holds,
        reconciliation: Reconciliation,
        readiness: VenueReadiness,
        winding_down: WindingDown,
        foreign: ForeignOrders,
        forced: ForcedFills,
        margin: MarginSettings,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._execution_reports = execution_reports
        self._status_queries = status_queries
        self._unread = unread
        self._holds = holds
        self._reconciliation = reconciliation
        self._readiness = readiness
        self._winding_down = winding_down
        self._foreign = foreign
        self._forced = forced
        self._margin = margin
        self._unspendable = UnspendableMoney(outbox)
        self._funding = Funding(outbox)
        self._positions: dict[str, VenuePositionsSeen] = {}  # venue -> as it told them last
        self._external: dict[str, ExternalOrdersSeen] = {}  # venue -> what is there, and not ours
        self._unread_orders: dict[str, int] = {}  # venue -> how many more may be
        self._failed_with: dict[str, str] = {}  # venue -> why its account was not read last

    @property
    def external_orders(self) -> int:
        return sum(len(seen.orders) for seen in self._external.values()) + sum(self._unread_orders.values())

    def tick(self, venue: str, now: Instant) -> None:
        """Look at an account when it is time."""
        self._reconciliation.tick(venue, now)
        self._judge_failures(venue, now)

    def announce(self, now: Instant) -> None:
        """Tell a portfolio that has just appeared what else rests at the venues."""
        for seen in self._external.values():
            self._tell_of_external(seen, now)
        for positions in self._positions.values():
            self._outbox.tell(Role.PORTFOLIO, positions)

    def on_report(self, report: OrderReported, now: Instant) -> None:
        """Take in a word about one order; what somebody else's has filled, has moved balances as ours would."""
        if report.cumulative_quantity and self._ours(report.venue, report) is None:
            self._reconciliation.moved(report.venue, now)
        self._execution_reports.on_report(report, now)

    def on_fills(self, event: FillsReported, now: Instant) -> None:
        self._take_fills(event.fills, now)

    def on_funding(self, event: FundingReported, now: Instant) -> None:
        self._funding.take(event.venue, event.payments, now)

    def on_unread(self, event: RowsUnread, now: Instant) -> None:
        self._unread.hear(event, now)
        self._ask_about_unread(event.venue, event.rows, now)

    def on_snapshot(self, snapshot: VenueSnapshot, now: Instant) -> None:
        if snapshot.told_ns:
            self._quotes.on_time(snapshot.venue, snapshot.ts_event, snapshot.told_ns)
        self._unread.on_snapshot(snapshot, now)
        self._unspendable.hear(snapshot, now)
        self._margin.hear(snapshot, now)
        self._tell_of_positions(snapshot)
        self._take_fills(snapshot.fills, now)
        self._funding.take(snapshot.venue, snapshot.funding, now)
        for report in snapshot.open_orders:
            self._execution_reports.on_report(report, now)
        venue = snapshot.venue
        self._ask_about_unread(venue, snapshot.unread, now)
        foreign = [it for it in snapshot.open_orders if self._ours(venue, it) is None]
        if not self._reconciliation.is_answer(venue, snapshot.request_id):
            self._note_external(snapshot, foreign, now)
            return
        if reason := self._readiness.account_read(venue):
            self._outbox.alarm_over(venue, reason, now.utc_ns)
        asked_ns = self._reconciliation.audits[venue].asked.monotonic_ns
        if not self._unread.hides_holds(snapshot):
            # What may be of an order of ours explains no hold: that order may be what it is for.
            known = [it for it in foreign if not self._ledger.may_be_ours(it)]
            self._holds.read(venue, snapshot.balances, known, asked_ns)
        self._note_external(snapshot, foreign, now)
        self._execution_reports.look_at_holds(venue, now)
        self._ask_for_missing(snapshot, now)
        is_equal = self._reconciliation.compare(snapshot, now)
        self._execution_reports.fills_listed(venue, asked_ns, self._reconciliation.agreements.newest_apart(venue), now)
        if is_equal is not None:
            self._readiness.is_reconciled[venue] = is_equal and not any(self._foreign.tagged(venue))
        self._judge_agreement(venue, now)
        if is_equal:
            self._winding_down.compared(venue)

    def on_snapshot_failed(self, event: SnapshotFailed, now: Instant) -> None:
        if self._reconciliation.is_answer(event.venue, event.request_id):
            self._reconciliation.failed(event.venue, now)
            self._failed_with[event.venue] = CAUSES.get(event.reason, event.reason)
            self._judge_failures(event.venue, now)

    def on_rejected(self, event: OrderRejected, now: Instant) -> None:
        """Hand a refusal on; of what would reduce a position, look at once who else may hold the coins."""
        self._execution_reports.on_refused(event, now)
        order, audit = self._ledger.orders.get(event.client_order_id), self._reconciliation.audits.get(event.venue)
        if order is None or audit is None or order.order.purpose is Purpose.OPEN:
            return
        if now.monotonic_ns - audit.asked.monotonic_ns >= AGAIN_NS:
            self._reconciliation.ask(event.venue, now)

    def _judge_failures(self, venue: str, now: Instant) -> None:
        """Believe in an account for as long as it can be read, a few failures left out."""
        if self._reconciliation.audits[venue].failures < TRIES:
            return
        reason = f"the account there can't be read: {self._failed_with.get(venue, CAUSES['timeout'])}"
        if self._readiness.account_unread(venue, reason, now.utc_ns):
            self._outbox.alarm(venue, reason, now.utc_ns)

    def _judge_agreement(self, venue: str, now: Instant) -> None:
        """Open nothing where reads have been no state of our books for too long; it gets quiet, and can be compared.

        What was told of it stays as it is until it is over: how far apart they are may be another at each read.
        """
        agreements, told = self._reconciliation.agreements, self._readiness.apart
        apart = agreements.apart(venue, self._reconciliation.audits[venue].asked)
        if apart and venue not in told:
            seconds = agreements.patience_ns(venue) / SECOND_NS
            told[venue] = f"in no read of {seconds:g} s; in the last by {', '.join(describe(apart))}"
            self._outbox.alarm(venue, _apart(told[venue]), now.utc_ns)
        elif not apart and venue in told:
            self._outbox.alarm_over(venue, _apart(told.pop(venue)), now.utc_ns)

    def _take_fills(self, fills: Iterable[Fill], now: Instant) -> None:
        for fill in fills:
            self._unread.on_fill(fill)
            if not self._forced.take(fill, now):
                self._execution_reports.fills.take(fill, now)

    def _ask_about_unread(self, venue: str, rows: Iterable[Unread], now: Instant) -> None:
        for order in self._unread.orders(venue, rows):
            self._status_queries.begin(order, now)

    def _ask_for_missing(self, snapshot: VenueSnapshot, now: Instant) -> None:
        ours = (self._ours(snapshot.venue, report) for report in snapshot.open_orders)
        listed = {order.id for order in ours if order is not None}
        listed.update(order.id for order in self._unread.orders(snapshot.venue, snapshot.unread))
        for order in self._ledger.live_orders(snapshot.venue):
            if not order.is_unproven and order.id not in listed:
                self._status_queries.begin(order, now)

    def _ours(self, venue: str, row: OrderReported | Unread) -> OrderLifecycle | None:
        return self._ledger.order_said(venue, row.venue_order_id, row.client_order_id)

    def _tell_of_positions(self, snapshot: VenueSnapshot) -> None:
        if snapshot.positions is None:
            return
        seen = VenuePositionsSeen(ts_event=snapshot.ts_event, venue=snapshot.venue, positions=snapshot.positions)
        before, self._positions[snapshot.venue] = self._positions.get(snapshot.venue), seen
        if before is None or before.positions != seen.positions:
            self._outbox.tell(Role.PORTFOLIO, seen)

    # ---- what is not ours --------------------------------------------------------------------------------

    def _note_external(self, snapshot: VenueSnapshot, foreign: Iterable[OrderReported], now: Instant) -> None:
        venue = snapshot.venue
        self._unread_orders[venue] = sum(
            row.count for row in snapshot.unread if row.kind == "order" and self._ours(venue, row) is None
        )
        seen = ExternalOrdersSeen(
            ts_event=0,
            venue=venue,
            orders=tuple(_external(report) for report in foreign),
            held=self._holds.unlisted_coins(venue, now),
        )
        if seen != self._external.get(venue, ExternalOrdersSeen(ts_event=0, venue=venue, orders=())):
            self._external[venue] = seen
            self._tell_of_external(seen, now)

    def _tell_of_external(self, seen: ExternalOrdersSeen, now: Instant) -> None:
        seen = replace(seen, ts_event=now.utc_ns)
        self._foreign.hear(seen)
        self._outbox.tell(Role.PORTFOLIO, seen)


def _apart(how: str) -> str:
    return f"the account is not what the books say: {how}"


def _external(report: OrderReported) -> ExternalOrder:
    return ExternalOrder(
        venue_order_id=report.venue_order_id,
        instrument=report.instrument,
        side=report.side,
        leaves_quantity=report.leaves_quantity,
        limit_price=report.limit_price,
        quantity=report.quantity,
        is_tagged=is_ours(report.client_order_id),
        stop_price=report.stop_price,
        reduce_only=bool(report.reduce_only),
    )
