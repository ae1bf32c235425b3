"""Coinbase's words for an order that it does not take."""

from __future__ import annotations

from adapters.simulator.engine.refusals import Refusal, Refused
from domain.errors import NzezaError

UNKNOWN = "UNKNOWN_FAILURE_REASON"  # what a creation says where only a preview has a word


class NotTaken(NzezaError):
    """Coinbase says no.

    Attributes:
        reason: its word on creation.
        preview_reason: the one that previews use.
    """

    def __init__(self, reason: str, preview_reason: str = "", message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.preview_reason = preview_reason or f"PREVIEW_{reason}"


_WORDS: dict[Refusal, tuple[str, ...]] = {  # -> reason, preview's reason where that is another, message
    Refusal.UNKNOWN_PRODUCT: ("INVALID_PRODUCT_ID",),
    Refusal.HALTED: ("PRODUCT_TRADING_HALTED",),
    Refusal.SIZE_OFF_GRID: ("INVALID_SIZE_PRECISION",),
    Refusal.PRICE_OFF_GRID: ("INVALID_PRICE_PRECISION",),
    Refusal.TOO_LITTLE_MONEY: (UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    Refusal.TOO_SMALL: (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    Refusal.TOO_LARGE: (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
    Refusal.ALREADY_EXPIRED: ("END_TIME_IS_IN_THE_PAST",),
    Refusal.BRACKET_REVERSED: (UNKNOWN, "PREVIEW_INVALID_BRACKET_PRICES"),
    Refusal.STOP_BELOW_LAST_PRICE: ("STOP_PRICE_BELOW_LAST_TRADE_PRICE",),
    Refusal.STOP_ABOVE_LAST_PRICE: ("STOP_PRICE_ABOVE_LAST_TRADE_PRICE",),
    Refusal.POST_ONLY_WOULD_TRADE: ("INVALID_LIMIT_PRICE_POST_ONLY",),
    Refusal.NO_LIQUIDITY: ("INVALID_NO_LIQUIDITY",),
    Refusal.INSUFFICIENT_FUNDS: ("INSUFFICIENT_FUND", "", "Insufficient balance in source account"),
}


def in_words(refusal: Refused | NotTaken) -> NotTaken:
    """Return what Coinbase says of it."""
    return NotTaken(*_WORDS[refusal.why]) if isinstance(refusal, Refused) else refusal
