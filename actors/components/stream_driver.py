"""Keeps one websocket going inside an actor: dials on a worker, reads in the actor's own loop.

The session machine decides when to open, close and retry; the codec turns frames into events; this carries
messages between them, the pipe and the actor.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from adapters.clock import Clock
from adapters.ports import Dialer, Fault, Pipe, StreamCodec, Toolbox
from adapters.storage_ports import FILE_LOST, FrameRecorder
from domain.clocks import describe_parting, have_parted
from domain.effects import WakeAt, WakeupKey, WakeupKind, venue_of
from domain.errors import Fatal, VenueError
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, HeartbeatSeen, StreamGap
from domain.messages.system import BreakerState
from domain.resilience.circuit_breaker import BreakerGate
from domain.resilience.outage import Outage
from domain.settings import Settings
from domain.streams.session import Session
from domain.streams.session_states import (
    ClosePipe,
    Disconnected,
    MaxRetriesExceeded,
    Moved,
    OpenPipe,
    Recovered,
    SayGoodbye,
    SendFrame,
    SessionEffect,
    SessionWakeup,
)
from domain.streams.venue_time import VenueTime

log = logging.getLogger(__name__)

_CODEC_EVERY_NS = SECOND_NS
_TOLD_EVERY_NS = SECOND_NS  # of what can't be read: the log gets one, the recorder more
_GOODBYE_S = 0.2  # what a peer may take to answer ours when the actor ends
_FAULTS = {  # category of what is no text message -> what is wrong
    "binary": "a binary message",
    "empty": "a message without text",
    "utf8": "a message that is not UTF-8",
    "oversize": "a message over the limit",
    "protocol": "a frame that the websocket protocol forbids",
}


class StreamOwner(Protocol):
    """The actor whose stream it is: what the driver uses of it, and what it is told."""

    role: str
    settings: Settings
    toolbox: Toolbox
    clock: Clock
    counters: Counter[str]

    def on_stream_events(self, events: Sequence[Event], read_ns: int) -> None:
        """Take the events of one read, in order; `read_ns` is CLOCK_MONOTONIC right after it."""
        ...

    def on_stream_changed(self, is_open: bool) -> None:
        """A connection is open, or the one that was is not any more."""
        ...

    def on_dialed(self, succeeded: bool, reason: str) -> None:
        """An attempt to connect has ended; `reason` is why it failed."""
        ...

    def watch(self, fd: int, ready: Callable[[], None]) -> None: ...

    def discard(self, fd: int, close: Callable[[], None]) -> None: ...

    def wake_at(self, due_ns: int, key: WakeupKey) -> None: ...

    def alarm(self, subject: str, text: str, is_theirs: bool = False) -> None: ...

    def alarm_over(self, subject: str, text: str) -> None: ...


class StreamWakeup(WakeupKind):
    """Of the stream, by the name of its session."""

    CODEC = "codec"
    CHANNELS = "channels"


class StreamDriver:
    """One venue's stream as its actor sees it."""

    def __init__(
        self,
        owner: StreamOwner,
        *,
        session: Session,
        codec: StreamCodec,
        dialer: Dialer,
        connect_timeout_s: float,
        venue_time: VenueTime,
        breaker_gate: BreakerGate | None = None,
        recorder: FrameRecorder | None = None,
    ) -> None:
        """Args:
        venue_time: what the hello is signed by, where it is signed, and what stamps are held against.
        breaker_gate: the breaker's word on whether connecting may be tried; None: nothing forbids it.
        recorder: gets every frame as it came.
        """
        self.owner = owner
        self.session = session
        self.codec = codec
        self.dialer = dialer
        self.connect_timeout_s = connect_timeout_s
        self.breaker_gate = breaker_gate
        self.recorder = recorder
        self.is_failure_told = False  # the recorder's
        self.venue_time = venue_time
        codec.follow(self.venue_time)
        self.pipe: Pipe | None = None
        self.outage = Outage()
        self.failed_dials = 0  # that the outage knows of
        self.looked = owner.clock.now()  # at the clocks
        self.tell_fault_at_ns = 0
        self.executor = owner.toolbox.executor(1)
        self.codec_key = WakeupKey(StreamWakeup.CODEC, session.name)
        self.watch_key = WakeupKey(StreamWakeup.CHANNELS, session.name)

    def connect(self) -> None:
        self.owner.watch(self.executor.fileno(), self._collect)
        now = self.owner.clock.now()
        self._perform(self.session.connect(now))
        self.owner.wake_at(now.monotonic_ns + _CODEC_EVERY_NS, self.codec_key)

    def disconnect(self, within_s: float) -> None:
        """Say goodbye, and hang up when the peer has answered or `within_s` is over."""
        self._perform(self.session.disconnect(self.owner.clock.now(), within_s))

    def stop(self) -> None:
        """Say goodbye at the end of the actor: the one moment when waiting for a peer holds up nobody."""
        self.disconnect(_GOODBYE_S)
        if self.pipe is not None:
            self._lost(self.pipe.await_close(_GOODBYE_S) or "unanswered", self.owner.clock.now())
        if self.recorder is not None:
            self.recorder.close()

    def owns(self, key: WakeupKey) -> bool:
        """Tell whether a wake-up belongs to this stream."""
        return isinstance(key.kind, StreamWakeup | SessionWakeup) and key.name == self.session.name

    def tick(self, key: WakeupKey, now: Instant) -> None:
        if key == self.watch_key:
            self._check_channels(now)
        elif key == self.codec_key:
            if not self._has_lost_time(now):
                self._say_what_is_due(now)
            self._flush_recording()
            self.owner.wake_at(now.monotonic_ns + _CODEC_EVERY_NS, self.codec_key)
        else:
            self._perform(self.session.tick(key, now))
            self._tell_of_outage()

    # ---- what the session asks for -----------------------------------------------------------------------

    def _perform(self, effects: Iterable[SessionEffect]) -> None:
        for effect in effects:
            match effect:
                case OpenPipe(connection_id):
                    self._dial(connection_id)
                case SendFrame(_, text):
                    if self.pipe is not None:
                        self.pipe.send(text)
                case SayGoodbye():
                    if self.pipe is not None:
                        self.pipe.goodbye()
                case ClosePipe(_, reason):
                    self._drop_pipe(reason)
                case Moved():
                    self._log_move(effect)
                case Recovered() | Disconnected():
                    log.info("stream role=%s %s", self.session.name, effect)
                case MaxRetriesExceeded(attempts):
                    why = self.session.last_failure
                    self.owner.alarm(self.session.name, f"gave up after {attempts} attempts: {why}")
                case WakeAt(due_ns, key):
                    self.owner.wake_at(due_ns, key)

    def _dial(self, connection_id: str) -> None:
        if self.breaker_gate is not None and not self.breaker_gate.enter(connection_id):
            self._perform(self.session.put_off(connection_id, "breaker_open", self.owner.clock.now()))
            self.tell_if_held_back()
            return
        call = partial(self.dialer.open, self.codec.url, self.connect_timeout_s)
        self.executor.submit(connection_id, call)

    def _drop_pipe(self, reason: str) -> None:
        if self.pipe is None:
            return
        self.owner.discard(self.pipe.fileno(), self.pipe.close)
        self.pipe = None
        if self.recorder is not None:
            self.recorder.closed(reason, self.owner.clock.now())
        self.owner.on_stream_changed(False)

    def _log_move(self, moved: Moved) -> None:
        log.info(
            "stream_moved role=%s origin=%s target=%s reason=%s after_ms=%d",
            self.session.name,
            moved.origin,
            moved.target,
            moved.reason,
            moved.lasted_ns // 1_000_000,
        )

    def _lost(self, why: str, now: Instant) -> None:
        if (connection_id := self.session.connection_id) is not None:
            self._perform(self.session.lost(connection_id, why, now))

    # ---- dialing -----------------------------------------------------------------------------------------

    def _collect(self) -> None:
        for connection_id, result in self.executor.collect():
            now = self.owner.clock.now()
            match result:
                case VenueError():
                    self._dial_failed(connection_id, result, now)
                case BaseException():
                    raise result
                case _:
                    self._ended(connection_id, True, "")
                    self._opened(connection_id, result, now)

    def _dial_failed(self, connection_id: str, error: VenueError, now: Instant) -> None:
        self._ended(connection_id, False, error.code)
        is_fatal = isinstance(error, Fatal)
        if is_fatal:
            advice = f"not tried again before `nzeza restart {self.owner.role}`"
            self.owner.alarm(self.session.name, f"{error}: {advice}")
        self._perform(self.session.open_failed(connection_id, error.code, is_fatal, now))
        self._tell_of_outage()

    def _ended(self, connection_id: str, succeeded: bool, reason: str) -> None:
        if self.breaker_gate is not None:
            self.breaker_gate.ended(connection_id)
        self.owner.on_dialed(succeeded, reason)

    def _tell_of_outage(self) -> None:
        """Tell the person when dials keep failing, be it that the session has not waited for their end."""
        while self.failed_dials < self.session.failed_dials:
            self.failed_dials += 1
            words = self.outage.failed(self.session.last_failure)
            self.owner.alarm_over(self.session.name, self.outage.take_over())
            if words:
                self.owner.alarm(self.session.name, words)

    def tell_if_held_back(self) -> None:
        """Tell the person when the breaker forbids to connect, after however few failures of this outage."""
        if self.breaker_gate is not None and self.breaker_gate.state is BreakerState.OPEN and self.pipe is None:
            if words := self.outage.held_back():
                self.owner.alarm(self.session.name, words)

    def _opened(self, connection_id: str, pipe: Pipe, now: Instant) -> None:
        if not self.session.awaits(connection_id):
            pipe.close()  # given up on meanwhile: a newer attempt is under way
            return
        self.pipe = pipe
        self.outage.reached()
        self.owner.alarm_over(self.session.name, self.outage.take_over())
        self.owner.watch(pipe.fileno(), self._read)
        if self.recorder is not None:
            self.recorder.opened(self.codec.url, now)
        self.codec.watch.restart(now.monotonic_ns, self.owner.settings.session.first_message_within_s)
        hello = self.codec.hello(now._replace(utc_ns=self.venue_time.utc_ns(now)))
        self._perform(self.session.opened(connection_id, now, hello))
        self._watch_channels(now)
        self.owner.on_stream_changed(True)
        # What came right behind the upgrade, in one piece with it, TLS has decrypted: it will wake nobody.
        self._read()

    # ---- reading -----------------------------------------------------------------------------------------

    def _read(self) -> None:
        pipe = self.pipe
        if pipe is None:
            return
        arrived = pipe.read()
        now = self.owner.clock.now()
        decode, read_ns = self.codec.decode, arrived.read_ns
        self.owner.counters["frames"] += len(arrived.frames) + len(arrived.faults)
        if self.recorder is not None:
            for frame in arrived.frames:
                self.recorder.frame(frame, read_ns, now.utc_ns)
        events: list[Event] = []
        for frame in arrived.frames:
            events += decode(frame, read_ns, now)
        for fault in arrived.faults:
            events.append(self._failed(fault, now))
        if arrived.frames:
            self._perform(self.session.heard(now))
        kinds = set(map(type, events))
        if DecodeFailed in kinds and now.monotonic_ns >= self.tell_fault_at_ns:
            self._tell_fault(next(event for event in events if type(event) is DecodeFailed), now)
        if HeartbeatSeen in kinds:
            self._perform(self.session.proven_alive(now))
        if self._has_lost_time(now):
            return
        if events:
            self.owner.on_stream_events(events, read_ns)
        if arrived.closed:
            self._lost(arrived.closed, now)
        elif StreamGap in kinds and any(type(e) is StreamGap and not e.is_healing for e in events):
            # A new connection is the one rebuild that every venue has.
            self._perform(self.session.reconnect(now, "gap"))
        elif arrived.frames:
            self._say_what_is_due(now)

    def _has_lost_time(self, now: Instant) -> bool:
        """Connect anew when our clocks have parted since the last look: what waits to be read may be as old as that."""
        before, self.looked = self.looked, now
        if not have_parted(before, now):
            return False
        why = describe_parting(before, now)
        self.owner.counters["clock_partings"] += 1
        self.owner.alarm(self.session.name, f"{why}: connecting anew")
        if self.pipe is not None:
            self._perform(self.session.reconnect(now, "clocks_parted"))
        return True

    def _failed(self, fault: Fault, now: Instant) -> DecodeFailed:
        venue = venue_of(self.owner.role)
        return DecodeFailed(
            ts_event=now.utc_ns,
            venue=venue,
            category=fault.category,
            reason=_FAULTS[fault.category],
            raw=fault.raw,
        )

    def _tell_fault(self, fault: DecodeFailed, now: Instant) -> None:
        self.tell_fault_at_ns = now.monotonic_ns + _TOLD_EVERY_NS
        log.warning("decode_failed role=%s category=%s reason=%s", self.session.name, fault.category, fault.reason)

    def _say_what_is_due(self, now: Instant) -> None:
        if self.pipe is not None:
            for frame in self.codec.tick(now):
                self._perform(self.session.send(frame))

    def _flush_recording(self) -> None:
        if self.recorder is not None:
            self.recorder.flush()
            if self.recorder.files_lost > self.owner.counters["recordings_lost"]:
                self.owner.counters["recordings_lost"] = self.recorder.files_lost
                self.owner.alarm(f"{self.session.name} recording", FILE_LOST)
            if self.recorder.failure and not self.is_failure_told:
                self.is_failure_told = True
                self.owner.counters["recordings_stopped"] += 1
                self.owner.alarm(f"{self.session.name} recording", f"stopped: {self.recorder.failure}")

    # ---- silence -----------------------------------------------------------------------------------------

    def _check_channels(self, now: Instant) -> None:
        """Give a connection up when one of its channels is silent, whatever the others say."""
        if self.pipe is None:
            return
        silent = self.codec.watch.silent(now.monotonic_ns)
        if silent:
            self._perform(self.session.reconnect(now, f"silent {silent[0]}"))
        else:
            self._watch_channels(now)

    def _watch_channels(self, now: Instant) -> None:
        due_ns = self.codec.watch.look_again_ns(now.monotonic_ns)
        if due_ns is not None:
            self.owner.wake_at(due_ns, self.watch_key)
