"""Rows of a venue that nobody could read: told to a person, and in the way of just what they may be about.

An order's row leaves that order's fate open, and its instrument takes no openings while it is listed so. A
fill's row means that the fills there are not known: no openings until it can be read, or a person resumes. A
balance's row makes its currency unknown, which is not zero; a position's, that derivative. What we don't trade blocks
nothing, nor does what names no instrument and is somebody else's, however much there is of it. A row that stands for
many that name nothing may be about anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ids import is_ours
from domain.ledger.outbox import Outbox
from domain.ledger.terms import terms_of
from domain.ledger.wallet import Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance, RowsUnread, VenueSnapshot
from domain.messages.denials import Denial, DenialReason
from domain.messages.listing import UNREAD_KEPT, Unread
from domain.messages.orders import Fill
from domain.settings import Settings

FILLS_KEPT = 2 * UNREAD_KEPT  # that wait to be readable; far more than one person could look into

_HARMLESS = "nothing of ours is touched"

_UNREAD = {  # kind of a row -> what an opening is refused for
    "order": DenialReason.UNREAD_ORDER,
    "fill": DenialReason.UNREAD_FILL,
    "balance": DenialReason.UNREAD_BALANCE,
    "instrument": DenialReason.UNREAD_INSTRUMENT,
    "position": DenialReason.UNREAD_POSITION,
    "funding": DenialReason.UNREAD_FUNDING,
}
_Row = tuple[str, str, str, str, str, bool]


class UnreadRows:
    """What the newest words of each venue left unread."""

    def __init__(self, settings: Settings, outbox: Outbox, quotes: LatestQuotes) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._listed: dict[str, tuple[Unread, ...]] = {}  # venue -> what may matter to us of its newest snapshot
        self._known: dict[str, frozenset[_Row]] = {}  # venue -> all of it, fills left out
        self._held: dict[str, frozenset[str]] = {}  # venue -> the currencies that it told
        self._fills: dict[tuple[str, _Row], Unread] = {}  # (venue, row) -> what is still to be read
        self._sums: dict[tuple[str, _Row], Unread] = {}  # the same of rows that stand for many
        self._settled: dict[tuple[str, _Row], int] = {}  # what a person has settled, and may be listed again -> rows

    # ---- hearing -----------------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: VenueSnapshot, now: Instant) -> None:
        venue = snapshot.venue
        before = set(self._known.get(venue, ()))
        for key, one in list(self._fills.items()):
            if key[0] == venue and not one.row_id:
                del self._fills[key]  # it has no name by which it could be missed
                before.add(key[1])
        self._held[venue] = frozenset(balance.currency for balance in snapshot.balances)
        listed = [one for one in snapshot.unread if one.kind != "fill"]
        self._known[venue] = frozenset(map(_row, listed))
        self._listed[venue] = tuple(one for one in listed if self._may_matter(venue, one))
        self._tell(venue, (one for one in listed if _row(one) not in before), now)
        self._keep(venue, (one for one in snapshot.unread if one.kind == "fill"), before, now)

    def hear(self, event: RowsUnread, now: Instant) -> None:
        self._tell(event.venue, (one for one in event.rows if one.kind != "fill"), now)
        self._keep(event.venue, (one for one in event.rows if one.kind == "fill"), (), now)

    def on_fill(self, fill: Fill) -> None:
        """Forget a row that can be read by now."""
        for key, one in list(self._fills.items()) if self._fills else ():
            if key[0] == fill.venue and one.row_id == fill.fill_id:
                del self._fills[key]

    def forget(self, scope: str) -> None:
        """Let a person's word stand for the fills that can't be read: of a venue or an instrument, or ("") all."""
        for fills in (self._fills, self._sums):
            for key, one in list(fills.items()):
                if scope in ("", key[0], f"{key[0]}:{self._instrument(key[0], one)}"):
                    del fills[key]
                    self._settled[key] = one.count

    # ---- what it tells -----------------------------------------------------------------------------------

    def trouble(self, venue: str, instrument: str) -> Denial:
        """Return why an opening there would rest on something unread, in one word; empty when it wouldn't."""
        for one in self._of(venue):
            if one.kind == "balance":
                needed = self._currencies(venue, instrument)
                if one.currency in needed if one.count == 1 else not self._held[venue].issuperset(needed):
                    return DenialReason.UNREAD_BALANCE
            elif self._may_be_about(venue, one, instrument):
                return _UNREAD[one.kind]
        return ""

    def unknown_names(self, venue: str, balances: Sequence[Balance]) -> frozenset[str]:
        """Return of which currencies and derivatives the venue's word is not known, or can't be explained."""
        unknown: set[str] = set()
        listed = {Wallet(venue, balance.wallet, balance.currency) for balance in balances}
        for one in self._of(venue):
            if one.kind == "fill":
                instrument = self._instrument(venue, one)
                unknown.update((*self._currencies(venue, instrument), instrument) if instrument else ())
            elif one.kind == "funding":
                names = [one.instrument] if one.instrument else self._derivatives(venue)
                unknown.update(name for it in names for name in self._currencies(venue, it))
            elif one.kind == "position":
                unknown.update([one.instrument] if one.instrument else self._derivatives(venue))
            elif one.kind == "balance":
                unlisted = {wallet.currency for wallet in self._booked(venue) - listed}
                unknown.update((one.currency,) if one.currency else unlisted)
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
        for fills in (self._fills, self._sums):
            yield from (one for (where, _), one in fills.items() if where == venue)

    def _may_be_about(self, venue: str, one: Unread, instrument: str) -> bool:
        if about := self._instrument(venue, one):
            return about == instrument
        return not self._is_foreign(venue, one, instrument)

    def _is_foreign(self, venue: str, one: Unread, instrument: str = "") -> bool:
        """Tell whether a row that is about none of our orders, as far as it names one, is somebody else's."""
        if one.client_order_id:
            return not is_ours(one.client_order_id)
        # Where the venue has named all of ours, another name is not one of them.
        return bool(one.venue_order_id) and all(
            order.venue_order_id for order in self._ledger.live_orders(venue, instrument)
        )

    def _may_matter(self, venue: str, one: Unread) -> bool:
        instrument = self._instrument(venue, one)
        return not instrument or self._is_traded(venue, instrument)

    def _is_traded(self, venue: str, instrument: str) -> bool:
        return venue in self._settings.venues and instrument in self._settings.venues[venue].instruments

    def _instrument(self, venue: str, one: Unread) -> str:
        """Return which instrument a row is about; empty: it may be any."""
        if one.instrument:
            return one.instrument
        order = self._ledger.order_said(venue, one.venue_order_id, one.client_order_id)
        return order.order.instrument if order is not None else ""

    def _currencies(self, venue: str, instrument: str) -> tuple[str, ...]:
        key = InstrumentId(venue, instrument)
        listed = self._quotes.instrument(*key)
        terms = terms_of(listed) if listed else self._ledger.books.terms(key)
        return (terms.settlement,) if terms.is_perpetual else (terms.base, terms.quote)

    def _derivatives(self, venue: str) -> set[str]:
        return {key.name for key in self._ledger.books.definitions if key.venue == venue}

    def _booked(self, venue: str) -> set[Wallet]:
        return {wallet for wallet in self._ledger.books.balances if wallet.venue == venue}

    # ---- people ------------------------------------------------------------------------------------------

    def _keep(self, venue: str, rows: Iterable[Unread], before: Iterable[_Row], now: Instant) -> None:
        news: list[Unread] = []
        for one in rows:
            key = venue, _row(one)
            if one.count <= self._settled.get(key, 0):
                continue
            fills = self._fills if one.count == 1 else self._sums
            if key not in fills and key[1] not in before:
                news.append(one)
            fills[key] = max(one, fills.get(key, one), key=_count)
            while len(self._fills) + len(self._sums) > FILLS_KEPT:
                self._forget_oldest()
        self._tell(venue, news, now)

    def _forget_oldest(self) -> None:
        """Let one row of its instrument stand for the oldest, too: it is in the way of all that it may be about.

        Forgotten is what is somebody else's by now, and names no instrument; and, where all rows are of ever new
        instruments, the oldest of those that we don't trade.
        """
        if not self._fills:
            elsewhere = (key for key, one in self._sums.items() if not self._may_matter(key[0], one))
            del self._sums[next(elsewhere, next(iter(self._sums)))]
            return
        (venue, _), oldest = next(iter(self._fills.items()))
        del self._fills[venue, _row(oldest)]
        instrument = self._instrument(venue, oldest)
        if instrument or not self._is_foreign(venue, oldest):
            many = Unread(kind="fill", instrument=instrument, reason=oldest.reason, count=2)
            key = venue, _row(many)
            self._sums[key] = replace(many, count=self._sums[key].count + 1) if key in self._sums else many

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
        if not self._is_traded(venue, instrument) if instrument else self._is_foreign(venue, one):
            return _HARMLESS
        until = " until it can, or `nzeza resume`" if one.kind == "fill" else " while it is listed so"
        return f"no openings in {instrument or 'anything there'}{until}"


def _row(one: Unread) -> _Row:
    """Return what a row is known by, however its reason is worded."""
    order_id = one.venue_order_id or one.client_order_id
    return one.kind, one.row_id, order_id, one.instrument, one.currency, one.count > 1


def _count(one: Unread) -> int:
    return one.count
