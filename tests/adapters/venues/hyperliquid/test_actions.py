"""Our orders in Hyperliquid's words, and those that it has no words for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.venues.hyperliquid.actions import (
    BatchModify,
    Cancel,
    CancelByCloid,
    CancelTerms,
    CloidCancelTerms,
    Modify,
    Noop,
    Place,
    ScheduleCancel,
    UpdateLeverage,
    cancel_terms,
    expires_after,
    modify_terms,
    order_terms,
)
from domain.errors import Rejected
from domain.instrument import InstrumentKind, Side
from domain.messages.orders import OrderType, TimeInForce, VenueMoment
from tests.adapters.venues.hyperliquid.orders import CLOID, cancel, perpetual, submit

D = Decimal
ORDER = {"a": 3, "b": True, "p": "50000", "s": "0.001", "r": False, "t": {"limit": {"tif": "Gtc"}}, "c": CLOID}


def terms(**changes) -> dict[str, Any]:
    return msgspec.to_builtins(order_terms(submit(**changes), perpetual(), 3))


def trigger(side: str = "SELL", at: str = "49000", to: str = "48000", **changes) -> dict[str, Any]:
    fields = {
        "order_type": OrderType.STOP,
        "side": Side(side),
        "stop_price": D(at),
        "limit_price": D(to),
        "reduce_only": True,
    }
    return {**fields, **changes}


def packed(action: Any) -> Any:
    """Return what the hash is of, its keys in their order."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(action))


def test_an_order_has_its_fields_in_the_order_that_is_hashed() -> None:
    assert terms() == ORDER
    assert list(terms()) == ["a", "b", "p", "s", "r", "t", "c"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"side": Side.SELL}, {"b": False}),
        ({"reduce_only": True}, {"r": True}),
        ({"post_only": True}, {"t": {"limit": {"tif": "Alo"}}}),
        ({"time_in_force": TimeInForce.IOC}, {"t": {"limit": {"tif": "Ioc"}}}),
        ({"quantity": D("0.00100"), "limit_price": D("5.00E+4")}, {}),
        ({"limit_price": D("123456")}, {"p": "123456"}),
        ({"limit_price": D("1234.5")}, {"p": "1234.5"}),
        ({"quantity": D("1E+1")}, {"s": "10"}),
        ({"quantity": D("1E-5")}, {"s": "0.00001"}),
    ],
)
def test_each_part_of_an_order_has_its_word(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert terms(**changes) == {**ORDER, **expected}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (trigger(), {"isMarket": False, "triggerPx": "49000", "tpsl": "sl"}),
        (trigger(time_in_force=TimeInForce.IOC), {"isMarket": True, "triggerPx": "49000", "tpsl": "sl"}),
        (trigger(order_type=OrderType.TAKE_PROFIT), {"isMarket": False, "triggerPx": "49000", "tpsl": "tp"}),
        (trigger("BUY", "51000.0", "52000"), {"isMarket": False, "triggerPx": "51000", "tpsl": "sl"}),
        (trigger(to="49000"), {"isMarket": False, "triggerPx": "49000", "tpsl": "sl"}),
    ],
)
def test_a_stop_and_a_target_wait_for_their_price(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    told = terms(**changes)

    assert told["t"] == {"trigger": expected} and list(told["t"]["trigger"]) == ["isMarket", "triggerPx", "tpsl"]
    assert told["r"]


@pytest.mark.parametrize(
    "changes",
    [
        {"time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.GTD},
        {"time_in_force": TimeInForce.IOC, "post_only": True},
        {"stop_price": D("49000")},
        {"order_type": OrderType.BRACKET, "stop_price": D("49000")},
        {"order_type": OrderType.STOP},
        trigger(post_only=True),
        trigger(time_in_force=TimeInForce.FOK),
        trigger(at="48000", to="49000"),
        trigger("BUY", at="52000", to="51000"),
        trigger(at="49000.5"),
        trigger(at="-1", to="-2"),
        {"limit_price": D("12345.6")},
        {"limit_price": D("1234.56")},
        {"limit_price": D("0.01")},
        {"limit_price": D(0)},
        {"limit_price": D(-1)},
        {"quantity": D("0.000001")},
        {"quantity": D(0)},
        {"quantity": D("-0.001")},
        {"venue_client_id": "", "client_order_id": ""},
        {"venue_client_id": ""},
        {"venue_client_id": CLOID.upper().replace("X", "x")},
        {"venue_client_id": CLOID + "\n"},
        {"venue_client_id": CLOID[:-1]},
    ],
)
def test_what_the_venue_has_no_word_for_is_refused_before_it_is_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as failure:
        terms(**changes)

    assert (failure.value.venue, failure.value.code) == ("hyperliquid", "unsupported_order")


def test_only_a_perpetual_has_a_position_to_reduce() -> None:
    spot = perpetual(kind=InstrumentKind.SPOT)

    assert order_terms(submit(), spot, 10_107).a == 10_107
    with pytest.raises(Rejected, match="spot"):
        order_terms(submit(reduce_only=True), spot, 10_107)


@given(
    size_decimals=st.integers(0, 6),
    price=st.decimals(D("0.000001"), D("9999999"), places=6),
    quantity=st.decimals(D("0.000001"), D("9999"), places=6),
)
def test_a_price_that_goes_out_is_one_that_the_venue_takes(
    size_decimals: int, price: Decimal, quantity: Decimal
) -> None:
    instrument = perpetual(size_decimals)
    rounded = instrument.round_price(price, Side.BUY), instrument.round_quantity(quantity)
    assume(all(rounded))

    told = order_terms(submit(limit_price=rounded[0], quantity=rounded[1]), instrument, 0)

    for text, number in ((told.p, rounded[0]), (told.s, rounded[1])):
        assert D(text) == number
        assert "E" not in text and ("." not in text or text[-1] not in "0.")
    whole, _, fraction = told.p.partition(".")
    assert not fraction or (len((whole + fraction).lstrip("0")) <= 5 and len(fraction) <= 6 - size_decimals)
    assert len(told.s.partition(".")[2]) <= size_decimals


@given(number=st.uuids())
def test_any_id_of_ours_travels_as_it_is(number: UUID) -> None:
    cloid = f"0x{number.hex}"

    assert terms(venue_client_id=cloid)["c"] == cloid
    assert cancel_terms(cancel(venue_client_id=cloid), 0) == CloidCancelTerms(0, cloid)


def test_the_same_order_always_gives_the_same_bytes() -> None:
    def encode(**changes) -> bytes:
        return msgspec.msgpack.encode(Place((order_terms(submit(**changes), perpetual(), 0),), "na"))

    assert encode() == encode(is_resubmission=True, origin_read_ns=5, limit_price=D("50000.000"), quantity=D("1E-3"))


def test_a_cancel_goes_by_our_id_and_by_the_venues_where_the_order_is_not_ours() -> None:
    assert cancel_terms(cancel(venue_order_id="77738308"), 4) == CloidCancelTerms(4, CLOID)
    assert cancel_terms(cancel(venue_client_id="theirs", venue_order_id="502464968365"), 4) == CancelTerms(
        4, 502_464_968_365
    )


@pytest.mark.parametrize("venue_order_id", ["", "-1", "1.5", "0x1", "٣", "18446744073709551616", "9" * 5_000])
def test_a_cancel_of_nothing_is_refused(venue_order_id: str) -> None:
    with pytest.raises(Rejected):
        cancel_terms(cancel(venue_client_id="theirs", venue_order_id=venue_order_id), 4)


def test_an_order_is_modified_by_its_newest_id_or_by_ours() -> None:
    order = order_terms(submit(), perpetual(), 3)

    assert packed(BatchModify((modify_terms("77738308", order), modify_terms("", order)))) == {
        "type": "batchModify",
        "modifies": [{"oid": 77_738_308, "order": ORDER}, {"oid": CLOID, "order": ORDER}],
    }
    assert packed(Modify(CLOID, order)) == {"type": "modify", "oid": CLOID, "order": ORDER}
    with pytest.raises(Rejected):
        modify_terms("none", order)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Cancel((CancelTerms(0, 5),)), {"type": "cancel", "cancels": [{"a": 0, "o": 5}]}),
        (
            CancelByCloid((CloidCancelTerms(0, CLOID),)),
            {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": CLOID}]},
        ),
        (ScheduleCancel(5), {"type": "scheduleCancel", "time": 5}),
        (ScheduleCancel(), {"type": "scheduleCancel"}),
        (
            UpdateLeverage(3, False, 1),
            {"type": "updateLeverage", "asset": 3, "isCross": False, "leverage": 1},
        ),
        (Noop(), {"type": "noop"}),
    ],
)
def test_each_action_has_its_keys_in_the_order_that_is_hashed(action: Any, expected: dict[str, Any]) -> None:
    assert packed(action) == expected and list(packed(action)) == list(expected)
    assert msgspec.json.decode(msgspec.json.encode(action)) == expected


def test_the_hashed_bytes_of_a_cancel_are_the_official_clients() -> None:
    expected = "82a474797065a663616e63656ca763616e63656c739182a16100a16fce04a23144"

    assert msgspec.msgpack.encode(Cancel((CancelTerms(0, 77_738_308),))).hex() == expected


def test_an_action_says_until_when_it_can_be_taken_which_is_the_first_end_of_its_orders() -> None:
    first, second = VenueMoment(utc_ns=1_700_000_005_000_999_999), VenueMoment(utc_ns=1_700_000_005_001_000_000)

    assert expires_after([first]) == expires_after([second, first]) == 1_700_000_005_000
    for endless in (None, VenueMoment(height=5)):
        with pytest.raises(Rejected, match="without an end"):
            expires_after([first, endless])
