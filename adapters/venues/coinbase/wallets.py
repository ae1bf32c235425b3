"""Coinbase's wallets as `/accounts` lists them, and which of them a spot order can spend from. Pure.

Vaults, staked coins, and what stands on another platform (futures) are the same currency under the same key, and no
order in a spot book can touch them: they are no buying power (docs/money.md 4).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from adapters.decoding.answers import text
from adapters.decoding.tokens import BadField, Token
from adapters.venues.coinbase import fields
from domain.messages.account import Balance
from domain.numbers import ZERO
from domain.text import bounded, bounded_id

_TYPES = {"", "UNSPECIFIED", "CRYPTO", "FIAT"}
_PLATFORMS = {"", "UNSPECIFIED", "CONSUMER"}


class Money(Struct):
    value: Token


class AccountRow(Struct):
    currency: str
    available_balance: Money
    hold: Money | None = None
    type: Any = None
    active: Any = None
    ready: Any = None
    platform: Any = None

    @property
    def barred_by(self) -> str:
        """Return why no spot order can spend it, in the venue's words; what isn't said bars nothing."""
        if text(self.type).removeprefix("ACCOUNT_TYPE_") not in _TYPES:
            return text(self.type)
        if text(self.platform).removeprefix("ACCOUNT_PLATFORM_") not in _PLATFORMS:
            return text(self.platform)
        if self.active is False:
            return "not active"
        return "not ready" if self.ready is False else ""


def wallet(row: AccountRow) -> tuple[Balance, str]:
    """Return what a wallet holds, and why no order can spend it, if none can: then half of it may be unsaid."""
    available = fields.number_if_told(row.available_balance.value)
    held = fields.number_if_told(row.hold.value) if row.hold else None
    if not row.barred_by and (available is None or held is None):
        raise BadField("type", "no available balance" if available is None else "no hold")
    total = (available or ZERO) + (held or ZERO)
    return Balance(currency=bounded_id(row.currency), total=total, hold=held or ZERO), bounded(row.barred_by)
