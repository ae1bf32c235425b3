"""The states of a websocket session, the only legal moves between them, and what it may ask for or tell."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from domain.effects import WakeAt, WakeupKind
from domain.errors import NzezaError


class SessionWakeup(WakeupKind):
    """Of one session; but for the retry, of one of its connections."""

    RETRY = "retry"
    DIAL = "dial"
    SILENCE = "silence"
    GOODBYE = "goodbye"


class SessionState(StrEnum):
    """Where one websocket connection stands; LEGAL_MOVES has what follows what."""

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


class AlreadyConnected(NzezaError):
    """Somebody asked to connect what is connected, or about to be: our bug. Nothing has changed."""


def move(origin: SessionState, target: SessionState) -> SessionState:
    """Return `target` if the table allows it.

    Raises:
        IllegalMove: it does not.
    """
    if target not in LEGAL_MOVES[origin]:
        raise IllegalMove(f"session cannot go from {origin} to {target}")
    return target


# ---- what a session asks for -----------------------------------------------------------------------------


class OpenPipe(NamedTuple):
    """Dial, away from the mailbox; answer with `opened`, `open_failed` or `put_off`."""

    connection_id: str


class SendFrame(NamedTuple):
    """Say this on the open pipe."""

    connection_id: str
    text: str


class SayGoodbye(NamedTuple):
    """Send what still waits and a close frame (1000), and keep reading: the peer's answer ends the pipe."""

    connection_id: str


class ClosePipe(NamedTuple):
    """Close this connection's pipe at once, if there is one."""

    connection_id: str
    reason: str


# ---- what a session tells --------------------------------------------------------------------------------


class Moved(NamedTuple):
    """It changed its state."""

    origin: SessionState
    target: SessionState
    reason: str
    lasted_ns: int  # how long it had been in `origin`; 0 for its very first


class Recovered(NamedTuple):
    """A lost connection was replaced. What happened meanwhile was missed."""

    downtime_ns: int
    attempts: int  # dials that it took


class MaxRetriesExceeded(NamedTuple):
    """It gave up, until a person asks again."""

    attempts: int


class Disconnected(NamedTuple):
    """It ended on purpose."""

    connection_id: str
    is_graceful: bool  # the peer said goodbye, too, within the limit
    took_ns: int


SessionEffect = (
    OpenPipe | SendFrame | SayGoodbye | ClosePipe | Moved | Recovered | MaxRetriesExceeded | Disconnected | WakeAt
)
