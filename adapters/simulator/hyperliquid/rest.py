"""The HTTP front of the simulated Hyperliquid: one address for all questions, weights, faults. No socket.

Orders are not taken here yet.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from adapters.simulator import rest_faults
from adapters.simulator.faults import FaultPlan
from adapters.simulator.hyperliquid.info import NotUnderstood, answer
from adapters.simulator.hyperliquid.venue import Venue
from adapters.simulator.wire import Request, Response

PATH = "/info"
MARKET_DATA = "market_data"
WINDOW_NS = 60_000_000_000
MOST_WEIGHT = 1_200  # per window
LIGHT = {"l2Book": 2, "allMids": 2}
WEIGHT = 20  # of all other questions
ROWS_PER_WEIGHT = {"candleSnapshot": 60, "fundingHistory": 20, "recentTrades": 20}
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
BAD_GATEWAY = Response(502, TEXT, b"<html><body>502 Bad Gateway</body></html>")
NOT_UNDERSTOOD = b"Failed to deserialize the JSON body into the target type"


class HyperliquidRest:
    """Answers requests on behalf of one venue."""

    def __init__(self, venue: Venue, faults: FaultPlan) -> None:
        self._venue = venue
        self._faults = faults
        self._window = (0, 0)  # which minute, and the weight of what was asked in it

    def handle(self, request: Request, now_ns: int) -> Response:
        """Answer one request as of `now_ns` (UTC)."""
        if request.path != PATH:
            return Response(404, TEXT, b"")
        if request.method != "POST":
            return Response(405, TEXT, b"")
        fault = self._faults.draw(MARKET_DATA)
        reply = None
        if fault is not None:
            reply = rest_faults.instead(fault, request, BAD_GATEWAY, _too_many())
        if reply is None:
            reply = self._serve(request.body, now_ns)
        return reply if fault is None else rest_faults.spoiled(reply, fault, BAD_GATEWAY)

    def _serve(self, body: bytes, now_ns: int) -> Response:
        window, spent = self._window
        if window != now_ns // WINDOW_NS:
            window, spent = now_ns // WINDOW_NS, 0
        if spent >= MOST_WEIGHT:
            return _too_many()
        try:
            question, value = answer(self._venue, body, now_ns)
        except NotUnderstood:
            self._window = (window, spent + 1)
            return Response(422, TEXT, NOT_UNDERSTOOD)
        self._window = (window, spent + _weight(question.type, value))
        return Response(200, JSON, msgspec.json.encode(value))


def _weight(kind: str, value: Any) -> int:
    weight = LIGHT.get(kind, WEIGHT)
    rows = len(value) if kind in ROWS_PER_WEIGHT and value else 0
    return weight + math.ceil(rows / ROWS_PER_WEIGHT.get(kind, 1))


def _too_many() -> Response:
    """Return a 429 as seen in production: no Retry-After, and `null` for a body."""
    return Response(429, JSON, b"null")
