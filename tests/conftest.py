"""What every test shares: exact decimals, property tests that don't depend on the machine's speed, and the work.

With `--share K/N` a process runs the Kth of N shares of the test files, so that N of them run side by side.
"""

from __future__ import annotations

import gc
from functools import cache
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from domain.numbers import use_exact_decimals

use_exact_decimals()

gc.set_threshold(5_000)  # new objects from one collection of garbage to the next

# Each run draws other examples: few in the runs that people wait for, many in those with --long.
settings.register_profile("quick", deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=500)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="K/N", help="run only the Kth of N shares of the test files")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the test files of other shares. A file stays whole: its tests may share a costly fixture."""
    share = config.getoption("--share")
    if share is None or not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    number, shares = map(int, share.split("/"))
    return deal(shares)[collection_path.resolve()] != number or None


@cache
def deal(shares: int) -> dict[Path, int]:
    """Return the share of each test file.

    Files of a folder cost alike, each in proportion to its length: so they are dealt folder by folder, the longest
    first, there and back.
    """
    files = Path(__file__).resolve().parent.rglob("test_*.py")
    numbers = range(1, shares + 1)
    return dict(
        zip(
            sorted(files, key=lambda file: (file.parent, -file.stat().st_size, file.name)),
            cycle((*numbers, *reversed(numbers))),
        )
    )


def pytest_collection_finish() -> None:
    """Spare the collector of garbage, from here on, modules and tests: they live as long as the process."""
    gc.freeze()
