"""Which venue gets an opening. Refuses to decide who may be asked at all: candidates have passed every gate."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.instrument import Instrument, InstrumentKind, Side


class Candidate(NamedTuple):
    """A venue that could take the order now."""

    instrument: Instrument
    touch: Decimal  # quote currency per base unit: what we would pay or get at once
    taker_fee_ratio: Decimal

    def price_after_fees(self, side: Side) -> Decimal:
        """Return the touch with the taker fee in it, in quote currency per base unit."""
        return self.touch * (1 + side.sign * self.taker_fee_ratio)


def is_substitute(one: Instrument, other: Instrument) -> bool:
    """Tell whether both are the same product; spot and perpetual never are."""
    return _product(one) == _product(other)


def rank(candidates: Iterable[Candidate], side: Side) -> list[Candidate]:
    """Return the candidates, best price after fees first; equal ones by the venue's name."""
    return sorted(
        candidates,
        key=lambda candidate: (side.sign * candidate.price_after_fees(side), candidate.instrument.venue),
    )


def _product(instrument: Instrument) -> tuple[str, str, InstrumentKind]:
    return instrument.base, instrument.quote, instrument.kind
