"""Our own request budget at a venue, with a share that only risk-reducing calls may use."""

from __future__ import annotations

from collections import deque

from domain.instant import SECOND_NS

SHORTEST_PAUSE_NS = SECOND_NS  # after a 429: the windows of venues are that long
LONGEST_PAUSE_NS = 60 * SECOND_NS  # whatever a venue asks for: reads prove what became of orders


class TokenBucket:
    """Tokens trickle in at a steady rate; each request takes one.

    Counts in whole nanoseconds of refill, so a million takes drift by nothing. Ordinary requests leave
    `reserved` tokens untouched; cancels and reducing orders may take those too. What was sent beyond what was
    taken is a debt, which is paid before anything else is given.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        reserved: int,
        now_ns: int,
        most_in_a_second: int | None = None,
    ) -> None:
        """Args:
        most_in_a_second: requests in any one second, whatever was saved up; None: a burst and what trickles in.
        """
        if not 0 <= reserved < burst:
            raise ValueError("the reserve must leave at least one token for ordinary requests")
        self._token_ns = round(SECOND_NS / per_second)
        self._capacity_ns = burst * self._token_ns
        self._reserve_ns = reserved * self._token_ns
        self._credit_ns = self._capacity_ns
        self._refilled_ns = now_ns
        self._pauses: list[tuple[int, int]] = []  # (told at, until): nothing is given before
        self._most_in_a_second = most_in_a_second
        self._reserved = reserved
        self._given: deque[int] = deque()  # when, in the last second; the oldest first
        self._next_pause_ns = SHORTEST_PAUSE_NS  # where the venue doesn't say for how long

    def take(
        self,
        now_ns: int,
        is_reducing: bool = False,
        longest_pause_ns: int | None = None,
        requests: int = 1,
    ) -> int:
        """Take tokens and return 0, or take none and return how many nanoseconds to wait for them.

        Args:
            longest_pause_ns: for how long a pause that the venue asked for is kept; None to its end.
            requests: how many tokens. For more than it can ever hold, a full bucket is enough, and leaves a debt.
        """
        if wait_ns := self.wait_ns(now_ns, is_reducing, longest_pause_ns, requests):
            return wait_ns
        self._credit_ns -= requests * self._token_ns
        self._give(requests)
        return 0

    def wait_ns(self, now_ns: int, is_reducing: bool, longest_pause_ns: int | None, requests: int) -> int:
        """Return how long `take` would have to wait."""
        closed_until_ns = self._closed_until_ns(longest_pause_ns)
        if now_ns < closed_until_ns:
            return closed_until_ns - now_ns
        self._refill(now_ns)
        price_ns = requests * self._token_ns
        floor_ns = 0 if is_reducing else self._reserve_ns
        missing_ns = min(floor_ns + price_ns, self._capacity_ns) - self._credit_ns
        crowded_ns = self._crowded_ns(now_ns, requests, 0 if is_reducing else self._reserved)
        return max(0, missing_ns, crowded_ns)

    def left(self, now_ns: int) -> int:
        """Return how many tokens there are; below zero where there is a debt."""
        self._refill(now_ns)
        return self._credit_ns // self._token_ns

    def _refill(self, now_ns: int) -> None:
        # Who takes may have looked at the clock before somebody on another thread.
        elapsed_ns = max(0, now_ns - self._refilled_ns)
        self._refilled_ns += elapsed_ns
        self._credit_ns = min(self._capacity_ns, self._credit_ns + elapsed_ns)

    def charge(self, requests: int) -> None:
        """Pay for requests that were sent without asking; fewer than none: some were paid for and not sent."""
        self._credit_ns = min(self._capacity_ns, self._credit_ns - requests * self._token_ns)
        self._give(requests)

    def _crowded_ns(self, now_ns: int, requests: int, reserved: int) -> int:
        """Return how long it takes until so many more requests fit into one second; 0 when they do."""
        if self._most_in_a_second is None:
            return 0
        while self._given and self._given[0] <= now_ns - SECOND_NS:
            self._given.popleft()
        room = max(1, self._most_in_a_second - reserved)
        too_many = len(self._given) + min(requests, room) - room
        return self._given[too_many - 1] + SECOND_NS - now_ns if too_many > 0 else 0

    def _give(self, requests: int) -> None:
        if self._most_in_a_second is not None:
            self._given.extend([self._refilled_ns] * requests)
            for _ in range(min(-requests, len(self._given))):
                self._given.pop()

    def hold(self, now_ns: int, wait_ns: int | None = None) -> None:
        """Give nothing for a while: the venue said 429, so its count is ahead of ours.

        Args:
            wait_ns: what it asked for, kept within one second and one minute. None: it didn't say, and each pause
                is twice the one before.
        """
        self._pauses = [pause for pause in self._pauses if pause[1] > now_ns]
        if wait_ns is None:
            if self._pauses:
                return  # other requests of before it
            wait_ns = self._next_pause_ns
            self._next_pause_ns = min(2 * wait_ns, LONGEST_PAUSE_NS)
        wait_ns = min(max(wait_ns, SHORTEST_PAUSE_NS), LONGEST_PAUSE_NS)
        self._pauses.append((now_ns, now_ns + wait_ns))

    def let_go(self, now_ns: int) -> None:
        """Note that the venue takes requests again: its next pause begins small."""
        if now_ns >= self._closed_until_ns(None):
            self._next_pause_ns = SHORTEST_PAUSE_NS

    def _closed_until_ns(self, longest_pause_ns: int | None) -> int:
        return max(
            (
                until_ns if longest_pause_ns is None else min(until_ns, told_ns + longest_pause_ns)
                for told_ns, until_ns in self._pauses
            ),
            default=0,
        )
