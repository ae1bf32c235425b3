"""A websocket server that is never the bottleneck: all its Coinbase ticker frames are ready beforehand.

    python -m scripts.bench.feed_server FRAMES

prints its port, and sends each client the same FRAMES frames as fast as the client takes them, then waits for
it to go. Prices walk, quantities are random to eight decimals, and the sequence numbers rise, as a venue's would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

PRODUCTS = {"BTC-USD": 68_900_00, "ETH-USD": 3_200_00, "SOL-USD": 95_00}  # -> mid in cents
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(message: bytes) -> bytes:
    """Return a whole text message as servers send it."""
    length = len(message)
    size = bytes((length,)) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
    return b"\x81" + size + message


def tickers(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield the messages of one connection, with all the fields that the venue sends."""
    dice, mids = random.Random(seed), dict(PRODUCTS)
    for number in range(count):
        product = dice.choice(tuple(mids))
        mids[product] = mid = max(mids[product] + dice.randint(-2, 2), 100)
        seconds, micros = divmod(number * 50, 1_000_000)
        row = {
            "type": "ticker",
            "product_id": product,
            "price": f"{mid / 100:.2f}",
            "volume_24_h": f"{15_000 + dice.random() * 100:.8f}",
            "low_24_h": "67500.00",
            "high_24_h": "69200.00",
            "low_52_w": "25000.00",
            "high_52_w": "73800.00",
            "price_percent_chg_24_h": f"{dice.random() * 3:.14f}",
            "best_bid": f"{(mid - 1) / 100:.2f}",
            "best_bid_quantity": f"{dice.random() * 2:.8f}",
            "best_ask": f"{(mid + 1) / 100:.2f}",
            "best_ask_quantity": f"{dice.random() * 2:.8f}",
        }
        yield json.dumps(
            {
                "channel": "ticker",
                "client_id": "",
                "timestamp": f"2026-04-07T14:{seconds // 60:02}:{seconds % 60:02}.{micros:06}Z",
                "sequence_num": number,
                "events": [{"type": "update", "tickers": [row]}],
            },
            separators=(",", ":"),
        ).encode()


def upgrade(client: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65_536)
    key = request.partition(b"Sec-WebSocket-Key: ")[2].split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@contextmanager
def serving(frames: int) -> Iterator[str]:
    """Run the server as a process of its own; yield its address."""
    command = [sys.executable, "-m", "scripts.bench.feed_server", str(frames)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # it is a pipe
        try:
            yield f"ws://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def main() -> None:
    stream = b"".join(frame(message) for message in tickers(int(sys.argv[1])))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        try:
            upgrade(client)
            time.sleep(0.05)  # the client has sent its subscriptions, and is reading
            client.sendall(stream)
            while client.recv(65_536):
                pass
        except ConnectionError:
            pass  # it had enough
        client.close()


if __name__ == "__main__":
    main()
