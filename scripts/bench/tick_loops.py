"""The loops that one would write instead of a system, each in one process and one thread.

    python -m scripts.bench.tick_loops raw|aiohttp|websockets|sync PORT KEY_FILE

prints "ready" once it listens, and trades until the stream ends. All do the work of `tick_work`, and differ in what
brings frames in and orders out:

    raw         blocking sockets, nothing around them
    aiohttp     aiohttp for both
    websockets  `websockets` in, aiohttp out
    sync        websocket-client in, requests out

All wait for the answer to an order before they read on, which is the shortest way to the wire.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from scripts.bench.tick_sockets import RawPost, RawStream
from scripts.bench.tick_work import ORDERS_PATH, STREAM_PATH, SUBSCRIPTIONS, Pen, Trader, Wish, read_tick

if TYPE_CHECKING:
    import aiohttp


def by_sockets(port: int, pen: Pen) -> None:
    trader, post = Trader(), RawPost(port, ORDERS_PATH)
    stream = RawStream(port, STREAM_PATH, SUBSCRIPTIONS)
    print("ready", flush=True)
    for frame in stream.frames():
        wish = _decide(trader, frame)
        if wish is not None:
            post.send(*pen.write(wish))


async def by_aiohttp(port: int, pen: Pen) -> None:
    import aiohttp

    async def frames() -> AsyncIterator[bytes | str]:
        async with session.ws_connect(f"ws://127.0.0.1:{port}{STREAM_PATH}", compress=0) as stream:
            for asked in SUBSCRIPTIONS:
                await stream.send_str(asked.decode())
            print("ready", flush=True)
            async for message in stream:
                yield message.data

    async with aiohttp.ClientSession() as session:
        await _trade(session, frames(), port, pen)


async def by_websockets(port: int, pen: Pen) -> None:
    import aiohttp
    from websockets.asyncio.client import connect

    async def frames() -> AsyncIterator[bytes | str]:
        async with connect(f"ws://127.0.0.1:{port}{STREAM_PATH}", compression=None) as stream:
            for asked in SUBSCRIPTIONS:
                await stream.send(asked.decode())
            print("ready", flush=True)
            async for message in stream:
                yield message

    async with aiohttp.ClientSession() as session:
        await _trade(session, frames(), port, pen)


async def _trade(session: aiohttp.ClientSession, frames: AsyncIterator[bytes | str], port: int, pen: Pen) -> None:
    trader, url = Trader(), f"http://127.0.0.1:{port}{ORDERS_PATH}"
    async for frame in frames:
        wish = _decide(trader, frame)
        if wish is not None:
            headers, body = pen.write(wish)
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()


def by_libraries(port: int, pen: Pen) -> None:
    import requests
    import websocket

    trader, session, url = Trader(), requests.Session(), f"http://127.0.0.1:{port}{ORDERS_PATH}"
    stream = websocket.create_connection(
        f"ws://127.0.0.1:{port}{STREAM_PATH}", sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
    )
    for asked in SUBSCRIPTIONS:
        stream.send(asked.decode())
    print("ready", flush=True)
    while frame := stream.recv():
        wish = _decide(trader, frame)
        if wish is not None:
            headers, body = pen.write(wish)
            session.post(url, data=body, headers=headers, timeout=5)


def _decide(trader: Trader, frame: bytes | str) -> Wish | None:
    tick = read_tick(frame)
    return None if tick is None else trader.hear(tick)


def main() -> None:
    name, port, key_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pen = Pen(port, key_file)
    match name:
        case "raw":
            by_sockets(port, pen)
        case "aiohttp":
            asyncio.run(by_aiohttp(port, pen))
        case "websockets":
            asyncio.run(by_websockets(port, pen))
        case "sync":
            by_libraries(port, pen)
        case _:
            sys.exit(f"no loop is called {name!r}")


if __name__ == "__main__":
    main()
