import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.coinbase.decode import CANDLE_NS, OrderTotals, decode
from domain.instrument import Side
from domain.market.order_book import Level
from domain.messages.account import RowsUnread
from domain.messages.base import Event
from domain.messages.market import (
    Candle,
    DecodeFailed,
    HeartbeatSeen,
    InstrumentStatus,
    Quote,
    Trade,
    TradingStatus,
    VenueCandle,
    VenueComplained,
)
from domain.streams.frame_events import BookDelta, BookSnapshot, FrameHead, SubscriptionConfirmed
from tests.adapters.venues.coinbase.frames import (
    TIME_NS,
    at,
    book_event,
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
from tests.places import WIRE

SAMPLES = WIRE / "coinbase"


READ_NS, TS_INIT = 5, TIME_NS + 7


def head(channel: str, number: int, ts_event: int = TIME_NS) -> FrameHead:
    return FrameHead(ts_event=ts_event, venue="coinbase", channel=channel, number=number)


def category(raw: bytes) -> str:
    failed = decode(raw)[-1]
    assert isinstance(failed, DecodeFailed)
    return failed.category


def test_a_ticker_is_a_quote_that_nobody_knows_to_be_whole() -> None:
    told = decode(ticker(7, bid="99.50", ask="101"), READ_NS, TS_INIT)

    quote = Quote(
        ts_event=TIME_NS,
        venue="coinbase",
        instrument="BTC-USD",
        bid_price=Decimal("99.50"),
        bid_quantity=Decimal(1),
        ask_price=Decimal(101),
        ask_quantity=Decimal(1),
        ts_init=TS_INIT,
        read_ns=READ_NS,
        is_whole=False,
    )
    assert told == [head("ticker", 7), quote]


def test_a_book_update_is_absolute_levels_with_their_newest_time() -> None:
    told = decode(update(7, ("bid", "99.50", "2"), ("offer", "101", "0.00000000")))

    levels = [
        Level(True, Decimal("99.50"), Decimal("2")),
        Level(False, Decimal("101"), Decimal("0")),
    ]
    delta = BookDelta(ts_event=TIME_NS, venue="coinbase", instrument="BTC-USD", levels=levels)
    assert told == [head("l2_data", 7), delta]


def test_a_frame_may_hold_several_events() -> None:
    first = json.loads(snapshot(1, "BTC-USD"))["events"][0]
    second = json.loads(snapshot(1, "ETH-USD"))["events"][0]

    _, *books = decode(frame("l2_data", 1, first, second))

    assert [(type(book), book.instrument) for book in books] == [
        (BookSnapshot, "BTC-USD"),
        (BookSnapshot, "ETH-USD"),
    ]


def test_a_trade_names_its_aggressor() -> None:
    _, told = decode(trades(1, trade("17", side="SELL")), READ_NS, TS_INIT)

    assert told == Trade(
        ts_event=TIME_NS,
        venue="coinbase",
        instrument="BTC-USD",
        trade_id="17",
        price=Decimal(100),
        quantity=Decimal("0.5"),
        aggressor=Side.SELL,
        ts_init=TS_INIT,
        read_ns=READ_NS,
    )


def test_trades_come_oldest_first_and_those_of_a_snapshot_are_history() -> None:
    raw = trades(1, trade("10", time=at(2)), trade("9", time=at(2)), trade("1", time=at(1)), kind="snapshot")

    _, *told = decode(raw)

    assert [(one.trade_id, one.is_history) for one in told] == [("1", True), ("9", True), ("10", True)]


def test_a_ticker_without_a_side_says_nothing() -> None:
    batched = json.loads(ticker(2).replace(b'"channel": "ticker"', b'"channel": "ticker_batch"'))
    for name in ("best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity"):
        del batched["events"][0]["tickers"][0][name]

    assert decode(ticker(1, bid="")) == [head("ticker", 1)]
    assert decode(json.dumps(batched).encode()) == [head("ticker_batch", 2)]


def test_a_heartbeat_is_read_whatever_its_own_time_looks_like() -> None:
    beat = HeartbeatSeen(ts_event=TIME_NS, venue="coinbase", read_ns=READ_NS)

    assert decode(heartbeat(3), READ_NS, TS_INIT) == [head("heartbeats", 3), beat]


def test_bars_come_oldest_first_and_nobody_says_how_many_trades_are_in_them() -> None:
    row = {
        "start": str(TIME_NS // 10**9),
        "high": "103",
        "low": "98",
        "open": "100",
        "close": "99.5",
        "volume": "42.15000000",
        "product_id": "BTC-USD",
    }
    older = {**row, "start": str(TIME_NS // 10**9 - 300)}

    _, first, second = decode(frame("candles", 3, {"type": "snapshot", "candles": [row, older]}), READ_NS)

    assert first.candle.open_ts == TIME_NS - CANDLE_NS
    candle = Candle(
        venue="coinbase",
        instrument="BTC-USD",
        interval_ns=CANDLE_NS,
        open_ts=TIME_NS,
        open=Decimal(100),
        high=Decimal(103),
        low=Decimal(98),
        close=Decimal("99.5"),
        volume=Decimal("42.15"),
        count=None,
    )
    assert second == VenueCandle(ts_event=TIME_NS, candle=candle, read_ns=READ_NS)
    assert category(frame("candles", 4, {"candles": [{**row, "high": "99"}]})) == "validation"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("online", TradingStatus.TRADING),
        ("offline", TradingStatus.HALTED),
        ("delisted", TradingStatus.CLOSED),
        ("", TradingStatus.UNKNOWN),
        ("on_holiday", TradingStatus.UNKNOWN),
    ],
)
def test_a_status_says_whether_a_product_trades(word: str, status: TradingStatus) -> None:
    raw = frame("status", 2, {"type": "update", "products": [{"id": "BTC-USD", "status": word}]})

    told = InstrumentStatus(ts_event=TIME_NS, venue="coinbase", instrument="BTC-USD", status=status)
    assert decode(raw) == [head("status", 2), told]


def test_an_acknowledgement_says_all_that_the_connection_has() -> None:
    raw = frame("subscriptions", 4, {"subscriptions": {"level2": ["BTC-USD", "ETH-USD"], "heartbeats": []}})

    _, *told = decode(raw)

    pairs = [("level2", "BTC-USD"), ("level2", "ETH-USD"), ("heartbeats", "")]
    assert told == [
        SubscriptionConfirmed(ts_event=TIME_NS, venue="coinbase", channel=channel, subject=subject)
        for channel, subject in pairs
    ]


@pytest.mark.parametrize(
    "change", [{"status": "UNKNOWN_ORDER_STATUS"}, {"order_side": None}, {"cumulative_quantity": "x"}, {"status": 5}]
)
def test_one_strange_order_does_not_hide_the_others_and_is_named(change: dict) -> None:
    raw = orders(1, order_row(order_id="a", **change), order_row(order_id="b"))

    _, told, totals = decode(raw)

    assert isinstance(told, RowsUnread)
    assert [(one.kind, one.venue_order_id, one.instrument) for one in told.rows] == [("order", "a", "BTC-USD")]
    assert [order.venue_order_id for order in totals.orders] == ["b"]
    assert totals.rows == 2


def test_what_an_order_leaves_null_or_says_to_people_only_is_no_reason_not_to_read_it() -> None:
    nulls = dict.fromkeys(("client_order_id", "cumulative_quantity", "avg_price", "total_fees", "reject_reason"))

    _, totals = decode(orders(1, order_row(**nulls, cancel_reason=5)))

    [order] = totals.orders
    assert (order.client_order_id, order.cumulative_quantity, order.reason) == ("", None, "")


@pytest.mark.parametrize("unsaid", [None, ""])
def test_one_name_of_an_order_is_enough_and_none_makes_a_row_that_cannot_be_read(unsaid: str | None) -> None:
    named = order_row(order_id=unsaid, client_order_id="ours")

    _, unread, totals = decode(orders(1, named, order_row(order_id=unsaid, client_order_id=unsaid)))

    assert [(order.client_order_id, order.venue_order_id) for order in totals.orders] == [("ours", "")]
    assert [one.instrument for one in unread.rows] == ["BTC-USD"]


def test_an_error_frame_is_a_complaint() -> None:
    raw = b'{"type":"error","message":"authentication failure"}'

    complaint = VenueComplained(ts_event=TS_INIT, venue="coinbase", text="authentication failure")
    assert decode(raw, READ_NS, TS_INIT) == [complaint]


def test_of_channels_of_the_future_only_the_number_is_told() -> None:
    told = decode(frame("tea_leaves", 5, {"anything": [1]}), READ_NS, TS_INIT)

    assert told == [head("tea_leaves", 5, TS_INIT)]


def test_what_cannot_be_read_is_kept_up_to_256_bytes() -> None:
    raw = b"{" + b"x" * 1_000

    assert decode(raw, READ_NS, TS_INIT) == [
        DecodeFailed(
            ts_event=TS_INIT,
            venue="coinbase",
            category="parse",
            reason="JSON is malformed: object keys must be strings (byte 1)",
            raw=raw[:256],
        )
    ]


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
        (ticker(1, product_id=""), "validation"),
        (ticker(1, bid="0.0000000000000000001"), "validation"),  # one decimal too many
        (ticker(1, best_ask_quantity=0.0000000000000000001), "validation"),
        (trades(1, trade("")), "validation"),
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


CANDLE = {"start": "1775572200", "open": "1", "high": "1", "low": "1", "close": "1", "volume": "1"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (ticker(1, bid="1e-1", ask="0"), "tickers[0].best_ask"),
        (ticker(1, best_bid_quantity=""), "tickers[0].best_bid_quantity"),
        (ticker(1, product_id=""), "tickers[0].product_id"),
        (update(1, ("bid", "1", "1"), ("bid", "-1", "1")), "updates[1].price_level"),
        (update(1, ("bid", "1", "1"), ("offer", "2", "x")), "updates[1].new_quantity"),
        (update(1, ("bid", "1", "1"), time="now"), "updates[0].event_time"),
        (trades(1, trade("1", time="")), "trades[0].time"),
        (trades(1, trade("2"), trade("1", size="0")), "trades[1].size"),
        (frame("candles", 1, {"candles": [{**CANDLE, "product_id": "A", "start": "0"}]}), "candles[0].start"),
        (frame("candles", 1, {"candles": [{**CANDLE, "product_id": "A", "low": None}]}), "candles[0].low"),
    ],
)
def test_a_fault_names_the_field(raw: bytes, field: str) -> None:
    assert decode(raw)[-1].reason.endswith(f" - at `$.events[0].{field}`")


def test_a_fault_names_the_field_of_the_envelope_too() -> None:
    assert decode(ticker(1, timestamp="yesterday"))[-1].reason == "not a UTC time - at `$.timestamp`"


def test_json_numbers_are_read_digit_by_digit() -> None:
    """T23, T27."""
    _, quote = decode(ticker(1, bid="@").replace(b'"@"', b"64000.000000000000000001"))

    assert quote.bid_price == Decimal("64000.000000000000000001")


@pytest.mark.parametrize("text", ["1e-5", "+1", "0.000000000000000001", "12345678901234567890123456789"])
def test_a_ticker_may_write_its_numbers_in_other_ways(text: str) -> None:
    _, *quotes = decode(ticker(1, bid=text))

    assert [quote.bid_price for quote in quotes] == [Decimal(text)]


def test_a_book_change_that_cannot_be_read_has_no_number_so_that_it_looks_lost() -> None:
    lost, _ = decode(update(8, ("bid", "1", "1")).replace(b'"BTC-USD"', b"5"))
    counted, _ = decode(ticker(8, bid="NaN"))

    assert (lost.number, counted.number) == (-1, 8)


def is_told(raw: bytes) -> bool:
    told = decode(raw)
    return bool(told) and all(isinstance(event, Event) for event in told)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert is_told(raw)


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

    assert is_told(json.dumps(value).encode())


@pytest.mark.skipif(not SAMPLES.exists(), reason="wire samples are not here")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ws_candles", [VenueCandle]),
        ("ws_heartbeats", [HeartbeatSeen]),
        ("ws_l2_data_snapshot", [BookSnapshot]),
        ("ws_l2_data_update", [BookDelta]),
        ("ws_market_trades", [Trade, Trade]),
        ("ws_subscriptions", [SubscriptionConfirmed] * 3),
        ("ws_ticker", [Quote]),
        ("ws_user", [OrderTotals]),
    ],
)
def test_recorded_frames_are_read(name: str, kinds: list[type]) -> None:
    head, *told = decode((SAMPLES / f"{name}.json").read_bytes())

    assert [type(event) for event in told] == kinds
    assert head.number >= 0


# ---- times that nobody has set ---------------------------------------------------------------------------

UNSET = ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "", None]


@pytest.mark.parametrize("unset", UNSET)
def test_levels_whose_time_is_unset_have_that_of_their_frame(unset: str | None) -> None:
    _, whole = decode(snapshot(1, time=unset))
    _, mixed = decode(frame("l2_data", 2, {**book_event(("bid", "1", "1"), time=unset)}))

    assert (type(whole), whole.ts_event, len(whole.levels)) == (BookSnapshot, TIME_NS, 4)
    assert mixed.ts_event == TIME_NS


@pytest.mark.parametrize("unset", UNSET)
def test_a_frame_whose_time_is_unset_has_ours(unset: str | None) -> None:
    head, quote = decode(ticker(1, timestamp=unset), READ_NS, TS_INIT)

    assert (head.ts_event, quote.ts_event) == (TS_INIT, TS_INIT)


def test_a_print_just_made_whose_time_is_unset_has_that_of_its_frame() -> None:
    _, live = decode(trades(1, trade("1", time="1970-01-01T00:00:00Z")))
    *_, fault = decode(trades(1, trade("1", time="1970-01-01T00:00:00Z"), kind="snapshot"))

    assert live.ts_event == TIME_NS
    assert isinstance(fault, DecodeFailed)  # who knows how old it is


# ---- one strange row hides no other ----------------------------------------------------------------------


def test_a_strange_print_hides_no_other() -> None:
    _, *told = decode(trades(1, trade("2", time=at(1)), trade("x", price="0"), trade("1")))

    assert [event.trade_id for event in told[:-1]] == ["1", "2"]
    assert isinstance(told[-1], DecodeFailed)


def test_a_strange_ticker_hides_no_other() -> None:
    rows = [
        {"product_id": "A", "best_bid": "NaN", "best_ask": "2"},
        None,
        {"product_id": "B", "best_bid": "1", "best_bid_quantity": "1", "best_ask": "2", "best_ask_quantity": "1"},
    ]

    _, *told = decode(frame("ticker", 1, {"type": "update"}, {"type": "update", "tickers": rows}))

    assert [getattr(event, "instrument", "") for event in told] == ["B", ""]


def test_a_strange_status_or_bar_hides_no_other() -> None:
    products = [{"id": 5, "status": "online"}, {"id": "BTC-USD", "status": "online"}]
    bars = [{**CANDLE, "product_id": "A", "low": "2"}, {**CANDLE, "product_id": "B"}]

    _, status, _ = decode(frame("status", 1, {"products": products}))
    _, bar, _ = decode(frame("candles", 1, {"candles": bars}))

    assert (status.instrument, bar.candle.instrument) == ("BTC-USD", "B")


def test_a_strange_book_hides_no_other_and_is_named() -> None:
    odd = book_event(("bid", "NaN", "1"), product="ODD-USD")
    good = book_event(("bid", "1", "1"))

    head, unread, delta, fault = decode(frame("l2_data", 3, odd, good))

    assert (head.number, unread.instrument, delta.instrument) == (3, "ODD-USD", "BTC-USD")
    assert isinstance(fault, DecodeFailed)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**70])
def test_a_number_that_fits_no_message_counts_as_lost(number: int) -> None:
    head = decode(heartbeat(number))[0]

    assert (head.channel, head.number) == ("heartbeats", -1)
