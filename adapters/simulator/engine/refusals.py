"""Why a simulated venue takes an order not. Each venue has words of its own for it, in its own package."""

from __future__ import annotations

from enum import Enum, auto

from domain.errors import NzezaError


class Refusal(Enum):
    UNKNOWN_PRODUCT = auto()
    HALTED = auto()
    SIZE_OFF_GRID = auto()
    PRICE_OFF_GRID = auto()
    TOO_LITTLE_MONEY = auto()  # an order by quote size
    TOO_SMALL = auto()  # an order by base size
    TOO_LARGE = auto()
    ALREADY_EXPIRED = auto()
    BRACKET_REVERSED = auto()  # its target is not beyond its stop
    STOP_BELOW_LAST_PRICE = auto()  # it waits for a rise that has been
    STOP_ABOVE_LAST_PRICE = auto()  # it waits for a fall that has been
    POST_ONLY_WOULD_TRADE = auto()
    NO_LIQUIDITY = auto()
    INSUFFICIENT_FUNDS = auto()
    NOTHING_TO_REDUCE = auto()  # an order that may only reduce a position, and there is none on its other side


class Refused(NzezaError):
    """The venue says no: nothing was accepted."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.name)
        self.why = why
