"""The whole system against the venue of `tick_to_order`, as the launcher runs it.

    python -m scripts.bench.tick_system PORT KEY_FILE DIRECTORY ACTOR_BASE normal|full

trades until it is interrupted, and ends with the report of `nzeza run --json`. Nothing of the product is changed: feed,
candles, strategy, portfolio with its risk gate, router with its journal, gateway with its signer, and all others. Only
the launcher's child that serves simulated venues is replaced by the bench's venue, which runs already.

Signals come from candles, so the road from a quote is made as short as settings can: candles of 50 ms that wait for no
late trade, and the one strategy that follows a trend. The quote that closes a candle is the one that triggers.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters.settings.load import load
from domain.settings import Settings, SimulatorSettings
from scripts.bench.tick_work import CANDLE_NS, INSTRUMENT, STREAM_PATH, VENUE

_REPLACED = "SimulatedVenues"
_SETTINGS = """
[system]
data_directory = "{directory}"
actor_base = "{base}"
journal_synchronous = "{synchronous}"

[venues.coinbase]
instruments = ["{instrument}"]
requests_per_second = 1000
book_timeout_s = 600              # the book is silent until a round begins

[signals]
candle_s = {candle_s:g}
watermark_s = 0

[signals.weights]
fast_scalping = 1

[risk]
orders_per_hour = 1000000
orders_per_day = 1000000
"""


def settings_of(directory: Path, base: str, synchronous: str) -> Settings:
    """Return the demo's settings, with what the bench wants otherwise."""
    text = _SETTINGS.format(
        directory=directory,
        base=base,
        synchronous=synchronous,
        instrument=INSTRUMENT,
        candle_s=CANDLE_NS / 1e9,
    )
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        return load(Path(file.name), {}, {VENUE})


class BenchVenues:
    """Stands in for `SimulatedVenues`: it leads to a server that somebody else started and will end."""

    def __init__(self, port: int, key_file: str) -> None:
        stream = f"ws://127.0.0.1:{port}{STREAM_PATH}"
        self._venue = {
            "rest_url": f"http://127.0.0.1:{port}",
            "market_stream_url": stream,
            "private_stream_url": stream,
            "key_file": key_file,
        }
        self.endpoints: dict[str, Any] = {"control": "", "venues": {VENUE: self._venue}}
        self.pid = os.getpid()

    def lead(self, settings: Settings) -> Settings:
        led = msgspec.structs.replace(settings.venues[VENUE], **self._venue)
        return msgspec.structs.replace(settings, venues={VENUE: led})

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        """It serves the others, too."""


def main() -> int:
    port, key_file, directory, base, synchronous = int(sys.argv[1]), *sys.argv[2:6]
    from scripts.run import launch
    from scripts.run.options import RunOptions

    def serve(settings: SimulatorSettings, directory: Path, log: Path, is_unwanted: Callable[[], bool]) -> BenchVenues:
        return BenchVenues(port, key_file)

    # The launcher knows no other place to get venues from, and this process is nobody else's.
    setattr(launch, _REPLACED, serve)
    return launch.run(settings_of(Path(directory), base, synchronous), RunOptions(headless=True, json=True))


if __name__ == "__main__":
    sys.exit(main())
