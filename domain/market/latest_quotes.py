"""What the portfolio knows of the market: newest quotes and marks, whether they may be traded on, grids and fees.

Refuses to call a price good that nobody proved alive: age counts from the venue's own proof of life.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from domain.instant import Instant
from domain.instrument import Instrument, InstrumentId, InstrumentKind
from domain.market.asked_prices import AskedPrice, AskedPrices
from domain.messages.denials import Denial, DenialReason
from domain.messages.market import (
    Figure,
    FundingRate,
    IndexPrice,
    MarketBatch,
    MarkPrice,
    Quote,
    StreamState,
    stream_trouble,
)
from domain.messages.orders import InstrumentsLoaded, VenueClockSeen, VenueMoment
from domain.numbers import ZERO, from_ratio
from domain.settings import Settings

DOLLARS = ("USD", "USDC")  # priced at 1: an assumption for USDC

# An InstrumentId, or a plain pair that equals it: these are looked up several times per tick, a pair in a tenth of
# the time that it takes to make an id.
_Id = tuple[str, str]
_Figure = TypeVar("_Figure", MarkPrice, IndexPrice, FundingRate)


def is_in_dollars(instrument: Instrument) -> bool:
    """Tell whether prices of it are in dollars, as every limit on openings is."""
    return instrument.quote in DOLLARS


class LatestQuotes:
    """The newest quote of each instrument and the state of the stream behind it."""

    def __init__(self, settings: Settings, definitions: Mapping[InstrumentId, Instrument]) -> None:
        """Args:
        definitions: by the journal, as it goes on: what counts where none is listed.
        """
        self._settings = settings
        self._definitions = definitions
        self.asked = AskedPrices(settings, DOLLARS)  # of what no stream tells
        self._states: dict[str, StreamState] = {}  # venue ->
        self._clocks: dict[str, tuple[int, int]] = {}  # venue -> what its clock showed, CLOCK_MONOTONIC then
        self._heights: dict[str, int] = {}  # venue -> newest block that was shown
        self._quotes: dict[_Id, Quote] = {}
        self._prices: dict[_Id, Decimal] = {}  # last believable mid
        self._figures: dict[tuple[type[Figure], _Id], Figure] = {}  # newest
        self._instruments: dict[_Id, Instrument] = {}
        self._taker_fees: dict[str, Decimal] = {}  # venue -> ratio

    def apply(self, message: MarketBatch | InstrumentsLoaded) -> None:
        if isinstance(message, InstrumentsLoaded):
            self._taker_fees[message.venue] = message.taker_fee_ratio
            for instrument in message.instruments:
                self._instruments[message.venue, instrument.name] = instrument
            for one in message.left_out:
                key = message.venue, one.instrument
                if delisted := self._instruments.get(key):  # its grid is still good for closing
                    self._instruments[key] = replace(delisted, is_tradable=False)
            return
        self._states[message.venue] = message.state
        state = message.state
        if state.told_ns and state.clock_offset_ns is not None:
            self.on_time(message.venue, state.ts_event - state.clock_offset_ns, state.told_ns)
        for quote in message.quotes:
            key = quote.venue, quote.instrument
            self._quotes[key] = quote
            if quote.is_whole and message.state.is_whole and not quote.is_crossed:
                self._prices[key] = quote.mid_price
        for figure in message.figures:
            self._figures[type(figure), (figure.venue, figure.instrument)] = figure

    def venue_now(self, venue: str, now: Instant) -> Instant:
        """Return `now` with what the venue's clock shows, as far as it was told; with ours before that.

        The monotonic clock carries it on, so no step of ours changes it.
        """
        if venue not in self._clocks:
            return now
        shown_ns, told_ns = self._clocks[venue]
        return now._replace(utc_ns=shown_ns + now.monotonic_ns - told_ns)

    def knows_time(self, venue: str) -> bool:
        """Tell whether the venue's clock was told: else `venue_now` is by ours."""
        return venue in self._clocks

    def on_time(self, venue: str, shown_ns: int, told_ns: int) -> None:
        """Take what the venue's clock showed (UTC ns) when ours was at `told_ns` (CLOCK_MONOTONIC)."""
        self._clocks[venue] = shown_ns, told_ns

    def monotonic_of(self, venue: str, utc_ns: int) -> int | None:
        """Return when the venue's clock shows `utc_ns`, on our monotonic one; None while it wasn't told."""
        if venue not in self._clocks:
            return None
        shown_ns, told_ns = self._clocks[venue]
        return told_ns + utc_ns - shown_ns

    def venue_moment(self, venue: str, now: Instant) -> VenueMoment:
        """Return what time it is there in its own forms, each as far as it was told; a height stands until the next."""
        utc_ns = self.venue_now(venue, now).utc_ns if self.knows_time(venue) else 0
        return VenueMoment(utc_ns=utc_ns, height=self._heights.get(venue, 0))

    def on_clock(self, event: VenueClockSeen) -> None:
        """Take what a venue's private side showed of its clock. A height never falls: reads of other nodes lag."""
        if event.utc_ns and event.told_ns:
            self.on_time(event.venue, event.utc_ns, event.told_ns)
        self._heights[event.venue] = max(event.height, self._heights.get(event.venue, 0))

    def instrument(self, venue: str, name: str) -> Instrument | None:
        """Return the venue's newest listing; before there is one, what is known from before, which can be reduced."""
        return self._instruments.get((venue, name)) or self._definitions.get(InstrumentId(venue, name))

    def is_tradable(self, instrument: Instrument) -> bool:
        """Tell whether the venue takes orders there, by its listing and by what its stream has said since."""
        state = self._states.get(instrument.venue)
        return instrument.is_tradable and (state is None or instrument.name not in state.halted)

    def is_halted(self, venue: str, name: str) -> bool:
        """Tell whether the venue itself says that nothing trades there now; what no listing told is not known to be so."""
        state, listed = self._states.get(venue), self._instruments.get((venue, name))
        return bool((listed and not listed.is_tradable) or (state and name in state.halted))

    def quote(self, venue: str, instrument: str) -> Quote | None:
        return self._quotes.get((venue, instrument))

    def taker_fee_ratio(self, venue: str) -> Decimal:
        """Return the fee of whoever takes, over the notional."""
        return self._taker_fees.get(venue, ZERO)

    def price(self, venue: str, instrument: str) -> Decimal | None:
        """Return the last believable mid, however old; ask `trouble` whether it is fresh."""
        return self._prices.get((venue, instrument))

    def figure(self, kind: type[_Figure], venue: str, instrument: str) -> _Figure | None:
        """Return the newest mark, index price or funding rate, if the venue has told one."""
        found = self._figures.get((kind, (venue, instrument)))
        return found if isinstance(found, kind) else None

    def mark(self, venue: str, instrument: str, now: Instant) -> tuple[Decimal | None, bool]:
        """Return what a position there is valued at, quote currency, and whether that is fresh (docs/money.md 4).

        Spot: the last believable mid. A perpetual: the price that the venue itself marks it at, and no other, for by
        that one it is margined and liquidated; it is as fresh as its stream.
        """
        listed = self.instrument(venue, instrument)
        if listed is None or listed.kind is InstrumentKind.SPOT:
            price = self.price(venue, instrument)
            return price, price is not None and not self.trouble(venue, instrument, now)
        told = self.figure(MarkPrice, venue, instrument)
        return (None, False) if told is None else (told.price, not self._stream_trouble(venue, now))

    def closing_price(self, venue: str, instrument: str, fallback: Decimal) -> Decimal:
        """Return about the limit that a close of a long position begins with: what is dust there can't be closed.

        Args:
            fallback: in place of a mid where none was believable yet.
        """
        price = self.price(venue, instrument) or fallback
        return price * (1 - from_ratio(self._settings.orders.collar_ratio))

    def trouble(self, venue: str, instrument: str, now: Instant) -> Denial:
        """Return why the quote must not be traded on, in one word; empty when it may."""
        quote = self._quotes.get((venue, instrument))
        if quote is None:
            return DenialReason.NO_QUOTE
        if not quote.is_whole:
            return DenialReason.GAPPED_QUOTE
        if quote.is_crossed:
            return DenialReason.CROSSED_QUOTE
        return self._stream_trouble(venue, now)

    def _stream_trouble(self, venue: str, now: Instant) -> Denial:
        silent_after_s = self._settings.venues[venue].heartbeat_timeout_s
        return stream_trouble(self._states[venue], now, silent_after_s, self._settings.risk.late_after_s)

    def price_of(self, venue: str, currency: str, now: Instant) -> tuple[Decimal | None, bool]:
        """Return what one unit of `currency` is worth in dollars, if known, and whether that is fresh."""
        if currency in DOLLARS:
            return Decimal(1), True
        for dollar in DOLLARS:
            instrument = f"{currency}-{dollar}"
            price = self.price(venue, instrument)
            if price is not None:
                return price, not self.trouble(venue, instrument, now)
        asked = self.asked_price(venue, currency)
        return (None, False) if asked is None else (asked.mid_price, asked.is_fresh(now))

    def asked_price(self, venue: str, currency: str) -> AskedPrice | None:
        """Return what a currency is valued at where no stream prices it, if the venue has answered."""
        if currency in DOLLARS or any(self.price(venue, f"{currency}-{dollar}") is not None for dollar in DOLLARS):
            return None
        return self.asked.prices.get(InstrumentId(venue, f"{currency}-{DOLLARS[0]}"))
