"""The REST front of the simulated dYdX indexer: routes, rate limits, injected faults. No socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from adapters.decoding import tokens
from adapters.simulator import rest_faults
from adapters.simulator.dydx import encode
from adapters.simulator.dydx.indexer import RESOLUTIONS, Indexer
from adapters.simulator.faults import Fault, FaultPlan
from adapters.simulator.wire import Request, Response
from domain.errors import NzezaError
from domain.instant import SECOND_NS

MARKET_DATA = "market_data"
MOST_ROWS = 1000
WINDOW_NS = 10 * SECOND_NS
JSON = {"content-type": "application/json; charset=utf-8"}
HTML = {"content-type": "text/html"}
SPARKLINES = {"ONE_DAY": ("1HOUR", 24), "SEVEN_DAYS": ("4HOURS", 42)}  # period -> bars, and how many


class BadRequest(NzezaError):
    """The venue answers 400."""

    def __init__(self, param: str, text: str) -> None:
        super().__init__(text)
        self.param = param


class NotFound(NzezaError):
    """The venue answers 404."""


class Call(NamedTuple):
    indexer: Indexer
    now_ns: int
    ticker: str  # that the path names
    query: Mapping[str, str]

    def number(self, key: str, default: int, most: int = 2**63) -> int:
        text = self.query.get(key, "")
        if not text:
            return default
        if not (text.isdecimal() and text.isascii()) or not 1 <= int(text) <= most:
            raise BadRequest(key, f"{key} must be a positive integer that is not greater than {most}")
        return int(text)

    def time_ns(self, key: str, default: int) -> int:
        text = self.query.get(key, "")
        try:
            return tokens.utc_ns(text) if text else default
        except tokens.BadField:
            raise BadRequest(key, f"{key} must be a valid ISO8601 string") from None

    @property
    def limit(self) -> int:
        return self.number("limit", MOST_ROWS, MOST_ROWS)


# ---- the calls -------------------------------------------------------------------------------------------


def get_markets(call: Call) -> dict[str, Any]:
    wanted = call.query.get("ticker") or call.query.get("market")
    tickers = list(call.indexer.market.products)
    if wanted is not None and wanted not in tickers:
        raise BadRequest("ticker", f"ticker must be a valid ticker ({wanted})")
    named = [wanted] if wanted else tickers[: call.limit]
    return {"markets": {name: encode.market(call.indexer, name, call.now_ns) for name in named}}


def get_book(call: Call) -> dict[str, Any]:
    return encode.book(call.indexer.market.products[call.ticker])


def list_trades(call: Call) -> dict[str, Any]:
    before_height = call.number("createdBeforeOrAtHeight", 2**62)
    before_ns = call.time_ns("createdBeforeOrAt", 2**62)
    blocks, rows = call.indexer.blocks, []
    for one in call.indexer.prints(call.ticker, call.now_ns):
        block = blocks.height_of(one.time_ns)
        if block <= before_height and blocks.time_ns(block) <= before_ns:
            rows.append(encode.trade(call.indexer, call.ticker, one))
            if len(rows) == call.limit:
                break
    return {"trades": rows}


def list_candles(call: Call) -> dict[str, Any]:
    resolution = call.query.get("resolution", "")
    if resolution not in RESOLUTIONS:
        raise BadRequest("resolution", f"resolution must be one of {','.join(RESOLUTIONS)}")
    start_ns, end_ns = call.time_ns("fromISO", 0), call.time_ns("toISO", 2**62)
    bars = call.indexer.bars(call.ticker, resolution, start_ns, end_ns - 1)  # the end is exclusive
    return {"candles": [encode.candle(call.ticker, resolution, bar) for bar in bars[: call.limit]]}


def list_funding(call: Call) -> dict[str, Any]:
    before_height = call.number("effectiveBeforeOrAtHeight", 2**62)
    before_ns = call.time_ns("effectiveBeforeOrAt", 2**62)
    rows = [
        encode.funding(call.indexer, call.ticker, one)
        for one in reversed(call.indexer.funding[call.ticker])
        if one.time_ns <= before_ns and call.indexer.blocks.height_of(one.time_ns) <= before_height
    ]
    return {"historicalFunding": rows[: call.limit]}


def get_sparklines(call: Call) -> dict[str, Any]:
    period = call.query.get("timePeriod", "")
    if period not in SPARKLINES:
        raise BadRequest("timePeriod", f"timePeriod must be one of {','.join(SPARKLINES)}")
    resolution, count = SPARKLINES[period]
    return {
        ticker: [
            encode.candle(ticker, resolution, bar)["close"] for bar in call.indexer.bars(ticker, resolution)[:count]
        ]
        for ticker in call.indexer.market.products
    }


def get_time(call: Call) -> dict[str, Any]:
    return encode.clock(call.now_ns)


def get_height(call: Call) -> dict[str, Any]:
    return encode.height(call.indexer, call.now_ns)


class Route(NamedTuple):
    pattern: re.Pattern[str]
    handler: Callable[[Call], Any]
    bucket: str = "general"  # what its rate limit counts together


def _route(path: str, handler: Callable[[Call], Any], bucket: str = "general") -> Route:
    return Route(re.compile("/v4" + path.replace("{}", "(?P<ticker>[^/]+)")), handler, bucket)


ROUTES = (
    _route("/perpetualMarkets", get_markets),
    _route("/orderbooks/perpetualMarket/{}", get_book),
    _route("/trades/perpetualMarket/{}", list_trades),
    _route("/candles/perpetualMarkets/{}", list_candles, "candles"),
    _route("/historicalFunding/{}", list_funding, "funding"),
    _route("/sparklines", get_sparklines, "sparklines"),
    _route("/time", get_time),
    _route("/height", get_height),
)
PER_WINDOW = {"general": 100, "candles": 1000, "funding": 100, "sparklines": 100}


# ---- the front -------------------------------------------------------------------------------------------


class DydxRest:
    """Answers requests on behalf of one indexer."""

    def __init__(self, indexer: Indexer, faults: FaultPlan) -> None:
        self._indexer = indexer
        self._faults = faults
        self._windows: dict[str, tuple[int, int]] = {}  # bucket -> (window, requests in it)

    def handle(self, request: Request, now_ns: int) -> Response:
        """Answer one request as of `now_ns` (UTC)."""
        route, ticker = _find(request)
        if route is None:
            return _error(404, {"msg": f"Not Found: {request.path}"})
        fault = self._faults.draw(MARKET_DATA)
        answer = _instead(fault, request, now_ns) if fault is not None else None
        if answer is None:
            answer = self._serve(route, ticker, request, now_ns)
        broken = _error(500, {"msg": "Internal Server Error"})
        return answer if fault is None else rest_faults.spoiled(answer, fault, broken)

    def _serve(self, route: Route, ticker: str, request: Request, now_ns: int) -> Response:
        limits = self._count(route.bucket, now_ns)
        if limits is None:
            return _too_many(WINDOW_NS - now_ns % WINDOW_NS, now_ns)
        try:
            if ticker and self._indexer.product(ticker) is None:
                raise NotFound(f"{ticker} not found in markets of type PERPETUAL")
            return _json(200, route.handler(Call(self._indexer, now_ns, ticker, dict(request.query))), limits)
        except NotFound as missing:
            return _error(404, {"msg": str(missing)}, limits)
        except BadRequest as bad:
            return _error(400, {"msg": str(bad), "param": bad.param, "location": "query"}, limits)

    def _count(self, bucket: str, now_ns: int) -> dict[str, str] | None:
        """Count one request and return the rate-limit headers; None when it was one too many."""
        limit, window = PER_WINDOW[bucket], now_ns // WINDOW_NS
        current, count = self._windows.get(bucket, (window, 0))
        count = count + 1 if current == window else 1
        self._windows[bucket] = (window, count)
        if count > limit:
            return None
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(limit - count),
            "RateLimit-Reset": str((window + 1) * WINDOW_NS // 1_000_000),
        }


def _find(request: Request) -> tuple[Route | None, str]:
    if request.method == "GET":
        for route in ROUTES:
            if match := route.pattern.fullmatch(request.path):
                return route, match.groupdict().get("ticker", "")
    return None, ""


def _instead(fault: Fault, request: Request, now_ns: int) -> Response | None:
    unavailable = Response(503, HTML, b"<html><body>503 Service Unavailable</body></html>")
    too_many = _too_many(int(fault.retry_after * SECOND_NS), now_ns)
    return rest_faults.instead(fault, request, unavailable, too_many)


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, JSON | (headers or {}), msgspec.json.encode(value))


def _error(status: int, problem: dict[str, str], headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"errors": [problem]}, headers)


def _too_many(retry_after_ns: int, now_ns: int) -> Response:
    """Return a 429; unlike everybody else's, its retry-after is in milliseconds."""
    headers = {
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str((now_ns + retry_after_ns) // 1_000_000),
        "Retry-After": str(retry_after_ns // 1_000_000),
    }
    return _error(429, {"msg": "Too many requests"}, headers)
