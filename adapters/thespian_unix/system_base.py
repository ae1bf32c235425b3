"""The base that Thespian knows as `multiprocUnixBase`: its own multi-process system on our transport."""

from __future__ import annotations

from typing import Any

from thespian.system.multiprocCommon import multiprocessCommon

from adapters.thespian_unix.transport import UnixTransport

NAME = "multiprocUnixBase"


class ActorSystemBase(multiprocessCommon):  # type: ignore[misc]  # Thespian has no types
    """For one host and one user. The system ends with the process that created it."""

    transportType = UnixTransport

    def __init__(self, system: Any, logDefs: Any = None) -> None:
        system.capabilities["Thespian ActorSystem Name"] = NAME
        system.capabilities["Thespian ActorSystem Version"] = 1
        system.capabilities["Thespian Watch Supported"] = True
        super().__init__(system, logDefs)
