"""The HTTP front of the simulated Hyperliquid: one address for all questions, weights, faults. No socket.

Orders are not taken here yet.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from adapters.simulator.faults import Fault, FaultPlan
from adapters.simulator.hyperliquid_info import NotUnderstood, answer
from adapters.simulator.hyperliquid_venue import Venue
from adapters.simulator.wire import Request, Response, dropped

PATH = "/info"
MARKET_DATA = "market_data"
WINDOW_NS = 60_000_000_000
MOST_WEIGHT = 1_200  # per window
LIGHT = {"l2Book": 2, "allMids": 2}
WEIGHT = 20  # of all other questions
ROWS_PER_WEIGHT = {"candleSnapshot": 60, "fundingHistory": 20, "recentTrades": 20}
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
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
        reply = _instead(fault) if fault is not None else None
        if reply is None:
            reply = self._serve(request.body, now_ns)
        return reply if fault is None else _spoiled(reply, fault)

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


def _instead(fault: Fault) -> Response | None:
    """Return what a fault answers without the question being read at all."""
    match fault.kind:
        case "refuse":
            return dropped(0.0)
        case "timeout_before_accept":
            return dropped(fault.seconds)
        case "5xx":
            return Response(502, TEXT, b"<html><body>502 Bad Gateway</body></html>")
        case "429":
            return _too_many()
    return None


def _spoiled(reply: Response, fault: Fault) -> Response:
    """Return what a fault makes of an answer."""
    match fault.kind:
        case "timeout_after_accept":
            return dropped(fault.seconds)
        case "5xx_after_accept":
            return Response(502, TEXT, b"<html><body>502 Bad Gateway</body></html>")
        case "malformed":
            return reply._replace(body=reply.body[: len(reply.body) // 2])
        case "delay":
            return reply._replace(delay_s=fault.seconds)
    return reply


def _too_many() -> Response:
    """Return a 429 as seen in production: no Retry-After, and `null` for a body."""
    return Response(429, JSON, b"null")
