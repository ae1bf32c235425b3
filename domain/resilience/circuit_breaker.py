"""Circuit breaker: stops calling what keeps failing, and finds out gently when it works again.

`CircuitBreaker` judges one operation of one venue by how its calls ended; `BreakerGate` is its ear at the caller,
which alone knows how many calls are in flight. Neither makes a call, and cancels are counted but never gated.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.effects import Effect, Tell, WakeAt, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.system import (
    BreakerChanged,
    BreakerReported,
    BreakerState,
    Operation,
    OperationEnded,
)
from domain.resilience.outage import EXHAUSTED
from domain.settings import BreakerSettings

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class BreakerWakeup(WakeupKind):
    """Of one operation, by its word."""

    HALF_OPEN = "half_open"  # of the operation


class CircuitBreaker:
    """One guarded operation: closed counts failures in a row, open waits, half-open counts successes."""

    def __init__(
        self,
        venue: str,
        operation: Operation,
        settings: BreakerSettings,
        audience: Sequence[str],  # roles that hear of every change
        now: Instant,
    ) -> None:
        self.venue = venue
        self.operation = operation
        self.settings = settings
        self.audience = tuple(audience)
        self.state = CLOSED
        self._failures_in_row = 0
        self._successes_in_row = 0
        self._open_s = settings.open_s  # how long the next open period lasts
        self._former_open_s = settings.open_s  # how long the last one did
        self._half_open_at_ns = 0
        self.reset_metrics(now)

    def apply(self, event: OperationEnded, now: Instant) -> list[Effect]:
        """Count one ended call. One that ends while open was already in flight and decides nothing.

        One that this machine had no room for has not met the venue, and says nothing of it. Nor is there a venue to spare:
        an open breaker would only keep us away after there is room again.
        """
        if event.reason == EXHAUSTED:
            return []
        if event.succeeded:
            self._successes += 1
        else:
            self._failures += 1
        if self.state is CLOSED:
            self._failures_in_row = 0 if event.succeeded else self._failures_in_row + 1
            if self._failures_in_row >= self.settings.failures:
                return self._open(now)
        elif self.state is HALF_OPEN:
            if not event.succeeded:
                if self._successes_in_row:
                    self._open_s = self._former_open_s  # it worked meanwhile: a new outage, not the former going on
                return self._open(now)
            self._successes_in_row += 1
            if self._successes_in_row >= self.settings.successes:
                self._open_s = self.settings.open_s
                return self._enter(CLOSED, now)
        return []

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        """Go half-open when the open period is over, whether or not anybody wants to call."""
        if self.state is not OPEN or now.monotonic_ns < self._half_open_at_ns:
            return []
        return self._enter(HALF_OPEN, now)

    def announce(self, now: Instant) -> list[Tell]:
        """Repeat the present state, for an audience that has just (re)started."""
        change = BreakerChanged(ts_event=now.utc_ns, venue=self.venue, operation=self.operation, state=self.state)
        return [Tell(role, change) for role in self.audience]

    def metrics(self, now: Instant) -> BreakerReported:
        """Return the totals so far, the unfinished stay in the present state included."""
        in_state_ns = {state.value: spent_ns for state, spent_ns in self._in_state_ns.items()}
        in_state_ns[self.state.value] += now.monotonic_ns - self._entered_ns
        return BreakerReported(
            ts_event=now.utc_ns,
            venue=self.venue,
            operation=self.operation,
            state=self.state,
            since=self._since,
            successes=self._successes,
            failures=self._failures,
            transitions=self._transitions,
            in_state_ns=in_state_ns,
        )

    def reset_metrics(self, now: Instant) -> None:
        """Zero the totals and stamp the time; what the breaker has judged stays judged."""
        self._since = now.utc_ns
        self._successes = self._failures = self._transitions = 0
        self._in_state_ns = dict.fromkeys(BreakerState, 0)  # state -> time spent in finished stays
        self._entered_ns = now.monotonic_ns

    def _open(self, now: Instant) -> list[Effect]:
        period_s = min(self._open_s, self.settings.open_cap_s)
        self._former_open_s, self._open_s = period_s, period_s * self.settings.open_factor
        self._half_open_at_ns = now.monotonic_ns + round(period_s * SECOND_NS)
        return [
            *self._enter(OPEN, now),
            WakeAt(self._half_open_at_ns, WakeupKey(BreakerWakeup.HALF_OPEN, self.operation)),
        ]

    def _enter(self, state: BreakerState, now: Instant) -> list[Effect]:
        self._in_state_ns[self.state] += now.monotonic_ns - self._entered_ns
        self._entered_ns = now.monotonic_ns
        self.state = state
        self._transitions += 1
        self._failures_in_row = self._successes_in_row = 0
        return [*self.announce(now)]


class BreakerGate:
    """The caller's side of a breaker: all calls pass while closed, none while open, one at a time between.

    Every call that passed must be reported as `ended` under the same id, however it went.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.state = CLOSED  # until told otherwise: the breaker announces itself to whoever starts
        self.refusals = 0
        self._probe: str | None = None  # id of the one call let through half-open, while it is in flight

    def heard(self, change: BreakerChanged) -> None:
        """Keep the newest state of our own operation; the others have gates of their own."""
        if change.operation is self.operation:
            self.state = change.state

    def enter(self, call_id: str = "") -> bool:
        """Tell whether this call may be made now; half-open, the first to ask takes the probe."""
        if self.state is CLOSED:
            return True
        if self.state is HALF_OPEN and self._probe is None:
            self._probe = call_id
            return True
        self.refusals += 1
        return False

    def ended(self, call_id: str = "") -> None:
        """Note that a call has ended. Only the probe's own end frees the next probe."""
        if call_id == self._probe:
            self._probe = None
