"""The account at the venue of `tick_to_order`: what it was told to do, and what it says when it is asked. No socket.

It speaks Coinbase's REST, as far as the system asks: orders and fills can be found by id and in lists, what an order
may cost or sell is on hold until it has ended, and what is not there is a 404. Reads lag behind nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from adapters.simulator.coinbase.encode import rfc3339
from domain.numbers import ZERO, plain
from scripts.bench.tick_work import INSTRUMENT, ORDERS_PATH

PREFIX = ORDERS_PATH.removesuffix("/orders")

_TAKER_FEE = Decimal("0.006")
_LONGEST_PAGE = 250
_NOT_FOUND = 404, {"error": "NOT_FOUND", "message": "not found"}
_PRODUCT = {
    "product_id": INSTRUMENT,
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "price_increment": "0.01",
    "quote_min_size": "1",
    "base_min_size": "0.00000001",
    "base_max_size": "3400",
    "product_type": "SPOT",
    "status": "online",
}

Answer = tuple[int, dict[str, Any]]  # HTTP status, and the body
Query = Mapping[str, Sequence[str]]


class CreateOrder(msgspec.Struct):
    """The body of a create."""

    client_order_id: str
    product_id: str
    side: str
    order_configuration: dict[str, dict[str, Any]]


class CancelOrders(msgspec.Struct):
    order_ids: list[str]


_decode_create = msgspec.json.Decoder(CreateOrder).decode
_decode_cancel = msgspec.json.Decoder(CancelOrders).decode


class Order:
    """One order: open, until it fills whole or is canceled with nothing filled."""

    def __init__(self, asked: CreateOrder, created_ns: int) -> None:
        self.asked = asked
        self.order_id = f"v-{asked.client_order_id}"
        self.status = "OPEN"
        self.price = ZERO  # at which it filled
        self.filled_at = ""
        self.created_at = rfc3339(created_ns)
        ((kind, limits),) = asked.order_configuration.items()
        self._is_bracket = kind.startswith("trigger_bracket")
        self.quantity = Decimal(limits["base_size"])
        self._limit_price = Decimal(limits["limit_price"])

    @property
    def is_open(self) -> bool:
        return self.status == "OPEN"

    @property
    def is_filled(self) -> bool:
        return self.status == "FILLED"

    @property
    def filled(self) -> Decimal:
        return self.quantity if self.is_filled else ZERO

    @property
    def fee(self) -> Decimal:
        return self.filled * self.price * _TAKER_FEE

    @property
    def hold(self) -> tuple[str, Decimal]:
        """Return the currency and how much of it this may take, fee included."""
        if self.asked.side == "SELL":
            return "BTC", self.quantity if self.is_open else ZERO
        return "USD", self.quantity * self._limit_price * (1 + _TAKER_FEE) if self.is_open else ZERO

    @property
    def names(self) -> dict[str, str]:
        asked = self.asked
        return {
            "order_id": self.order_id,
            "client_order_id": asked.client_order_id,
            "product_id": asked.product_id,
            "side": asked.side,
        }

    def fill(self, ask: Decimal, now_ns: int) -> None:
        price = ask if self.asked.side == "BUY" else self._limit_price
        self.status, self.price, self.filled_at = "FILLED", price, rfc3339(now_ns)

    def listed(self) -> dict[str, Any]:
        """Return it as REST shows it."""
        return {
            **self.names,
            "order_configuration": self.asked.order_configuration,
            "order_type": "BRACKET" if self._is_bracket else "LIMIT",
            "status": self.status,
            "created_time": self.created_at,
            "filled_size": plain(self.filled),
            "average_filled_price": plain(self.price),
            "number_of_fills": str(int(self.is_filled)),
            "total_fees": plain(self.fee),
            "outstanding_hold_amount": plain(self.hold[1]),
            "reject_reason": "REJECT_REASON_UNSPECIFIED",
            "cancel_message": "User requested cancel" if self.status == "CANCELLED" else "",
        }

    def streamed(self) -> dict[str, Any]:
        """Return it as the user channel tells its totals; what has ended has no leaves."""
        return {
            "order_id": self.order_id,
            "client_order_id": self.asked.client_order_id,
            "product_id": self.asked.product_id,
            "order_side": self.asked.side,
            "order_type": "Bracket" if self._is_bracket else "Limit",
            "status": self.status,
            "cumulative_quantity": plain(self.filled),
            "leaves_quantity": plain(self.quantity if self.is_open else ZERO),
            "avg_price": plain(self.price),
            "total_fees": plain(self.fee),
            "number_of_fills": str(int(self.is_filled)),
            "cancel_reason": "User requested cancel" if self.status == "CANCELLED" else "",
            "reject_reason": "",
        }

    def listed_fill(self) -> dict[str, Any]:
        """Return the one fill that it has."""
        return {
            "entry_id": f"e-{self.order_id}",
            "trade_id": f"t-{self.order_id}",
            "order_id": self.order_id,
            "product_id": self.asked.product_id,
            "side": self.asked.side,
            "trade_type": "FILL",
            "trade_time": self.filled_at,
            "sequence_timestamp": self.filled_at,
            "price": plain(self.price),
            "size": plain(self.filled),
            "commission": plain(self.fee),
            "size_in_quote": False,
            "liquidity_indicator": "TAKER",
        }


class Account:
    """All that is asked of the venue but prices."""

    def __init__(self, changed: Callable[[Order], None]) -> None:
        """Args:
        changed: hears of each order that has ended.
        """
        self._changed = changed
        self._orders: dict[str, Order] = {}  # order_id ->
        self._open: dict[str, Order] = {}  # the same, of those that are
        self._totals = {"USD": Decimal(10_000_000), "BTC": ZERO}

    @property
    def open_orders(self) -> list[Order]:
        return list(self._open.values())

    def fill(self, order: Order, ask: Decimal) -> None:
        """Fill what is still open of it: a purchase at the ask, a sale at its limit, as if the market had come there."""
        if self._open.pop(order.order_id, None) is None:
            return
        order.fill(ask, time.time_ns())
        sign = 1 if order.asked.side == "BUY" else -1
        self._totals["BTC"] += sign * order.quantity
        self._totals["USD"] -= sign * order.quantity * order.price + order.fee
        self._changed(order)

    def create(self, body: bytes) -> tuple[Order, Answer]:
        """Accept an order that the account can pay for; one under an id that was used before is the order of then."""
        order = Order(_decode_create(body), time.time_ns())
        currency, cost = order.hold
        if order.order_id in self._orders:
            order = self._orders[order.order_id]
        elif cost > self._totals[currency] - self._held(currency):
            order.status = "FAILED"
            return order, (200, {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}})
        else:
            self._orders[order.order_id] = self._open[order.order_id] = order
        return order, (200, {"success": True, "success_response": order.names})

    def answer(self, method: str, path: str, query: Query, body: bytes) -> Answer:
        """Answer anything but a create."""
        if not path.startswith(PREFIX):
            return _NOT_FOUND
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        match (method, *parts):
            case "GET", "time":
                now_ns = time.time_ns()
                return 200, {"iso": rfc3339(now_ns), "epochSeconds": "", "epochMillis": str(now_ns // 1_000_000)}
            case "GET", "products":
                return 200, {"products": [_PRODUCT], "num_products": 1}
            case "GET", "transaction_summary":
                return 200, {"fee_tier": {"taker_fee_rate": plain(_TAKER_FEE), "maker_fee_rate": "0.004"}}
            case "GET", "accounts":
                return 200, {
                    "accounts": [self._account(currency) for currency in self._totals],
                    "has_next": False,
                    "cursor": "",
                }
            case "GET", "orders", "historical", "batch":
                return 200, self._listed_orders(query)
            case "GET", "orders", "historical", "fills":
                return 200, self._listed_fills(query)
            case "GET", "orders", "historical", order_id if order_id in self._orders:
                return 200, {"order": self._orders[order_id].listed()}
            case "POST", "orders", "batch_cancel":
                return 200, {"results": [self._cancel(order_id) for order_id in _decode_cancel(body).order_ids]}
        return _NOT_FOUND

    def _held(self, currency: str) -> Decimal:
        holds = (order.hold for order in self._open.values())
        return sum((amount for holds, amount in holds if holds == currency), ZERO)

    def _account(self, currency: str) -> dict[str, Any]:
        held = self._held(currency)
        return {
            "currency": currency,
            "available_balance": {"value": plain(self._totals[currency] - held), "currency": currency},
            "hold": {"value": plain(held), "currency": currency},
        }

    def _listed_orders(self, query: Query) -> dict[str, Any]:
        wanted, since = query.get("order_status", ()), query.get("start_date", ("",))[0]
        orders = [order for order in reversed(self._orders.values()) if not wanted or order.status in wanted]
        # Times of one form sort as text.
        return _page("orders", [order.listed() for order in orders if order.created_at >= since], query)

    def _listed_fills(self, query: Query) -> dict[str, Any]:
        wanted, since = query.get("order_ids", ()), query.get("start_sequence_timestamp", ("",))[0]
        known = self._orders
        orders = [known[one] for one in wanted if one in known] if wanted else list(reversed(known.values()))
        rows = [order.listed_fill() for order in orders if order.is_filled and order.filled_at >= since]
        return _page("fills", rows, query)

    def _cancel(self, order_id: str) -> dict[str, Any]:
        order = self._open.pop(order_id, None)
        if order is None:
            return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": order_id}
        order.status = "CANCELLED"
        self._changed(order)
        return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": order_id}


def _page(name: str, rows: Sequence[dict[str, Any]], query: Query) -> dict[str, Any]:
    """Return a page of `rows`; the cursor of the next is how many were shown."""
    start = int(query.get("cursor", ("0",))[0])
    end = start + min(int(query.get("limit", (str(_LONGEST_PAGE),))[0]), _LONGEST_PAGE)
    has_next = end < len(rows)
    return {name: rows[start:end], "has_next": has_next, "cursor": str(end) if has_next else ""}
