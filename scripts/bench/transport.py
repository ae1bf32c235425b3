"""Compare the local base with Thespian's stock one, and both with a bare pickle over a socket pair.

    python -m scripts.bench.transport [--rounds N]

Rounds are interleaved, so that whatever else the machine does hits all alike; figures are medians over the
rounds, and the spread of the hop says how far to trust them. A hop is half a round trip of a 200-byte message
between two processes.
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import socket
import struct
import time
from collections import defaultdict
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
    Parent,
    Pinger,
    Producer,
    Sleeper,
    Timers,
)

FLOOR, STOCK, OURS = NAMES = ("floor", "multiprocTCPBase", "multiprocUnixBase")
PATIENCE_S = 120.0
WINDOW, CREDIT_EVERY = 32, 16
BURST = 5000
FLOW = {STOCK: 1000, OURS: 40_000}  # messages; about a second each
HOPS = 1000
TIMERS, DELAY_S = 50, 0.010
KILLS = 5

Figures = dict[str, float]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(base: str) -> Figures:
    """Run everything once on a fresh system."""
    system = ActorSystem(base, {"Admin Port": free_port()}, transientUnique=True)
    try:
        return (
            measure_hops(system)
            | measure_flow(system, FLOW[base])
            | measure_burst(system)
            | measure_asks(system)
            | measure_timers(system)
            | measure_kills(system)
            | measure_memory(system)
        )
    finally:
        system.shutdown()


def ask(system: Any, actor: Any, question: Any) -> Any:
    with system.private() as context:
        answer = context.ask(actor, question, PATIENCE_S)
    assert answer is not None, f"no answer to {question!r}"
    return answer


def measure_hops(system: Any) -> Figures:
    pinger, echo = system.createActor(Pinger), system.createActor(Echo)
    ask(system, pinger, Hops(echo, 100))  # connects and warms up
    halves = ask(system, pinger, Hops(echo, HOPS))
    return {"hop p50, us": percentile(halves, 0.5) * 1e6, "hop p99, us": percentile(halves, 0.99) * 1e6}


def measure_flow(system: Any, count: int) -> Figures:
    producer, consumer = system.createActor(Producer), system.createActor(Consumer)
    order = Flow(consumer, count, WINDOW)
    elapsed_s = time_until_done(system, consumer, Expect(count, CREDIT_EVERY), producer, order)
    return {f"flow (window {WINDOW}), messages/s": count / elapsed_s}


def measure_burst(system: Any) -> Figures:
    producer, consumer = system.createActor(Producer), system.createActor(Consumer)
    elapsed_s = time_until_done(system, consumer, Expect(BURST, 0), producer, Burst(consumer, BURST))
    return {f"burst of {BURST}, messages/s": BURST / elapsed_s}


def time_until_done(system: Any, consumer: Any, expected: Expect, producer: Any, order: Any) -> float:
    with system.private() as context:
        assert context.ask(consumer, expected, PATIENCE_S) == "ready"
        began_s = time.perf_counter()
        context.tell(producer, order)
        assert context.listen(PATIENCE_S) == "done"
        return time.perf_counter() - began_s


def measure_asks(system: Any) -> Figures:
    echo = system.createActor(Echo)
    trips = []
    for number in range(HOPS // 2):
        began_s = time.perf_counter()
        system.ask(echo, Load(number), PATIENCE_S)
        trips.append(time.perf_counter() - began_s)
    return {"ask p50, us": percentile(trips, 0.5) * 1e6, "ask p99, us": percentile(trips, 0.99) * 1e6}


def measure_timers(system: Any) -> Figures:
    late = ask(system, system.createActor(Sleeper), Timers(TIMERS, DELAY_S))
    return {
        "timer late p50, us": percentile(late, 0.5) * 1e6,
        "timer late p99, us": percentile(late, 0.99) * 1e6,
    }


def measure_kills(system: Any) -> Figures:
    """Measure how long after kill -9 the parent handles the news."""
    times = []
    for _ in range(KILLS):
        with system.private() as context:
            child = context.ask(system.createActor(Parent), "make child", PATIENCE_S)
            process = ask(system, child, "pid")
            began_s = time.monotonic()
            os.kill(process, signal.SIGKILL)
            times.append(context.listen(PATIENCE_S).seconds - began_s)
    return {"kill -9 to parent told, us": median(times) * 1e6}


def measure_memory(system: Any) -> Figures:
    processes = [ask(system, system.createActor(Echo), "pid") for _ in range(5)]
    return {"memory per actor (PSS), KiB": median(map(pss_kib, processes))}


def pss_kib(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


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
    halves = []
    for number in range(HOPS):
        began_s = time.perf_counter()
        send(here, Load(number))
        receive(here)
        halves.append((time.perf_counter() - began_s) / 2)
    here.close()
    os.waitpid(child, 0)
    return {"hop p50, us": percentile(halves, 0.5) * 1e6, "hop p99, us": percentile(halves, 0.99) * 1e6}


LENGTH = struct.Struct("<I")


def send(peer: socket.socket, message: Any) -> None:
    payload = pickle.dumps(message, 5)
    peer.sendall(LENGTH.pack(len(payload)) + payload)


def receive(peer: socket.socket) -> Any:
    header = peer.recv(LENGTH.size, socket.MSG_WAITALL)
    return pickle.loads(peer.recv(LENGTH.unpack(header)[0], socket.MSG_WAITALL)) if header else None


def main() -> None:
    parser = argparse.ArgumentParser(description="compare actor transports; rounds are interleaved")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    register()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for name, figures in ((FLOOR, measure_floor()), (STOCK, measure(STOCK)), (OURS, measure(OURS))):
            for figure, value in figures.items():
                found[name][figure].append(value)

    title = f"median of {rounds} rounds"
    print(f"{title:30} {'floor':>10} {STOCK:>18} {OURS:>18} {'ours / stock':>13}")
    for figure in found[OURS]:
        floor, stock, ours = (median(found[name].get(figure, [float("nan")])) for name in NAMES)
        print(f"{figure:30} {floor:10,.0f} {stock:18,.0f} {ours:18,.0f} {ours / stock:13.3g}")
    for name in NAMES:
        hops = found[name]["hop p50, us"]
        print(f"hop p50 of {name}: {min(hops):,.0f} to {max(hops):,.0f} us")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
