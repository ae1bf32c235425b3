"""The simulator's control address: what really happened, what shall go wrong, and a person's own trades.

GET /health, GET /truth
POST /faults, DELETE /faults
POST /trades   {"venue": "coinbase", "instrument": "BTC-USD", "side": "SELL", "quantity": "0.01"}
               and a "limit_price" for an order that rests
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from adapters.simulator.faults import InvalidFault
from adapters.simulator.hand_trades import InvalidTrade
from adapters.simulator.venue_clock import VenueClock
from adapters.simulator.world import World
from domain.errors import NzezaError
from domain.text import bounded

LONGEST_REFUSAL = 1_000  # letters


class NotAnOrder(NzezaError):
    """What was sent is nothing to carry out; one line."""


def guarded(application: web.Application, netloc: str, token: str) -> web.Application:
    """Return `application` below /TOKEN, for programs that were told the address.

    A page in a browser on this machine can send requests here, too. It doesn't know the token; it can't set another
    Host, not even by a name of its own that it makes point here; and it can't send JSON without being asked for leave.
    """
    hosts = {netloc, f"localhost:{netloc.rpartition(':')[2]}"}

    @web.middleware
    async def guard(request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if request.host.lower() not in hosts:
            return web.Response(status=421, text="not a host of this machine\n")
        if request.headers.get("Origin", f"http://{netloc}") not in {f"http://{host}" for host in hosts}:
            return web.Response(status=403, text="not for pages of other sites\n")
        if request.method not in ("GET", "HEAD", "DELETE") and request.content_type != "application/json":
            return web.Response(status=415, text="send application/json\n")
        answer: web.StreamResponse = await handler(request)
        return answer

    outer = web.Application(middlewares=[guard])
    outer.add_subapp(f"/{token}", application)
    return outer


def control_application(world: World, clock: VenueClock) -> web.Application:
    """Return what tells the truth and takes faults and trades by hand."""

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def truth(request: web.Request) -> web.Response:
        body = msgspec.json.encode(world.truth(clock.now_ns()))
        return web.Response(body=body, content_type="application/json")

    async def inject(request: web.Request) -> web.Response:
        try:
            fault = await _order(request)
            world.advance(clock.now_ns())
            world.inject(fault)
        except (NotAnOrder, InvalidFault) as error:
            return _refusal(str(error))
        return web.json_response({"ok": True})

    async def trade(request: web.Request) -> web.Response:
        try:
            order = await _order(request)
            world.advance(clock.now_ns())
            made = world.trade(order)
        except (NotAnOrder, InvalidTrade) as error:
            return _refusal(str(error))
        return web.json_response({"ok": True, "order": made})

    async def clear(request: web.Request) -> web.Response:
        world.clear_faults()
        return web.json_response({"ok": True})

    application = web.Application()
    application.router.add_get("/health", health)
    application.router.add_get("/truth", truth)
    application.router.add_post("/faults", inject)
    application.router.add_delete("/faults", clear)
    application.router.add_post("/trades", trade)
    return application


async def _order(request: web.Request) -> dict[str, Any]:
    """Return what was sent. JSON is UTF-8, whatever charset is named.

    Raises:
        NotAnOrder: it is no object of JSON.
    """
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except web.RequestPayloadError:
        raise NotAnOrder("not encoded as its headers say") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnOrder(f"not a JSON object: {error}") from None


def _refusal(text: str) -> web.Response:
    return web.Response(status=400, text=f"{bounded(text, LONGEST_REFUSAL)}\n")
