"""The actor system as the launcher holds it, in what needs no actors."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from thespian.actors import ActorSystemFailure

from scripts.run.actor_system import ActorSystem


def test_the_end_of_a_supervisor_is_seen_though_there_was_no_descriptor_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    system: Any = SimpleNamespace(_supervisor_pid=process.pid, _exit_fd=None)

    def no_room(pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as out_of_descriptors:
        out_of_descriptors.setattr(os, "pidfd_open", no_room)
        assert not ActorSystem._supervisor_has_ended(system)
    assert not ActorSystem._supervisor_has_ended(system)
    process.kill()
    process.wait()

    assert ActorSystem._supervisor_has_ended(system)
    os.close(system._exit_fd)


def test_a_supervisor_that_cannot_be_started_is_owed_while_the_admin_lives() -> None:
    """A launcher without a descriptor can't reach its admin; that is not the end of every actor."""
    admin = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    answers: list[Exception | None] = [ActorSystemFailure("no descriptor"), None, ActorSystemFailure("gone")]

    def start(children: object) -> None:
        if answer := answers.pop(0):
            raise answer

    system: Any = SimpleNamespace(_admin_pids={admin.pid}, _owed_at=None, _children={}, start_supervisor=start)

    assert ActorSystem._succeed(system) == "" and system._owed_at is not None
    assert ActorSystem._succeed(system) == "" and system._owed_at is None
    admin.kill()
    admin.wait()
    problem = ActorSystem._succeed(system)

    assert problem.startswith("the actor system's admin has ended") and system._owed_at is None
