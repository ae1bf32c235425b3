"""Five bare processes in a row, as many as stand on the system's road, with one SQLite append: the floor of its shape.

    python -m scripts.bench.tick_processes PORT KEY_FILE JOURNAL normal|full

feed (decodes) -> signals (decides) -> portfolio (passes on) -> router (appends) -> gateway (signs and posts). Each hop
is one msgpack blob on a socket pair, written once and read once. The append is two rows in one transaction, synced as
the system's journal is. There is no risk gate, no acknowledgement between them, and nobody who looks after them.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from scripts.bench.tick_sockets import RawPost, RawStream
from scripts.bench.tick_work import ORDERS_PATH, STREAM_PATH, SUBSCRIPTIONS, Pen, Tick, Trader, Wish, read_tick

_LONGEST = 65_536  # bytes of a message
_SCHEMA = """
CREATE TABLE journal (seq INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)
"""
_INSERT = "INSERT INTO journal (recorded_at, kind, body) VALUES (?, ?, ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode_tick = msgspec.msgpack.Decoder(Tick).decode
_decode_wish = msgspec.msgpack.Decoder(Wish).decode


def feed(stream: RawStream, out: socket.socket) -> None:
    for frame in stream.frames():
        tick = read_tick(frame)
        if tick is not None:
            out.send(_encode(tick))


def signals(heard: Iterator[bytes], out: socket.socket) -> None:
    trader = Trader()
    for blob in heard:
        wish = trader.hear(_decode_tick(blob))
        if wish is not None:
            out.send(_encode(wish))


def portfolio(heard: Iterator[bytes], out: socket.socket) -> None:
    for blob in heard:
        out.send(_encode(_decode_wish(blob)))


def router(heard: Iterator[bytes], out: socket.socket, path: str, synchronous: str) -> None:
    journal = open_journal(path, synchronous)
    for blob in heard:
        wish = _decode_wish(blob)
        append(journal, wish)
        out.send(_encode(wish))


def gateway(heard: Iterator[bytes], port: int, key_file: str) -> None:
    pen, post = Pen(port, key_file), RawPost(port, ORDERS_PATH)
    for blob in heard:
        post.send(*pen.write(_decode_wish(blob)))


def open_journal(path: str, synchronous: str) -> sqlite3.Connection:
    journal = sqlite3.connect(path, isolation_level=None)
    journal.execute("PRAGMA journal_mode = WAL")
    journal.execute(f"PRAGMA synchronous = {'FULL' if synchronous == 'full' else 'NORMAL'}")
    journal.execute(_SCHEMA)
    return journal


def append(journal: sqlite3.Connection, wish: Wish) -> None:
    """Write two entries of about the size that an accepted intent and its order have in the system's journal."""
    at, limit = time.time_ns(), str(wish.limit_price)
    body = {"client_order_id": wish.client_order_id, "limit_price": limit, "side": "BUY", "reason": "x" * 200}
    journal.execute("BEGIN IMMEDIATE")
    for kind in ("IntentAccepted", "OrderSubmitted"):
        journal.execute(_INSERT, (at, kind, msgspec.json.encode({"type": kind, **body}).decode()))
    journal.execute("COMMIT")


def _start(stage: Callable[..., None], *arguments: Any) -> socket.socket:
    """Fork a process that runs `stage` on what it hears; return the end by which to tell it.

    It ends when that end is closed, so the whole row does when the feed ends. Sockets among the arguments are its own
    from now on: as long as we held them too, nobody behind it would see it end.
    """
    told, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        told.close()
        try:
            stage(iter(lambda: heard.recv(_LONGEST), b""), *arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    heard.close()
    for argument in arguments:
        if isinstance(argument, socket.socket):
            argument.close()
    return told


def main() -> None:
    port, key_file, path, synchronous = int(sys.argv[1]), *sys.argv[2:5]
    out = _start(gateway, port, key_file)
    out = _start(router, out, path, synchronous)
    out = _start(portfolio, out)
    out = _start(signals, out)
    stream = RawStream(port, STREAM_PATH, SUBSCRIPTIONS)
    print("ready", flush=True)
    feed(stream, out)


if __name__ == "__main__":
    main()
