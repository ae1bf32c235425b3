"""The life of one websocket connection: when to open, when to give up on silence, when to try again.

Owns the states and their moves (`session_moves`). Refuses to touch a socket: it asks for pipes to be opened
and closed, and is told what became of it. Results that belong to an older connection are ignored, so there is
one pipe at most, however many reconnects are asked for.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from domain.effects import WakeAt, WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.resilience.backoff import Backoff
from domain.settings import SessionSettings
from domain.streams.session_states import (
    AlreadyConnected,
    ClosePipe,
    Disconnected,
    MaxRetriesExceeded,
    Moved,
    OpenPipe,
    Recovered,
    SayGoodbye,
    SendFrame,
    SessionEffect,
    SessionState,
    SessionWakeup,
    move,
)

OUTBOUND_LIMIT = 1_000  # frames kept for the next connection
_DROPS_WITHIN_NS = 60 * SECOND_NS  # what counts for the quality of a stream


class Session:
    """One connection, kept alive. Each method takes what happened and returns what to do about it.

    Attributes:
        name: of the session, for as long as it lives; its connections have ids of their own.
        incarnation: of the actor that keeps it.
        first_connected_ns: when its first connection opened (monotonic); None before.
        reconnects: how often a lost connection was replaced.
        last_failure: why the last pipe was lost or could not be opened.
        downtime_ns: spent without a connection after a loss, over all losses that were healed.
        counters: how often what happened, each failure under its own kind ("failed_refused", ...).
    """

    def __init__(
        self,
        name: str,
        incarnation: int,
        settings: SessionSettings,
        silence_s: float,
        jitter: Callable[[], float],
        connect_within_s: float = 10.0,
    ) -> None:
        """Args:
        silence_s: a stream whose venue has not proven to be alive for this long is dead.
        jitter: uniform random numbers in [0, 1].
        connect_within_s: a dial that has not ended after this long has failed, whatever it still does.
        """
        self.name = name
        self.incarnation = incarnation
        self.first_connected_ns: int | None = None
        self.reconnects = 0
        self.last_failure = ""
        self.failed_dials = 0  # in this life of the session; whoever tells people compares
        self.downtime_ns = 0
        self.counters: Counter[str] = Counter()
        self._state = SessionState.DISCONNECTED
        self._connection_id: str | None = None
        self._jitter = jitter
        self._connect_ns = int(connect_within_s * SECOND_NS)
        self._silence_ns = int(silence_s * SECOND_NS)
        self._first_message_ns = min(self._silence_ns, int(settings.first_message_within_s * SECOND_NS))
        self._stable_ns = int(settings.stable_after_s * SECOND_NS)
        self._max_retries = settings.max_retries
        self._backoff = Backoff(
            base_ns=int(settings.backoff_base_s * SECOND_NS),
            factor=settings.backoff_factor,
            cap_ns=int(settings.backoff_cap_s * SECOND_NS),
            jitter_ratio=settings.jitter_ratio,
        )
        self._outbound: deque[str] = deque()  # said while nobody listened
        self._drops_ns: deque[int] = deque()  # when connections were lost, of late
        self._dials = 0
        self._opening_id: str | None = None  # the dial whose answer we wait for
        self._dial_by_ns = 0
        self._retries = 0  # dials since the last connection, or since a person asked
        self._retry_at_ns: int | None = None
        self._entered_ns: int | None = None  # when the present state began
        self._opened_ns = 0
        self._lost_ns = 0
        self._alive_ns = 0  # last proof of life on this connection
        self._heard_ns: int | None = None  # its last frame
        self._closing_since_ns: int | None = None  # we have said goodbye, and wait for the answer
        self._closing_by_ns = 0

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def connection_id(self) -> str | None:
        """Return the id of the open pipe; None unless CONNECTED. Never used twice in a run."""
        return self._connection_id

    @property
    def heartbeat_ns(self) -> int | None:
        """Return when the open connection last gave a sign of life: opened, or brought a frame."""
        return None if self._connection_id is None else self._heard_ns or self._opened_ns

    def awaits(self, connection_id: str) -> bool:
        """Tell whether this dial is the one whose pipe is still wanted."""
        return connection_id == self._opening_id

    def quality(self, now: Instant) -> float:
        """Return how steady the stream was in the last minute: 1, and a tenth less with each loss."""
        while self._drops_ns and self._drops_ns[0] < now.monotonic_ns - _DROPS_WITHIN_NS:
            self._drops_ns.popleft()
        return 0.9 ** len(self._drops_ns)

    # ---- asked by us -------------------------------------------------------------------------------------

    def connect(self, now: Instant) -> list[SessionEffect]:
        """Open the first connection, or try again by hand.

        Raises:
            AlreadyConnected: it is connected or about to be.
        """
        if self._state not in (SessionState.DISCONNECTED, SessionState.FAILED):
            self.counters["duplicates"] += 1
            raise AlreadyConnected(f"{self.name} is {self._state}")
        self._backoff.reset()
        self._retries = 0
        return [*self._move(SessionState.CONNECTING, "asked", now), *self._dial(now)]

    def reconnect(self, now: Instant, reason: str = "asked") -> list[SessionEffect]:
        """Replace the connection; while a new one is on its way already, that is a conflict, and counted."""
        if self._state in (SessionState.DISCONNECTED, SessionState.FAILED):
            return self.connect(now)
        if self._connection_id is None or self._closing_since_ns is not None:
            self.counters["conflicts"] += 1
            return []
        return self.lost(self._connection_id, reason, now)

    def disconnect(self, now: Instant, within_s: float = 0.0) -> list[SessionEffect]:
        """Stop on purpose; nothing is tried again until `connect`.

        Args:
            within_s: how long the peer may take to say goodbye; 0 hangs up at once.
        """
        self._opening_id = self._retry_at_ns = None
        if self._connection_id is None:
            if self._state in (SessionState.DISCONNECTED, SessionState.FAILED):
                return []
            return self._move(SessionState.DISCONNECTED, "asked", now)
        if not within_s:
            return self._disconnected(self._connection_id, now, is_graceful=False)
        if self._closing_since_ns is not None:
            return []
        self._closing_since_ns = now.monotonic_ns
        self._closing_by_ns = now.monotonic_ns + int(within_s * SECOND_NS)
        return [SayGoodbye(self._connection_id), WakeAt(self._closing_by_ns, self._closing_key)]

    def send(self, frame: str) -> list[SessionEffect]:
        """Say something that does no harm when said twice (a subscription, a ping; never an order).

        While not connected it waits, in order and within bounds, and is said once, after the next hello.
        """
        if self._connection_id is not None:
            return [SendFrame(self._connection_id, frame)]
        if len(self._outbound) < OUTBOUND_LIMIT:
            self._outbound.append(frame)
        else:
            self.counters["outbound_dropped"] += 1
        return []

    # ---- told by the world -------------------------------------------------------------------------------

    def opened(self, connection_id: str, now: Instant, hello: Sequence[str] = ()) -> list[SessionEffect]:
        """A dial has succeeded. `hello` is what the venue must be told on each new connection."""
        if connection_id == self._connection_id:
            return []  # told twice
        if connection_id != self._opening_id:
            return [ClosePipe(connection_id, "stale")]  # we stopped wanting it meanwhile
        recovered: list[SessionEffect] = []
        if self._state is SessionState.RECONNECTING:
            self.reconnects += 1
            downtime_ns = now.monotonic_ns - self._lost_ns
            self.downtime_ns += downtime_ns
            recovered.append(Recovered(downtime_ns, self._retries))
        self.counters["connects"] += 1
        moved = self._move(SessionState.CONNECTED, "opened", now)
        self._connection_id, self._opening_id = connection_id, None
        self._opened_ns = self._alive_ns = now.monotonic_ns
        self._heard_ns = None
        self._retries = 0
        if self.first_connected_ns is None:
            self.first_connected_ns = now.monotonic_ns
        said = [SendFrame(connection_id, frame) for frame in (*hello, *self._outbound)]
        self._outbound.clear()
        return [*moved, *recovered, *said, self._watch_silence()]

    def open_failed(self, connection_id: str, code: str, is_fatal: bool, now: Instant) -> list[SessionEffect]:
        if connection_id != self._opening_id:
            return []
        self.counters[f"failed_{code}"] += 1
        self.failed_dials += 1
        is_over = 0 < self._max_retries <= self._retries
        told = [MaxRetriesExceeded(self._retries)] if is_over and not is_fatal else []
        return [*self._not_opened(code, now, is_final=is_fatal or is_over), *told]

    def put_off(self, connection_id: str, reason: str, now: Instant) -> list[SessionEffect]:
        """The dial was not made, because nobody may call there now: ask again later. No attempt was spent."""
        if connection_id != self._opening_id:
            return []
        self._retries = max(self._retries - 1, 0)
        return self._not_opened(reason, now, is_attempt=False)

    def lost(self, connection_id: str, reason: str, now: Instant) -> list[SessionEffect]:
        """Give up an open connection (peer gone, silent, or its stream broken) and get another."""
        if connection_id != self._connection_id:
            return []
        if self._closing_since_ns is not None:
            return self._disconnected(connection_id, now, is_graceful=reason == "1000")
        self._connection_id = None
        self.last_failure = reason
        self._lost_ns = now.monotonic_ns
        self._drops_ns.append(now.monotonic_ns)
        self.counters["lost"] += 1
        # Only a connection that lasted earns quick retries: some servers accept and hang up.
        if now.monotonic_ns - self._opened_ns >= self._stable_ns:
            self._backoff.reset()
            self.counters["backoff_resets"] += 1
        moved = self._move(SessionState.RECONNECTING, reason, now)
        return [*moved, ClosePipe(connection_id, reason), self._retry_later(now)]

    def heard(self, now: Instant) -> list[SessionEffect]:
        """Note that a frame came. It ends the wait for the first message, but proves nothing later on."""
        self._heard_ns = now.monotonic_ns
        return []

    def proven_alive(self, now: Instant) -> list[SessionEffect]:
        """Note the venue's own proof of life."""
        self._heard_ns = self._alive_ns = now.monotonic_ns
        return []

    def tick(self, key: WakeupKey, now: Instant) -> list[SessionEffect]:
        if key == self._retry_key:
            return self._retry(now)
        if self._opening_id is not None and key == self._dial_key:
            is_due = now.monotonic_ns >= self._dial_by_ns
            return self.open_failed(self._opening_id, "timeout", False, now) if is_due else []
        connection_id = self._connection_id
        if connection_id is not None and key == self._closing_key and self._closing_since_ns is not None:
            is_due = now.monotonic_ns >= self._closing_by_ns
            return self._disconnected(connection_id, now, is_graceful=False) if is_due else []
        if connection_id is not None and key == self._silence_key:
            return self._check_silence(connection_id, now)
        return []  # a wake-up of an older connection

    # ---- how it goes on ----------------------------------------------------------------------------------

    def _move(self, target: SessionState, reason: str, now: Instant) -> list[SessionEffect]:
        origin, entered_ns = self._state, self._entered_ns
        self._state, self._entered_ns = move(origin, target), now.monotonic_ns
        return [Moved(origin, target, reason, 0 if entered_ns is None else now.monotonic_ns - entered_ns)]

    def _dial(self, now: Instant) -> list[SessionEffect]:
        self._retry_at_ns = None
        self._dials += 1
        self._opening_id = f"{self.name}#{self.incarnation}.{self._dials}"
        self._dial_by_ns = now.monotonic_ns + self._connect_ns
        return [OpenPipe(self._opening_id), WakeAt(self._dial_by_ns, self._dial_key)]

    def _not_opened(
        self, reason: str, now: Instant, is_final: bool = False, is_attempt: bool = True
    ) -> list[SessionEffect]:
        self._opening_id = None
        self.last_failure = reason
        moved: list[SessionEffect] = []
        if self._state is SessionState.CONNECTING:
            moved = self._move(SessionState.DISCONNECTED, reason, now)
        elif is_final:
            moved = self._move(SessionState.FAILED, reason, now)
        return moved if is_final else [*moved, self._retry_later(now, is_attempt)]

    def _retry_later(self, now: Instant, is_attempt: bool = True) -> WakeAt:
        delay_ns = self._backoff.next_delay_ns if is_attempt else self._backoff.same_delay_ns
        self._retry_at_ns = now.monotonic_ns + delay_ns(self._jitter())
        return WakeAt(self._retry_at_ns, self._retry_key)

    def _retry(self, now: Instant) -> list[SessionEffect]:
        if self._retry_at_ns is None or now.monotonic_ns < self._retry_at_ns:
            return []
        self._retries += 1
        moved: list[SessionEffect] = []
        if self._state is SessionState.DISCONNECTED:
            moved = self._move(SessionState.CONNECTING, "retry", now)
        return [*moved, *self._dial(now)]

    def _check_silence(self, connection_id: str, now: Instant) -> list[SessionEffect]:
        if now.monotonic_ns < self._silent_at_ns:
            return [self._watch_silence()]
        return self.lost(connection_id, "silent", now)

    def _disconnected(self, connection_id: str, now: Instant, is_graceful: bool) -> list[SessionEffect]:
        since_ns = self._closing_since_ns
        self._connection_id = self._closing_since_ns = None
        self.counters["closed_gracefully" if is_graceful else "closed_forcibly"] += 1
        took_ns = 0 if since_ns is None else now.monotonic_ns - since_ns
        return [
            *self._move(SessionState.DISCONNECTED, "asked", now),
            ClosePipe(connection_id, "asked"),
            Disconnected(connection_id, is_graceful, took_ns),
        ]

    def _watch_silence(self) -> WakeAt:
        return WakeAt(self._silent_at_ns, self._silence_key)

    @property
    def _silent_at_ns(self) -> int:
        patience_ns = self._first_message_ns if self._heard_ns is None else self._silence_ns
        return self._alive_ns + patience_ns

    @property
    def _retry_key(self) -> WakeupKey:
        return WakeupKey(SessionWakeup.RETRY, self.name)

    @property
    def _dial_key(self) -> WakeupKey:
        return WakeupKey(SessionWakeup.DIAL, self.name, self._dials)

    @property
    def _closing_key(self) -> WakeupKey:
        return WakeupKey(SessionWakeup.GOODBYE, self.name, self._dials)

    @property
    def _silence_key(self) -> WakeupKey:
        return WakeupKey(SessionWakeup.SILENCE, self.name, self._dials)
