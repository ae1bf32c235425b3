"""The simulated Hyperliquid: its info endpoint and its websocket. Orders are not taken here yet."""

from __future__ import annotations

from adapters.simulator.front import Front, Ground
from adapters.simulator.hyperliquid.channels import CHANNELS
from adapters.simulator.hyperliquid.rest import HyperliquidRest
from adapters.simulator.hyperliquid.stream import HyperliquidSession
from adapters.simulator.hyperliquid.venue import Venue
from adapters.simulator.wire import Request, Response

STREAM_PATH = "/ws"  # where clients look for it beside the info endpoint


class HyperliquidFront(Front):
    venue = "hyperliquid"
    channels = tuple(CHANNELS)
    # Nothing is numbered; nobody signs in, nobody orders.
    unfit_faults = (
        "wrong_sequence",
        "401",
        "late_accept",
        "reject",
        "fail",
        "hold",
        "lag",
        "missing_rows",
        "no_snapshot",
    )

    def __init__(self, ground: Ground) -> None:
        self.knowledge = Venue(ground.market)
        self._rest = HyperliquidRest(self.knowledge, ground.faults)

    def rest(self, request: Request, now_ns: int) -> Response:
        return self._rest.handle(request, now_ns)

    def open_stream(self, path: str, now_ns: int) -> HyperliquidSession:
        return HyperliquidSession(self.knowledge, now_ns)

    def addresses(self, netloc: str) -> dict[str, str]:
        return {"rest_url": f"http://{netloc}", "market_stream_url": f"ws://{netloc}{STREAM_PATH}"}
