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
        self._pauses: list[tuple[int, int]] = []  # (told at, until): nothing is given before

    def take(self, now_ns: int, is_reducing: bool = False, longest_pause_ns: int | None = None) -> int:
        """Take a token and return 0, or take none and return how many nanoseconds to wait for one.

        Args:
            longest_pause_ns: for how long a pause that the venue asked for is kept; None to its end.
        """
        closed_until_ns = self._closed_until_ns(longest_pause_ns)
        if now_ns < closed_until_ns:
            return closed_until_ns - now_ns
        elapsed_ns = now_ns - self._refilled_ns
        self._refilled_ns = now_ns
        self._credit_ns = min(self._capacity_ns, self._credit_ns + elapsed_ns)
        floor_ns = 0 if is_reducing else self._reserve_ns
        missing_ns = floor_ns + self._token_ns - self._credit_ns
        if missing_ns > 0:
            return missing_ns
        self._credit_ns -= self._token_ns
        return 0

    def hold(self, now_ns: int, wait_ns: int) -> None:
        """Give nothing for a while: the venue said 429, so its count is ahead of ours."""
        self._pauses = [pause for pause in self._pauses if pause[1] > now_ns]
        self._pauses.append((now_ns, now_ns + wait_ns))

    def _closed_until_ns(self, longest_pause_ns: int | None) -> int:
        return max(
            (
                until_ns if longest_pause_ns is None else min(until_ns, told_ns + longest_pause_ns)
                for told_ns, until_ns in self._pauses
            ),
            default=0,
        )
