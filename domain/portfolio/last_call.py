"""When the end of a run stops closing positions, so that there is time left to put their stops back."""

from __future__ import annotations

from domain.instant import SECOND_NS, Instant
from domain.settings import Settings


def last_call_ns(deadline_ns: int, now: Instant, settings: Settings) -> int:
    """Return the moment from which stops come before closes: a third of the time before the deadline, at most
    half of what a position may go without one. Monotonic."""
    left_ns = max(0, deadline_ns - now.monotonic_ns)
    return deadline_ns - min(left_ns // 3, round(settings.protection.within_s * SECOND_NS / 2))
