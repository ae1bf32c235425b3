"""Limits that are too low cost one line; those that we may raise, none."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

import pytest

from scripts.run.limits import TooLittle, check_limits

ROLES = 14


def told_under(limit: int, soft: int, hard: int, check: Callable[[], None]) -> str:
    """Return what `check` refuses in a child under that limit; "" when it refuses nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(limit, (soft, hard))
            check()
            os._exit(0)
        except TooLittle as refusal:
            os.write(writing, str(refusal).encode())
            os._exit(1)
        finally:
            os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(writing)
    text = os.read(reading, 1000).decode()
    os.close(reading)
    assert status == bool(text)
    return text


def test_few_descriptors_are_refused_with_the_remedy() -> None:
    text = told_under(resource.RLIMIT_NOFILE, 64, 64, lambda: check_limits(ROLES))

    assert text == "at most 64 open files are allowed here, and 96 are needed: raise it by `ulimit -n`"


@pytest.mark.parametrize(("soft", "hard"), [(64, 100), (100, 100), (64, 1024)])
def test_descriptors_that_suffice_or_may_be_had_are_no_reason(soft: int, hard: int) -> None:
    assert told_under(resource.RLIMIT_NOFILE, soft, hard, lambda: check_limits(ROLES)) == ""


def test_little_memory_is_refused() -> None:
    few = 500_000_000

    text = told_under(resource.RLIMIT_AS, few, few, lambda: check_limits(ROLES))

    assert text == "at most 500 MB of memory are allowed here, and 640 are needed: raise it by `ulimit -v`"


def test_small_files_are_refused() -> None:
    text = told_under(resource.RLIMIT_FSIZE, 1_000_000, 1_000_000, lambda: check_limits(ROLES))

    assert text == "at most 1 MB in one file are allowed here, and 64 are needed: raise it by `ulimit -f`"


def test_few_processes_are_refused_to_who_is_bound_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.run.limits._tasks_of_user", lambda: 7)
    monkeypatch.setattr("scripts.run.limits.os.geteuid", lambda: 1000)

    text = told_under(resource.RLIMIT_NPROC, 50, 50, lambda: check_limits(ROLES))

    assert text == "at most 50 processes and threads are allowed here, and 93 are needed: raise it by `ulimit -u`"
