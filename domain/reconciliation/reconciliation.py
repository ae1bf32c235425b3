"""Our books against a venue's word, until nothing is left unexplained.

Fills explain first; a balance is compared only where nothing was moving between question and answer; what is
left twice, some time apart, becomes a correction with a deterministic id. A second pass finds none. Of a difference
that changes, what was there throughout is certain.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from domain.effects import Role, WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import RequestSnapshot, VenueSnapshot
from domain.messages.journal import VenueReconciled
from domain.messages.positions import VenuePosition
from domain.numbers import plain
from domain.reconciliation.agreement import Agreements, is_of, told_totals
from domain.reconciliation.corrections import Corrections
from domain.reconciliation.differences import Differences, Phantoms, Totals, describe, lasting
from domain.reconciliation.evidence import Rules
from domain.reconciliation.fill_coverage import FillCoverage
from domain.reconciliation.opening_balances import OpeningBalances
from domain.reconciliation.ownership import Ownership
from domain.reconciliation.standing_totals import StandingTotals
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings

AGAIN_NS = SECOND_NS  # pause before asking again when something moved meanwhile
TRIES = 3  # questions in a row without an answer that nobody need hear of


@dataclass
class Audit:
    """The comparison of one venue: the question under way and what the last answers left open."""

    request_id: int = 0  # 0 = no question under way
    asked: Instant = Instant(0, 0)
    fills_of: tuple[str, ...] = ()  # the orders that it names
    was_quiet: bool = False  # nothing was in flight when it was asked
    movements: int = 0  # of the ledger, when it was asked: an order sent or a fill since makes it another
    due_ns: int = 0  # of the next question
    failures: int = 0  # questions without an answer since the last one that had one
    differences: Differences = field(default_factory=dict)
    phantoms: Phantoms = field(default_factory=dict)
    positions: tuple[VenuePosition, ...] = ()  # as the newest answer told them
    least: Differences = field(default_factory=dict)  # the part of the differences that was there since `seen_ns`
    least_phantoms: Phantoms = field(default_factory=dict)
    differs_since_ns: int = 0  # when the first answer with these differences was asked for
    seen_ns: int | None = None  # when the first one came since anything moved: what made them came before that
    settled_since_ns: int | None = None  # when the first one was asked for that no read can lag behind
    seen_movements: int = 0  # of the ledger, that have had a moment
    moved_ns: int | None = None  # the moment of the newest; None: nothing ever moved there
    compared_at: int = 0  # UTC ns of the newest comparison that was equal

    @property
    def is_equal(self) -> bool:
        return not self.differences and not self.phantoms

    @property
    def in_words(self) -> tuple[str, ...]:
        phantoms = tuple(f"position {name} -{plain(lost)}" for name, lost in self.phantoms.items())
        return describe(self.differences) + phantoms


class Reconciliation:
    """One audit per venue."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        quotes: LatestQuotes,
        unmatched: UnmatchedFills,
        unread: UnreadRows,
        rules: Rules,
        opening: OpeningBalances,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._ownership = Ownership(outbox.ledger, quotes)
        self._corrections = Corrections(settings, outbox, quotes, self._ownership)
        self._totals = StandingTotals(settings, outbox)
        self._coverage = FillCoverage(settings, outbox, unmatched, unread, rules)
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._unmatched = unmatched
        self._unread = unread
        self._opening = opening
        self.agreements = Agreements(settings, outbox.ledger, rules)
        self.audits = {venue: Audit() for venue in settings.traded}

    # ---- asking ------------------------------------------------------------------------------------------

    def tick(self, venue: str, now: Instant) -> None:
        """Ask when it is time, or when the last question seems lost."""
        audit = self.audits[venue]
        if now.monotonic_ns < audit.due_ns:
            return
        self._totals.review(venue, now)
        lost_after_ns = 2 * self._settings.venues[venue].request_timeout_s * SECOND_NS
        if audit.request_id and now.monotonic_ns - audit.asked.monotonic_ns < lost_after_ns:
            self.ask_in(venue, AGAIN_NS, now)
        else:
            audit.failures += bool(audit.request_id)
            self.ask(venue, now)

    def ask(self, venue: str, now: Instant) -> None:
        """Ask now, in place of any question under way."""
        audit = self.audits[venue]
        audit.request_id = max(now.utc_ns, audit.request_id + 1)
        audit.asked = now
        audit.was_quiet = self.is_quiet(venue)
        audit.movements = self._ledger.movements[venue]
        audit.fills_of = self._coverage.orders(venue)
        self._outbox.tell(
            Role.EXCHANGE_GATEWAY.at(venue),
            RequestSnapshot(
                request_id=audit.request_id,
                venue=venue,
                fills_since=self._coverage.since(venue, self._quotes.venue_now(venue, now)),
                fills_of=audit.fills_of,
            ),
        )
        self.ask_in(venue, round(self._settings.orders.reconcile_every_s * SECOND_NS), now)

    def note_movements(self, now: Instant) -> None:
        """Remember when balances moved last; after a restart, all that the journal tells of has just moved."""
        for venue, audit in self.audits.items():
            moved = self._ledger.balance_moves[venue]
            if moved != audit.seen_movements:
                audit.seen_movements = moved
                self.agreements.moved(venue, now)
                self.moved(venue, now)

    def moved(self, venue: str, now: Instant) -> None:
        """Note that balances have moved there, whoever did it."""
        if audit := self.audits.get(venue):
            audit.moved_ns, audit.seen_ns, audit.settled_since_ns = now.monotonic_ns, None, None

    def ask_in(self, venue: str, delay_ns: int, now: Instant) -> None:
        audit = self.audits[venue]
        audit.due_ns = now.monotonic_ns + delay_ns
        self._outbox.wake_at(audit.due_ns, WakeupKey(OrderWakeup.RECONCILE, venue))

    def is_quiet(self, venue: str) -> bool:
        """Tell whether nothing of ours is about to move the venue's balances."""
        return not any(order.is_settling for order in self._ledger.live_orders(venue))

    # ---- answers -----------------------------------------------------------------------------------------

    def is_answer(self, venue: str, request_id: int) -> bool:
        return self.audits[venue].request_id == request_id

    def failed(self, venue: str, now: Instant) -> None:
        audit = self.audits[venue]
        audit.request_id = 0
        audit.failures += 1
        self.ask_in(venue, AGAIN_NS, now)

    def compare(self, snapshot: VenueSnapshot, now: Instant) -> bool | None:
        """Compare balances once the snapshot's fills and orders have been taken in.

        Returns:
            Whether the books equal the venue now; None when something moved, so that nothing can be said.
        """
        venue = snapshot.venue
        audit = self.audits[venue]
        audit.request_id = audit.failures = 0
        self._coverage.answered(venue, self._quotes.venue_now(venue, audit.asked), now)
        self._totals.missed(venue, audit.fills_of, audit.asked, now)
        self._totals.review(venue, now)
        unknown = self._unread.unknown_names(venue, snapshot.balances)
        if venue in self._ledger.opened_at:
            self.agreements.read(venue, self._told(snapshot), unknown, audit.asked)
        if not self._is_comparable(venue, audit):
            self.ask_in(venue, AGAIN_NS, now)
            return None
        if venue not in self._ledger.opened_at:
            if self._opening.is_still_trading(snapshot, audit.asked):
                self.ask_in(venue, AGAIN_NS, now)
                return None
            if unknown & self._quote_currencies(venue):
                self.ask_in(venue, AGAIN_NS, now)  # without its cash an account is not known at all
                return None
            self._opening.open(snapshot, audit.asked, now)
        self._opening.open_late(snapshot, unknown)
        theirs, audit.positions = self._told(snapshot), snapshot.positions or ()
        differences, phantoms = self._differences(venue, theirs, unknown), self._phantoms(venue, theirs, unknown)
        self._follow(audit, differences, phantoms)
        if not audit.is_equal:
            self._time(venue, audit, now)
            if not self._may_tell(venue, audit):
                return None
            if self._opening.explain(venue, differences, unknown):
                self.ask_in(venue, AGAIN_NS, now)
                return None
            if self._has_lasted(venue, audit):
                audit.least = self._opening.complete(venue, audit.least)
                self._corrections.make(venue, audit.least, audit.least_phantoms, audit.positions, now)
                left = self._differences(venue, theirs, unknown), self._phantoms(venue, theirs, unknown)
                self._follow(audit, *left)
                audit.seen_ns = audit.settled_since_ns = None  # what is left may have come just now
        self._pronounce(venue, audit, now)
        return audit.is_equal

    def _follow(self, audit: Audit, differences: Differences, phantoms: Phantoms) -> None:
        """Take in what is different now, and how much of that has been there all the time."""
        least, least_phantoms = lasting(audit.least, differences), lasting(audit.least_phantoms, phantoms)
        if least is None or least_phantoms is None:
            least, least_phantoms = differences, phantoms
            audit.seen_ns = audit.settled_since_ns = None
        if (differences, phantoms) != (audit.differences, audit.phantoms):
            audit.differs_since_ns = audit.asked.monotonic_ns
        audit.differences, audit.phantoms = differences, phantoms
        audit.least, audit.least_phantoms = least, least_phantoms

    def _differences(self, venue: str, theirs: Totals, unknown: Collection[str]) -> Differences:
        differences = self.agreements.compared(venue, theirs)
        return {holding: amount for holding, amount in differences.items() if not is_of(holding, unknown)}

    def _told(self, snapshot: VenueSnapshot) -> Totals:
        """Return what a venue says that there is; of derivatives, where it keeps none, what we have."""
        venue, balances = snapshot.venue, snapshot.balances
        if self._rules.at(venue).facts.holds_prove_coins:
            balances = self._ownership.proven(venue, balances)
        theirs = told_totals(venue, balances, snapshot.positions or ())
        if snapshot.positions is None:
            ours = self.agreements.totals(venue)
            theirs |= {holding: amount for holding, amount in ours.items() if isinstance(holding, InstrumentId)}
        return theirs

    def _phantoms(self, venue: str, theirs: Totals, unknown: Collection[str]) -> Phantoms:
        phantoms = self._ownership.phantoms(venue, theirs)
        return {
            name: quantity
            for name, quantity in phantoms.items()
            if name not in unknown and self._ownership.base_of(venue, name) not in unknown
        }

    def _time(self, venue: str, audit: Audit, now: Instant) -> None:
        """Note when differences were first seen, and when reads first showed all of what made them.

        Nobody may have told us of that: its fills may be listed as late as reads may lag, and explain everything.
        """
        if audit.seen_ns is None:
            audit.seen_ns = now.monotonic_ns
            audit.least, audit.least_phantoms = audit.differences, audit.phantoms
        lag_ns = self._rules.at(venue).facts.read_lag_ns
        if audit.settled_since_ns is None and audit.asked.monotonic_ns > audit.seen_ns + lag_ns:
            audit.settled_since_ns = audit.asked.monotonic_ns

    def _may_tell(self, venue: str, audit: Audit) -> bool:
        """Tell whether a difference is one, and not a read that lags behind the last movement there.

        One that stays the same for as long as reads may lag is one, too, however much else moves.
        """
        lag_ns = self._rules.at(venue).facts.read_lag_ns
        is_settled = audit.moved_ns is None or audit.asked.monotonic_ns > audit.moved_ns + lag_ns
        return is_settled or audit.asked.monotonic_ns - audit.differs_since_ns > lag_ns

    def _is_comparable(self, venue: str, audit: Audit) -> bool:
        return (
            audit.was_quiet
            and audit.movements == self._ledger.movements[venue]
            and not any(self._is_unexplained(venue, order) for order in self._ledger.unexplained.values())
            and not self._unmatched.has_any(venue)
        )

    def _is_unexplained(self, venue: str, order: OrderLifecycle) -> bool:
        """Tell whether fills are to come that would explain a balance; those that can't be read won't come soon."""
        instrument = order.order.instrument
        is_open = self._unread.trouble(venue, instrument) != "unread_fill" and not self._totals.stand(order)
        return order.order.venue == venue and is_open

    def _has_lasted(self, venue: str, audit: Audit) -> bool:
        if audit.settled_since_ns is None:
            return False
        lasted_ns = audit.asked.monotonic_ns - audit.settled_since_ns
        return lasted_ns >= self._settings.orders.correct_after_s * SECOND_NS

    def _quote_currencies(self, venue: str) -> set[str]:
        names = self._settings.venues[venue].instruments
        keys = (InstrumentId(venue, name) for name in names)
        terms = (self._quotes.instrument(*key) or self._ledger.books.terms(key) for key in keys)
        return {it.settlement or it.quote for it in terms}

    def _pronounce(self, venue: str, audit: Audit, now: Instant) -> None:
        if audit.is_equal:
            audit.compared_at = now.utc_ns
            self._opening.compared_equal(venue, audit.asked)
            self.agreements.agree(venue, audit.asked)
        verdict = VenueReconciled(
            ts_event=self._quotes.venue_now(venue, now).utc_ns,  # all fills up to then are known
            venue=venue,
            is_equal=audit.is_equal,
            differences=audit.in_words,
        )
        last = self._ledger.verdicts.get(venue)
        if (last and (last.is_equal, last.differences)) != (verdict.is_equal, verdict.differences):
            self._outbox.record(verdict)
