from decimal import Decimal

import msgspec
import pytest

from adapters.venues.coinbase.encode import encode_cancel, encode_create
from domain.errors import Rejected
from domain.instrument import Side
from domain.messages.orders import OrderType, TimeInForce
from tests.simulated_coinbase import order

SIZE = {"base_size": "0.01", "limit_price": "30000"}


def configuration(**changes) -> dict:
    return msgspec.json.decode(encode_create(order(**changes)))["order_configuration"]


def test_a_create_names_our_id_the_product_and_the_side() -> None:
    body = msgspec.json.decode(encode_create(order("our-id", side=Side.SELL, symbol="ETH-USD")))

    assert (body["client_order_id"], body["product_id"], body["side"]) == ("our-id", "ETH-USD", "SELL")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"limit_limit_gtc": {**SIZE, "post_only": False}}),
        ({"post_only": True}, {"limit_limit_gtc": {**SIZE, "post_only": True}}),
        ({"time_in_force": TimeInForce.IOC}, {"sor_limit_ioc": SIZE}),
        ({"time_in_force": TimeInForce.FOK}, {"limit_limit_fok": SIZE}),
        (
            {"time_in_force": TimeInForce.GTD, "expires_at": 1_775_572_200_999_999_999},
            {"limit_limit_gtd": {**SIZE, "end_time": "2026-04-07T14:30:00.999999Z", "post_only": False}},
        ),
        (
            {"order_type": OrderType.BRACKET, "side": Side.SELL, "stop_price": Decimal("29000")},
            {"trigger_bracket_gtc": {**SIZE, "stop_trigger_price": "29000"}},
        ),
    ],
)
def test_each_kind_of_order_has_its_configuration(changes: dict, expected: dict) -> None:
    assert configuration(**changes) == expected


def test_numbers_are_written_plainly() -> None:
    tiny = configuration(quantity=Decimal("1E-8"), limit_price=Decimal("64000.10"))

    assert tiny["limit_limit_gtc"]["base_size"] == "0.00000001"
    assert tiny["limit_limit_gtc"]["limit_price"] == "64000.1"


def test_the_same_command_always_gives_the_same_bytes() -> None:
    assert encode_create(order()) == encode_create(order(is_resubmission=True, origin_read_ns=5))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": ""},
        {"time_in_force": TimeInForce.IOC, "post_only": True},
        {"time_in_force": TimeInForce.FOK, "post_only": True},
        {"time_in_force": TimeInForce.GTD},
        {"stop_price": Decimal("1")},
        {"order_type": OrderType.BRACKET},
        {"order_type": OrderType.BRACKET, "stop_price": Decimal("1"), "time_in_force": TimeInForce.IOC},
    ],
)
def test_what_coinbase_has_no_word_for_is_refused(changes: dict) -> None:
    with pytest.raises(Rejected) as refusal:
        encode_create(order(**changes))

    assert refusal.value.code == "unsupported_order"


def test_a_cancel_names_the_venues_id() -> None:
    assert msgspec.json.decode(encode_cancel(["venue-1", "venue-2"])) == {"order_ids": ["venue-1", "venue-2"]}
