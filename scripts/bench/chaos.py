"""Let a running system suffer, and prove that nothing came of it.

    python -m scripts.bench.chaos [--seed N] [--duration S] [--kills N]

One run under load: actors are killed and stopped, the supervisor and the simulator too, the venue
misbehaves, and once the disk is full. After each kill it measures how long it took until everything was
healthy. In the end venue, journal and portfolio must agree, nobody may be left behind, and a second run
must find everything as it was left. Exit status 1 when anything was wrong; the trace is printed then, for the
same seed to be tried again.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from adapters.simulator.store import ACCOUNT_FILE
from domain.numbers import use_exact_decimals
from scripts.bench.full_disk import FullDisk
from scripts.bench.kills import CRASH_WITHIN_S, READ_LAG_S, Kill, Killer
from scripts.bench.proof import compare_with_report, compare_with_truth, is_at_rest, read_books
from scripts.bench.small_disk import SmallDisk
from scripts.bench.trial import Status, Trial, state_of
from scripts.run.processes import adopt_orphans, descendants, end_all
from scripts.run.toolbox import JOURNAL_FILE

LOAD = {
    "SIMULATOR__QUOTES_PER_S": "60",
    "SIMULATOR__TRADES_PER_S": "20",
    # Several orders a second, and targets and stops that are hit all the time.
    "SIMULATOR__VOLATILITY": "0.0008",
    "SIGNALS__CANDLE_S": "0.25",
    "SIGNALS__WINNER_ABOVE": "0.1",
    "RISK__MIN_CONFIDENCE": "0.1",
    "RISK__MAX_PRICE_DRIFT_RATIO": "0.01",
    "RISK__ORDERS_PER_HOUR": "100000",
    "RISK__ORDERS_PER_DAY": "100000",
    "PROTECTION__STOP_LOSS_RATIO": "0.001",
    "PROTECTION__TAKE_PROFIT_RATIO": "0.001",
    # So that a misfortune is over, and proven to be over, within seconds.
    "VENUES__COINBASE__REQUEST_TIMEOUT_S": "1",
    "VENUES__COINBASE__ORDER_TOKEN_TTL_S": "3",
    "ORDERS__ABSENT_TWICE_APART_S": "1",
    "VENUES__COINBASE__READ_LAG_S": str(READ_LAG_S),
    "BREAKER__OPEN_S": "1",
    "BREAKER__OPEN_CAP_S": "1",
    # More in a minute than anybody should forgive.
    "SUPERVISION__RESTARTS_PER_MINUTE": "1000",
}
QUIET = {"SIGNALS__WINNER_ABOVE": "1"}  # what such a run finds, it only keeps

DISK_MB = 64
POWER_CUTS = 0.25  # how often the launcher is killed in the end, instead of interrupted
UP_WITHIN_S = 60.0  # on a machine that is busy
OVER_WITHIN_S = 30.0  # then a kill was too much
CALM_WITHIN_S = 60.0
_LOOK_AGAIN_S = 0.2


class Chaos:
    """One run and what befalls it.

    Attributes:
        times: kind of kill -> seconds until everything was healthy again.
        wrongs: all that was not as it must be.
        trace: what happened when.
    """

    def __init__(self, seed: int, directory: Path, disk: SmallDisk | None, patience: float) -> None:
        """Args:
        disk: that the data directory lies on; None: it will not be full.
        patience: what is allowed is multiplied by it, for machines that have no time for us.
        """
        self.patience = patience
        self.random = Random(seed)
        self.settings = {**LOAD, "SIMULATOR__SEED": str(seed)}
        self.directory = directory
        self.disk = disk
        self.times: dict[str, list[float]] = defaultdict(list)
        self.bounds: dict[str, float | None] = {}  # kind of kill -> what is allowed
        self.wrongs: list[str] = []
        self.trace: list[str] = []
        self.began_at = time.monotonic()
        self.report: Status = {}
        self.stopped_ns = 0  # UTC

    def tell(self, text: str) -> None:
        self.trace.append(f"{time.monotonic() - self.began_at:8.3f}  {text}")

    def complain(self, text: str) -> None:
        self.tell(f"WRONG: {text}")
        self.wrongs.append(text)

    def play(self, duration_s: float, kills: int) -> None:
        """Strike until the time or the kills are used up, end the run, and look at what it left."""
        with self._ending_everything():
            with Trial(self.directory, **self.settings) as trial:
                trial.wait_for("the first trades", _has_traded, UP_WITHIN_S)
                self.tell("it trades")
                self._strike(trial, duration_s, kills)
                if self.random.random() < POWER_CUTS:
                    self._cut_power(trial)
                else:
                    self._calm(trial)
                    self._end(trial)
            self._prove()

    # ---- kills -------------------------------------------------------------------------------------------

    def _strike(self, trial: Trial, duration_s: float, kills: int) -> None:
        striker = Killer(trial, self.random, self.tell)
        began_at = time.monotonic()
        disk, disk_at = self.disk, math.inf
        if disk is not None:
            disk_at = began_at + self.random.uniform(0, duration_s / 2)
        for _ in range(kills):
            if time.monotonic() >= began_at + duration_s:
                return
            if disk is not None and time.monotonic() >= disk_at:
                disk_at = math.inf
                filled_at = time.monotonic()
                self._fill(disk, trial)
                began_at += time.monotonic() - filled_at
            kill = striker.strike()
            self._wait_until_over(trial, kill)
            time.sleep(self.random.uniform(0, 1.5))

    def _fill(self, disk: SmallDisk, trial: Trial) -> None:
        journal = self.directory / "data" / JOURNAL_FILE
        for wrong in FullDisk(trial, disk, journal, self.random, self.tell).strike():
            self.complain(wrong)

    def _wait_until_over(self, trial: Trial, kill: Kill) -> None:
        is_over = _Health(trial, kill, self.tell)
        trial.wait_for(f"healthy after {kill.kind}: {kill.text}", is_over, OVER_WITHIN_S)
        took_s = time.monotonic() - kill.struck_at
        self.tell(f"healthy {took_s:.2f} s after {kill.kind}, load {os.getloadavg()[0]:.1f}")
        self.times[kill.kind].append(took_s)
        self.bounds[kill.kind] = bound = kill.within_s and kill.within_s * self.patience
        if bound is not None and took_s > bound:
            self.complain(f"{kill.kind}: {kill.text}: healthy after {took_s:.2f} s, not {bound:g} s")
        for victim in (*kill.killed, *kill.spared):
            os.close(victim.exit_fd)

    # ---- the end -----------------------------------------------------------------------------------------

    def _calm(self, trial: Trial) -> None:
        """Let nothing go wrong any more, until it has proven everything and trades again."""
        status = trial.wait_for("an address", lambda now: "simulator" in now, OVER_WITHIN_S)
        trial.clear_faults(status)
        self.tell("calm")
        submitted = status["orders"]["submitted"]
        trial.wait_for("it trades again", lambda now: now["orders"]["submitted"] > submitted, CALM_WITHIN_S)
        self.tell("it trades again")
        trial.wait_for(
            "everything is proven",
            lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"],
            CALM_WITHIN_S,
        )

    def _end(self, trial: Trial) -> None:
        self.tell("interrupted")
        self.stopped_ns = time.time_ns()
        ending = trial.end()
        self.tell(f"ended with {ending.code} after {ending.took_s:.2f} s")
        self.report = ending.report
        if ending.code:
            self.complain(f"exit status {ending.code}: {ending.errors}")
        self._look_for_leftovers(trial)

    def _cut_power(self, trial: Trial) -> None:
        """Kill the launcher: all others must follow, and the next run find out what became of the orders."""
        self.tell("kill launcher")
        trial.process.kill()
        trial.process.wait()
        give_up_at = time.monotonic() + CRASH_WITHIN_S * self.patience
        while descendants() and time.monotonic() < give_up_at:
            time.sleep(0.01)
        self._look_for_leftovers(trial)

    def _look_for_leftovers(self, trial: Trial) -> None:
        left = descendants()
        if left:
            self.complain(f"processes left behind: {left}")
        sockets = [str(path) for path in trial.runtime_directory.rglob("*") if not path.is_dir()]
        if sockets:
            self.complain(f"sockets left behind: {sockets}")

    def _prove(self) -> None:
        """Compare all that is known of the account. A quiet second run, the morning after, has the truth."""
        journal = self.directory / "data" / JOURNAL_FILE
        if self.report:
            self._compare_report(journal, self.report, self.stopped_ns)
        with Trial(self.directory, **{**self.settings, **QUIET}) as trial:
            status = trial.wait_for("the morning after", lambda now: now["reconciled"], UP_WITHIN_S)
            for wrong in self._differences_from_truth(trial, status, journal):
                self.complain(wrong)
            stopped_ns = time.time_ns()
            ending = trial.end()
        if ending.code:
            self.complain(f"the morning after: exit status {ending.code}: {ending.errors}")
        self._compare_report(journal, ending.report, stopped_ns)
        books = read_books(journal)
        expected = ("journal_failed", "disk_full") if self.disk is not None else ()
        halts = [f"halted: {reason}" for reason in books.halts if reason not in expected]
        for wrong in (*books.wrongs, *halts):
            self.complain(wrong)

    def _differences_from_truth(self, trial: Trial, status: Status, journal: Path) -> list[str]:
        """Return how venue and journal differ once they are at rest; what is told last wins."""
        give_up_at = time.monotonic() + CALM_WITHIN_S
        while True:
            truth = trial.truth(status)
            wrongs = list(compare_with_truth(read_books(journal), truth))
            if (is_at_rest(truth, time.time_ns()) and not wrongs) or time.monotonic() > give_up_at:
                self.tell(f"{len(truth['orders'])} orders and {len(truth['fills'])} fills compared")
                return wrongs
            time.sleep(_LOOK_AGAIN_S)

    def _compare_report(self, journal: Path, report: Status, stopped_ns: int) -> None:
        for wrong in compare_with_report(journal, report, stopped_ns):
            self.complain(wrong)

    @contextmanager
    def _ending_everything(self) -> Iterator[None]:
        """Whatever happens, leave no process behind; what happens is a complaint, not a traceback."""
        try:
            yield
        except (TimeoutError, AssertionError, subprocess.TimeoutExpired) as error:
            self.complain(str(error))
        finally:
            end_all(0)


class _Health:
    """Whether everything is as it should be after a kill: a condition on a status."""

    def __init__(self, trial: Trial, kill: Kill, tell: Callable[[str], None]) -> None:
        self._trial = trial
        self._kill = kill
        self._tell = tell
        self._told = ""
        self._quotes: int | None = None  # heard of when the simulator was found running

    def __call__(self, status: Status) -> bool:
        troubles = ", ".join((*self._troubles(status["actors"]), *self._troubles_of_venue(status)))
        if troubles != self._told:
            self._told = troubles
            self._tell(f"  waiting for {troubles}")
        return not troubles

    def _troubles(self, actors: dict[str, Any]) -> Iterator[str]:
        replaced = {victim.role: victim.pid for victim in self._kill.killed}
        for role, actor in actors.items():
            if actor["state"] != "up":
                yield f"{role} ({actor['state']})"
            elif actor["pid"] == replaced.get(role) or state_of(actor["pid"]) in ("", "Z", "X", "T"):
                yield f"{role} (gone, and not noticed yet)"

    def _troubles_of_venue(self, status: Status) -> Iterator[str]:
        if not self._kill.is_venues:
            return
        quotes = status["venues"]["coinbase"]["quotes"]
        if self._quotes is None and state_of(self._trial.simulator_pid()) not in ("", "T"):
            self._quotes = quotes
        if self._quotes is None:
            yield "simulator"
        elif quotes <= self._quotes:
            yield "quotes"


def _has_traded(status: Status) -> bool:
    return bool(status["orders"]["filled"] >= 2)


# ---- the script ------------------------------------------------------------------------------------------


def small_disk(directory: Path) -> SmallDisk | None:
    """Put the data directory of the trials to come on a small disk; None where that can't be."""
    data = directory / "data"
    data.mkdir(mode=0o700)
    try:
        disk = SmallDisk(data, DISK_MB)
    except OSError as error:
        print(f"the disk will not be full: {error}", file=sys.stderr)
        return None
    # The venue's disk is not ours.
    disk.keep_elsewhere(directory, *(ACCOUNT_FILE + suffix for suffix in ("", "-wal", "-shm")))
    return disk


def keep(directory: Path, seed: int) -> None:
    """Copy what a run left behind to where it can be looked at."""
    kept = Path(tempfile.gettempdir()) / f"chaos-{seed}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(directory, kept, symlinks=True, ignore=shutil.ignore_patterns("run", "ballast", "*.sock"))
    print(f"kept in {kept}", file=sys.stderr)


def print_table(chaos: Chaos) -> None:
    print(f"{'kill':22} {'count':>5} {'p50':>7} {'p99':>7} {'max':>7} {'bound':>7}   s until healthy")
    for kind, times in sorted(chaos.times.items()):
        bound = chaos.bounds[kind]
        ordered = sorted(times)
        p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
        limit = f"{bound:7.1f}" if bound is not None else f"{'-':>7}"
        print(f"{kind:22} {len(times):5} {p50:7.2f} {p99:7.2f} {ordered[-1]:7.2f} {limit}")


def main() -> int:
    parser = argparse.ArgumentParser(description="let a running system suffer, and prove nothing came of it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of the kills, in seconds")
    parser.add_argument("--kills", type=int, default=1000, metavar="N", help="at most so many")
    parser.add_argument("--patience", type=float, default=1.0, metavar="N", help="allow N times the bounds")
    parser.add_argument("--no-disk", action="store_true", help="never fill the disk")
    parser.add_argument("--verbose", action="store_true", help="print the trace in any case")
    arguments = parser.parse_args()
    use_exact_decimals()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="nz-") as name, ExitStack() as unmounting:
        directory = Path(name)
        disk = None if arguments.no_disk else small_disk(directory)
        if disk is not None:
            unmounting.callback(disk.unmount)
        chaos = Chaos(arguments.seed, directory, disk, arguments.patience)
        chaos.play(arguments.duration, arguments.kills)
        if chaos.wrongs:
            keep(directory, arguments.seed)
    if chaos.wrongs or arguments.verbose:
        print("\n".join(chaos.trace))
    print_table(chaos)
    verdict = "FAILED: " + "; ".join(chaos.wrongs) if chaos.wrongs else "all is well"
    report = chaos.report
    counts = {key: report[key] for key in ("restarts", "dead_letters", "corrections") if key in report}
    print(f"seed {arguments.seed}: {verdict} ({counts}, load {os.getloadavg()[0]:.1f})")
    return 1 if chaos.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
