"""What a close may cost: a limit at the newest price that can be believed, wider with each try that found too little.

A person is told when it widens.
Only a whole, fresh quote of the stream steers it; else the venue's own touch or last trade, asked over REST;
else the price that the close was decided at. It refuses to wait for any of them: a bound is better than no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from domain.effects import Role
from domain.execution.price_collar import closing_ratio
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, Side
from domain.ledger.outbox import Outbox
from domain.market.far_prices import is_far
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderIntent, RequestTouch, TouchReported
from domain.numbers import divide, from_ratio, plain
from domain.settings import Settings

ASK_AGAIN_NS = SECOND_NS  # between two questions about one instrument
BELIEVED_NS = 3 * SECOND_NS  # a touch heard over REST steers for so long
GOES_ON_NS = 60 * SECOND_NS  # a close this soon after one that found nobody begins where that one ended


class Basis(NamedTuple):
    """The price that a close is measured from, and whose it is."""

    price: Decimal
    source: str


class Width(NamedTuple):
    """How far closes of one instrument have gone without finding anybody. Monotonic nanoseconds."""

    tries: int
    until_ns: int


@dataclass
class _Tries:
    before: int  # those of plans just before it that found nobody
    told: int  # how many a person knows of


class ClosingPrices:
    """Limits of closes. Nothing of it is journaled: after a restart closes begin near the price again."""

    def __init__(self, settings: Settings, outbox: Outbox, quotes: LatestQuotes) -> None:
        self._settings = settings
        self._outbox = outbox
        self._quotes = quotes
        self._touches: dict[InstrumentId, tuple[TouchReported, int]] = {}  # -> and when it was heard
        self._asked_ns: dict[InstrumentId, int] = {}
        self._widths: dict[InstrumentId, Width] = {}
        self._plans: dict[str, _Tries] = {}  # intent_id -> of those under way

    def hear(self, event: TouchReported, now: Instant) -> None:
        self._touches[InstrumentId.of(event)] = event, now.monotonic_ns

    def limit(
        self, intent: OrderIntent, instrument: Instrument, quantity: Decimal, tries: int, now: Instant
    ) -> Decimal:
        """Return the limit of the next try, on the grid.

        Args:
            quantity: of that try. Where it is worth the venue's minimum at the price, it is worth that at the limit.
            tries: how many of this plan's tries reached the market and found too little there.
        """
        ratio = closing_ratio(self._settings.orders, self._number(intent, tries, now) + 1)
        price = self.basis(intent, now).price
        edge = price * (1 + intent.side.sign * ratio)
        if quantity * edge < instrument.min_notional <= quantity * price:
            edge = divide(instrument.min_notional, quantity)
        return instrument.round_price(edge, intent.side)

    def sent(self, intent: OrderIntent, price: Decimal, tries: int, now: Instant) -> None:
        """Note that a try at `price` leaves; a person is told of each step further out."""
        number = self._number(intent, tries, now)
        plan = self._plans.setdefault(intent.intent_id, _Tries(number - tries, number))
        ratio = closing_ratio(self._settings.orders, number + 1)
        if number > plan.told and ratio > closing_ratio(self._settings.orders, number):
            source = self.basis(intent, now).source
            text = f"a close widens to {plain(ratio * 100)} % beyond the {source}: limit {plain(price)}"
            self._outbox.alarm(str(InstrumentId.of(intent)), text, now.utc_ns)
        plan.told = number

    def ended(self, intent: OrderIntent, tries: int, has_filled: bool, now: Instant) -> None:
        """Let the next plan begin where this one ended; near the price if somebody took some of it."""
        key, number = InstrumentId.of(intent), self._number(intent, tries, now)
        self._plans.pop(intent.intent_id, None)
        if has_filled:
            self._widths.pop(key, None)
        elif number:
            self._widths[key] = Width(number, now.monotonic_ns + GOES_ON_NS)

    def still_closes(self, limit_price: Decimal, intent: OrderIntent, now: Instant) -> bool:
        """Tell whether a try at this limit finds no worse a price than the widest new one might."""
        cap = from_ratio(self._settings.orders.close_collar_cap_ratio)
        edge = self.basis(intent, now).price * (1 + intent.side.sign * cap)
        return limit_price <= edge if intent.side is Side.BUY else limit_price >= edge

    def basis(self, intent: OrderIntent, now: Instant) -> Basis:
        """Return what to measure from now; where the stream can't tell, the venue is asked for the next time."""
        key = InstrumentId.of(intent)
        quote = self._quotes.quote(*key)
        if quote and not self._quotes.trouble(*key, now):
            return Basis(quote.touch(intent.side), "touch")
        self._ask(key, now)
        reported, heard_ns = self._touches.get(key, (None, 0))
        is_believed = reported and now.monotonic_ns - heard_ns <= BELIEVED_NS
        told = self._told(reported, intent.side) if reported and is_believed else None
        return told or Basis(intent.reference_price, "price when it was decided")

    def _number(self, intent: OrderIntent, tries: int, now: Instant) -> int:
        """Return how many tries in a row found nobody, those of a plan just before included."""
        if plan := self._plans.get(intent.intent_id):
            return plan.before + tries
        width = self._widths.get(InstrumentId.of(intent))
        return tries + (width.tries if width and now.monotonic_ns < width.until_ns else 0)

    def _told(self, reported: TouchReported, side: Side) -> Basis | None:
        """Return the venue's touch; its last trade where one side is empty, or far from what is traded."""
        price, last = reported.ask_price if side is Side.BUY else reported.bid_price, reported.last_price
        if price is None:
            return None if last is None else Basis(last, "last trade")
        cap = from_ratio(self._settings.orders.close_collar_cap_ratio)
        if last is not None and is_far(price, last, cap):
            return Basis(last, "last trade")
        return Basis(price, "touch that the venue told")

    def _ask(self, key: InstrumentId, now: Instant) -> None:
        asked_ns = self._asked_ns.get(key)
        if asked_ns is None or now.monotonic_ns - asked_ns >= ASK_AGAIN_NS:
            self._asked_ns[key] = now.monotonic_ns
            venue, instrument = key
            self._outbox.tell(Role.EXCHANGE_GATEWAY.at(venue), RequestTouch(venue=venue, instrument=instrument))
