"""A hundred thousand frames a second offered to one feed actor whose reader is slow.

    python -m scripts.bench.feed_overload [--seconds N] [--rate FRAMES] [--reader-ms N]

Quotes and trades of three instruments, offered by a process of their own as fast as the rate or the socket
allows. The reader takes one batch each --reader-ms. What is printed are proofs, from the venue's own numbers:

- memory flat: the resident size over time;
- the newest price is always within one batch: what a batch held beside the newest that the feed had read;
- conflation counted: quotes in batches and quotes counted as replaced add up to the quotes read;
- every trade delivered, or in an exact aggregate: counts and volumes of trades and bars add up to what the
  venue sent, per instrument, and no trade is there twice.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO

from domain.messages.market import MarketBatch, Quote
from domain.messages.system import GrantCredit
from scripts.bench.feed_server import PRODUCTS, frame, upgrade
from scripts.bench.solo import Solo, patient

FIRST = 10_000_000  # number of the first frame: all have as many digits, so each frame's length is known before
CYCLE = 12_000  # frames after which prices and sizes repeat
BURST = 5_000  # frames handed to the socket at once, with one time stamp
_TICK_S = 0.005


# ---- the venue -------------------------------------------------------------------------------------------


def product_of(number: int) -> str:
    return tuple(PRODUCTS)[number % len(PRODUCTS)]


def is_trade(number: int) -> bool:
    return number % 4 == 3


def size_of(number: int) -> Decimal:
    return Decimal(1 + number % CYCLE * 13 % 997).scaleb(-8)


def template(number: int, mid: int) -> bytes:
    """Return frame `number` with a hole for its time and one or two for its number."""
    product = product_of(number)
    if is_trade(number):
        channel = "market_trades"
        event = (
            f'{{"type":"update","trades":[{{"trade_id":"%d","product_id":"{product}",'
            f'"price":"{mid / 100:.2f}",'
            f'"size":"{size_of(number):f}","side":"BUY","time":"2026-04-07T14:30:00Z"}}]}}'
        )
    else:
        channel = "ticker"
        event = (
            f'{{"type":"update","tickers":[{{"type":"ticker","product_id":"{product}",'
            f'"price":"{mid / 100:.2f}","best_bid":"{(mid - 1) / 100:.2f}","best_bid_quantity":"1.5",'
            f'"best_ask":"{(mid + 1) / 100:.2f}","best_ask_quantity":"{size_of(number):f}"}}]}}'
        )
    message = (
        f'{{"channel":"{channel}","client_id":"","timestamp":"2026-04-07T%s.%06dZ","sequence_num":%8d,'
        f'"events":[{event}]}}'
    )
    sample = message % holes(number, "14:30:00", 0)
    return frame(sample.encode())[: -len(sample)] + message.encode()


def holes(number: int, clock: str | bytes, micros: int) -> tuple[object, ...]:
    sequence_num = number - FIRST  # a connection counts from 0
    return (clock, micros, sequence_num, number) if is_trade(number) else (clock, micros, sequence_num)


def offer(rate: int, seconds: float) -> None:
    """Be the venue: say a port, then offer frames to the one client, and say how many it took.

    What the client does not take in time is never made: a venue would drop or coalesce it, too.
    """
    dice, mids, templates = random.Random(1), dict(PRODUCTS), []
    for number in range(FIRST, FIRST + CYCLE):
        mids[product_of(number)] += dice.randint(-2, 2)
        templates.append(template(number, mids[product_of(number)]))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    client, _ = listener.accept()
    upgrade(client)
    sent, began = 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        count = min(int(passed * rate) - sent, BURST)
        whole, fraction = divmod(passed, 1)
        clock, micros = f"14:{30 + int(whole) // 60}:{int(whole) % 60:02}".encode(), int(fraction * 1e6)
        numbers = range(FIRST + sent, FIRST + sent + count)
        client.sendall(b"".join(templates[(n - FIRST) % CYCLE] % holes(n, clock, micros) for n in numbers))
        sent += count
        if count < BURST:
            time.sleep(_TICK_S)
    client.shutdown(socket.SHUT_WR)
    print(json.dumps({"frames": sent, "offered": int(rate * seconds)}), flush=True)
    while client.recv(65_536):
        pass


@contextmanager
def venue(rate: int, seconds: float) -> Iterator[IO[str]]:
    """Run the venue as a process of its own; yield what it says."""
    command = [sys.executable, "-m", "scripts.bench.feed_overload", "--serve"]
    command += ["--rate", str(rate), "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it is a pipe
        try:
            yield process.stdout
        finally:
            process.terminate()


# ---- the reader ------------------------------------------------------------------------------------------


class Ledger:
    """What the reader got, added up per instrument."""

    def __init__(self) -> None:
        self.batches = self.quotes = self.conflated = self.single = self.folded = 0
        self.counts: Counter[str] = Counter()
        self.volumes: dict[str, Decimal] = defaultdict(Decimal)
        self.are_newest = self.are_rising = True
        self._last_trade: dict[str, int] = {}

    def take(self, batch: MarketBatch, newest: Mapping[str, Quote]) -> None:
        """Enter a batch at the moment it leaves the feed, which has read `newest` by then."""
        self.batches += 1
        self.quotes += len(batch.quotes)
        self.conflated += batch.conflated
        self.are_newest &= all(quote == newest[quote.instrument] for quote in batch.quotes)
        for trade in batch.trades:
            self.single += 1
            self.are_rising &= int(trade.trade_id) > self._last_trade.get(trade.instrument, -1)
            self._last_trade[trade.instrument] = int(trade.trade_id)
            self._add(trade.instrument, 1, trade.quantity)
        for bar in batch.bars:
            self.folded += bar.count
            self._add(bar.instrument, bar.count, bar.volume)

    def _add(self, instrument: str, count: int, volume: Decimal) -> None:
        self.counts[instrument] += count
        self.volumes[instrument] += volume


def truth(frames: int) -> tuple[Counter[str], dict[str, Decimal]]:
    """Return count and volume per instrument of the trades among the venue's first `frames`."""
    counts: Counter[str] = Counter()
    volumes: dict[str, Decimal] = defaultdict(Decimal)
    for number in filter(is_trade, range(FIRST, FIRST + frames)):
        counts[product_of(number)] += 1
        volumes[product_of(number)] += size_of(number)
    return counts, volumes


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024**2


def measure(rate: int, seconds: float, reader_s: float) -> bool:
    ledger = Ledger()
    sizes: list[float] = []
    with venue(rate, seconds) as said:
        address = f"ws://127.0.0.1:{int(said.readline())}"
        solo = Solo(patient(address), lambda batch: ledger.take(batch, solo.feed.quotes))
        solo.start()
        began = grant_at = time.monotonic()
        while solo.feed.stream.pipe is not None or not solo.feed.counters["quotes"]:
            solo.turn(timeout_s=0.01)
            now = time.monotonic()
            if now >= grant_at:
                grant_at = now + reader_s
                solo.tell(GrantCredit(batches=1))
            if now >= began + len(sizes):
                sizes.append(resident_mib())
        took_s = time.monotonic() - began
        for _ in range(3):
            solo.tell(GrantCredit(batches=1))
        venue_said = json.loads(said.readline())
    counters = solo.feed.counters
    frames, (counts, volumes) = venue_said["frames"], truth(venue_said["frames"])
    settled = sizes[len(sizes) // 3 :]
    proofs = {
        "memory is flat": max(settled) - min(settled) < 8,
        "each batch held the newest prices": ledger.are_newest,
        "quotes told and replaced are all quotes": ledger.quotes + ledger.conflated == counters["quotes"],
        "trades alone and in bars are all trades": ledger.counts == counts and ledger.volumes == volumes,
        "no trade came twice": ledger.are_rising,
        "no gap, no error": not counters["gaps"] and not counters["decode_errors"],
    }
    offered = venue_said["offered"]
    print(f"{took_s:.1f} s: {offered:,} frames offered, {frames:,} taken ({frames / took_s:,.0f}/s)")
    print(f"reader: {ledger.batches} batches, one each {reader_s * 1000:.0f} ms")
    print(f"quotes: {counters['quotes']:,} read = {ledger.quotes:,} told + {ledger.conflated:,} replaced")
    print(f"trades: {sum(counts.values()):,} sent = {ledger.single:,} told + {ledger.folded:,} in bars")
    for product, count in counts.items():
        got = ledger.counts[product], ledger.volumes[product]
        print(f"  {product}: {count:,} and {got[0]:,}; {volumes[product]} and {got[1]}")
    print(f"resident MiB: {min(settled):.1f} - {max(settled):.1f} after {len(sizes) // 3} s")
    for proof, holds in proofs.items():
        print(f"{'yes' if holds else 'NO ':<4}{proof}")
    solo.close()
    return all(proofs.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--reader-ms", type=float, default=200.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        offer(arguments.rate, arguments.seconds)
        return 0
    return 0 if measure(arguments.rate, arguments.seconds, arguments.reader_ms / 1000) else 1


if __name__ == "__main__":
    sys.exit(main())
