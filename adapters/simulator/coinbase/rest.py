"""The REST front of the simulated Coinbase: routes, credentials, rate limits, injected faults. No socket."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from adapters.simulator import rest_faults
from adapters.simulator.coinbase import account_calls as account
from adapters.simulator.coinbase import market_calls as market
from adapters.simulator.coinbase.auth import PRODUCTION_HOST, KeyRing, KnownKey, Unauthorized
from adapters.simulator.coinbase.calls import Call, NotFound
from adapters.simulator.coinbase.decode import InvalidArgument, order_type
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.past_exchange import PastExchange
from adapters.simulator.faults import Fault, FaultPlan
from adapters.simulator.wire import Request, Response, dropped
from domain.instant import SECOND_NS

MARKET_DATA = "market_data"
PREFIX = "/api/v3/brokerage"
PRIVATE_PER_S = 30
PUBLIC_PER_S = 10
JSON = {"content-type": "application/json; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
HTML = {"content-type": "text/html"}
BROKEN = Response(502, HTML, b"<html><body>502 Bad Gateway</body></html>")

Handler = Callable[[Call], Any]


class Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    place: str  # what a fault calls it; "" = faults don't reach it
    is_public: bool
    needs_trade: bool


def _route(
    method: str,
    path: str,
    handler: Handler,
    place: str = "",
    is_public: bool = False,
    needs_trade: bool = False,
) -> Route:
    pattern = re.compile(re.escape(PREFIX) + path.replace("{}", "(?P<name>[^/]+)"))
    return Route(method, pattern, handler, place, is_public, needs_trade)


ROUTES = (  # the first match wins: the names under orders/historical stand before {}
    _route("GET", "/time", market.get_time, MARKET_DATA, is_public=True),
    *(
        _route("GET", prefix + path, handler, MARKET_DATA, is_public=bool(prefix))
        for prefix in ("/market", "")
        for path, handler in (
            ("/products", market.list_products),
            ("/products/{}", market.get_product),
            ("/products/{}/candles", market.list_candles),
            ("/products/{}/ticker", market.list_trades),
            ("/product_book", market.get_product_book),
        )
    ),
    _route("GET", "/best_bid_ask", market.get_best_bid_ask, MARKET_DATA),
    _route("GET", "/accounts", account.list_accounts, "accounts"),
    _route("GET", "/accounts/{}", account.get_account, "accounts"),
    _route("POST", "/orders", account.create_order, "submit", needs_trade=True),
    _route("POST", "/orders/preview", account.preview_order, needs_trade=True),
    _route("POST", "/orders/batch_cancel", account.cancel_orders, "cancel", needs_trade=True),
    _route("GET", "/orders/historical/batch", account.list_orders, "list"),
    _route("GET", "/orders/historical/fills", account.list_fills, "fills"),
    _route("GET", "/orders/historical/{}", account.get_order, "query"),
    _route("GET", "/transaction_summary", account.get_transaction_summary),
    _route("GET", "/key_permissions", account.get_key_permissions),
    _route("GET", "/portfolios", account.list_portfolios),
)


class CoinbaseRest:
    """Answers requests on behalf of one exchange."""

    def __init__(self, exchange: Exchange, keys: KeyRing, faults: FaultPlan) -> None:
        self._exchange = exchange
        self._keys = keys
        self._faults = faults
        self._windows: dict[str, tuple[int, int]] = {}  # who -> (second, requests in it)

    def handle(self, request: Request, now_ns: int) -> Response:
        """Answer one request as of `now_ns` (UTC)."""
        self._exchange.advance(now_ns)
        asked_ns, now_ns = now_ns, self._exchange.now_ns
        route, name = _find(request)
        if route is None:
            return _error(404, "NOT_FOUND", f"no such route: {request.path}")
        suits = partial(_suits, route.place, request)
        fault = self._faults.draw(route.place, suits=suits) if route.place else None
        answer = _instead(fault, request) if fault is not None else None
        if answer is None:
            answer = self._serve(route, name, request, (asked_ns, now_ns), fault)
        return answer if fault is None else rest_faults.spoiled(answer, fault, BROKEN)

    def _serve(
        self, route: Route, name: str, request: Request, times: tuple[int, int], fault: Fault | None
    ) -> Response:
        asked_ns, now_ns = times
        headers = {key.lower(): value for key, value in request.headers.items()}
        key = None
        if not route.is_public:
            try:
                key = self._authorize(request, headers, now_ns)
            except Unauthorized:
                return Response(401, TEXT, b"Unauthorized")
        limits = self._count(key, now_ns)
        if limits is None:
            return _too_many(1.0)
        own_fault = fault if fault is not None and fault.kind in ("reject", "fail", "hold") else None
        can_trade = key is not None and key.can_trade
        if route.needs_trade and not can_trade:
            return _error(403, "PERMISSION_DENIED", "Missing required scopes", limits)
        shown: Exchange | PastExchange = self._exchange
        if fault is not None and fault.kind == "lag":
            shown = PastExchange(self._exchange, now_ns - int(fault.seconds * SECOND_NS))
        call = Call(self._exchange, shown, now_ns, name, request.query, request.body, can_trade, own_fault, asked_ns)
        try:
            if fault is not None and fault.kind == "late_accept":
                account.submit_late(call, now_ns + int(fault.seconds * SECOND_NS))
                return dropped(fault.seconds)
            return _json(200, route.handler(call), limits)
        except NotFound as missing:
            return _error(404, "NOT_FOUND", str(missing), limits)
        except InvalidArgument as invalid:
            return _error(400, "INVALID_ARGUMENT", str(invalid), limits)

    def _authorize(self, request: Request, headers: dict[str, str], now_ns: int) -> KnownKey:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Unauthorized("no bearer token")
        hosts = (headers.get("host", ""), PRODUCTION_HOST)
        uris = [f"{request.method} {host}{request.path}" for host in hosts if host]
        return self._keys.verify(token, now_ns / SECOND_NS, uris)

    def _count(self, key: KnownKey | None, now_ns: int) -> dict[str, str] | None:
        """Count one request and return the rate-limit headers; None when it was one too many."""
        limit = PUBLIC_PER_S if key is None else PRIVATE_PER_S
        who = "" if key is None else key.name
        second = now_ns // SECOND_NS
        window, count = self._windows.get(who, (second, 0))
        count = count + 1 if window == second else 1
        self._windows[who] = (second, count)
        if count > limit:
            return None
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - count),
            "x-ratelimit-reset": "1",
        }


def _suits(place: str, request: Request, fault: Fault) -> bool:
    """Tell whether a fault may strike this request: some are for orders of one type only."""
    return not fault.order_type or (place == "submit" and order_type(request.body) == fault.order_type)


def _find(request: Request) -> tuple[Route | None, str]:
    for route in ROUTES:
        if route.method == request.method and (match := route.pattern.fullmatch(request.path)):
            return route, match.groupdict().get("name", "")
    return None, ""


def _instead(fault: Fault, request: Request) -> Response | None:
    if fault.kind == "401":
        return Response(401, TEXT, b"Unauthorized")
    unavailable = Response(503, HTML, b"<html><body>503 Service Unavailable</body></html>")
    return rest_faults.instead(fault, request, unavailable, _too_many(fault.retry_after))


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, JSON | (headers or {}), msgspec.json.encode(value))


def _error(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"error": code, "error_details": text, "message": text}, headers)


def _too_many(retry_after_s: float) -> Response:
    problem = {"id": "rate_limit_exceeded", "message": "Too many requests"}
    return _json(429, {"errors": [problem]}, {"retry-after": f"{retry_after_s:g}"})
