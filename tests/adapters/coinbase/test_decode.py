import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.coinbase.decode import (
    BookSeen,
    Complaint,
    HeartbeatArrived,
    OrdersSeen,
    PrintSeen,
    PrintsSeen,
    TickerSeen,
    Unreadable,
    WireFrame,
    decode,
)
from domain.instrument import Side
from domain.order_book import Level
from tests.adapters.coinbase.frames import (
    TIME_NS,
    frame,
    heartbeat,
    order_row,
    orders,
    snapshot,
    ticker,
    trade,
    trades,
    update,
)

SAMPLES = Path(__file__).parents[4] / "shared" / "wire" / "coinbase"


def category(raw: bytes) -> str:
    (unreadable,) = decode(raw).events
    assert isinstance(unreadable, Unreadable)
    return unreadable.category


def test_a_book_update_is_absolute_levels_with_their_newest_time() -> None:
    wire = decode(update(7, ("bid", "99.50", "2"), ("offer", "101", "0.00000000")))

    levels = [
        Level(True, Decimal("99.50"), Decimal("2")),
        Level(False, Decimal("101"), Decimal("0")),
    ]
    assert wire == WireFrame([BookSeen("BTC-USD", False, levels, TIME_NS)], 7, TIME_NS)


def test_a_frame_may_hold_several_events() -> None:
    first = json.loads(snapshot(1, "BTC-USD"))["events"][0]
    second = json.loads(snapshot(1, "ETH-USD"))["events"][0]

    products = [event.product_id for event in decode(frame("l2_data", 1, first, second)).events]

    assert products == ["BTC-USD", "ETH-USD"]


def test_a_trade_names_its_aggressor() -> None:
    (seen,) = decode(trades(1, trade("17", side="SELL"))).events

    one = PrintSeen("BTC-USD", "17", Decimal("100"), Decimal("0.5"), Side.SELL, TIME_NS)
    assert seen == PrintsSeen(False, [one])


def test_a_ticker_without_a_side_says_nothing() -> None:
    assert decode(ticker(1, bid="")).events == []
    assert len(decode(ticker(1)).events) == 1


def test_a_heartbeat_is_read_whatever_its_own_time_looks_like() -> None:
    assert decode(heartbeat(3)) == WireFrame([HeartbeatArrived()], 3, TIME_NS)


def test_one_strange_order_does_not_hide_the_others() -> None:
    raw = orders(1, order_row(order_id="a", status="UNKNOWN_ORDER_STATUS"), order_row(order_id="b"))

    complaint, seen = decode(raw).events

    assert complaint == Complaint("order a: unknown order status 'UNKNOWN_ORDER_STATUS'")
    assert [row.order_id for row in seen.orders] == ["b"]


def test_an_error_frame_is_a_complaint() -> None:
    raw = b'{"type":"error","message":"authentication failure"}'

    assert decode(raw) == WireFrame([Complaint("authentication failure")])


def test_acknowledgements_and_channels_of_the_future_only_count() -> None:
    assert decode(frame("subscriptions", 4, {"subscriptions": {}})) == WireFrame([], 4)
    assert decode(frame("tea_leaves", 5, {"anything": [1]})) == WireFrame([], 5)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "parse"),
        (b"{", "parse"),
        (b'{"channel":"ticker",}', "parse"),
        (b"\xff\xfe", "parse"),
        (b'{"channel":"\xff"}', "parse"),
        (b"[" * 100_000, "structure"),
        (b"[]", "structure"),
        (b"5", "structure"),
        (b"{}", "structure"),
        (frame("ticker", 1, {"tickers": [{"best_bid": "1"}]}), "structure"),  # no product
        (ticker(1, product_id=5), "type"),
        (ticker(1, product_id=None), "type"),
        (ticker(1, best_bid=True), "type"),
        (ticker(1, best_bid=["1"]), "type"),
        (ticker(1, best_bid={"a": 1}), "type"),
        (ticker(1, bid="NaN"), "validation"),
        (ticker(1, bid="Infinity"), "validation"),
        (ticker(1, bid="0.00"), "validation"),
        (ticker(1, bid="-15.50"), "validation"),
        (ticker(1, ask="0"), "validation"),
        (ticker(1, best_bid_quantity="1" * 41), "validation"),
        (ticker(1, best_ask_quantity="-1"), "validation"),
        (ticker(1, bid="1.2.3"), "validation"),
        (ticker(1, bid="1_0"), "validation"),
        (ticker(1, bid=" 1"), "validation"),
        (ticker(1, bid="１"), "validation"),  # a full-width digit
        (ticker(1, timestamp="yesterday"), "validation"),
        (ticker(1, bid="@").replace(b'"@"', b"1e999999999999999999999"), "validation"),
        (trades(1, trade("1", side="HOLD")), "validation"),
    ],
)
def test_bad_frames_are_sorted_by_what_is_wrong_with_them(raw: bytes, expected: str) -> None:
    """T24 to T26: T24 malformed, T25 missing or of a wrong type, T26 prices that are none."""
    assert category(raw) == expected


def test_json_numbers_are_read_digit_by_digit() -> None:
    """T23, T27."""
    (seen,) = decode(ticker(1, bid="@").replace(b'"@"', b"64000.000000000000000001")).events

    assert seen.top.bid_price == Decimal("64000.000000000000000001")


def test_a_book_change_that_cannot_be_read_has_no_number_so_that_it_looks_lost() -> None:
    assert decode(update(8, ("ask", "1", "1"))).sequence_num == -1
    assert decode(ticker(8, bid="NaN")).sequence_num == 8


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert isinstance(decode(raw), WireFrame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


VALID = [ticker(1), update(1, ("bid", "1", "1")), trades(1, trade("1")), orders(1, order_row())]


@given(
    raw=st.sampled_from(VALID),
    junk=JSON,
    where=st.randoms(use_true_random=False),
)
def test_no_junk_inside_a_frame_makes_it_raise(raw: bytes, junk, where) -> None:
    value = json.loads(raw)
    node = value
    while True:
        key = where.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or where.random() < 0.2:
            node[key] = junk
            break
        node = node[key]

    assert isinstance(decode(json.dumps(value).encode()), WireFrame)


@pytest.mark.skipif(not SAMPLES.exists(), reason="wire samples are not here")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ws_heartbeats", HeartbeatArrived),
        ("ws_l2_data_snapshot", BookSeen),
        ("ws_l2_data_update", BookSeen),
        ("ws_market_trades", PrintsSeen),
        ("ws_ticker", TickerSeen),
        ("ws_user", OrdersSeen),
    ],
)
def test_recorded_frames_are_read(name: str, kind: type) -> None:
    wire = decode((SAMPLES / f"{name}.json").read_bytes())

    assert [type(event) for event in wire.events] == [kind]
    assert wire.sequence_num >= 0
