"""The actor system as the launcher holds it: one supervisor to talk to, and a clean end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import InvalidSetting
from domain.settings import Settings, SystemSettings
from scripts.run.admin_watch import AdminVerdict, AdminWatch
from scripts.run.logs import log_definitions
from scripts.run.processes import is_running, is_stopped, live_children

if TYPE_CHECKING:  # they import Thespian, which must not be imported before `prepare_environment`
    from actors.runtime.wiring_messages import InheritedChild, Roster
    from adapters.ports import Toolbox

LOG_FILE = "nzeza.log"

_SUPERVISOR_HUNG_AFTER_S = 2.5  # then its successor may still find hung children
_WATCHDOG_EVERY_S = 0.25
_WE_SLEPT_S = 1.0  # between two of its looks
_ADMINS_ANSWER = "Thespian_SystemStatus"  # by name, for Thespian is imported late
_TRY_AGAIN_S = 1.0  # to start a supervisor
_SUCCESSION_WINDOW_S = 60.0
_MOST_SUCCESSIONS = 10  # of supervisors within the window


def prepare_environment(data_directory: Path) -> None:
    """Point Thespian's own log, shared by a whole host by default, at our directory. Before it is imported."""
    os.environ["THESPLOG_FILE"] = str(data_directory / "thespian.log")


def free_admin_port(settings: SystemSettings) -> int:
    """Return the port for the actor system's admin.

    Raises:
        InvalidSetting: the configured one is taken; Thespian would silently join whoever has it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", settings.admin_port))
        except OSError as error:
            raise InvalidSetting(
                f"system.admin_port = {settings.admin_port}: must be a free port or 0 for any ({error.strerror})"
            ) from None
        port: int = probe.getsockname()[1]
    return port


class ActorSystem:
    """A running system. Everything the launcher hears comes through `listen`."""

    _start: tuple[Settings, Toolbox]  # what `start` was given: for every supervisor alike

    def __init__(self, settings: SystemSettings, admin_port: int, data_directory: Path) -> None:
        from thespian.actors import ActorSystem as ThespianSystem

        from adapters.thespian_unix.register import register

        register()
        before = live_children(os.getpid())
        self._system = ThespianSystem(
            settings.actor_base,
            capabilities={"Admin Port": admin_port},
            logDefs=log_definitions(data_directory / LOG_FILE, settings.log_level),
        )
        self._admin_pids = live_children(os.getpid()) - before  # it detaches itself, and so comes to us
        self._admin = AdminWatch(time.monotonic())
        self._renewals = 0  # of our own socket
        self._told: set[str] = set()  # about it, that isn't over
        self._supervisor: Any = None
        self.generation = 0  # of the supervisor
        self._children: Mapping[str, InheritedChild] = {}  # by role, as the supervisor last told
        self._supervisor_pid = 0
        self._exit_fd: int | None = None  # readable when the supervisor's process has ended
        self._heard_at = time.monotonic()
        self._is_ending = threading.Event()
        self._is_replacing = False  # a person asked for another supervisor
        self._owed_at: float | None = None  # when to try again to start one, which failed though the admin lives
        self._successions: list[float] = []  # when supervisors were replaced, within the budget's window
        self._request_ids = count(1)

    def start(self, settings: Settings, toolbox: Toolbox) -> None:
        """Create the supervisor; it starts everybody else and says "running"."""
        self._start = settings, toolbox
        self.start_supervisor({})
        threading.Thread(target=self._end_hung_supervisors, daemon=True).start()

    def start_supervisor(self, inherited: Mapping[str, InheritedChild]) -> None:
        """Create a supervisor, the first or one that inherits the children of a dead one."""
        from actors.runtime.wiring_messages import StartActor
        from actors.supervisor import Supervisor
        from domain.effects import Role

        settings, toolbox = self._start
        self._supervisor = self._system.createActor(Supervisor)
        self.generation += 1
        start = StartActor(str(Role.SUPERVISOR), self.generation, settings, toolbox, {}, dict(inherited))
        self._tell(start)
        self.ask("hello")

    def ask(self, verb: str, **about: Any) -> int:
        """Ask the supervisor something; the answer comes through `listen` under the returned id.

        Args:
            about: the fields of `LauncherAsked` that the verb needs.
        """
        from actors.runtime.wiring_messages import LauncherAsked

        request_id = next(self._request_ids)
        self._tell(LauncherAsked(request_id, verb, **about))
        return request_id

    def _tell(self, message: Any) -> None:
        """Send to the supervisor. This blocks while it is hung; the watchdog ends that, and the message is lost."""
        from thespian.actors import ActorSystemFailure

        with contextlib.suppress(ActorSystemFailure):
            self._system.tell(self._supervisor, message)

    def listen(self, timeout_s: float) -> Any:
        """Return the next message that is the launcher's business, or None."""
        message = self._system.listen(timeout_s)
        if message is None:
            return None
        if type(message).__name__ == _ADMINS_ANSWER:
            self._admin.answered()
            return None
        self._heard_at = time.monotonic()
        if getattr(message, "kind", "") == "roster":
            self._keep(message.message)
            return None
        return message

    # ---- the supervisor's supervisor -----------------------------------------------------------------------

    def mind_supervisor(self) -> str:
        """Replace a supervisor that has died; return a problem when that is no use any more."""
        if self._owed_at is not None:
            return self._succeed() if time.monotonic() >= self._owed_at else ""
        if not self._supervisor_has_ended():
            return ""
        self._forget_exit()
        if self._is_replacing:
            self._is_replacing = False
            return self._succeed()
        now = time.monotonic()
        self._successions = [at for at in self._successions if now - at < _SUCCESSION_WINDOW_S]
        if len(self._successions) >= _MOST_SUCCESSIONS:
            return "the supervisor was restarted too often and given up"
        self._successions.append(now)
        return self._succeed()

    def _supervisor_has_ended(self) -> bool:
        if not self._supervisor_pid:
            return False
        if self._exit_fd is None:
            try:
                self._exit_fd = os.pidfd_open(self._supervisor_pid)
            except OSError:
                return (
                    False  # out of descriptors: the next look tries again; or told late by one that is replaced already
                )
        waiting = select.poll()  # not select(): descriptors may have large numbers
        waiting.register(self._exit_fd, select.POLLIN)
        return bool(waiting.poll(0))

    def _succeed(self) -> str:
        from thespian.actors import ActorSystemFailure

        try:
            self.start_supervisor(self._children)
        except ActorSystemFailure as error:
            self._owed_at = None
            if any(map(is_running, self._admin_pids)):  # it is us who can't reach it
                self._owed_at = time.monotonic() + _TRY_AGAIN_S
                return ""
            return f"the actor system's admin has ended, and with it every actor ({error})"
        self._owed_at = None
        return ""

    def replace_supervisor(self) -> None:
        """End it because a person asked for it; that costs nothing of its budget."""
        if self._supervisor_pid:
            self._is_replacing = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._supervisor_pid, signal.SIGKILL)

    def _end_hung_supervisors(self) -> None:
        """Kill a supervisor that says nothing. On a thread, for Thespian's sends to it may block for a minute."""
        looked_at = time.monotonic()
        while not self._is_ending.wait(_WATCHDOG_EVERY_S):
            now, before = time.monotonic(), looked_at
            looked_at = now
            if now - before > _WE_SLEPT_S:  # it was us who were stopped, and heard nothing
                self._heard_at = now
            pid = self._supervisor_pid
            if pid and time.monotonic() - self._heard_at > _SUPERVISOR_HUNG_AFTER_S:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # ---- the admin -----------------------------------------------------------------------------------------

    def mind_admin(self) -> tuple[str, str]:
        """Look whether the actor system's admin answers; return an alarm and a problem, both usually empty."""
        match self._admin.look(time.monotonic()):
            case AdminVerdict.ASK:
                self._ask_admin()
            case AdminVerdict.CONTINUE:
                return self._continue_admin(), ""
            case AdminVerdict.HUNG:
                return "", "the actor system's admin is hung"
        return "", ""

    def _ask_admin(self) -> None:
        from thespian.actors import ActorSystemFailure
        from thespian.system.messages.status import Thespian_StatusReq

        with contextlib.suppress(ActorSystemFailure):  # it has ended, which is noticed by everybody
            self._system.tell(self._system._systemBase.adminAddr, Thespian_StatusReq())

    def _continue_admin(self) -> str:
        stopped = [pid for pid in self._admin_pids if is_stopped(pid)]
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return "the actor system's admin was stopped, and is told to go on" if stopped else ""

    def mind_sockets(self) -> None:
        """Tell when the directory of the actors' sockets was taken away or opened, and when that is over."""
        transport = self._system._systemBase.transport
        place = getattr(transport, "place", None)  # Thespian's own bases have none
        renewals, trouble = place() if place is not None else (0, "")
        modes = transport.opened_modes() if place is not None else []
        found = {
            f"the directory of the actors' sockets was given mode {mode}: it has 700 again; see who did that, and what "
            "was put there"
            for mode in modes
        }
        if trouble:
            found.add(
                "the directory of the actors' sockets was removed or given away, and an actor that ends stays away "
                f"until it is back: {trouble}"
            )
        elif renewals != self._renewals:
            found.add("the directory of the actors' sockets was removed, and has been made anew")
        for text in self._told - found:
            self.ask("alarm_over", text=text)
        for text in found - self._told:
            self.ask("alarm", text=text)
        self._renewals, self._told = renewals, found

    # ---- the supervisor's line -----------------------------------------------------------------------------

    def _keep(self, roster: Roster) -> None:
        self._children = roster.children
        if roster.supervisor_pid != self._supervisor_pid:
            self._forget_exit()
            self._supervisor_pid = roster.supervisor_pid

    def _forget_exit(self) -> None:
        if self._exit_fd is not None:
            os.close(self._exit_fd)
            self._exit_fd = None
        self._supervisor_pid = 0
        self._heard_at = time.monotonic()

    def shut_down(self, within_s: float) -> None:
        """Ask everybody to exit; what is still there after `within_s` is the caller's to end.

        Thespian waits up to 10 s for an admin or an actor that does not answer, so the wait gets a thread.
        """
        self._is_ending.set()
        asking = threading.Thread(target=self._system.shutdown, daemon=True)
        asking.start()
        asking.join(within_s)
