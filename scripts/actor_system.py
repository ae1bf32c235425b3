"""The actor system as the launcher holds it: one supervisor to talk to, and a clean end."""

from __future__ import annotations

import os
import socket
import threading
from itertools import count
from pathlib import Path
from typing import Any

from domain.errors import InvalidSetting
from domain.settings import SystemSettings


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
        return probe.getsockname()[1]


class ActorSystem:
    """A running system. Everything the launcher hears comes through `listen`."""

    def __init__(self, settings: SystemSettings, admin_port: int, data_directory: Path) -> None:
        from thespian.actors import ActorSystem as ThespianSystem

        self._system = ThespianSystem(
            settings.actor_base,
            capabilities={"Admin Port": admin_port},
            logDefs=_log_definitions(data_directory / "nzeza.log", settings.log_level),
        )
        self._supervisor: Any = None
        self._request_ids = count(1)

    def start(self, settings: Any, parts: Any) -> None:
        """Create the supervisor; it starts everybody else and says "running"."""
        from actors.supervisor import Supervisor
        from actors.wiring import StartActor
        from domain.effects import Role

        self._supervisor = self._system.createActor(Supervisor)
        self._system.tell(self._supervisor, StartActor(str(Role.SUPERVISOR), 1, settings, parts, {}))
        self.ask("hello")

    def ask(self, verb: str, deadline_ns: int = 0) -> int:
        """Ask the supervisor something; the answer comes through `listen` under the returned id."""
        from actors.wiring import LauncherAsked

        request_id = next(self._request_ids)
        self._system.tell(self._supervisor, LauncherAsked(request_id, verb, deadline_ns))
        return request_id

    def listen(self, timeout_s: float) -> Any:
        """Return the next message for the launcher, or None."""
        return self._system.listen(timeout_s)

    def shut_down(self, within_s: float) -> None:
        """Ask everybody to exit; what is still there after `within_s` is the caller's to end.

        Thespian waits up to 10 s for an admin or an actor that does not answer, so the wait gets a thread.
        """
        asking = threading.Thread(target=self._system.shutdown, daemon=True)
        asking.start()
        asking.join(within_s)


def _log_definitions(path: Path, level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(path), "formatter": "line"}
        },
        "root": {"level": level.upper(), "handlers": ["file"]},
    }
