"""One feed actor's receive path, beside the loops that one would write instead.

    python -m scripts.bench.feed [--frames N] [--rounds N] [--websockets PYTHON]

Coinbase ticker frames from a process that has them ready; counted are frames that became a `Quote`, checked,
put in sequence and handed to a reader by credit. `websockets` 17 clashes with what some venues' clients pin,
so it wants an environment of its own:

    python -m venv /tmp/websockets && /tmp/websockets/bin/pip install 'websockets==17.*' 'msgspec==0.22.*'

--websockets names its Python (default: /tmp/websockets/bin/python). Rounds are interleaved, so that whatever
else the machine does hits all alike; figures are medians over the rounds. CPU time is the steadier of the two
figures on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from domain.messages.system import GrantCredit
from scripts.bench.feed_loops import Meter
from scripts.bench.feed_server import serving
from scripts.bench.solo import Solo, patient

OURS, WEBSOCKETS, UNBOUNDED, CLIENT = NAMES = (
    "nzeza feed actor",
    "websockets + msgspec",
    "the same, queue unbounded",
    "websocket-client + msgspec",
)
SLOW_SHARE = 10  # the slowest loop gets a tenth of the frames


class Figures(NamedTuple):
    rate: float  # frames per second that became quotes
    cpu_us: float  # of this process, for each


def by_feed(address: str, count: int) -> Figures:
    due: list[int] = []
    solo = Solo(patient(address), lambda batch: due.append(1))
    try:
        solo.start()
        while not solo.feed.counters["quotes"]:
            solo.turn()
        first, meter = solo.feed.counters["quotes"], Meter()
        while solo.feed.counters["quotes"] < count:
            solo.turn()
            for _ in due:
                solo.tell(GrantCredit(batches=1))
            due.clear()
        return figures(meter.read(count - first))
    finally:
        solo.close()


def figures(text: str) -> Figures:
    rate, cpu_us = map(float, text.split())
    return Figures(rate, cpu_us)


def by_loop(python: str, library: str, address: str, count: int) -> Figures | None:
    """Return what a loop of another environment reaches; None when it isn't there."""
    script = Path(__file__).with_name("feed_loops.py")
    try:
        done = subprocess.run(
            [python, str(script), library, address, str(count)], capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return figures(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--websockets", default="/tmp/websockets/bin/python", metavar="PYTHON")
    arguments = parser.parse_args()
    found: dict[str, list[Figures]] = {name: [] for name in NAMES}
    count = arguments.frames
    with serving(count) as address:
        loops: dict[str, Callable[[], Figures | None]] = {
            OURS: lambda: by_feed(address, count),
            WEBSOCKETS: lambda: by_loop(arguments.websockets, "websockets", address, count),
            UNBOUNDED: lambda: by_loop(arguments.websockets, "websockets-unbounded", address, count),
            CLIENT: lambda: by_loop(sys.executable, "websocket-client", address, count // SLOW_SHARE),
        }
        for _ in range(arguments.rounds):
            for name, loop in loops.items():
                result = loop()
                if result is not None:
                    found[name].append(result)
    print(f"{count} frames, {arguments.rounds} rounds: medians [lowest - highest]")
    for name, results in found.items():
        print(f"{name:<28}{_line(results) if results else 'not installed'}")
    for name in (WEBSOCKETS, UNBOUNDED, CLIENT):
        if found[name]:
            pairs = list(zip(found[OURS], found[name]))
            by_rate = median(ours.rate / theirs.rate for ours, theirs in pairs)
            by_cpu = median(theirs.cpu_us / ours.cpu_us for ours, theirs in pairs)
            print(f"{OURS} : {name} = {by_rate:.2f} by rate, {by_cpu:.2f} by CPU")


def _line(results: list[Figures]) -> str:
    rates, cpus = ([result[index] for result in results] for index in (0, 1))
    return (
        f"{median(rates):>9,.0f} frames/s [{min(rates):,.0f} - {max(rates):,.0f}]"
        f"{median(cpus):>9.2f} us CPU [{min(cpus):.2f} - {max(cpus):.2f}]"
    )


if __name__ == "__main__":
    main()
