"""Where a venue's numbers are not those of our books. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import TypeVar

from domain.ledger.wallet import Holding, Wallet
from domain.numbers import ZERO, plain

Totals = dict[Holding, Decimal]
Differences = Totals  # the venue's minus ours, never zero
Phantoms = dict[str, Decimal]  # instrument -> how much of our position is not there
Name = TypeVar("Name", bound=Hashable)


def differences_between(ours: Totals, theirs: Totals) -> Differences:
    """Return where the venue's numbers are not ours. What one side doesn't name is zero there."""
    return {
        holding: difference
        for holding in sorted(ours.keys() | theirs.keys())
        if (difference := theirs.get(holding, ZERO) - ours.get(holding, ZERO))
    }


def describe(differences: Differences) -> tuple[str, ...]:
    """Return the differences in words for a person."""
    return tuple(
        f"{_words(holding)} {'+' if amount > 0 else ''}{plain(amount)}" for holding, amount in differences.items()
    )


def lasting(before: Mapping[Name, Decimal], after: Mapping[Name, Decimal]) -> dict[Name, Decimal] | None:
    """Return what was different throughout: the smaller amounts; None if not the same is, or not the same way."""
    if before.keys() != after.keys() or any((before[name] > 0) != (after[name] > 0) for name in after):
        return None
    return {name: min(before[name], amount, key=abs) for name, amount in after.items()}


def _words(holding: Holding) -> str:
    return str(holding) if isinstance(holding, Wallet) else f"position {holding.name}"
