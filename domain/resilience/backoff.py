"""How long to wait before the next try: growing, capped, spread out by jitter."""

from __future__ import annotations

from dataclasses import dataclass

_PATIENCE = 4  # so many delays in a row grow step by step; then the trouble lasts, and each grows two steps


@dataclass
class Backoff:
    """A sequence of delays. The random numbers come from the caller, so the sequence is reproducible.

    The first delays are base, base x factor, base x factor^2, ... A trouble that outlives the fourth is no hiccup:
    from then on the delays grow twice as fast towards the cap.
    """

    base_ns: int
    factor: float
    cap_ns: int
    jitter_ratio: float  # a delay lies within +- this share of its nominal length
    attempts: int = 0  # delays given since the last reset

    def next_delay_ns(self, uniform: float) -> int:
        """Return the next delay.

        Args:
            uniform: a random number in [0, 1]; 0.5 gives the nominal delay.
        """
        self.attempts += 1
        return self.same_delay_ns(uniform)

    def same_delay_ns(self, uniform: float) -> int:
        """Return the last delay again, newly spread: nothing was tried since."""
        steps = max(self.attempts - 1, 0)
        steps += max(self.attempts - _PATIENCE, 0)
        try:
            nominal_ns = min(self.base_ns * self.factor**steps, self.cap_ns)
        except OverflowError:  # thousands of attempts: the cap was reached long ago
            nominal_ns = self.cap_ns
        return int(nominal_ns * (1 + self.jitter_ratio * (2 * uniform - 1)))

    def reset(self) -> None:
        """Start again at the base delay."""
        self.attempts = 0
