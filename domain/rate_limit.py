"""Our own request budget at a venue, with a share that only risk-reducing calls may use."""

from __future__ import annotations

from domain.settings import SECOND_NS

REDUCING_HOLD_NS = SECOND_NS  # as long as a venue's shortest window


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
        self._closed_until_ns = {False: now_ns, True: now_ns}  # is_reducing -> nothing is given before

    def take(self, now_ns: int, is_reducing: bool = False) -> int:
        """Take a token and return 0, or take none and return how many nanoseconds to wait for one."""
        closed_until_ns = self._closed_until_ns[is_reducing]
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
        """Give nothing for a while: the venue said 429, so its count is ahead of ours.

        However long it asks for, reducing risk is tried again soon.
        """
        for is_reducing, longest_ns in ((False, wait_ns), (True, REDUCING_HOLD_NS)):
            due_ns = now_ns + min(wait_ns, longest_ns)
            self._closed_until_ns[is_reducing] = max(self._closed_until_ns[is_reducing], due_ns)
