"""The main job: simulated venues if wanted, the actor system, and a clean end. The composition root."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from adapters.key_vault import VAULT
from adapters.settings.load import configuration_hash
from domain.account_binding import account_of
from domain.effects import Role
from domain.errors import InvalidSetting, NzezaError
from domain.instant import SECOND_NS
from domain.mode_label import mode_label
from domain.numbers import use_exact_decimals
from domain.settings import Settings
from scripts.report import telling
from scripts.run.actor_system import LOG_FILE, ActorSystem, free_admin_port, prepare_environment
from scripts.run.announcer import Announcer
from scripts.run.control import ControlServer, Request
from scripts.run.data_directory import DataDirectory
from scripts.run.directory_watch import DirectoryWatch
from scripts.run.exposure import cover_exposure
from scripts.run.journal_start import prepare_journal
from scripts.run.limits import check_limits
from scripts.run.options import RunOptions
from scripts.run.outputs import claimed_output
from scripts.run.processes import adopt_orphans, end_all
from scripts.run.signals import Signals
from scripts.run.simulated_venues import SimulatedVenues, check_account
from scripts.run.version import code_version

SIMULATOR_LOG_FILE = "simulator.log"

_LOOP_S = 0.02
_START_WITHIN_S = 15.0  # besides what the longest reader of the journal may take
_PROGRESS_EVERY_S = 2.0
_LOOK_EVERY_S = 1.0  # at the data directory
_STATUS_EVERY_S = 0.25  # for the live view, and as the supervisor's sign of life
_MOST_REVIVALS = 20  # of the simulator in one run
_SINGLE_ROLES = 7  # beside feed, breaker and gateway of each venue; who they are can't be asked this early
_EXIT_SHARE_S = 0.7  # of the stopping time: for processes to end after everything is proven


def run(settings: Settings, options: RunOptions) -> int:
    """Trade until the duration is over or somebody stops us. Returns the exit status (0 clean, 1 a problem).

    Raises:
        InvalidSetting: nothing was started.
        TooLittle: neither was it.
    """
    use_exact_decimals()
    os.umask(0o077)
    signals = Signals()
    check_limits(_SINGLE_ROLES + 2 * len(settings.venues) + len(settings.traded))
    VAULT.lock_away(
        name for venue in settings.venues.values() for name in (venue.api_key_env, venue.api_secret_env) if name
    )
    with claimed_output() as output, DataDirectory(Path(settings.system.data_directory)) as directory:
        prepare_environment(directory.path)
        directory.require_files(LOG_FILE, SIMULATOR_LOG_FILE)
        control = ControlServer(directory)
        try:
            return _Run(settings, options, directory, control, signals, output).to_the_end()
        finally:
            control.close()


class _Run:
    """One run, from the first process to the last."""

    def __init__(
        self,
        settings: Settings,
        options: RunOptions,
        place: DataDirectory,
        control: ControlServer,
        signals: Signals,
        output: int,
    ) -> None:
        adopt_orphans()
        self.settings = settings
        self.options = options
        self.place = place
        self.directory = place.path
        self.control = control
        self.signals = signals
        self.announcer = Announcer(place, options, output)
        self.simulator: SimulatedVenues | None = None
        self.started_system: ActorSystem | None = None
        self.status: dict[str, Any] = {}  # the newest, with its "view"
        self.status_seq = 0  # up to which journal entry it tells
        self.status_id = 0  # which request it answers
        self.asked_at = 0.0
        self.looked_at = 0.0  # at the data directory
        self.watch = DirectoryWatch(place, control)
        self.waiting: list[tuple[int, Request]] = []  # from which answer on it is new enough, who waits
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self.answering: dict[int, Request] = {}  # request id -> who asked for a restart, or to resume, and waits
        self.stoppers: list[Request] = []  # who asked for a stop and wants to hear how it went
        self.revivals = 0  # of the simulator
        self.is_running = False
        self.starting = ""  # how far a long start is
        self.progress_at = time.monotonic()  # when that was last told
        self.is_asked_to_stop = False  # by a person at the control socket, or by an actor that gave up
        self.wound_down: Any = None
        self.problems: list[str] = []

    def to_the_end(self) -> int:
        try:
            try:
                self._start()
                self._trade()
            except InvalidSetting:
                raise
            except NzezaError as error:
                self.problems.append(str(error))
            except Exception as error:  # a bug of ours is no reason to leave orders behind
                self.announcer.tell(f"the launcher failed: {traceback.format_exc()}", is_shown=False)
                self.problems.append(f"the launcher failed: {type(error).__name__}: {error}")
            finally:
                self._end()
            # First of all to those who asked: the outputs may be nobody's any more.
            for request in self.stoppers:
                request.reply({"problems": self.problems, "left": self.status.get("left")})
            self.announcer.report(self.status, self.problems)
        finally:
            self.announcer.close()
        return 1 if self.problems else 0

    @property
    def system(self) -> ActorSystem:
        """Return the running actors; not to be asked for before `_start` has made them."""
        assert self.started_system is not None
        return self.started_system

    @property
    def is_stopping(self) -> bool:
        return self.is_asked_to_stop or self.signals.stop is not None

    # ---- starting ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        # Imports every venue, so not before Thespian's environment is set.
        from scripts.run.toolbox import JOURNAL_FILE, ProcessToolbox

        if self.is_stopping:
            return
        account = account_of(self.settings)
        prepare_journal(self.directory / JOURNAL_FILE, account, self.announcer.tell, lambda: self.is_stopping)
        settings = cover_exposure(self.settings, self.directory / JOURNAL_FILE)
        admin_port = free_admin_port(settings.system)
        if any(venue.mode == "simulated" for venue in settings.venues.values()):
            check_account(settings.simulator, self.directory, self.directory / JOURNAL_FILE, self.announcer.tell)
            self.simulator = SimulatedVenues(
                settings.simulator, self.directory, self.directory / SIMULATOR_LOG_FILE, lambda: self.is_stopping
            )
            settings = self.simulator.lead(settings)
        import actors.supervisor  # noqa: F401  forked actors then share the modules

        self.started_system = ActorSystem(settings.system, admin_port, self.place.handle)
        toolbox = ProcessToolbox(
            self.place.handle,
            "full" if self.options.live else settings.journal_synchronous,
            os.getpid(),
            configuration_hash(self.settings),
            code_version(),
            account,
        )
        self.system.start(settings, toolbox)
        give_up_at = time.monotonic() + _START_WITHIN_S + self.settings.supervision.rebuild_within_s
        while not self.is_running and not self.problems:
            self._turn()
            if self.is_stopping:  # only a system that is up can prove how things stand
                give_up_at = min(give_up_at, time.monotonic() + self.settings.system.stop_within_s)
            if time.monotonic() > give_up_at:
                self.problems.append("the actors did not come up in time")

    # ---- trading -----------------------------------------------------------------------------------------

    def _trade(self) -> None:
        end_at = None
        if self.options.duration_s is not None:
            end_at = time.monotonic() + self.options.duration_s
        if self.is_running:
            self.announcer.begin(mode_label(self.settings), self.settings.venues)
        while not self.is_stopping and not self.problems:
            self._turn()
            if end_at is not None and time.monotonic() >= end_at:
                return

    def _turn(self) -> None:
        """One round of the launcher's loop: hear the actors, serve the control socket, look after the rest."""
        self._listen(_LOOP_S)
        self._heed_signals()
        for request in self.control.poll(0):
            self._answer(request, partial(self._serve, request))
        now = time.monotonic()
        if now - self.asked_at >= _STATUS_EVERY_S:
            self.asked_at = now
            self._ask_status()
        self._mind_supervisor()
        self._mind_admin()
        if now - self.looked_at >= _LOOK_EVERY_S:
            self.looked_at = now
            self._mind_directory()
        if self.simulator is not None and not self.simulator.is_alive():
            self._revive(self.simulator)

    def _heed_signals(self) -> None:
        if self.signals.take_suspensions():
            self.announcer.tell("Ctrl-Z is not taken, for trading would go on unwatched; Ctrl-C stops it")
        if self.signals.take_repeats():
            self.announcer.tell(f"stopping already, within {self.settings.system.stop_within_s:g} s")

    def _revive(self, simulator: SimulatedVenues) -> None:
        self.revivals += 1
        if self.revivals > _MOST_REVIVALS:
            self.problems.append("the simulator keeps ending")
            return
        self._mind_directory()
        if self.watch.lost:  # it would begin with a new account
            self.problems.append(f"the simulator has ended, and {self.watch.lost.text}")
            return
        try:
            simulator.revive()
        except (NzezaError, OSError) as error:
            self.problems.append(str(error))

    def _mind_supervisor(self) -> None:
        if problem := self.system.mind_supervisor():
            self.problems.append(problem)

    def _mind_admin(self) -> None:
        alarm, problem = self.system.mind_admin()
        if alarm:
            self.system.ask("alarm", text=alarm)  # on every surface, as those of the actors are
        if problem:
            self.problems.append(problem)

    def _mind_directory(self) -> None:
        self.watch.look(self.system.ask, self.status.get("halts"))
        self.system.mind_sockets()

    def _listen(self, timeout_s: float) -> None:
        message = self.system.listen(timeout_s)
        if message is None:
            return
        kind = getattr(message, "kind", type(message).__name__)
        if kind == "running" and not self.is_running:
            self.is_running, self.starting = True, ""
            self.started_at = time.monotonic()
        elif kind == "rebuilding" and not self.is_running:
            self._tell_progress(message.message)
        elif kind == "wound_down":
            self.wound_down = message.message
        elif kind == "gave_up":
            self.problems.append(message.message)
            self.is_asked_to_stop = True
        elif kind in ("restarting", "refused") and message.request_id in self.answering:
            word = "error" if kind == "refused" else kind
            self.answering.pop(message.request_id).reply({word: message.message})
        elif kind == "resumed" and message.request_id in self.answering:
            request = self.answering.pop(message.request_id)
            told = message.message
            self._answer(request, lambda: request.reply(telling.resume_answer(told, request.role, self.status)))
        elif kind == "status":
            self._on_status(message.message, message.request_id)

    def _tell_progress(self, rebuilding: Any) -> None:
        self.starting = f"{rebuilding.step} journal: {rebuilding.done:,} of {rebuilding.total:,}"
        now = time.monotonic()
        if now - self.progress_at >= _PROGRESS_EVERY_S:
            self.progress_at = now
            self.announcer.tell(self.starting, is_logged=False)

    def _on_status(self, reported: Any, request_id: int) -> None:
        self.status = json.loads(reported.status)
        metrics = self.status.pop("metrics", None)
        self.status["duration_s"] = round((self.ended_at or time.monotonic()) - self.started_at, 3)
        self.status_seq = reported.journal_seq
        self.status_id = request_id
        self.announcer.show(self.status)
        waiting, self.waiting = self.waiting, []
        for asked_id, request in waiting:
            wants_metrics = request.verb == "metrics"
            if asked_id > request_id or (wants_metrics and metrics is None):
                self.waiting.append((asked_id, request))
            else:
                more = {"metrics": metrics} if wants_metrics else {}
                self._answer(request, partial(self._reply_status, request, more))

    def _reply_status(self, request: Request, more: dict[str, Any]) -> None:
        request.reply({**self._public_status(), **more})

    def _serve(self, request: Request) -> None:
        if request.verb in ("status", "metrics"):
            # Should this answer get lost in a restart, the next one of the loop serves as well.
            self.waiting.append((self.system.ask(request.verb), request))
        elif request.verb == "stop":
            self.is_asked_to_stop = True
            self.stoppers.append(request)
            request.reply({"stopping": True, "within_s": self.settings.system.stop_within_s})
        elif request.verb == "resume":
            self._mind_directory()  # what stands in the way is halted again in the same breath
            text, kind = self.watch.lost or ("", "")
            self.answering[self.system.ask("resume", scope=request.role, text=text, kind=kind)] = request
        elif request.verb == "reset_metrics":
            self.system.ask("reset_metrics")
            request.reply({"reset": True})
        elif request.verb == "restart" and request.role == Role.SUPERVISOR:
            self.system.replace_supervisor()
            request.reply({"restarting": request.role})
        elif request.verb == "restart":
            self.answering[self.system.ask("restart", role=request.role)] = request
        else:
            request.reply({"error": f"unknown verb {request.verb!r}"})

    def _answer(self, request: Request, answer: Callable[[], object]) -> None:
        """Answer a person; a bug of ours on that way costs this answer, and not the run."""
        try:
            answer()
        except Exception as error:
            self.announcer.tell(f"{request.verb!r} was not answered: {traceback.format_exc()}", is_shown=False)
            request.reply({"error": f"it could not answer: {type(error).__name__}: {error}"})

    def _ask_status(self) -> None:
        """Ask for the status, with the metrics only while somebody waits for them."""
        wants_metrics = any(request.verb == "metrics" for _, request in self.waiting)
        self.system.ask("metrics" if wants_metrics else "status")

    def _public_status(self) -> dict[str, Any]:
        public = {key: value for key, value in self.status.items() if key != "view"}
        if self.starting:
            public["starting"] = self.starting
        if self.simulator is not None:
            endpoints = self.simulator.endpoints
            public["simulator"] = {"control": endpoints["control"], "venues": endpoints["venues"]}
        return public

    # ---- ending ------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Prove what can be proven, then end every process, within `stop_within_s`."""
        self.ended_at = time.monotonic()
        deadline = self.ended_at + self.settings.system.stop_within_s
        if self.signals.stop is not None:
            self.announcer.tell(f"stopping, for it was told to by {self.signals.stop.name}", is_shown=False)
        self.announcer.end()
        if self.started_system is not None:
            if self.is_running:
                self._wind_down(deadline - _EXIT_SHARE_S)
                self._judge_report()
            else:
                self.problems.append("stopped before all actors were up: nothing was proven")
            self.system.shut_down(max(_EXIT_SHARE_S / 2, deadline - time.monotonic()))
        if self.simulator is not None:
            self.simulator.stop()
        left = end_all(max(0.1, deadline - time.monotonic()))
        if left:
            self.problems.append(f"had to kill {len(left)} processes that did not end: {left}")

    def _wind_down(self, deadline: float) -> None:
        asked_generation = 0
        while self.wound_down is None and time.monotonic() < deadline + 0.2:
            if asked_generation != self.system.generation:  # a supervisor that succeeds another must be told
                asked_generation = self.system.generation
                self.system.ask("stop", deadline_ns=int(deadline * SECOND_NS))
            self._listen(_LOOP_S)
            self._heed_signals()
            self._mind_supervisor()
        if self.wound_down is None:
            self.problems.append("the order router did not say that it is done")
            return
        self.problems += telling.unproven(self.wound_down)
        # The report must tell of everything that was journaled, the last fill included.
        asked_id = self.system.ask("status")
        while self._is_report_old(asked_id) and time.monotonic() < deadline + 0.2:
            self._listen(_LOOP_S)
            if self.status_id >= asked_id and self._is_report_old(asked_id):
                asked_id = self.system.ask("status")
        if self.status_seq < self.wound_down.journal_seq:
            self.problems.append("the report is older than the journal")
        self.status["reconciled"] = self.wound_down.is_reconciled

    def _is_report_old(self, asked_id: int) -> bool:
        return self.status_id < asked_id or self.status_seq < self.wound_down.journal_seq

    def _judge_report(self) -> None:
        """Say what is a problem whoever asks, and what the run has left behind."""
        if self.status:
            self.problems += telling.problems(self.status, self.options.records)
            self.status["left"] = telling.left(self.wound_down) if self.wound_down is not None else None
