"""What is told of a venue's limits on our requests."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from domain.messages.base import Event, Lane


class BudgetLine(Struct, frozen=True, kw_only=True):
    """One limit of a venue on our requests, in its own units."""

    name: str
    left: int  # that may be spent now; below zero: a debt, which is paid first
    burst: int  # at most
    per_second: float  # that come back


class BudgetsReported(Event, kw_only=True):
    """ExchangeGateway to Monitor: what is left of a venue's limits."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    venue: str
    lines: tuple[BudgetLine, ...]
