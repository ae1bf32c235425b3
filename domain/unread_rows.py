"""Rows of a venue that nobody could read: told to a person, and in the way of just what they may be about.

An order's row leaves that order's fate open, and its instrument takes no openings while it is listed so. A
fill's row means that the fills there are not known: no openings until it can be read, or a person resumes. A
balance's row makes its currency unknown, which is not zero. What we don't trade blocks nothing. A row that stands
for many, which nobody has looked at, may be about anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from domain.effects import Instant
from domain.listing import Unread
from domain.marks import Marks
from domain.order import OrderLifecycle
from domain.order_messages import Balance, Fill, RowsUnread, VenueSnapshot
from domain.outbox import Outbox
from domain.portfolio import currencies
from domain.settings import Settings

FILLS_KEPT = 1_000  # that wait to be readable; far more than one person could look into

_HARMLESS = "nothing of ours is touched"

_Row = tuple[str, str, str, str, str, bool]


class UnreadRows:
    """What the newest words of each venue left unread."""

    def __init__(self, settings: Settings, outbox: Outbox, marks: Marks) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._marks = marks
        self._listed: dict[str, tuple[Unread, ...]] = {}  # venue -> orders and balances of its newest snapshot
        self._held: dict[str, frozenset[str]] = {}  # venue -> the currencies that it told
        self._fills: dict[tuple[str, _Row], Unread] = {}  # (venue, row) -> what is still to be read
        self._settled: dict[tuple[str, _Row], int] = {}  # what a person has settled, and may be listed again -> rows

    # ---- hearing -----------------------------------------------------------------------------------------

    def hear_snapshot(self, snapshot: VenueSnapshot, now: Instant) -> None:
        venue = snapshot.venue
        before = {_row(one) for one in self._listed.get(venue, ())}
        for key, one in list(self._fills.items()):
            if key[0] == venue and not one.row_id and one.count == 1:
                del self._fills[key]  # it has no name by which it could be missed
                before.add(key[1])
        self._held[venue] = frozenset(balance.currency for balance in snapshot.balances)
        self._listed[venue] = tuple(one for one in snapshot.unread if one.kind != "fill")
        self._tell(venue, (one for one in self._listed[venue] if _row(one) not in before), now)
        self._keep(venue, (one for one in snapshot.unread if one.kind == "fill"), before, now)

    def hear(self, event: RowsUnread, now: Instant) -> None:
        self._tell(event.venue, (one for one in event.rows if one.kind != "fill"), now)
        self._keep(event.venue, (one for one in event.rows if one.kind == "fill"), (), now)

    def hear_fill(self, fill: Fill) -> None:
        """Forget a row that can be read by now."""
        for key, one in list(self._fills.items()) if self._fills else ():
            if key[0] == fill.venue and one.row_id == fill.fill_id:
                del self._fills[key]

    def forget(self, scope: str) -> None:
        """Let a person's word stand for the fills that can't be read: of a venue or an instrument, or ("") all."""
        for key, one in list(self._fills.items()):
            if scope in ("", key[0], f"{key[0]}:{self._instrument(key[0], one)}"):
                del self._fills[key]
                self._settled[key] = one.count

    # ---- what it tells -----------------------------------------------------------------------------------

    def trouble(self, venue: str, instrument: str) -> str:
        """Return why an opening there would rest on something unread, in one word; empty when it wouldn't."""
        for one in self._of(venue):
            if one.kind == "balance":
                needed = self._currencies(venue, instrument)
                if one.currency in needed if one.count == 1 else not self._held[venue].issuperset(needed):
                    return "unread_balance"
            elif self._may_be_about(venue, one, instrument):
                return f"unread_{one.kind}"
        return ""

    def unknown_currencies(self, venue: str, balances: Sequence[Balance]) -> frozenset[str]:
        """Return of which currencies the venue's word is not known, or can't be explained by fills."""
        unknown: set[str] = set()
        listed = {balance.currency for balance in balances}
        for one in self._of(venue):
            if one.kind == "fill":
                instrument = self._instrument(venue, one)
                unknown.update(self._currencies(venue, instrument) if instrument else ())
            elif one.kind == "balance":
                named = (one.currency,) if one.currency else self._booked(venue) - listed
                unknown.update(named)
        return frozenset(unknown)

    def hides_holds(self, snapshot: VenueSnapshot) -> bool:
        """Tell whether a snapshot may lack the hold of an order of ours: then it is no word about holds."""
        names = self._settings.venues[snapshot.venue].instruments
        ours = {currency for name in names for currency in self._currencies(snapshot.venue, name)}
        return any(one.kind == "balance" and one.currency in {"", *ours} for one in snapshot.unread)

    def orders(self, venue: str, rows: Iterable[Unread]) -> Iterator[OrderLifecycle]:
        """Yield our live orders that rows are about: how they stand is not known."""
        for one in rows:
            if one.kind != "order":
                continue
            order = self._ledger.order_said(venue, one.venue_order_id, one.client_order_id)
            if order is not None and not order.is_final:
                yield order

    # ---- about what --------------------------------------------------------------------------------------

    def _of(self, venue: str) -> Iterator[Unread]:
        yield from self._listed.get(venue, ())
        yield from (one for (where, _), one in self._fills.items() if where == venue)

    def _may_be_about(self, venue: str, one: Unread, instrument: str) -> bool:
        about = self._instrument(venue, one)
        if about or not one.venue_order_id:
            return about in ("", instrument)
        # Somebody else's, where the venue has named all of ours.
        return any(not order.venue_order_id for order in self._ledger.live_orders(venue, instrument))

    def _instrument(self, venue: str, one: Unread) -> str:
        """Return which instrument a row is about; empty: it may be any."""
        if one.instrument:
            return one.instrument
        order = self._ledger.order_said(venue, one.venue_order_id, one.client_order_id)
        return order.order.instrument if order is not None else ""

    def _currencies(self, venue: str, instrument: str) -> tuple[str, ...]:
        listed = self._marks.instrument(venue, instrument)
        return (listed.base, listed.quote) if listed is not None else currencies(instrument)

    def _booked(self, venue: str) -> set[str]:
        return {currency for where, currency in self._ledger.books.balances if where == venue}

    # ---- people ------------------------------------------------------------------------------------------

    def _keep(self, venue: str, rows: Iterable[Unread], before: Iterable[_Row], now: Instant) -> None:
        news: list[Unread] = []
        for one in rows:
            key = venue, _row(one)
            if one.count <= self._settled.get(key, 0):
                continue
            if key not in self._fills and key[1] not in before:
                news.append(one)
            self._fills[key] = max(one, self._fills.get(key, one), key=_count)
            while len(self._fills) > FILLS_KEPT:
                self._sum_up_oldest()
        self._tell(venue, news, now)

    def _sum_up_oldest(self) -> None:
        """Let one row of its venue that names nothing stand for the oldest, too: it is in the way of all it may be."""
        key, oldest = next(item for item in self._fills.items() if item[1].count == 1)
        del self._fills[key]
        many = Unread(kind="fill", reason=oldest.reason, count=2)
        key = key[0], _row(many)
        if key in self._fills:
            many = replace(many, count=self._fills[key].count + 1)
        self._fills[key] = many

    def _tell(self, venue: str, rows: Iterable[Unread], now: Instant) -> None:
        """Tell of all rows of a kind at once, of one that matters to us in words: a venue may invent ever new names."""
        kinds: dict[str, list[Unread]] = {}
        for one in rows:
            kinds.setdefault(one.kind, []).append(one)
        for kind, alike in kinds.items():
            one = next((one for one in alike if self._blocked(venue, one) != _HARMLESS), alike[0])
            others = sum(map(_count, alike)) - one.count
            text = f"{one} can't be read ({one.reason}): {self._blocked(venue, one)}"
            more = f"; nor can {others} more" if others else ""
            self._outbox.alarm(f"{venue} {kind} rows", text + more, now.utc_ns, is_theirs=True)

    def _blocked(self, venue: str, one: Unread) -> str:
        if one.kind == "balance":
            return f"{one.currency or 'what is not told'} there is unknown"
        instrument = self._instrument(venue, one)
        traded = self._settings.venues[venue].instruments if venue in self._settings.venues else ()
        if instrument and instrument not in traded:
            return _HARMLESS
        until = " until it can, or `nzeza resume`" if one.kind == "fill" else " while it is listed so"
        return f"no openings in {instrument or 'anything there'}{until}"


def _row(one: Unread) -> _Row:
    """Return what a row is known by, however its reason is worded."""
    order_id = one.venue_order_id or one.client_order_id
    return one.kind, one.row_id, order_id, one.instrument, one.currency, one.count > 1


def _count(one: Unread) -> int:
    return one.count
