"""The life of one websocket connection: when to open, when to give up on silence, when to try again.

Owns the states and the only legal moves between them. Refuses to touch a socket: it asks for pipes to be
opened and closed, and is told what became of it. Results that belong to an older connection are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from domain.backoff import Backoff
from domain.effects import Instant, WakeAt
from domain.errors import NzezaError
from domain.settings import SECOND_NS, SessionSettings


class SessionState(StrEnum):
    DISCONNECTED = "disconnected"  # by our wish, or between tries to connect for the first time
    CONNECTING = "connecting"  # for the first time, or by hand after a failure
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # it was connected and was lost
    FAILED = "failed"  # trying again cannot help; a person may


LEGAL_MOVES = {
    SessionState.DISCONNECTED: {SessionState.CONNECTING},
    SessionState.CONNECTING: {SessionState.CONNECTED, SessionState.DISCONNECTED},
    SessionState.CONNECTED: {SessionState.DISCONNECTED, SessionState.RECONNECTING},
    # Leaving RECONNECTING for DISCONNECTED is a person (or a shutdown) losing patience.
    SessionState.RECONNECTING: {
        SessionState.CONNECTED,
        SessionState.FAILED,
        SessionState.DISCONNECTED,
    },
    SessionState.FAILED: {SessionState.CONNECTING},
}


class IllegalMove(NzezaError):
    """The session machine was about to make a move that its table forbids: our bug."""


def move(origin: SessionState, target: SessionState) -> SessionState:
    """Return `target` if the table allows it.

    Raises:
        IllegalMove: it does not.
    """
    if target not in LEGAL_MOVES[origin]:
        raise IllegalMove(f"session cannot go from {origin} to {target}")
    return target


class OpenPipe(NamedTuple):
    """Dial, away from the mailbox; answer with `opened` or `open_failed`."""

    connection_id: int


class ClosePipe(NamedTuple):
    """Close this connection's pipe, if there is one."""

    connection_id: int
    reason: str


SessionEffect = OpenPipe | ClosePipe | WakeAt


class Session:
    """One connection, kept alive. Each method takes what happened and returns what to do about it.

    Attributes:
        connection_id: of the open pipe; None unless CONNECTED. Never used twice.
        reconnects: how often a lost connection was replaced.
        last_failure: why the last pipe was lost or could not be opened.
    """

    def __init__(
        self,
        name: str,
        settings: SessionSettings,
        silence_s: float,
        jitter: Callable[[], float],
    ) -> None:
        """Args:
        silence_s: a stream whose venue has not proven to be alive for this long is dead.
        jitter: uniform random numbers in [0, 1].
        """
        self.state = SessionState.DISCONNECTED
        self.connection_id: int | None = None
        self.reconnects = 0
        self.last_failure = ""
        self.name = name
        self._jitter = jitter
        self._silence_ns = int(silence_s * SECOND_NS)
        self._first_message_ns = min(
            self._silence_ns, int(settings.first_message_within_s * SECOND_NS)
        )
        self._stable_ns = int(settings.stable_after_s * SECOND_NS)
        self._backoff = Backoff(
            base_ns=int(settings.backoff_base_s * SECOND_NS),
            factor=settings.backoff_factor,
            cap_ns=int(settings.backoff_cap_s * SECOND_NS),
            jitter_ratio=settings.jitter_ratio,
        )
        self._opens = 0
        self._opening_id: int | None = None  # the dial whose answer we wait for
        self._retry_at_ns: int | None = None
        self._opened_ns = 0
        self._alive_ns = 0  # last proof of life on this connection
        self._has_heard = False

    def connect(self, now: Instant) -> list[SessionEffect]:
        """Open the first connection, or try again by hand. Asking more often changes nothing."""
        if self.state not in (SessionState.DISCONNECTED, SessionState.FAILED):
            return []
        self.state = move(self.state, SessionState.CONNECTING)
        self._backoff.reset()
        return [self._dial()]

    def opened(self, connection_id: int, now: Instant) -> list[SessionEffect]:
        if connection_id == self.connection_id:
            return []  # told twice
        if connection_id != self._opening_id:
            return [ClosePipe(connection_id, "stale")]  # we stopped wanting it meanwhile
        if self.state is SessionState.RECONNECTING:
            self.reconnects += 1
        self.state = move(self.state, SessionState.CONNECTED)
        self.connection_id, self._opening_id = connection_id, None
        self._opened_ns = self._alive_ns = now.monotonic_ns
        self._has_heard = False
        return [self._watch_silence()]

    def open_failed(
        self, connection_id: int, code: str, is_fatal: bool, now: Instant
    ) -> list[SessionEffect]:
        if connection_id != self._opening_id:
            return []
        self._opening_id = None
        self.last_failure = code
        if self.state is SessionState.CONNECTING:
            self.state = move(self.state, SessionState.DISCONNECTED)
        elif is_fatal:
            self.state = move(self.state, SessionState.FAILED)
        return [] if is_fatal else [self._retry_later(now)]

    def lost(self, connection_id: int, reason: str, now: Instant) -> list[SessionEffect]:
        """Give up an open connection (peer gone, silent, or its stream broken) and get another."""
        if connection_id != self.connection_id:
            return []
        self.state = move(self.state, SessionState.RECONNECTING)
        self.connection_id = None
        self.last_failure = reason
        # Only a connection that lasted earns quick retries: some servers accept and hang up.
        if now.monotonic_ns - self._opened_ns >= self._stable_ns:
            self._backoff.reset()
        return [ClosePipe(connection_id, reason), self._retry_later(now)]

    def heard(self, now: Instant) -> list[SessionEffect]:
        """Note that a frame came. It ends the wait for the first message, but proves nothing later on."""
        self._has_heard = True
        return []

    def proven_alive(self, now: Instant) -> list[SessionEffect]:
        """Note the venue's own proof of life."""
        self._has_heard = True
        self._alive_ns = now.monotonic_ns
        return []

    def disconnect(self, now: Instant) -> list[SessionEffect]:
        """Stop on purpose; nothing is tried again until `connect`."""
        closing_id = self.connection_id
        self.connection_id = self._opening_id = self._retry_at_ns = None
        if self.state not in (SessionState.DISCONNECTED, SessionState.FAILED):
            self.state = move(self.state, SessionState.DISCONNECTED)
        return [] if closing_id is None else [ClosePipe(closing_id, "asked")]

    def tick(self, key: str, now: Instant) -> list[SessionEffect]:
        if key == self._retry_key:
            return self._retry(now)
        if self.connection_id is not None and key == self._silence_key:
            return self._check_silence(now)
        return []  # an alarm of an older connection

    def _retry(self, now: Instant) -> list[SessionEffect]:
        if self._retry_at_ns is None or now.monotonic_ns < self._retry_at_ns:
            return []
        if self.state is SessionState.DISCONNECTED:
            self.state = move(self.state, SessionState.CONNECTING)
        return [self._dial()]

    def _check_silence(self, now: Instant) -> list[SessionEffect]:
        if now.monotonic_ns < self._silent_at_ns:
            return [self._watch_silence()]
        return self.lost(self.connection_id, "silent", now)

    def _dial(self) -> OpenPipe:
        self._retry_at_ns = None
        self._opens += 1
        self._opening_id = self._opens
        return OpenPipe(self._opening_id)

    def _retry_later(self, now: Instant) -> WakeAt:
        self._retry_at_ns = now.monotonic_ns + self._backoff.next_delay_ns(self._jitter())
        return WakeAt(self._retry_at_ns, self._retry_key)

    def _watch_silence(self) -> WakeAt:
        return WakeAt(self._silent_at_ns, self._silence_key)

    @property
    def _silent_at_ns(self) -> int:
        patience_ns = self._silence_ns if self._has_heard else self._first_message_ns
        return self._alive_ns + patience_ns

    @property
    def _retry_key(self) -> str:
        return f"session:{self.name}:retry"

    @property
    def _silence_key(self) -> str:
        return f"session:{self.name}:silence:{self.connection_id}"
