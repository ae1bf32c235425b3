"""Answers of simulated venues on the wire: late, cut off, dripping or with something before them, as they are told."""

from __future__ import annotations

import asyncio

from aiohttp import web

from adapters.simulator.venue_clock import VenueClock
from adapters.simulator.wire import Request, Response
from adapters.simulator.world import World


async def answer_rest(world: World, clock: VenueClock, venue: str, request: web.Request) -> web.StreamResponse:
    """Let the world answer a request, after its latency and as its faults have it."""
    latency_s = world.draw_latency_s()
    body = await request.read()
    await asyncio.sleep(latency_s / 2)
    answer = world.rest(
        venue,
        Request(request.method, request.path, tuple(request.query.items()), request.headers, body),
        clock.now_ns(),
    )
    await asyncio.sleep(answer.delay_s + (0.0 if answer.drop else latency_s / 2))
    if answer.drop:
        return aborted(request)
    if request.transport is not None and answer.interim:
        request.transport.write(answer.interim)
    if answer.drip_s:
        return await _drip(request, answer)
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def _drip(request: web.Request, answer: Response) -> web.Response:
    """Send the answer byte by byte, and end the connection."""
    headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} OK", *(f"{name}: {value}" for name, value in headers.items())]
    data = "\r\n".join([*lines, "", ""]).encode() + answer.body
    for at in range(len(data)):
        if request.transport is None or request.transport.is_closing():
            break
        request.transport.write(data[at : at + 1])
        await asyncio.sleep(answer.drip_s / len(data))
    return aborted(request)


def aborted(request: web.Request) -> web.Response:
    """Drop the connection; the answer returned has nowhere to go any more."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
