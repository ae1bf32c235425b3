"""The toolbox that the launcher gives to every actor: the real clock, threads, files and venues."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Literal

from adapters.clock import SystemClock
from adapters.executor import ThreadExecutor
from adapters.key_vault import VAULT
from adapters.ports import VenueKit
from adapters.storage.history import SqliteHistory
from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_reader import JournalReader
from adapters.storage.recording import FrameRecorder
from adapters.storage_ports import Progress
from adapters.strategy_watch import StrategyWatch
from adapters.venues.catalogue import VENUES
from domain.account_binding import Account
from domain.effects import Role
from domain.execution.manager_facts import ManagerFacts
from domain.settings import HistorySettings, RecordingSettings, Settings
from scripts.run.actor_system import LOG_FILE
from scripts.run.outputs import print_into
from scripts.run.processes import children_of, cpu_ns
from scripts.run.signals import leave_stopping_to_the_launcher

JOURNAL_FILE = "journal.sqlite"
HISTORY_FILE = "history.sqlite"
STRATEGIES_FILE = "strategies.state"
RECORDINGS = "recordings"  # directory
MEGABYTE = 1_000_000

_launchers: dict[int, int] = {}  # launcher's pid -> its pidfd in this process


class ProcessToolbox:
    """Plain data until an actor asks for a tool; each tool is made in the process that uses it."""

    def __init__(
        self,
        data_directory: Path,
        journal_synchronous: Literal["normal", "full"],
        launcher_pid: int,
        configuration_hash: str,
        code_version: str,
        account: Account = Account("", ""),
    ) -> None:
        self.data_directory = data_directory
        self.journal_synchronous = journal_synchronous
        self.launcher_pid = launcher_pid
        self.configuration_hash = configuration_hash
        self.code_version = code_version
        self.account = account
        self.run_began_at = self.clock().now().utc_ns  # by the launcher; it travels to the actors as it is

    def settle(self, role: str) -> None:
        leave_stopping_to_the_launcher()
        with contextlib.suppress(OSError):  # the directory is gone; standard error takes it, as the launcher left it
            print_into(self.data_directory / LOG_FILE)
        if role.partition(":")[0] not in (Role.EXCHANGE_GATEWAY, Role.SUPERVISOR):  # on the stage it may be anybody's
            VAULT.give_up()

    def clock(self) -> SystemClock:
        return SystemClock()

    def executor(self, workers: int) -> ThreadExecutor:
        return ThreadExecutor(workers)

    def venue_kit(self, venue: str) -> VenueKit:
        return VENUES[venue]

    def manager_facts(self) -> ManagerFacts:
        return ManagerFacts(
            resubmits_safely={venue: kit.resubmits_safely for venue, kit in VENUES.items()},
            evidence={venue: kit.evidence for venue, kit in VENUES.items()},
            order_rules={venue: kit.order_rules for venue, kit in VENUES.items()},
            configuration_hash=self.configuration_hash,
            code_version=self.code_version,
            counts_since=self.run_began_at,
        )

    def journal(self, progress: Progress) -> SqliteJournal:
        return SqliteJournal(
            self.data_directory / JOURNAL_FILE,
            code_version=self.code_version,
            synchronous=self.journal_synchronous,
            progress=progress,
            **self.account._asdict(),
        )

    def journal_reader(self) -> JournalReader:
        return JournalReader(self.data_directory / JOURNAL_FILE)

    def history(self, settings: HistorySettings) -> SqliteHistory:
        return SqliteHistory(self.data_directory / HISTORY_FILE, settings.keep_mb * MEGABYTE)

    def frame_recorder(self, venue: str, settings: RecordingSettings) -> FrameRecorder:
        return FrameRecorder(
            self.data_directory / RECORDINGS,
            venue,
            settings.rotate_mb * MEGABYTE,
            settings.keep_mb * MEGABYTE,
        )

    def strategy_watch(self, settings: Settings) -> StrategyWatch:
        return StrategyWatch(
            self.data_directory / STRATEGIES_FILE,
            self.run_began_at,
            settings.signals.strategy_within_s,
            settings.supervision.hung_after_s,
        )

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def uniform(self) -> float:
        return random.random()

    def orphaned_fd(self) -> int | None:
        if self.launcher_pid not in _launchers:
            try:
                _launchers[self.launcher_pid] = os.pidfd_open(self.launcher_pid)
            except ProcessLookupError:
                self.die()  # it died before we could watch it
        return _launchers[self.launcher_pid]

    def cpu_ns(self, pid: int) -> int:
        return cpu_ns(pid)

    def children(self) -> frozenset[int]:
        return frozenset(children_of(os.getpid()))

    def exit_fd(self, pid: int) -> int | None:
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None

    def close_fd(self, fd: int) -> None:
        os.close(fd)

    def kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # gone already, which is what was wanted

    def pid(self) -> int:
        return os.getpid()

    def die(self) -> None:
        os._exit(1)
