"""The toolbox of the in-process stage: virtual time, calls that take virtual time, a journal in memory."""

from __future__ import annotations

import heapq
import random
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from adapters.ports import VenueKit
from adapters.storage_ports import Progress
from domain.execution.manager_facts import ManagerFacts
from domain.instant import SECOND_NS, Instant
from domain.ledger.order_ids import NO_INSTANCE
from domain.messages.journal import JournalEntry, JournalEvent
from domain.settings import HistorySettings, RecordingSettings, Settings
from domain.signals.bench import StrategyOverdue

START = Instant(1_000 * SECOND_NS, 1_780_000_000 * SECOND_NS)

_fds = count(1_000_000)  # no real descriptor is ever so large


def virtual_fd() -> int:
    """Return a number that stands for a descriptor on the stage."""
    return next(_fds)


class Killed(BaseException):
    """Raised by a test's tool in the middle of a handler: kill -9, so nobody may catch it but the stage."""


class VirtualClock:
    """Both clocks of the stage. Time moves when the stage says so, or in a blocking call that takes time."""

    def __init__(self) -> None:
        self.elapsed_ns = 0
        self.spent_ns = 0  # by the blocking call that is running now
        self.asleep_ns = 0
        self.stepped_ns = 0  # by which our wall clock is wrong
        self.true = TrueTime(self)
        self._now = START  # made anew only when time has passed: it is asked for with every message
        self._passed_ns = 0

    def now(self) -> Instant:
        passed_ns = self.elapsed_ns + self.spent_ns
        if passed_ns != self._passed_ns:
            self._passed_ns = passed_ns
            self._read()
        return self._now

    def follow(self, other: VirtualClock) -> None:
        """Show what another clock shows: of the stage before, on the same machine."""
        self.elapsed_ns, self.asleep_ns = other.elapsed_ns, other.asleep_ns
        self.stepped_ns = other.stepped_ns
        self._read()

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back. Nobody else's time changes."""
        self.stepped_ns += int(seconds * SECOND_NS)
        self._read()

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: time goes on for everybody else, and our monotonic clock stands."""
        self.asleep_ns += int(seconds * SECOND_NS)
        self._read()

    def _read(self) -> None:
        wall_ns = self._passed_ns + self.asleep_ns + self.stepped_ns
        self._now = Instant(START.monotonic_ns + self._passed_ns, START.utc_ns + wall_ns, self.asleep_ns)

    def spend(self, seconds: float) -> None:
        """Let a blocking call take this long; its caller hears of the result only then."""
        self.spent_ns += int(seconds * SECOND_NS)


class TrueTime:
    """The time by which the world outside goes, whatever our wall clock shows."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> Instant:
        now = self._clock.now()
        return now._replace(utc_ns=now.utc_ns - self._clock.stepped_ns)


class VirtualExecutor:
    """Workers in virtual time: a call happens when one takes it, its result waits until it is over."""

    def __init__(self, clock: VirtualClock, workers: int) -> None:
        self._clock = clock
        self._workers = workers
        self._fd = virtual_fd()
        self._queue: deque[tuple[str, Callable[[], Any]]] = deque()  # no worker was free
        self._running: list[tuple[int, int, str, Any]] = []  # heap of (over at, number, key, result)
        self._done: list[tuple[str, Any]] = []
        self._numbers = count()

    def submit(self, key: str, call: Callable[[], Any]) -> None:
        self._queue.append((key, call))
        self._work()

    def replace(self, key: str) -> None:
        self._running = [entry for entry in self._running if entry[2] != key]
        heapq.heapify(self._running)
        self._queue = deque(entry for entry in self._queue if entry[0] != key)

    def fileno(self) -> int:
        return self._fd

    def is_readable(self) -> bool:
        self._work()
        return bool(self._done)

    def next_due_ns(self) -> int | None:
        """Return the elapsed_ns of the next answer."""
        self._work()
        if self._done:
            return self._clock.elapsed_ns
        return self._running[0][0] if self._running else None

    def collect(self) -> list[tuple[str, Any]]:
        self._work()
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        self._queue.clear()
        self._running.clear()
        self._done.clear()

    def _work(self) -> None:
        """End the calls that are over, and let the workers they occupied take the next ones."""
        while self._running or self._queue:
            while self._running and self._running[0][0] <= self._clock.elapsed_ns:
                _, _, key, result = heapq.heappop(self._running)
                self._done.append((key, result))
            if not self._queue or len(self._running) >= self._workers:
                return
            self._run(*self._queue.popleft())

    def _run(self, key: str, call: Callable[[], Any]) -> None:
        try:
            result = call()
        except Exception as error:  # the answer of a failed call is its exception
            result = error
        took_ns, self._clock.spent_ns = self._clock.spent_ns, 0
        over_ns = self._clock.elapsed_ns + took_ns
        heapq.heappush(self._running, (over_ns, next(self._numbers), key, result))


class MemoryJournal:
    """The order journal as encoded lines in memory; it outlives the actors that write and read it."""

    instance = NO_INSTANCE
    former_instances = ()

    def __init__(self) -> None:
        self.trouble = ""
        self.holdup = ""
        self.lines: list[bytes] = []
        self._decoder = msgspec.json.Decoder(JournalEntry)

    def append(self, events: Sequence[JournalEvent], recorded_at: int) -> tuple[JournalEntry, ...]:
        first = len(self.lines) + 1
        entries = tuple(
            JournalEntry(seq=first + offset, recorded_at=recorded_at, event=event)
            for offset, event in enumerate(events)
        )
        self.lines.extend(msgspec.json.encode(entry) for entry in entries)
        return entries

    @property
    def last_seq(self) -> int:
        return len(self.lines)

    def read(self, after_seq: int = 0) -> list[JournalEntry]:
        return list(self.scan(after_seq))

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        return (self._decoder.decode(line) for line in self.lines[after_seq:])

    def tend(self) -> None:
        """Nothing wears out in memory."""

    def was_replaced(self) -> bool:
        return False

    def take_reserve(self) -> bool:
        return True  # memory needs none

    def release_reserve(self) -> None:
        """Memory keeps none."""

    def export(self) -> bytes:
        """Return the canonical text: the same input and seed give the same bytes."""
        return b"\n".join(self.lines)

    def close(self) -> None:
        """Nothing is open."""


class MemoryHistory:
    def __init__(self) -> None:
        self.failure = ""
        self.files_lost = 0
        self.rows: list[tuple[int, str, dict[str, Any]]] = []

    def add(self, recorded_at: int, kind: str, fields: dict[str, Any]) -> None:
        self.rows.append((recorded_at, kind, fields))

    def flush(self) -> int:
        return 0  # every row is kept at once

    def close(self) -> None:
        """Nothing is open."""


class MemoryRecorder:
    """Keeps frames as (kind, payload)."""

    def __init__(self) -> None:
        self.failure = ""
        self.files_lost = 0
        self.entries: list[tuple[str, bytes]] = []

    def opened(self, url: str, now: Instant) -> None:
        self.entries.append(("opened", url.encode()))

    def frame(self, frame: bytes, read_ns: int, utc_ns: int) -> None:
        self.entries.append(("frame", frame))

    def closed(self, reason: str, now: Instant) -> None:
        self.entries.append(("closed", reason.encode()))

    def flush(self) -> None:
        """Every entry is kept at once."""

    def close(self) -> None:
        """Nothing is open."""


class VirtualWatch:
    """A strategy hangs on the stage when it spends more of the virtual time than it has."""

    def __init__(self, clock: VirtualClock, within_s: float, benched: dict[str, str]) -> None:
        self._clock = clock
        self._within_ns = int(within_s * SECOND_NS)
        self._benched = benched  # the stage's: it outlives a crash
        self._until_ns = 0

    def benched(self) -> Mapping[str, str]:
        return self._benched

    def bench(self, name: str, reason: str) -> None:
        self._benched[name] = reason

    def enter(self, name: str) -> None:
        self._until_ns = self._clock.now().monotonic_ns + self._within_ns

    def leave(self) -> None:
        if self._clock.now().monotonic_ns > self._until_ns:
            raise StrategyOverdue


_stages: weakref.WeakValueDictionary[int, StageToolbox] = weakref.WeakValueDictionary()
_stage_ids = count(1)


def _same_toolbox(stage_id: int) -> StageToolbox:
    return _stages[stage_id]


class StageToolbox:
    """What every actor of one stage is given; it pickles as a reference to itself."""

    def __init__(
        self,
        kits: Mapping[str, VenueKit],
        seed: int,
        readable: Callable[[int, Callable[[], bool]], None],
        current_pid: Callable[[], int],
        crash_pid: Callable[[int], None],
        is_alive: Callable[[int], bool],
    ) -> None:
        """Args:
        readable: is told how to ask whether a virtual descriptor has something to read.
        current_pid: says whose handler is running.
        crash_pid: ends an actor as kill -9 would.
        is_alive: tells whether the actor with this pid lives.
        """
        self.kits = kits
        self.pid = current_pid
        self.kill = crash_pid
        self._is_alive = is_alive
        self.virtual_clock = VirtualClock()
        self.memory_journal = MemoryJournal()
        self.memory_history = MemoryHistory()
        self.memory_recorders: dict[str, MemoryRecorder] = {}  # venue ->
        self.benched: dict[str, str] = {}  # strategies, name -> reason
        self.executors: list[VirtualExecutor] = []
        self._readable = readable
        self._random = random.Random(seed)
        self._id = next(_stage_ids)
        _stages[self._id] = self

    def __reduce__(self) -> tuple[Callable[[int], StageToolbox], tuple[int]]:
        return _same_toolbox, (self._id,)

    def settle(self, role: str) -> None:
        """There is one process for all roles, and no key."""

    def clock(self) -> VirtualClock:
        return self.virtual_clock

    def executor(self, workers: int) -> VirtualExecutor:
        executor = VirtualExecutor(self.virtual_clock, workers)
        self.executors.append(executor)
        self._readable(executor.fileno(), executor.is_readable)
        return executor

    def venue_kit(self, venue: str) -> VenueKit:
        return self.kits[venue]

    def manager_facts(self) -> ManagerFacts:
        return ManagerFacts(
            resubmits_safely={venue: kit.resubmits_safely for venue, kit in self.kits.items()},
            evidence={venue: kit.evidence for venue, kit in self.kits.items()},
            order_rules={venue: kit.order_rules for venue, kit in self.kits.items()},
            configuration_hash="stage",
            code_version="stage",
        )

    def journal(self, progress: Progress) -> MemoryJournal:
        return self.memory_journal

    def journal_reader(self) -> MemoryJournal:
        return self.memory_journal

    def history(self, settings: HistorySettings) -> MemoryHistory:
        return self.memory_history

    def frame_recorder(self, venue: str, settings: RecordingSettings) -> MemoryRecorder:
        return self.memory_recorders.setdefault(venue, MemoryRecorder())

    def strategy_watch(self, settings: Settings) -> VirtualWatch:
        return VirtualWatch(self.virtual_clock, settings.signals.strategy_within_s, self.benched)

    def pause(self, seconds: float) -> None:
        self.virtual_clock.spend(seconds)

    def uniform(self) -> float:
        return self._random.random()

    def cpu_ns(self, pid: int) -> int:
        return self.virtual_clock.now().monotonic_ns  # everybody has work all the time

    def children(self) -> frozenset[int]:
        return frozenset()  # the stage tells of every death

    def exit_fd(self, pid: int) -> int | None:
        fd = virtual_fd()
        self._readable(fd, lambda: not self._is_alive(pid))
        return fd

    def close_fd(self, fd: int) -> None:
        self._readable(fd, lambda: False)

    def orphaned_fd(self) -> int | None:
        return None  # the stage and its actors end together

    def die(self) -> None:
        self.kill(self.pid())
