"""Let a system run under load, and see whether anything grows that must not.

    python -m scripts.bench.soak [--minutes N] [--every S]

Samples each process's memory and open descriptors, and the sizes of the files. The second half of the run
counts, when every cache and every bounded memory of the past has filled. It is cut into three, and the trend
of a process is that of its RSS in the third where it grew least, for a leak never rests, but an allocator
jumps: the median slope over all pairs of samples (Theil and Sen). USS would mislead: a forked actor's own
memory grows by every page that it stops sharing with the launcher. A process is flat when its trend is below
one percent a minute, and its number of descriptors has none. The simulator is exempt: it keeps every
order, to tell the truth. Exit status 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import NamedTuple

from domain.numbers import use_exact_decimals
from scripts.bench.chaos import LOAD
from scripts.bench.trial import Status, Trial
from scripts.run.processes import adopt_orphans, end_all

FLAT_RATIO_PER_MIN = 0.01
PARTS = 3  # of what counts
WARM_UP_SHARE = 0.5
UP_WITHIN_S = 60.0  # on a machine that is busy
SIMULATOR = "(simulator)"
LAUNCHER = "(launcher)"


class Sample(NamedTuple):
    """One process at one moment. Memory in KiB."""

    at_s: float
    uss: int
    pss: int
    rss: int
    descriptors: int


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median slope over all pairs of points."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else 0.0


class Soak:
    """What was sampled of one run."""

    def __init__(self, directory: Path, minutes: float, every_s: float) -> None:
        self.directory = directory
        self.length_s = minutes * 60
        self.every_s = every_s
        self.samples: dict[str, list[Sample]] = defaultdict(list)  # role -> oldest first
        self.sizes: dict[str, list[tuple[float, int]]] = defaultdict(list)  # file -> (time, bytes)
        self.wrongs: list[str] = []
        self.report: Status = {}

    def run(self) -> None:
        with Trial(self.directory, **LOAD) as trial:
            try:
                trial.wait_for("the first trade", lambda now: now["orders"]["filled"] > 0, UP_WITHIN_S)
                self._sample_until_the_end(trial)
                ending = trial.end()
            except TimeoutError as error:
                self.wrongs.append(str(error))
            else:
                self.report = ending.report
                if ending.code:
                    self.wrongs.append(f"exit status {ending.code}: {ending.errors}")
            finally:
                end_all(0)

    def _sample_until_the_end(self, trial: Trial) -> None:
        began_at = time.monotonic()
        while (now := time.monotonic()) < began_at + self.length_s:
            status = trial.wait_for("a status", lambda now: True, UP_WITHIN_S)
            for role, pid in self._processes(trial, status):
                self.samples[role].append(sample(pid, now - began_at))
            for path in sorted(trial.data_directory.iterdir()):
                self.sizes[path.name].append((now - began_at, path.stat().st_size))
            time.sleep(max(0.0, now + self.every_s - time.monotonic()))

    def _processes(self, trial: Trial, status: Status) -> Iterator[tuple[str, int]]:
        yield LAUNCHER, trial.process.pid
        yield SIMULATOR, trial.simulator_pid()
        for role, actor in status["actors"].items():
            yield role, actor["pid"]

    def warm(self, role: str) -> list[Sample]:
        return [one for one in self.samples[role] if one.at_s >= self.length_s * WARM_UP_SHARE]

    def trend(self, role: str) -> float:
        """Return the least trend of a process's memory in the parts after the warm-up, in KiB a minute."""
        points = [(one.at_s, one.rss) for one in self.warm(role)]
        size = max(2, -(-len(points) // PARTS))
        return 60 * min(slope(points[begin : begin + size]) for begin in range(0, len(points), size))

    def judge(self) -> None:
        for role in self.samples:
            if role == SIMULATOR:
                continue
            kib_per_min = self.trend(role)
            if kib_per_min > FLAT_RATIO_PER_MIN * self.samples[role][-1].rss:
                self.wrongs.append(f"{role} grows by {kib_per_min:.0f} KiB a minute")
            descriptors = 60 * slope([(one.at_s, one.descriptors) for one in self.warm(role)])
            if descriptors > 0:
                self.wrongs.append(f"{role} opens {descriptors:.2f} descriptors a minute")
        if self.report and self.report["restarts"]:
            self.wrongs.append(f"{self.report['restarts']} restarts of actors that nobody hit")

    def print_tables(self) -> None:
        titles = ("USS", "PSS", "RSS", "per min")
        print(f"{'process':28} {' '.join(f'{title:>8}' for title in titles)} {'%':>6} {'fds':>5}   KiB")
        for role in sorted(self.samples):
            last, trend = self.samples[role][-1], self.trend(role)
            memory = f"{last.uss:8,} {last.pss:8,} {last.rss:8,} {trend:8.1f} {trend / last.rss:6.2%}"
            print(f"{role:28} {memory} {last.descriptors:5}")
        print(f"{'file':28} {'bytes':>12} {'bytes/min':>12}")
        for name, sizes in sorted(self.sizes.items()):
            print(f"{name:28} {sizes[-1][1]:12,} {60 * slope(sizes):12,.0f}")
        if self.report:
            orders, restarts = self.report["orders"]["submitted"], self.report["restarts"]
            print(f"{orders} orders in {self.length_s / 60:g} minutes, {restarts} restarts")


def sample(pid: int, at_s: float) -> Sample:
    kib = dict(_memory(pid))
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return Sample(at_s, own, kib["Pss"], kib["Rss"], descriptors)


def _memory(pid: int) -> Iterator[tuple[str, int]]:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]:
        name, value, *_ = line.split()
        yield name.rstrip(":"), int(value)


def main() -> int:
    parser = argparse.ArgumentParser(description="run under load, and see whether anything grows")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between samples")
    arguments = parser.parse_args()
    use_exact_decimals()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="nz-") as name:
        soak = Soak(Path(name), arguments.minutes, arguments.every)
        soak.run()
    soak.judge()
    soak.print_tables()
    print("FAILED: " + "; ".join(soak.wrongs) if soak.wrongs else "flat")
    return 1 if soak.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
