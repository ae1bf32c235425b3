"""The loops that one would write instead of a feed: a websocket library, msgspec, and nothing else.

    python scripts/bench/feed_loops.py websockets|websockets-unbounded|websocket-client ADDRESS FRAMES

prints the frames per second that became a `Touch`, and the microseconds of CPU for each. It imports nothing
of nzeza, so it runs in any environment that has msgspec and the library. There is no check of numbers, times,
sequence or staleness in it.
"""

import asyncio
import sys
import time
from decimal import Decimal
from typing import Any

import msgspec


class Row(msgspec.Struct):
    product_id: str
    best_bid: Decimal
    best_bid_quantity: Decimal
    best_ask: Decimal
    best_ask_quantity: Decimal


class Tickers(msgspec.Struct):
    tickers: list[Row]


class Frame(msgspec.Struct):
    timestamp: str
    sequence_num: int
    events: list[Tickers]


class Touch(msgspec.Struct):
    ts_event: str
    instrument: str
    bid_price: Decimal
    bid_quantity: Decimal
    ask_price: Decimal
    ask_quantity: Decimal


decode = msgspec.json.Decoder(Frame).decode


def quotes(message: bytes | str) -> list[Touch]:
    frame = decode(message)
    return [
        Touch(
            frame.timestamp,
            row.product_id,
            row.best_bid,
            row.best_bid_quantity,
            row.best_ask,
            row.best_ask_quantity,
        )
        for event in frame.events
        for row in event.tickers
    ]


class Meter:
    """Wall and CPU time from now on."""

    def __init__(self) -> None:
        self.began, self.cpu = time.perf_counter(), time.process_time()

    def read(self, count: int) -> str:
        wall, cpu = time.perf_counter() - self.began, time.process_time() - self.cpu
        return f"{count / wall} {cpu / count * 1e6}"


async def by_websockets(address: str, count: int, **options: Any) -> str:
    import websockets

    seen = 0
    meter: Meter | None = None
    async with websockets.connect(address, **options) as stream:
        async for message in stream:
            seen += len(quotes(message))
            meter = meter or Meter()
            if seen == count:
                return meter.read(count - 1)
    raise EOFError(f"the server ended after {seen} of {count} quotes")


def by_websocket_client(address: str, count: int) -> str:
    import websocket

    stream = websocket.create_connection(address)
    quotes(stream.recv())
    meter = Meter()
    for _ in range(count - 1):
        quotes(stream.recv())
    figures = meter.read(count - 1)
    stream.shutdown()  # type: ignore[no-untyped-call]  # websocket-client has no types here
    return figures


if __name__ == "__main__":
    library, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if library == "websockets":
        print(asyncio.run(by_websockets(address, count)))
    elif library == "websockets-unbounded":  # its queue without a limit, and with it without flow control
        print(asyncio.run(by_websockets(address, count, compression=None, max_queue=None)))
    else:
        print(by_websocket_client(address, count))
