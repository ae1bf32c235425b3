"""Keeps one websocket going inside an actor: dials on a worker, reads in the actor's own loop.

The session machine decides when to open, close and retry; the codec turns frames into events; this carries
messages between them, the pipe and the actor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from actors.shell import Shell
from adapters.ports import Dialer, Pipe, StreamCodec
from domain.circuit_breaker import Gate
from domain.effects import Instant
from domain.errors import Fatal, VenueError
from domain.market_data import HeartbeatSeen, StreamGap
from domain.messages import Event
from domain.session import ClosePipe, OpenPipe, Session
from domain.settings import SECOND_NS

_CODEC_EVERY_NS = SECOND_NS


class StreamDriver:
    """One venue's stream as its actor sees it."""

    def __init__(
        self,
        shell: Shell,
        session: Session,
        codec: StreamCodec,
        dialer: Dialer,
        connect_timeout_s: float,
        hear: Callable[[Iterable[Event], int], None],
        changed: Callable[[bool], None],
        gate: Gate | None = None,
        dialed: Callable[[bool, str], None] | None = None,
    ) -> None:
        """Args:
        hear: gets the events of one read and its read_ns.
        changed: gets True when the pipe is open and False when it is not any more.
        gate: the breaker's word on whether connecting may be tried.
        dialed: gets the outcome of each attempt to connect, and why it failed.
        """
        self.shell = shell
        self.session = session
        self.codec = codec
        self.dialer = dialer
        self.connect_timeout_s = connect_timeout_s
        self.hear = hear
        self.changed = changed
        self.gate = gate
        self.dialed = dialed
        self.pipe: Pipe | None = None
        self.executor = shell.parts.executor(1)
        self.codec_key = f"codec:{session.name}"
        self.watch_key = f"channels:{session.name}"
        self.session_key = f"session:{session.name}"

    def connect(self) -> None:
        self.shell.watch(self.executor.fileno(), self._collect)
        now = self.shell.clock.now()
        self._perform(self.session.connect(now))
        self.shell.wake_at(now.monotonic_ns + _CODEC_EVERY_NS, self.codec_key)

    def owns(self, key: str) -> bool:
        """Tell whether an alarm belongs to this stream."""
        return key in (self.codec_key, self.watch_key) or key.startswith(self.session_key)

    def tick(self, key: str, now: Instant) -> None:
        if key == self.watch_key:
            self._check_channels(now)
        elif key == self.codec_key:
            self._say_what_is_due(now)
            self.shell.wake_at(now.monotonic_ns + _CODEC_EVERY_NS, self.codec_key)
        else:
            self._perform(self.session.tick(key, now))

    def _say_what_is_due(self, now: Instant) -> None:
        if self.pipe is not None:
            for frame in self.codec.tick(now):
                self.pipe.send(frame)

    def _check_channels(self, now: Instant) -> None:
        """Give a connection up when one of its channels is silent, whatever the others say."""
        if self.pipe is None:
            return
        silent = self.codec.watch.silent(now.monotonic_ns)
        if silent:
            self._lose(f"silent {silent[0]}", now)
        else:
            self._watch_channels()

    def _watch_channels(self) -> None:
        due_ns = self.codec.watch.next_due_ns()
        if due_ns is not None:
            self.shell.wake_at(due_ns, self.watch_key)

    def _perform(self, effects: Iterable[Any]) -> None:
        for effect in effects:
            if isinstance(effect, OpenPipe):
                self._dial(effect.connection_id)
            elif isinstance(effect, ClosePipe):
                self._drop_pipe()
            else:
                self.shell.perform_one(effect)

    def _dial(self, connection_id: int) -> None:
        if self.gate is not None and not self.gate.enter(str(connection_id)):
            now = self.shell.clock.now()
            self._perform(self.session.open_failed(connection_id, "breaker_open", False, now))
            return
        call = partial(self.dialer.open, self.codec.url, self.connect_timeout_s)
        self.executor.submit(str(connection_id), call)

    def _ended(self, connection_id: int, succeeded: bool, reason: str) -> None:
        if self.gate is not None:
            self.gate.ended(str(connection_id))
        if self.dialed is not None:
            self.dialed(succeeded, reason)

    def _collect(self) -> None:
        for key, result in self.executor.collect():
            connection_id = int(key)
            now = self.shell.clock.now()
            if isinstance(result, VenueError):
                self._ended(connection_id, False, result.code)
                is_fatal = isinstance(result, Fatal)
                self._perform(self.session.open_failed(connection_id, result.code, is_fatal, now))
            elif isinstance(result, BaseException):
                raise result
            else:
                self._ended(connection_id, True, "")
                self._opened(connection_id, result, now)

    def _opened(self, connection_id: int, pipe: Pipe, now: Instant) -> None:
        effects = self.session.opened(connection_id, now)
        if self.session.connection_id != connection_id:
            pipe.close()  # given up on meanwhile: a newer attempt is under way
            return
        self.pipe = pipe
        self.shell.watch(pipe.fileno(), self._read)
        self.codec.watch.restart(now.monotonic_ns, self.shell.settings.session.first_message_within_s)
        for frame in self.codec.hello(now):
            pipe.send(frame)
        self._watch_channels()
        self._perform(effects)
        self.changed(True)

    def _read(self) -> None:
        pipe = self.pipe
        if pipe is None:
            return
        arrived = pipe.read()
        now = self.shell.clock.now()
        events: list[Event] = []
        for frame in arrived.frames:
            events.extend(self.codec.decode(frame, arrived.read_ns, now))
        if arrived.frames:
            self._perform(self.session.heard(now))
        if any(isinstance(event, HeartbeatSeen) for event in events):
            self._perform(self.session.proven_alive(now))
        if events:
            self.hear(events, arrived.read_ns)
        if arrived.closed:
            self._lose(arrived.closed, now)
        elif any(isinstance(event, StreamGap) and not event.is_healing for event in events):
            self._lose("gap", now)  # a new connection is the one rebuild that every venue has
        elif arrived.frames:
            self._say_what_is_due(now)

    def _lose(self, reason: str, now: Instant) -> None:
        connection_id = self.session.connection_id
        self._drop_pipe()
        if connection_id is not None:
            self._perform(self.session.lost(connection_id, reason, now))

    def _drop_pipe(self) -> None:
        if self.pipe is None:
            return
        self.shell.discard(self.pipe.fileno(), self.pipe.close)
        self.pipe = None
        self.changed(False)
