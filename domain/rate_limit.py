"""Our own request budget at a venue, with a share that only risk-reducing calls may use."""

from __future__ import annotations

from domain.settings import SECOND_NS


class TokenBucket:
    """Tokens trickle in at a steady rate; each request takes one.

    Counts in whole nanoseconds of refill, so a million takes drift by nothing. Ordinary requests leave
    `reserved` tokens untouched; cancels and reducing orders may take those too.
    """

    def __init__(self, per_second: float, burst: int, reserved: int, now_ns: int) -> None:
        if not 0 <= reserved < burst:
            raise ValueError("the reserve must leave at least one token for ordinary requests")
        self._token_ns = round(SECOND_NS / per_second)
        self._capacity_ns = burst * self._token_ns
        self._reserve_ns = reserved * self._token_ns
        self._credit_ns = self._capacity_ns
        self._refilled_ns = now_ns
        self._closed_until_ns = now_ns

    def take(self, now_ns: int, is_reducing: bool = False) -> int:
        """Take a token and return 0, or take none and return how many nanoseconds to wait for one."""
        if now_ns < self._closed_until_ns:
            return self._closed_until_ns - now_ns
        elapsed_ns = now_ns - self._refilled_ns
        self._refilled_ns = now_ns
        self._credit_ns = min(self._capacity_ns, self._credit_ns + elapsed_ns)
        floor_ns = 0 if is_reducing else self._reserve_ns
        missing_ns = floor_ns + self._token_ns - self._credit_ns
        if missing_ns > 0:
            return missing_ns
        self._credit_ns -= self._token_ns
        return 0

    def hold_until(self, due_ns: int) -> None:
        """Give nothing before `due_ns`: the venue said 429, so its count is ahead of ours."""
        self._closed_until_ns = max(self._closed_until_ns, due_ns)
