import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dydx.decode import (
    BarsSeen,
    BlockSeen,
    BookSeen,
    Complaint,
    Opened,
    PrintsSeen,
    Unreadable,
    Unsubscribed,
    WireEvent,
    WireFrame,
    decode,
)
from adapters.dydx.rows import MarketSeen, PrintSeen
from domain.instrument import Side
from domain.market_data import Candle, TradingStatus
from domain.order_book import Level
from domain.settings import SECOND_NS
from tests.adapters.dydx.frames import (
    TIME_NS,
    at,
    batch,
    block,
    candle,
    change,
    connected,
    data,
    error,
    first_block,
    frame,
    market,
    markets,
    past_trades,
    snapshot,
    subscribed,
    trade,
    trades,
    unsubscribed,
)

SAMPLES = Path(__file__).parents[4] / "shared" / "wire" / "dydx"


def only(raw: bytes) -> WireEvent:
    (event,) = decode(raw).events
    return event


def category(raw: bytes) -> str:
    unreadable = only(raw)
    assert isinstance(unreadable, Unreadable)
    return unreadable.category


def levels(*rows: tuple[str, str, str]) -> list[Level]:
    return [Level(side == "bid", Decimal(price), Decimal(size)) for side, price, size in rows]


# ---- what each message says -------------------------------------------------------------------------------


def test_the_envelope_says_what_belongs_where() -> None:
    wire = decode(change(7, "ETH-USD"))

    assert (wire.type, wire.channel, wire.id, wire.message_id) == (
        "channel_data",
        "v4_orderbook",
        "ETH-USD",
        7,
    )


def test_a_book_snapshot_is_a_list_of_objects() -> None:
    raw = snapshot(1, bids=[("99", "1.5")], asks=[("101", "2")])

    assert only(raw) == BookSeen("BTC-USD", True, levels(("bid", "99", "1.5"), ("ask", "101", "2")))


def test_a_book_update_is_a_list_of_pairs_and_may_leave_out_a_side() -> None:
    assert only(change(1, bids=[("99", "0.0")])) == BookSeen("BTC-USD", False, levels(("bid", "99", "0.0")))
    assert only(change(1, asks=[("101", "3")])) == BookSeen("BTC-USD", False, levels(("ask", "101", "3")))


def test_a_batch_of_book_updates_keeps_their_order() -> None:
    raw = batch(1, "v4_orderbook", "BTC-USD", {"bids": [["99", "5"]]}, {"bids": [["99", "0"]]})

    assert only(raw) == BookSeen("BTC-USD", False, levels(("bid", "99", "5"), ("bid", "99", "0")))


def test_what_a_level_holds_beyond_price_and_size_is_ignored() -> None:
    raw = change(1, bids=[("99", "5", "17")])

    assert only(raw) == BookSeen("BTC-USD", False, levels(("bid", "99", "5")))


def test_a_trade_names_the_taker_and_needs_neither_height_nor_type() -> None:
    row = trade("03f89a550000000200000002", side="SELL", createdAt=at(30.59))
    del row["type"]

    one = PrintSeen(
        "03f89a550000000200000002",
        Decimal("100"),
        Decimal("0.5"),
        Side.SELL,
        TIME_NS + 30_590_000_000,
    )
    assert only(trades(1, row)) == PrintsSeen("BTC-USD", False, [one])
    assert only(past_trades(1, row)) == PrintsSeen("BTC-USD", True, [one])


def test_a_batch_of_trades_is_all_of_them() -> None:
    raw = batch(1, "v4_trades", "BTC-USD", {"trades": [trade("1"), trade("2")]}, {"trades": [trade("3")]})

    assert [one.trade_id for one in only(raw).prints] == ["1", "2", "3"]


def test_a_snapshot_of_markets_tells_price_funding_and_status_of_each() -> None:
    events = decode(markets(1, BTC_USD=market(), ETH_USD=market(status="PAUSED", oraclePrice="3000"))).events

    assert events == [
        MarketSeen("BTC-USD", Decimal("100.5"), Decimal("0.0000125"), TradingStatus.TRADING),
        MarketSeen("ETH-USD", Decimal("3000"), Decimal("0.0000125"), TradingStatus.HALTED),
    ]


def test_updates_of_markets_come_in_two_sections_with_many_entries() -> None:
    new_prices = {
        name: {"oraclePrice": price, "effectiveAt": at(1), "effectiveAtHeight": "12", "marketId": 0}
        for name, price in (("BTC-USD", "101"), ("ETH-USD", "3001"))
    }
    contents = {"trading": {"SOL-USD": {"nextFundingRate": "-0.00000143181818181818"}}}

    events = decode(data(1, "v4_markets", contents={**contents, "oraclePrices": new_prices})).events

    assert events == [
        MarketSeen("SOL-USD", funding_rate=Decimal("-0.00000143181818181818")),
        MarketSeen("BTC-USD", oracle_price=Decimal("101"), ts_event=TIME_NS + SECOND_NS),
        MarketSeen("ETH-USD", oracle_price=Decimal("3001"), ts_event=TIME_NS + SECOND_NS),
    ]


def test_one_strange_market_does_not_hide_the_others() -> None:
    raw = markets(1, BTC_USD=market(oraclePrice="NaN"), ETH_USD=market())

    seen, trouble = decode(raw).events

    assert (seen.symbol, trouble) == ("ETH-USD", Unreadable("validation"))


def test_a_market_that_is_being_set_up_has_no_price() -> None:
    raw = markets(1, NEW_USD=market(oraclePrice=None, status="INITIALIZING", nextFundingRate="0"))

    assert only(raw) == MarketSeen("NEW-USD", None, Decimal(0), TradingStatus.HALTED)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ACTIVE", TradingStatus.TRADING),
        ("PAUSED", TradingStatus.HALTED),
        ("CANCEL_ONLY", TradingStatus.HALTED),
        ("POST_ONLY", TradingStatus.HALTED),
        ("INITIALIZING", TradingStatus.HALTED),
        ("FINAL_SETTLEMENT", TradingStatus.CLOSED),
        ("DANCING", TradingStatus.UNKNOWN),
    ],
)
def test_statuses_of_a_market(word: str, status: TradingStatus) -> None:
    assert only(markets(1, BTC_USD=market(status=word))).status is status


def test_candles_come_newest_first_at_the_start_and_alone_later() -> None:
    first = subscribed(1, "v4_candles", "BTC-USD/1MIN", {"candles": [candle(startedAt=at(1)), candle()]})
    grown = data(2, "v4_candles", "BTC-USD/1MIN", candle(close="103"))
    expected = Candle(
        venue="dydx",
        instrument="BTC-USD",
        interval_ns=60 * SECOND_NS,
        open_ts=TIME_NS,
        open=Decimal("100"),
        high=Decimal("103"),
        low=Decimal("99"),
        close=Decimal("103"),
        volume=Decimal("12.345"),
        count=7,
    )

    assert [one.open_ts for one in only(first).candles] == [TIME_NS, TIME_NS + SECOND_NS]
    assert only(grown) == BarsSeen([expected])


def test_the_height_has_one_name_at_the_start_and_another_later() -> None:
    assert only(first_block(1, 100)) == BlockSeen(100, TIME_NS)
    assert only(block(2, 101, at(1))) == BlockSeen(101, TIME_NS + SECOND_NS)


def test_greetings_farewells_and_errors() -> None:
    assert decode(connected()) == WireFrame([Opened()], "connected", message_id=0)
    assert only(unsubscribed(1, "v4_orderbook", "BTC-USD")) == Unsubscribed()
    assert only(error(1, "Internal error")) == Complaint("Internal error")


def test_channels_and_messages_of_the_future_only_count() -> None:
    assert decode(subscribed(4, "v4_tea_leaves", "BTC-USD", [1])) == WireFrame(
        [], "subscribed", "v4_tea_leaves", "BTC-USD", 4
    )
    assert decode(frame("weather", 5)) == WireFrame([], "weather", message_id=5)


# ---- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", ['"0.000000000000000001"', "64000.000000000000000001", '"1.23e-5"', '"123456789012345678"']
)
def test_numbers_are_exact_to_the_last_digit(token: str) -> None:
    raw = change(1, bids=[("@", "1")]).replace(b'"@"', token.encode())

    assert only(raw).levels[0].price == Decimal(token.strip('"'))


def test_of_a_key_that_is_there_twice_the_last_one_counts() -> None:
    raw = (
        b'{"type":"error","type":"channel_data","channel":"v4_orderbook","id":"ETH-USD","id":"BTC-USD",'
        b'"contents":{"bids":[["1","1"]],"bids":[["2","1"]]}}'
    )

    assert only(raw) == BookSeen("BTC-USD", False, levels(("bid", "2", "1")))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "parse"),
        (b"{", "parse"),
        (b'{"type":"connected",}', "parse"),
        (b"\xff\xfe", "parse"),
        (b'{"type":"\xff"}', "parse"),
        (b'{"type":"subscribed","contents":' + b"[" * 100_000, "parse"),
        (b"[]", "structure"),
        (b"5", "structure"),
        (b"{}", "structure"),
        (data(1, "v4_orderbook", contents={}), "structure"),  # of which instrument?
        (data(1, "v4_orderbook", "BTC-USD", []), "structure"),
        (subscribed(1, "v4_orderbook", "BTC-USD", {"bids": []}), "structure"),
        (batch(1, "v4_trades", "BTC-USD", {}), "structure"),
        (frame("connected", "1"), "type"),
        (frame("error", 1, message=5), "type"),
        (subscribed(1, "v4_orderbook", "BTC-USD", {"bids": 5, "asks": []}), "type"),
        (change(1, bids=[(True, "1")]), "type"),
        (change(1, bids=[(["1"], "1")]), "type"),
        (trades(1, trade("1", side=5)), "type"),
        (change(1, bids=[("NaN", "1")]), "validation"),
        (change(1, bids=[("Infinity", "1")]), "validation"),
        (change(1, bids=[("0.00", "1")]), "validation"),
        (change(1, bids=[("15", "-1")]), "validation"),
        (change(1, bids=[("@", "1")]).replace(b'"@"', b"1e999999999999999999999"), "validation"),
        (trades(1, trade("1", side="HOLD")), "validation"),
        (trades(1, trade("1", size="0")), "validation"),
        (trades(1, trade("1", time="yesterday")), "validation"),
        (block(1, "12.5"), "validation"),
        (block(1, 10**30), "validation"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(high="101")), "validation"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(low="100.5")), "validation"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(resolution="2MINS")), "validation"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(trades=-1)), "validation"),
    ],
)
def test_bad_frames_are_sorted_by_what_is_wrong_with_them(raw: bytes, expected: str) -> None:
    assert category(raw) == expected


def test_a_frame_that_is_bad_inside_still_says_where_it_belongs() -> None:
    wire = decode(change(8, "ETH-USD", bids=[("NaN", "1")]))

    assert (wire.channel, wire.id, wire.message_id) == ("v4_orderbook", "ETH-USD", 8)


@pytest.mark.parametrize("number", [10**30, -5])
def test_a_number_out_of_bounds_is_none(number: int) -> None:
    assert decode(connected(number)).message_id == -1


# ---- nothing raises ---------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert isinstance(decode(raw), WireFrame)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["v4_orderbook", "v4_trades", "subscribed", "1e99", "-0", "9" * 41]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VALID = [
    connected(),
    snapshot(1),
    change(1, bids=[("1", "1")]),
    batch(1, "v4_orderbook", "BTC-USD", {"asks": [["1", "1"]]}),
    trades(1, trade("1")),
    markets(1, BTC_USD=market()),
    data(1, "v4_markets", contents={"oraclePrices": {"BTC-USD": {"oraclePrice": "1", "effectiveAt": at(1)}}}),
    subscribed(1, "v4_candles", "BTC-USD/1MIN", {"candles": [candle()]}),
    data(1, "v4_candles", "BTC-USD/1MIN", candle()),
    first_block(1),
    block(1, 5),
    error(1, "no"),
]


def with_junk(raw: bytes, junk: Any, where: Any) -> bytes:
    """Return a frame with one of its values, anywhere, replaced by junk."""
    value = json.loads(raw)
    node = value
    while True:
        key = where.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or where.random() < 0.2:
            node[key] = junk
            return json.dumps(value).encode()
        node = node[key]


@given(st.sampled_from(VALID), JSON, st.randoms(use_true_random=False))
def test_no_junk_inside_a_frame_makes_it_raise(raw: bytes, junk: Any, where: Any) -> None:
    assert isinstance(decode(with_junk(raw, junk, where)), WireFrame)


# ---- recorded frames --------------------------------------------------------------------------------------


def sample(name: str) -> Any:
    """Return a captured payload, or skip the test where there is none."""
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("wire samples are not here")
    return json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ws_block_height_subscribed", [BlockSeen(12345678, 1_704_067_200 * SECOND_NS)]),
        ("ws_block_height_update", [BlockSeen(12345679, 1_704_067_201 * SECOND_NS)]),
        ("ws_error", [Complaint("Invalid subscription: channel 'invalid_channel' not found")]),
        (
            "ws_markets_status_update",
            [
                MarketSeen("BTC-USD", funding_rate=Decimal("0.0001"), status=TradingStatus.HALTED),
                MarketSeen("ETH-USD", funding_rate=Decimal("0.00008"), status=TradingStatus.TRADING),
            ],
        ),
        (
            "ws_markets_subscribed",
            [
                MarketSeen("BTC-USD", Decimal("43250.00"), Decimal("0.0001"), TradingStatus.TRADING),
                MarketSeen("ETH-USD", Decimal("2250.00"), Decimal("0.00008"), TradingStatus.TRADING),
            ],
        ),
        (
            "ws_markets_update",
            [
                MarketSeen("BTC-USD", Decimal("43300.00"), ts_event=1_704_067_260 * SECOND_NS),
                MarketSeen("ETH-USD", Decimal("2255.00"), ts_event=1_704_067_260 * SECOND_NS),
            ],
        ),
        (
            "ws_orderbook_update",
            [
                BookSeen(
                    "BTC-USD",
                    False,
                    levels(
                        ("bid", "43240.0", "2.0"),
                        ("bid", "43238.0", "1.5"),
                        ("ask", "43250.0", "0.0"),
                        ("ask", "43252.0", "3.0"),
                    ),
                )
            ],
        ),
        ("ws_subaccounts_subscribed", []),
        ("ws_subaccounts_update", []),
    ],
)
def test_written_samples_are_read_to_the_last_value(name: str, expected: list[WireEvent]) -> None:
    assert decode(json.dumps(sample(name)).encode()).events == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ws_orderbook_subscribed", BookSeen),
        ("ws_trades_subscribed", PrintsSeen),
        ("ws_trades_update", PrintsSeen),
        ("ws_candles_subscribed", BarsSeen),
        ("ws_candles_update", BarsSeen),
    ],
)
def test_every_other_written_sample_is_read(name: str, kind: type) -> None:
    wire = decode(json.dumps(sample(name)).encode())

    assert [type(event) for event in wire.events] == [kind]


def test_captured_orders_books_trades_candles_and_markets_are_read_as_their_snapshots() -> None:
    """The REST answers are genuine, and the stream's snapshots repeat them."""
    book = sample("http_get_orderbook")["result"]
    trades_row = sample("http_get_trades")["result"]
    candles = sample("http_get_candles")["result"]
    all_markets = sample("http_get_perpetual_markets")["result"]
    height = sample("http_get_block_height")["result"]

    book_seen = only(subscribed(1, "v4_orderbook", "BTC-USD", book))
    prints_seen = only(subscribed(1, "v4_trades", "BTC-USD", trades_row))
    bars_seen = only(subscribed(1, "v4_candles", "BTC-USD/1MIN", candles))
    markets_seen = decode(subscribed(1, "v4_markets", contents=all_markets)).events
    block_seen = only(subscribed(1, "v4_block_height", "v4_block_height", height))

    assert book_seen.levels[0] == Level(True, Decimal("89947"), Decimal("0.0002"))
    assert book_seen.levels[-1] == Level(False, Decimal("89966"), Decimal("0.1171"))
    assert len(book_seen.levels) == 10
    assert [(one.trade_id, str(one.price), str(one.quantity)) for one in prints_seen.prints] == [
        ("03f89a550000000200000002", "89942", "0.0001"),
        ("03f89a53000000020000000e", "89970", "0.0365"),
        ("03f89a53000000020000000b", "89969", "0.1763"),
    ]
    assert [(str(one.open), str(one.close), one.count) for one in bars_seen.candles] == [
        ("90002", "90035", 41),
        ("90043", "89931", 72),
        ("89934", "89941", 49),
    ]
    assert [(one.symbol, str(one.oracle_price)) for one in markets_seen] == [
        ("BTC-USD", "89919.2"),
        ("ETH-USD", "3103.01"),
        ("SOL-USD", "135.3"),
    ]
    assert markets_seen[0].funding_rate == Decimal("0.00000254545454545455")
    assert block_seen.height == 66_624_132
