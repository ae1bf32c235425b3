"""The first balances of a venue, and the fills of which nobody can tell whether they are in them.

Reads are moments apart and may lag, so a fill from shortly before they began until they were heard may be missing
from them, in whole or (where its two legs were read apart) by one leg. Such fills are kept: what a later comparison
lacks exactly is theirs. Older fills are in the balances; younger ones are not, and are booked like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.cash_flows import moves
from domain.ledger.outbox import Outbox
from domain.ledger.wallet import Holding, Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance, VenueSnapshot
from domain.messages.journal import BalancesOpened, ExternalFillSeen
from domain.messages.orders import Fill
from domain.numbers import ZERO
from domain.reconciliation.agreement import is_of
from domain.reconciliation.differences import Totals
from domain.reconciliation.evidence import Rules
from domain.reconciliation.fill_coverage import listed_until

STAMPS_NS = SECOND_NS  # as exact as we take a venue's stamps of fills and of answers to be
KEPT = 10_000  # fills in doubt at one venue: an account that trades so often is compared by nobody


@dataclass
class Doubt:
    """The fills of one venue that may be missing from its opening balances."""

    listed: dict[str, int] = field(default_factory=dict)  # fill_id -> first listed (monotonic), before the opening
    fills: dict[str, Fill] = field(default_factory=dict)  # fill_id -> traded around the opening
    is_over: bool = False  # a comparison that shows all of them was equal


class OpeningBalances:
    """Opens the books of each venue, and tells what they were opened without."""

    def __init__(self, outbox: Outbox, quotes: LatestQuotes, rules: Rules) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._rules = rules
        self._doubts: dict[str, Doubt] = {}  # venue ->

    # ---- opening -----------------------------------------------------------------------------------------

    def is_still_trading(self, snapshot: VenueSnapshot, asked: Instant) -> bool:
        """Tell whether balances may have been read that lack somebody else's fill, or funding, of the same snapshot.

        One that was listed longer ago than reads may lag is in the balances, whatever anybody's clock says; and one
        that is so old by the venue's own clock.
        """
        asked_ns, lag_ns = asked.monotonic_ns, self._lag_ns(snapshot.venue)
        venue_ns = self._quotes.venue_now(snapshot.venue, asked).utc_ns
        settled_at = venue_ns - lag_ns if self._quotes.knows_time(snapshot.venue) else 0
        doubt = self._doubt(snapshot.venue)
        listed = doubt.listed
        rows = [(fill.fill_id, fill.ts_event) for fill in snapshot.fills]
        rows += [(f"funding:{paid.instrument}:{paid.paid_at}", paid.paid_at) for paid in snapshot.funding]
        doubt.listed = {row_id: listed.get(row_id, asked_ns) for row_id, ts_event in rows if ts_event >= settled_at}
        return any(fill_id not in listed or asked_ns - first_ns < lag_ns for fill_id, first_ns in doubt.listed.items())

    def open(self, snapshot: VenueSnapshot, asked: Instant, now: Instant) -> None:
        """Take a venue's balances for what there is.

        Args:
            asked: when the question left. Fills of twice the lag before that are in the balances for certain.
        """
        venue = snapshot.venue
        venue_ns = self._quotes.venue_now(venue, now).utc_ns
        opened_at = listed_until(snapshot.fills, venue_ns, self._quotes.knows_time(venue))
        began_at = self._quotes.venue_now(venue, asked).utc_ns
        unknown = {one.currency for one in snapshot.unread if one.kind == "balance"}
        self._outbox.record(
            BalancesOpened(
                ts_event=opened_at,
                venue=venue,
                balances=snapshot.balances,
                positions=tuple(one for one in snapshot.positions or () if one.quantity),
                unknown=tuple(sorted(unknown)),
                surely_with=min(began_at, opened_at) - 2 * self._lag_ns(venue) - STAMPS_NS,
            )
        )

    def open_late(self, snapshot: VenueSnapshot, unknown: Collection[str]) -> None:
        """Take in what could not be read when the books were opened, and can be now."""
        venue, books = snapshot.venue, self._ledger.books
        is_one_unnamed = (venue, "") in books.unknown and all(
            one.currency for one in snapshot.unread if one.kind == "balance"
        )
        self._reopen(
            venue,
            tuple(
                balance
                for balance in snapshot.balances
                if balance.currency not in unknown
                and (
                    (venue, balance.currency) in books.unknown
                    or (is_one_unnamed and Wallet(venue, balance.wallet, balance.currency) not in books.balances)
                )
            ),
        )

    def _reopen(self, venue: str, balances: tuple[Balance, ...]) -> None:
        if balances:
            opened_at = self._ledger.opened_at[venue]
            self._outbox.record(BalancesOpened(ts_event=opened_at, venue=venue, balances=balances))

    # ---- fills in doubt ----------------------------------------------------------------------------------

    def is_after(self, fill: Fill) -> bool:
        """Tell whether a fill is in no case in the opening balances."""
        opened_at = self._ledger.opened_at.get(fill.venue)
        return opened_at is not None and fill.ts_event > opened_at

    def keep(self, fill: Fill) -> None:
        """Keep a fill of nobody's that may be missing from the opening balances; any other is let go."""
        doubt = self._doubt(fill.venue)
        surely_with = self._ledger.surely_with.get(fill.venue)
        if surely_with is None or doubt.is_over or self.is_after(fill) or fill.ts_event <= surely_with:
            return
        if len(doubt.fills) < KEPT and self._moves(fill):
            doubt.fills.setdefault(fill.fill_id, fill)

    def explain(self, venue: str, differences: Totals, unknown: Collection[str]) -> bool:
        """Book the fills that the opening balances lack, where they are just what differs.

        Balances show all fills up to some moment: what they lack are the newest ones.
        """
        lacking: list[Fill] = []
        lacks: Totals = {}
        for fill in self._newest_first(venue):
            lacking.append(fill)
            for holding, amount in self._moves(fill):
                if not is_of(holding, unknown):
                    lacks[holding] = lacks.get(holding, ZERO) + amount
            if differences == {holding: amount for holding, amount in lacks.items() if amount}:
                for one in reversed(lacking):
                    self._outbox.record(ExternalFillSeen(ts_event=one.ts_event, fill=one))
                return True
        return False

    def complete(self, venue: str, differences: Totals) -> Totals:
        """Put right the balances that were read apart from the other leg of a fill; return what is left.

        That fill itself is half in the opening balances: it can't be booked, and its other leg needs nothing.
        """
        lacked = {
            holding
            for holding, amount in differences.items()
            if isinstance(holding, Wallet) and self._lacks(holding, amount)
        }
        ours = self._ledger.books.balances
        self._reopen(
            venue,
            tuple(
                Balance(
                    currency=wallet.currency,
                    total=ours[wallet] + differences[wallet],
                    hold=ZERO,
                    wallet=wallet.wallet,
                )
                for wallet in sorted(lacked)
            ),
        )
        return {holding: amount for holding, amount in differences.items() if holding not in lacked}

    def compared_equal(self, venue: str, asked: Instant) -> None:
        """End the doubt once balances that show every such fill were just what we have."""
        opened_at = self._ledger.opened_at[venue]
        if self._quotes.venue_now(venue, asked).utc_ns > opened_at + self._lag_ns(venue) + STAMPS_NS:
            self._doubts[venue] = Doubt(is_over=True)

    def _lacks(self, wallet: Wallet, difference: Decimal) -> bool:
        lacks = ZERO
        for fill in self._newest_first(wallet.venue):
            amount = sum((amount for moved, amount in self._moves(fill) if moved == wallet), ZERO)
            lacks += amount
            if amount and lacks == difference:
                return True
        return False

    def _newest_first(self, venue: str) -> Iterable[Fill]:
        fills = self._doubt(venue).fills.values()
        unbooked = (fill for fill in fills if self._ledger.fills.find(venue, fill.fill_id) is None)
        return sorted(unbooked, key=lambda fill: (fill.ts_event, fill.fill_id), reverse=True)

    def _moves(self, fill: Fill) -> list[tuple[Holding, Decimal]]:
        return moves(fill, self._ledger.books.terms(InstrumentId.of(fill)))

    def _doubt(self, venue: str) -> Doubt:
        return self._doubts.setdefault(venue, Doubt())

    def _lag_ns(self, venue: str) -> int:
        return self._rules.at(venue).facts.read_lag_ns
