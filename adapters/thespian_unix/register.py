"""Make `ActorSystem("multiprocUnixBase")` work: one more base for Thespian, without touching the library."""

from __future__ import annotations

import sys

import thespian.system

from adapters.thespian_unix import system_base


def register() -> None:
    """Let Thespian, which imports `thespian.system.NAME`, find our module under that name."""
    sys.modules[f"thespian.system.{system_base.NAME}"] = system_base
    setattr(thespian.system, system_base.NAME, system_base)
