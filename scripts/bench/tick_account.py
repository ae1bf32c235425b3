"""The account at the venue of `tick_to_order`: what it was told to do, and what it says when it is asked. No socket.

It speaks Coinbase's REST, as far as the system asks: an order can be found by its id and in the list of all, its cost
is on hold until it has ended, and what is not there is a 404. Reads lag behind nothing. Orders find nothing to trade
with, so there are no fills, and the balance never changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from adapters.simulator.coinbase.encode import rfc3339
from domain.numbers import ZERO, plain
from scripts.bench.tick_work import INSTRUMENT, ORDERS_PATH

PREFIX = ORDERS_PATH.removesuffix("/orders")

_USD = Decimal(10_000_000)
_TAKER_FEE = Decimal("0.006")
_LONGEST_PAGE = 250
_ONE_PAGE = {"has_next": False, "cursor": ""}
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
    """One order: open, until it is canceled with nothing filled."""

    def __init__(self, asked: CreateOrder, created_ns: int) -> None:
        self.asked = asked
        self.order_id = f"v-{asked.client_order_id}"
        self.is_open = True
        self._created = rfc3339(created_ns)

    @property
    def hold(self) -> Decimal:
        """Return the dollars that it may cost, fee included."""
        limit = next(iter(self.asked.order_configuration.values()))
        return Decimal(limit["base_size"]) * Decimal(limit["limit_price"]) * (1 + _TAKER_FEE) if self.is_open else ZERO

    @property
    def status(self) -> str:
        return "OPEN" if self.is_open else "CANCELLED"

    @property
    def names(self) -> dict[str, str]:
        asked = self.asked
        return {
            "order_id": self.order_id,
            "client_order_id": asked.client_order_id,
            "product_id": asked.product_id,
            "side": asked.side,
        }

    def listed(self) -> dict[str, Any]:
        """Return it as REST shows it."""
        return {
            **self.names,
            "order_configuration": self.asked.order_configuration,
            "order_type": "LIMIT",
            "time_in_force": "IMMEDIATE_OR_CANCEL",
            "status": self.status,
            "created_time": self._created,
            "filled_size": "0",
            "average_filled_price": "0",
            "number_of_fills": "0",
            "filled_value": "0",
            "total_fees": "0",
            "outstanding_hold_amount": plain(self.hold),
            "reject_reason": "REJECT_REASON_UNSPECIFIED",
            "cancel_message": "" if self.is_open else "IOC",
        }

    def streamed(self) -> dict[str, Any]:
        """Return it as the user channel tells its totals; what has ended has no leaves."""
        asked = next(iter(self.asked.order_configuration.values()))
        return {
            "order_id": self.order_id,
            "client_order_id": self.asked.client_order_id,
            "product_id": self.asked.product_id,
            "order_side": self.asked.side,
            "order_type": "Limit",
            "status": self.status,
            "cumulative_quantity": "0",
            "leaves_quantity": asked["base_size"] if self.is_open else "0",
            "avg_price": "0",
            "total_fees": "0",
            "cancel_reason": "" if self.is_open else "IOC",
            "reject_reason": "",
        }


class Account:
    """All that is asked of the venue but prices."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}  # order_id ->

    @property
    def open_orders(self) -> list[Order]:
        return [order for order in self._orders.values() if order.is_open]

    def create(self, body: bytes) -> tuple[Order, Answer]:
        """Accept an order; one under an id that was used before is the order of then."""
        order = Order(_decode_create(body), time.time_ns())
        order = self._orders.setdefault(order.order_id, order)
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
                return 200, {"accounts": [self._dollars()], **_ONE_PAGE}
            case "GET", "orders", "historical", "batch":
                return 200, self._page(query)
            case "GET", "orders", "historical", "fills":
                return 200, {"fills": [], "cursor": ""}
            case "GET", "orders", "historical", order_id if order_id in self._orders:
                return 200, {"order": self._orders[order_id].listed()}
            case "POST", "orders", "batch_cancel":
                return 200, {"results": [self._cancel(order_id) for order_id in _decode_cancel(body).order_ids]}
        return _NOT_FOUND

    def _dollars(self) -> dict[str, Any]:
        held = sum((order.hold for order in self._orders.values()), ZERO)
        available = {"value": plain(_USD - held), "currency": "USD"}
        return {"currency": "USD", "available_balance": available, "hold": {**available, "value": plain(held)}}

    def _page(self, query: Query) -> dict[str, Any]:
        """Return the newest orders that are asked for; the cursor of the next page is how many were shown."""
        wanted = query.get("order_status", ())
        since = query.get("start_date", ("",))[0]
        rows = [order.listed() for order in reversed(self._orders.values()) if not wanted or order.status in wanted]
        rows = [row for row in rows if row["created_time"] >= since]  # of the same form, so they sort as text
        start = int(query.get("cursor", ("0",))[0])
        end = start + min(int(query.get("limit", (str(_LONGEST_PAGE),))[0]), _LONGEST_PAGE)
        has_next = end < len(rows)
        return {"orders": rows[start:end], "has_next": has_next, "cursor": str(end) if has_next else ""}

    def _cancel(self, order_id: str) -> dict[str, Any]:
        order = self._orders.get(order_id)
        if order is None or not order.is_open:
            return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": order_id}
        order.is_open = False
        return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": order_id}
