"""Whatever a venue says, where it may say something: 200 characters, no escapes, none of our secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from adapters.venues.coinbase import answers
from adapters.venues.coinbase.answers import FillRow, OrderRow
from adapters.venues.coinbase.decode import decode as coinbase
from adapters.venues.dydx.decode import decode as dydx
from adapters.venues.hyperliquid.decode import decode as hyperliquid
from domain.errors import VenueError
from domain.messages.orders import CancelOrder
from tests.adapters.venues.coinbase.test_client import Script, client_of, fate, row

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJrZXkifQ"
ODD = ["x" * 1_000_000, f"\x1b[2J{TOKEN}", f"Bearer {TOKEN}", "a\u202eb" * 1_000]
CANCEL = CancelOrder(client_order_id="ours", venue="coinbase", venue_order_id="venue-1")
TIME = "2026-01-02T03:04:05Z"


def texts(value: Any) -> Iterator[str]:
    """Yield every text within a message or an error."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, VenueError):
        yield from (str(value), value.code)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each)
    elif isinstance(value, msgspec.Struct):
        yield from texts([getattr(value, name) for name in value.__struct_fields__])


def check(told: Any) -> None:
    found = list(texts(told))
    assert found
    for text in found:
        assert len(text) <= 200
        assert text.isprintable()
        assert TOKEN not in text
    raw = getattr(told, "raw", b"")
    assert len(raw) <= 256
    assert TOKEN.encode() not in raw


@pytest.mark.parametrize("odd", ODD)
def test_refusals_are_bounded(odd: str) -> None:
    error = {"error": odd, "message": odd, "new_order_failure_reason": odd}

    check(fate((400, {"error": odd, "message": odd})))
    check(fate((200, {"success": False, "error_response": error})))
    check(fate((500, odd.encode())))
    refused = {"results": [{"order_id": "venue-1", "success": False, "failure_reason": odd}]}
    with pytest.raises(VenueError) as raised:
        client_of(Script((200, refused))).cancel_order(CANCEL, 5)
    check(raised.value)


@pytest.mark.parametrize("odd", ODD)
def test_rows_are_bounded(odd: str) -> None:
    odd_row = row(odd, order_id=odd, product_id=odd, status="FAILED", reject_message=odd)
    fill = {"entry_id": odd, "order_id": odd, "product_id": f"A-{odd}", "side": "BUY"}
    fill |= {"trade_time": TIME, "price": "1", "size": "1"}

    check(answers.order_reported(answers.read(msgspec.json.encode(odd_row), OrderRow), 1))
    check(answers.fill(answers.read(msgspec.json.encode(fill), FillRow), {}))


@pytest.mark.parametrize("odd", ODD)
def test_frames_are_bounded(odd: str) -> None:
    order = {"order_id": odd, "product_id": odd, "order_side": "BUY", "client_order_id": odd}
    orders = [{**order, "status": "FAILED", "reject_reason": odd}, {**order, "status": odd}]
    user = {"channel": "user", "timestamp": TIME, "sequence_num": 1}
    user["events"] = [{"type": "snapshot", "orders": orders}]

    for told in (
        coinbase(msgspec.json.encode(user)),
        coinbase(msgspec.json.encode({"type": "error", "message": odd})),
        coinbase(f'{{"channel":"l2_data","events":"{TOKEN}'.encode()),
        dydx(msgspec.json.encode({"type": "error", "message": odd}), 1, 1),
        hyperliquid(msgspec.json.encode({"channel": "error", "data": odd}), 1, 1),
    ):
        check(told)
