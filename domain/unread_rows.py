"""Rows of a venue that nobody could read: told to a person, and in the way of just what they may be about.

An order's row leaves that order's fate open, and its instrument takes no openings while it is listed so. A
fill's row means that the fills there are not known: no openings until it can be read, or a person resumes. A
balance's row makes its currency unknown, which is not zero. What we don't trade blocks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from domain.effects import Instant
from domain.listing import Unread
from domain.marks import Marks
from domain.order import OrderLifecycle
from domain.order_messages import Balance, Fill, RowsUnread, VenueSnapshot
from domain.outbox import Outbox
from domain.portfolio import currencies
from domain.settings import Settings

FILLS_KEPT = 1_000  # that wait to be readable; far more than one person could look into

_Row = tuple[str, str, str, str, str]


class UnreadRows:
    """What the newest words of each venue left unread."""

    def __init__(self, settings: Settings, outbox: Outbox, marks: Marks) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._marks = marks
        self._listed: dict[str, tuple[Unread, ...]] = {}  # venue -> orders and balances of its newest snapshot
        self._fills: dict[tuple[str, _Row], Unread] = {}  # (venue, row) -> what is still to be read
        self._settled: dict[tuple[str, _Row], None] = {}  # what a person has settled, and may be listed again

    # ---- hearing -----------------------------------------------------------------------------------------

    def hear_snapshot(self, snapshot: VenueSnapshot, now: Instant) -> None:
        venue = snapshot.venue
        before = {_row(one) for one in self._listed.get(venue, ())}
        for key, one in list(self._fills.items()):
            if key[0] == venue and not one.row_id:
                del self._fills[key]  # it has no name by which it could be missed
                before.add(key[1])
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
                self._settled[key] = None

    # ---- what it tells -----------------------------------------------------------------------------------

    def trouble(self, venue: str, instrument: str) -> str:
        """Return why an opening there would rest on something unread, in one word; empty when it wouldn't."""
        for one in self._of(venue):
            if one.kind == "balance":
                if one.currency and one.currency in self._currencies(venue, instrument):
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
        for one in rows:
            key = venue, _row(one)
            if key in self._settled:
                continue
            is_news = key not in self._fills and key[1] not in before
            self._fills[key] = one
            if len(self._fills) > FILLS_KEPT:
                del self._fills[next(iter(self._fills))]
            if is_news:
                self._tell(venue, (one,), now)

    def _tell(self, venue: str, rows: Iterable[Unread], now: Instant) -> None:
        for one in rows:
            blocked = self._blocked(venue, one)
            self._outbox.alarm(f"{venue} {one}", f"can't be read ({one.reason}): {blocked}", now.utc_ns)

    def _blocked(self, venue: str, one: Unread) -> str:
        if one.kind == "balance":
            return f"{one.currency or 'one currency'} there is unknown"
        instrument = self._instrument(venue, one)
        traded = self._settings.venues[venue].instruments if venue in self._settings.venues else ()
        if instrument and instrument not in traded:
            return "nothing of ours is touched"
        until = " until it can, or `nzeza resume`" if one.kind == "fill" else " while it is listed so"
        return f"no openings in {instrument or 'anything there'}{until}"


def _row(one: Unread) -> _Row:
    """Return what a row is known by, however its reason is worded."""
    return one.kind, one.row_id, one.venue_order_id or one.client_order_id, one.instrument, one.currency
