"""What we trade and where, and the only rounding of prices and quantities."""

from __future__ import annotations

import decimal
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple, Protocol

from msgspec import Struct

from domain.numbers import PRECISION

# Rounding is this module's job: Inexact must stay untrapped, also when this loads after use_exact_decimals().
_ROUNDING = decimal.Context(prec=PRECISION, traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow])

_ONE = Decimal(1)


class Side(StrEnum):
    """What an order does with the base currency; also of a position: BUY is long."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return 1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class InstrumentKind(StrEnum):
    """How a fill is settled: SPOT moves coins, PERPETUAL a position over margin (docs/money.md 4)."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


class OfAnInstrument(Protocol):
    """What names one product of one venue in two fields, as messages do."""

    @property
    def venue(self) -> str: ...

    @property
    def instrument(self) -> str: ...


class InstrumentId(NamedTuple):
    """One product of one venue. Its text, "coinbase:BTC-USD", is what positions, halts and alarms go by."""

    venue: str
    name: str  # our spelling, "BTC-USD"

    @staticmethod
    def of(told: OfAnInstrument) -> InstrumentId:
        return _instrument_id(told.venue, told.instrument)

    def __str__(self) -> str:
        return f"{self.venue}:{self.name}"


_instrument_id = lru_cache(4096)(InstrumentId)  # each event of the journal asks: found in half the time of making one


class Instrument(Struct, frozen=True, kw_only=True, dict=True):
    """One product of one venue, with its grid and limits."""

    venue: str
    name: str  # our spelling, "BTC-USD"
    symbol: str  # the venue's spelling
    base: str
    quote: str
    tick_size: Decimal  # finest step of prices, quote currency
    lot_size: Decimal  # step of quantities, base units
    min_quantity: Decimal  # base units
    max_quantity: Decimal  # base units
    min_notional: Decimal  # quote currency
    max_significant_digits: int | None = None  # of prices that are no whole number; None: the tick is all
    kind: InstrumentKind = InstrumentKind.SPOT
    is_tradable: bool = True
    settlement: str = ""  # currency that profit is paid in; empty: the quote
    contract_size: Decimal = Decimal(1)  # base units per unit of quantity
    max_leverage: Decimal | None = None  # of perpetuals; None: the venue doesn't tell
    maintenance_ratio: Decimal | None = None  # share of the notional below which a position is liquidated

    @cached_property  # it is asked for at each tick
    def id(self) -> InstrumentId:
        return InstrumentId(self.venue, self.name)

    @property
    def key(self) -> str:
        """Return the name that positions go by, "coinbase:BTC-USD"."""
        return f"{self.venue}:{self.name}"

    @property
    def settles_in(self) -> str:
        return self.settlement or self.quote

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """Return `quantity` rounded down to the lot: never more than was asked for."""
        return _to_step(quantity, self.lot_size, ROUND_DOWN)

    def round_price(self, price: Decimal, side: Side) -> Decimal:
        """Return `price` on the tick grid, never worse for us than asked: buys round down, sells up."""
        return _to_step(price, self.price_step(price), ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)

    def price_step(self, price: Decimal) -> Decimal:
        """Return the distance of prices around `price`: the tick, or what the significant digits leave."""
        if self.max_significant_digits is None or not price:
            return self.tick_size
        coarse = _ONE.scaleb(price.adjusted() - self.max_significant_digits + 1)
        return max(self.tick_size, min(coarse, _ONE))  # whole numbers may have any number of digits

    def is_on_grid(self, price: Decimal, quantity: Decimal) -> bool:
        """Tell whether the venue would take this price and quantity as they are."""
        return not _ROUNDING.remainder(price, self.price_step(price)) and not _ROUNDING.remainder(
            quantity, self.lot_size
        )


def _to_step(number: Decimal, step: Decimal, rounding: str) -> Decimal:
    steps = _ROUNDING.divide(number, step).quantize(_ONE, rounding, _ROUNDING)
    return _ROUNDING.multiply(steps, step)
