"""Prices of what is held and not configured: no stream tells them, so the venue is asked now and then, over REST.

They value the account and nothing else: no order is ever priced from here. One older than half a minute is no
fresh price any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from domain.effects import Effect, Role, Tell
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.wallet import Wallet
from domain.market.far_prices import is_far
from domain.messages.orders import RequestTouch, TouchReported
from domain.numbers import from_ratio, plain
from domain.settings import Settings

ASK_EVERY_NS = 10 * SECOND_NS
FRESH_NS = 30 * SECOND_NS


class AskedPrice(NamedTuple):
    """The mid of a touch, or the last trade where that is far from it; and when it was heard (CLOCK_MONOTONIC)."""

    mid_price: Decimal
    heard_ns: int

    def is_fresh(self, now: Instant) -> bool:
        return now.monotonic_ns - self.heard_ns <= FRESH_NS


class AskedPrices:
    """The newest answer for each instrument, and when it was last asked for."""

    def __init__(self, settings: Settings, dollars: tuple[str, ...]) -> None:
        """Args:
        dollars: the currencies that prices are told in, the first of them when we ask.
        """
        self._settings = settings
        self._dollars = dollars
        self._cap = from_ratio(settings.orders.close_collar_cap_ratio)
        self._asked_ns: dict[InstrumentId, int] = {}
        self.prices: dict[InstrumentId, AskedPrice] = {}

    def review(self, held: Iterable[Wallet], now: Instant) -> list[Effect]:
        """Ask for what is due: of each currency that is held and that no configured instrument prices."""
        wanted = {
            InstrumentId(venue, f"{currency}-{self._dollars[0]}")
            for venue, _, currency in held
            if self._is_unfollowed(venue, currency)
        }
        self._asked_ns = {key: asked_ns for key, asked_ns in self._asked_ns.items() if key in wanted}
        self.prices = {key: price for key, price in self.prices.items() if key in wanted}
        due = [key for key in sorted(wanted) if now.monotonic_ns - self._asked_ns.get(key, 0) >= ASK_EVERY_NS]
        self._asked_ns.update(dict.fromkeys(due, now.monotonic_ns))
        return [
            Tell(Role.EXCHANGE_GATEWAY.at(venue), RequestTouch(venue=venue, instrument=name)) for venue, name in due
        ]

    def hear(self, told: TouchReported, now: Instant) -> None:
        """Keep an answer; a book with one side is no price."""
        if told.bid_price is None or told.ask_price is None:
            return
        price, last = (told.bid_price + told.ask_price) / 2, told.last_price
        if last is not None and (is_far(told.bid_price, last, self._cap) or is_far(told.ask_price, last, self._cap)):
            price = last  # nobody has traded at such a price
        self.prices[InstrumentId.of(told)] = AskedPrice(price, now.monotonic_ns)

    def fields(self) -> dict[str, dict[str, Any]]:
        """Return what a report tells of them."""
        return {
            "asked_prices": {str(key): plain(price.mid_price) for key, price in self.prices.items()},
            "asked_ns": {str(key): price.heard_ns for key, price in self.prices.items()},
        }

    def _is_unfollowed(self, venue: str, currency: str) -> bool:
        if currency in self._dollars or venue not in self._settings.traded:
            return False
        followed = self._settings.venues[venue].instruments
        return not any(f"{currency}-{dollar}" in followed for dollar in self._dollars)
