"""How long it takes from a price on the socket to the order on the wire, beside what others would write.

    python -m scripts.bench.tick_to_order [--seconds N] [--rounds N] [--only NAME,NAME] [--json]

A venue on loopback, in a process of its own, sends 200 frames a second. One in 120 closes a candle on which the
strategy buys, and the id of the order that must follow is known before: so orders are matched to frames one to one.
Measured is the time from before the write of that frame to after the read of the whole order, both in the venue's
process and on one clock. Rounds are interleaved, so that whatever else the machine does hits all alike; percentiles
are over the orders of all rounds, ratios are to the bare loop on raw sockets. The first two seconds of a round warm up,
and don't count.

All decode the same JSON, ask the same strategy, and sign each order anew with ES256 by the same code (`tick_work.py`);
every token is checked when the round is over. See PREFACE for what is not the same. Journals lie where temporary files
do (TMPDIR), which should be a disk. Who is not installed, or can't keep up, is skipped with a word.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.bench.tick_server import FRAMES_PER_S
from scripts.bench.tick_table import Arrival, Matched, Peer, Window, figures, match, percentile, table
from scripts.bench.tick_traders import Place, Skipped, loop, system
from scripts.bench.tick_work import without_instance

PREFACE = """\
Same for all: the frames, JSON decoded, the strategy, a fresh ES256 token for each order, its body, kept connections.
Only nzeza: the book and its sequence, freshness, candles proven whole, the risk gate (with the demo's limits), sizing,
the order journal, rate limit, breaker, resends without twins, what filled and what it cost, a bracket for each position,
reconciliation, and ten actors of which any may die. Its signals come from candles: the quote that closes one of 50 ms
triggers. The five processes have the append alone, and none of the loops would notice a lost order. One venue, no TLS.
All orders that count are openings, which fill at once; brackets do, too, and count nowhere. nzeza opens nothing while it
holds something: should a position not be gone within 600 ms, the next order is lost, not late. So read its p99 together
with what it lost; there are 1.7 orders a second, so it is the second slowest of a hundred."""

FLOOR = "raw"
WARM_UP_S = 2.0
COOL_DOWN_S = 0.5  # the last orders have so long to arrive; frames go on, for a silence would close candles, too
CAN_KEEP_UP = 0.9  # of the triggers answered; with less, its percentiles tell only of those that it had time for

Trader = Callable[[Place], AbstractContextManager[list[str]]]


def _loop(name: str, needs: str = "") -> Trader:
    return lambda place: loop(place, "tick_loops", name, str(place.port), str(place.key_file), needs=needs)


def _processes(place: Place) -> AbstractContextManager[list[str]]:
    arguments = str(place.port), str(place.key_file), str(place.directory / "journal.sqlite"), place.synchronous
    return loop(place, "tick_processes", *arguments)


def _nautilus(place: Place) -> NoReturn:
    """Refuse: its live node wants an environment of its own, and a client that is still to come."""
    raise Skipped("there is no environment with nautilus_trader, and no client for it yet")


TRADERS: dict[str, tuple[str, Trader]] = {  # name -> title, and what starts it
    FLOOR: ("(a) bare loop on raw sockets", _loop("raw")),
    "aiohttp": ("(b) aiohttp", _loop("aiohttp")),
    "websockets": ("(b) websockets + aiohttp", _loop("websockets", needs="websockets")),
    "sync": ("(c) websocket-client + requests", _loop("sync", needs="requests")),
    "nzeza": ("    nzeza", lambda place: system(place, "multiprocUnixBase")),
    "nzeza-tcp": ("(d) nzeza on multiprocTCPBase", lambda place: system(place, "multiprocTCPBase")),
    "nautilus": ("(e) nautilus_trader", _nautilus),
    "processes": ("(f) five processes and SQLite", _processes),
}


@contextmanager
def serving() -> Iterator[subprocess.Popen[str]]:
    """Run the venue as a process of its own."""
    command = [sys.executable, "-m", "scripts.bench.tick_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.terminate()


def make_key(path: Path) -> Any:
    """Write a key file as the venue's users have one; return the public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_text(json.dumps({"name": "organizations/bench/apiKeys/bench", "privateKey": pem.decode()}))
    return key.public_key()


def is_signed(token: str, key: Any) -> bool:
    try:
        # When the round is over, a token of its first second may have expired.
        jwt.decode(token, key, algorithms=["ES256"], options={"verify_exp": False, "verify_aud": False})
    except jwt.InvalidTokenError:
        return False
    return True


def run_round(trader: Trader, place: Path, seconds: float, synchronous: str) -> tuple[Matched, list[str], list[float]]:
    """Let one trade for so long; return its orders, what went wrong, and how late the venue's frames were (us).

    Raises:
        Skipped: it can't be measured.
    """
    key_file = place / "key.json"
    key = make_key(key_file)
    with serving() as server:
        assert server.stdin is not None and server.stdout is not None
        port = int(server.stdout.readline())
        with trader(Place(port, key_file, place, synchronous)) as remarks:
            server.stdin.write(f"go {WARM_UP_S + seconds + COOL_DOWN_S}\n")
            server.stdin.flush()
            stamps = json.loads(server.stdout.readline())
    arrivals = [
        Arrival(without_instance(order_id), read_ns, is_signed(token, key))
        for order_id, read_ns, token in stamps["arrivals"]
    ]
    from_ns = min(stamps["sent"].values(), default=0) + WARM_UP_S * 1e9
    counted = Window(from_ns, from_ns + seconds * 1e9)
    return match(stamps["sent"], arrivals, counted), remarks, stamps["late_us"]


def measure(peers: Sequence[Peer], seconds: float, rounds: int, synchronous: str) -> list[float]:
    """Fill the peers with rounds; return how late the venue's frames were, in microseconds."""
    late_us: list[float] = []
    for _ in range(rounds):
        for peer in peers:
            if peer.skipped:
                continue
            with tempfile.TemporaryDirectory(prefix="nzeza-bench-") as directory:
                try:
                    matched, remarks, late = run_round(TRADERS[peer.name][1], Path(directory), seconds, synchronous)
                except Skipped as reason:
                    peer.skipped = str(reason)
                    continue
            peer.remarks += [text for text in remarks if text not in peer.remarks]
            triggers = len(matched.latencies_us) + matched.lost
            if len(matched.latencies_us) < CAN_KEEP_UP * triggers or not matched.latencies_us:
                peer.skipped = f"it can't keep up: {matched.lost} of {triggers} orders were lost"
                continue
            peer.rounds.append(matched)
            late_us += late
    return late_us


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "python": platform.python_version()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of one round, without its warm-up")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="NAMES", help=f"of {','.join(TRADERS)}")
    parser.add_argument("--synchronous", choices=("normal", "full"), default="normal", help="how journals are synced")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(TRADERS)
    for name in names:
        if name not in TRADERS:
            parser.error(f"nobody is called {name!r}: there are {', '.join(TRADERS)}")
    peers = [Peer(name, TRADERS[name][0]) for name in names]
    before = machine()
    late_us = measure(peers, arguments.seconds, arguments.rounds, arguments.synchronous)
    floor = next((peer for peer in peers if peer.name == FLOOR), None)
    told = {
        "preface": PREFACE.split("\n"),
        "frames_per_s": FRAMES_PER_S,
        "seconds": arguments.seconds,
        "rounds": arguments.rounds,
        "synchronous": arguments.synchronous,
        "machine": before,
        "venue_late_us": {f"p{share}": percentile(late_us, share / 100) for share in (50, 99) if late_us},
        "peers": [figures(peer, floor) for peer in peers],
    }
    print(json.dumps(told) if arguments.json else text(told))


def text(told: dict[str, Any]) -> str:
    late = ", ".join(f"{name} {value:,.0f} us" for name, value in told["venue_late_us"].items())
    where = ", ".join(f"{name} {value}" for name, value in told["machine"].items())
    what = f"{told['rounds']} rounds of {told['seconds']:g} s, {told['frames_per_s']} frames/s"
    return "\n".join(
        (
            *told["preface"],
            "",
            f"{what}, journals synced {told['synchronous']}, times in us; {where}",
            f"the venue sent its frames late by {late or 'nothing'}",
            "",
            table(told["peers"]),
        )
    )


if __name__ == "__main__":
    main()
