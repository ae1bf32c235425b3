"""Compare the local base with Thespian's stock one, and both with a bare pickle over a socket pair.

    .venv/bin/python -m scripts.bench.transport [--rounds N]

Takes about 15 s a round. In each round both systems are up and every figure is taken on one right after the
other, so that whatever else the machine does hits both alike. Shown are the medians over the rounds, and the
median, lowest and highest of the ratios within the rounds, with the target for that where there is one.

| figure | what is measured |
|---|---|
| hop | half a round trip of a 200-byte message between two actors |
| flow | one actor to another that grants credit, 32 messages on their way at most |
| burst | 5,000 messages sent by one handler, until the last one is handled |
| ask | round trip from outside the system |
| timer late | how long after 1, 10 and 50 ms a wakeup comes |
| crash to rewired | from kill -9 of an actor until its replacement has answered whoever is wired to it |
| memory | proportional set size of an actor that does nothing |
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from thespian.actors import ActorSystem

from adapters.thespian_unix.register import register
from scripts.bench.transport_actors import (
    Burst,
    Consumer,
    Echo,
    Expect,
    Flow,
    Hops,
    Load,
    Pinger,
    Producer,
    Sleeper,
    Start,
    Supervisor,
    Timers,
)

STOCK, OURS, FLOOR = NAMES = ("multiprocTCPBase", "multiprocUnixBase", "floor")
PATIENCE_S = 120.0
HOPS = 1000
WINDOW, CREDIT_EVERY = 32, 16
FLOW = {STOCK: 1000, OURS: 40_000}  # messages; about a second each
BURST = 5000
ASKS = 500
DELAYS_S = (0.001, 0.010, 0.050) * 15
CRASHES = 10
ACTORS = 5  # whose memory is looked at

# Figure -> how many times better than stock it has to be: at most 1/4 of the time, at least 40 x the rate.
TARGETS = {"hop p50, us": 4, "flow, messages/s": 40, "burst, messages/s": 50}

Figures = dict[str, float]


def p50_and_p99(name: str, times_s: list[float]) -> Figures:
    ordered = sorted(times_s)
    return {
        f"{name} p50, us": ordered[len(ordered) // 2] * 1e6,
        f"{name} p99, us": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e6,
    }


# ---- what is measured --------------------------------------------------------------------------------------


def measure_hops(system: Any, base: str) -> Figures:
    pinger, echo = system.createActor(Pinger), system.createActor(Echo)
    ask(system, pinger, Hops(echo, 100))  # connects and warms up
    return p50_and_p99("hop", ask(system, pinger, Hops(echo, HOPS)))


def measure_flow(system: Any, base: str) -> Figures:
    producer, consumer = system.createActor(Producer), system.createActor(Consumer)
    order = Flow(consumer, FLOW[base], WINDOW)
    elapsed_s = time_until_done(system, consumer, Expect(FLOW[base], CREDIT_EVERY), producer, order)
    return {"flow, messages/s": FLOW[base] / elapsed_s}


def measure_burst(system: Any, base: str) -> Figures:
    producer, consumer = system.createActor(Producer), system.createActor(Consumer)
    elapsed_s = time_until_done(system, consumer, Expect(BURST, 0), producer, Burst(consumer, BURST))
    return {"burst, messages/s": BURST / elapsed_s}


def measure_asks(system: Any, base: str) -> Figures:
    echo = system.createActor(Echo)
    trips_s = []
    for number in range(ASKS):
        began_s = time.perf_counter()
        system.ask(echo, Load(number), PATIENCE_S)
        trips_s.append(time.perf_counter() - began_s)
    return p50_and_p99("ask", trips_s)


def measure_timers(system: Any, base: str) -> Figures:
    return p50_and_p99("timer late", ask(system, system.createActor(Sleeper), Timers(DELAYS_S)))


def measure_crashes(system: Any, base: str) -> Figures:
    times_s = []
    with system.private() as context:
        serving = context.ask(system.createActor(Supervisor), Start(), PATIENCE_S)
        for _ in range(CRASHES):
            began_s = time.monotonic()
            os.kill(serving.process, signal.SIGKILL)
            serving = context.listen(PATIENCE_S)
            times_s.append(serving.since_s - began_s)
    return p50_and_p99("crash to rewired", times_s)


def measure_memory(system: Any, base: str) -> Figures:
    processes = [ask(system, system.createActor(Echo), "pid") for _ in range(ACTORS)]
    return {"memory per actor, KiB": median(map(pss_kib, processes))}


MEASURES: tuple[Callable[[Any, str], Figures], ...] = (
    measure_hops,
    measure_flow,
    measure_burst,
    measure_asks,
    measure_timers,
    measure_crashes,
    measure_memory,
)


def ask(system: Any, actor: Any, question: Any) -> Any:
    with system.private() as context:
        answer = context.ask(actor, question, PATIENCE_S)
    assert answer is not None, f"no answer to {question!r}"
    return answer


def time_until_done(system: Any, consumer: Any, expected: Expect, producer: Any, order: Any) -> float:
    with system.private() as context:
        assert context.ask(consumer, expected, PATIENCE_S) == "ready"
        began_s = time.perf_counter()
        context.tell(producer, order)
        assert context.listen(PATIENCE_S) == "done"
        return time.perf_counter() - began_s


def pss_kib(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


# ---- the floor ---------------------------------------------------------------------------------------------


def measure_floor() -> Figures:
    """Measure a pickle each way over a socket pair between two processes, with nothing around it."""
    here, there = socket.socketpair()
    child = os.fork()
    if not child:
        here.close()
        while message := receive(there):
            send(there, message)
        os._exit(0)
    there.close()
    halves_s = []
    for number in range(HOPS):
        began_s = time.perf_counter()
        send(here, Load(number))
        receive(here)
        halves_s.append((time.perf_counter() - began_s) / 2)
    here.close()
    os.waitpid(child, 0)
    return p50_and_p99("hop", halves_s)


LENGTH = struct.Struct("<I")


def send(peer: socket.socket, message: Any) -> None:
    payload = pickle.dumps(message, 5)
    peer.sendall(LENGTH.pack(len(payload)) + payload)


def receive(peer: socket.socket) -> Any:
    header = peer.recv(LENGTH.size, socket.MSG_WAITALL)
    return pickle.loads(peer.recv(LENGTH.unpack(header)[0], socket.MSG_WAITALL)) if header else None


# ---- rounds ------------------------------------------------------------------------------------------------


@contextmanager
def running(base: str) -> Iterator[Any]:
    system = ActorSystem(base, {"Admin Port": free_port()}, transientUnique=True)
    try:
        yield system
    finally:
        system.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port


def measure_round() -> dict[str, Figures]:
    found: dict[str, Figures] = {STOCK: {}, OURS: {}, FLOOR: measure_floor()}
    with running(STOCK) as stock, running(OURS) as ours:
        for measure in MEASURES:
            found[STOCK] |= measure(stock, STOCK)
            found[OURS] |= measure(ours, OURS)
    return found


def print_table(rounds: list[dict[str, Figures]]) -> None:
    title = f"median of {len(rounds)} rounds"
    print(f"{title:26} {STOCK:>17} {OURS:>18} {'ours / stock':>13} {'range':>16}  target")
    for figure in rounds[0][OURS]:
        stock, ours = (median(found[base][figure] for found in rounds) for base in (STOCK, OURS))
        ratios = [found[OURS][figure] / found[STOCK][figure] for found in rounds]
        row = f"{figure:26} {stock:17,.0f} {ours:18,.0f} {median(ratios):13.3g}"
        print(f"{row} {f'{min(ratios):.3g} to {max(ratios):.3g}':>16}  {verdict(figure, median(ratios))}")
    for figure in rounds[0][FLOOR]:
        print(f"{f'floor: {figure}':26} {median(found[FLOOR][figure] for found in rounds):17,.0f}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def verdict(figure: str, ratio: float) -> str:
    times = TARGETS.get(figure)
    if times is None:
        return ""
    if figure.endswith("/s"):
        return f"at least {times}: {'met' if ratio >= times else 'MISSED'}"
    return f"at most 1/{times}: {'met' if ratio <= 1 / times else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description="compare actor transports; rounds are interleaved")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    register()
    print_table([measure_round() for _ in range(options.rounds)])


if __name__ == "__main__":
    main()
