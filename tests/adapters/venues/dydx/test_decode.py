import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.venues.dydx.decode import Opened, decode
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.market.order_book import Level
from domain.messages.base import Event
from domain.messages.market import (
    Candle,
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    InstrumentStatus,
    MarkPrice,
    Trade,
    TradingStatus,
    VenueCandle,
    VenueComplained,
)
from domain.streams.frame_events import (
    BookDelta,
    BookSnapshot,
    FrameHead,
    SubscriptionConfirmed,
    SubscriptionEnded,
)
from tests.adapters.venues.dydx.frames import (
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
from tests.places import WIRE

SAMPLES = WIRE / "dydx"


READ_NS = 10**12
NOW_NS = TIME_NS + 5 * SECOND_NS  # ours, where the frame says no time


def events(raw: bytes) -> list[Event]:
    return decode(raw, READ_NS, NOW_NS)


def told(raw: bytes) -> list[Event]:
    """Return what a frame says beyond whose it is, and that its subscription was taken."""
    return [one for one in events(raw) if not isinstance(one, (FrameHead, SubscriptionConfirmed))]


def only(raw: bytes) -> Event:
    (event,) = told(raw)
    return event


def failed(raw: bytes, category: str, reason: str) -> DecodeFailed:
    """The fault that a frame is reported as."""
    stamp, raw = NOW_NS, raw[:256]
    return DecodeFailed(ts_event=stamp, venue="dydx", category=category, reason=reason, raw=raw)


def category(raw: bytes) -> str:
    failed = only(raw)
    assert isinstance(failed, DecodeFailed)
    return failed.category


def levels(*rows: tuple[str, str, str]) -> list[Level]:
    return [Level(side == "bid", Decimal(price), Decimal(size)) for side, price, size in rows]


def head(number: int, channel: str = "", subject: str = "") -> FrameHead:
    return FrameHead(ts_event=NOW_NS, venue="dydx", channel=channel, subject=subject, number=number)


def confirmed(channel: str, subject: str = "") -> SubscriptionConfirmed:
    return SubscriptionConfirmed(ts_event=NOW_NS, venue="dydx", channel=channel, subject=subject)


def book(*rows: tuple[str, str, str]) -> BookSnapshot:
    return BookSnapshot(ts_event=NOW_NS, venue="dydx", instrument="BTC-USD", levels=levels(*rows))


def delta(*rows: tuple[str, str, str]) -> BookDelta:
    return BookDelta(ts_event=NOW_NS, venue="dydx", instrument="BTC-USD", levels=levels(*rows))


def oracle(instrument: str, price: str, ts_event: int = NOW_NS) -> list[Event]:
    return [
        kind(
            ts_event=ts_event,
            venue="dydx",
            instrument=instrument,
            price=Decimal(price),
            ts_init=NOW_NS,
            read_ns=READ_NS,
        )
        for kind in (MarkPrice, IndexPrice)
    ]


def funding(instrument: str, rate: str) -> FundingRate:
    return FundingRate(
        ts_event=NOW_NS,
        venue="dydx",
        instrument=instrument,
        rate=Decimal(rate),
        interval_ns=3_600 * SECOND_NS,
        ts_init=NOW_NS,
        read_ns=READ_NS,
    )


def status(instrument: str, word: TradingStatus) -> InstrumentStatus:
    return InstrumentStatus(ts_event=NOW_NS, venue="dydx", instrument=instrument, status=word)


def block_seen(height: int, ts_event: int) -> HeartbeatSeen:
    return HeartbeatSeen(ts_event=ts_event, venue="dydx", read_ns=READ_NS, counter=height)


def complaint(text: str) -> VenueComplained:
    return VenueComplained(ts_event=NOW_NS, venue="dydx", text=text)


# ---- what each message says -------------------------------------------------------------------------------


def test_the_envelope_says_what_belongs_where() -> None:
    first, *_ = events(change(7, "ETH-USD"))

    assert first == head(7, "v4_orderbook", "ETH-USD")


def test_the_answer_to_a_subscription_is_told_before_its_contents() -> None:
    assert events(snapshot(1, bids=[("99", "1.5")], asks=[])) == [
        head(1, "v4_orderbook", "BTC-USD"),
        confirmed("v4_orderbook", "BTC-USD"),
        book(("bid", "99", "1.5")),
    ]


def test_a_book_snapshot_is_a_list_of_objects() -> None:
    raw = snapshot(1, bids=[("99", "1.5")], asks=[("101", "2")])

    assert only(raw) == book(("bid", "99", "1.5"), ("ask", "101", "2"))


def test_a_book_update_is_a_list_of_pairs_and_may_leave_out_a_side() -> None:
    assert only(change(1, bids=[("99", "0.0")])) == delta(("bid", "99", "0.0"))
    assert only(change(1, asks=[("101", "3")])) == delta(("ask", "101", "3"))
    assert only(change(1)) == delta()


def test_a_batch_of_book_updates_keeps_their_order() -> None:
    raw = batch(1, "v4_orderbook", "BTC-USD", {"bids": [["99", "5"]]}, {"bids": [["99", "0"]]})

    assert only(raw) == delta(("bid", "99", "5"), ("bid", "99", "0"))


def test_what_a_level_holds_beyond_price_and_size_is_ignored() -> None:
    raw = change(1, bids=[("99", "5", "17")])

    assert only(raw) == delta(("bid", "99", "5"))


def test_a_trade_names_the_taker_and_needs_neither_height_nor_type() -> None:
    row = trade("03f89a550000000200000002", side="SELL", createdAt=at(30.59))
    del row["type"]

    one = Trade(
        ts_event=TIME_NS + 30_590_000_000,
        venue="dydx",
        instrument="BTC-USD",
        trade_id="03f89a550000000200000002",
        price=Decimal("100"),
        quantity=Decimal("0.5"),
        aggressor=Side.SELL,
        ts_init=NOW_NS,
        read_ns=READ_NS,
    )
    assert only(trades(1, row)) == one
    assert only(past_trades(1, row)) == replace(one, is_history=True)


def test_a_batch_of_trades_is_all_of_them() -> None:
    raw = batch(1, "v4_trades", "BTC-USD", {"trades": [trade("1"), trade("2")]}, {"trades": [trade("3")]})

    assert [one.trade_id for one in told(raw)] == ["1", "2", "3"]


def test_trades_are_told_oldest_first_and_those_of_one_moment_by_their_ids() -> None:
    rows = (trade("0c", time=at(2)), trade("0b", time=at(1)), trade("0a", time=at(1)))

    assert [one.trade_id for one in told(trades(1, *rows))] == ["0a", "0b", "0c"]
    assert [one.trade_id for one in told(past_trades(1, *rows))] == ["0a", "0b", "0c"]


def test_a_snapshot_of_markets_tells_price_funding_and_status_of_each() -> None:
    raw = markets(1, BTC_USD=market(), ETH_USD=market(status="PAUSED", oraclePrice="3000"))

    assert told(raw) == [
        *oracle("BTC-USD", "100.5"),
        funding("BTC-USD", "0.0000125"),
        status("BTC-USD", TradingStatus.TRADING),
        *oracle("ETH-USD", "3000"),
        funding("ETH-USD", "0.0000125"),
        status("ETH-USD", TradingStatus.HALTED),
    ]


def test_updates_of_markets_come_in_two_sections_with_many_entries() -> None:
    new_prices = {
        name: {"oraclePrice": price, "effectiveAt": at(1), "effectiveAtHeight": "12", "marketId": 0}
        for name, price in (("BTC-USD", "101"), ("ETH-USD", "3001"))
    }
    contents = {"trading": {"SOL-USD": {"nextFundingRate": "-0.00000143181818181818"}}}

    raw = data(1, "v4_markets", contents={**contents, "oraclePrices": new_prices})

    assert told(raw) == [
        funding("SOL-USD", "-0.00000143181818181818"),
        *oracle("BTC-USD", "101", TIME_NS + SECOND_NS),
        *oracle("ETH-USD", "3001", TIME_NS + SECOND_NS),
    ]


def test_one_strange_market_does_not_hide_the_others() -> None:
    raw = markets(1, BTC_USD=market(oraclePrice="NaN"), ETH_USD=market())

    *others, trouble = told(raw)

    assert {one.instrument for one in others} == {"ETH-USD"}
    assert len(others) == 4
    assert trouble == failed(raw, "validation", "not a number that we take - at `BTC-USD.oraclePrice`")


def test_a_market_that_is_being_set_up_has_no_price() -> None:
    raw = markets(1, NEW_USD=market(oraclePrice=None, status="INITIALIZING", nextFundingRate="0"))

    assert told(raw) == [funding("NEW-USD", "0"), status("NEW-USD", TradingStatus.HALTED)]


@pytest.mark.parametrize(
    ("word", "expected"),
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
def test_statuses_of_a_market(word: str, expected: TradingStatus) -> None:
    assert told(markets(1, BTC_USD=market(status=word)))[-1] == status("BTC-USD", expected)


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

    assert [one.candle.open_ts for one in told(first)] == [TIME_NS, TIME_NS + SECOND_NS]
    assert only(grown) == VenueCandle(ts_event=TIME_NS, candle=expected, read_ns=READ_NS)


def test_the_height_has_one_name_at_the_start_and_another_later() -> None:
    assert only(first_block(1, 100)) == block_seen(100, TIME_NS)
    assert only(block(2, 101, at(1))) == block_seen(101, TIME_NS + SECOND_NS)


def test_greetings_farewells_and_errors() -> None:
    ended = SubscriptionEnded(ts_event=NOW_NS, venue="dydx", channel="v4_orderbook", subject="BTC-USD")

    assert events(connected()) == [head(0), Opened(ts_event=NOW_NS)]
    assert events(unsubscribed(1, "v4_orderbook", "BTC-USD")) == [
        head(1, "v4_orderbook", "BTC-USD"),
        ended,
    ]
    assert events(error(1, "Internal error")) == [head(1), complaint("Internal error")]


def test_channels_and_messages_of_the_future_only_count() -> None:
    assert events(subscribed(4, "v4_tea_leaves", "BTC-USD", [1])) == [
        head(4, "v4_tea_leaves", "BTC-USD"),
        confirmed("v4_tea_leaves", "BTC-USD"),
    ]
    assert events(frame("weather", 5)) == [head(5)]


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

    assert only(raw) == delta(("bid", "2", "1"))


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
        (change(1, "@").replace(b'"@"', b'""'), "validation"),  # likewise
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


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (snapshot(1, "BTC-USD", bids=[("1", "1")], asks=[("2", "1"), ("3", "-1")]), "asks[1].size"),
        (change(1, asks=[("0", "1")]), "asks[0].price"),
        (batch(1, "v4_orderbook", "BTC-USD", {}, {"bids": [["", "1"]]}), "[1].bids[0].price"),
        (trades(1, trade("2"), trade("1", size="0")), "trades[1].size"),
        (trades(1, trade("1", time="yesterday")), "trades[0].createdAt"),
        (trades(1, trade("1", side="HOLD")), "trades[0].side"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(low=None)), "low"),
        (data(1, "v4_candles", "BTC-USD/1MIN", candle(startedAt="")), "startedAt"),
        (block(1, "12.5"), "blockHeight"),
        (change(1, "@").replace(b'"@"', b"null"), "id"),
    ],
)
def test_a_fault_names_the_field(raw: bytes, field: str) -> None:
    reason = only(raw).reason

    assert reason.endswith(f" - at `${field}`" if field.startswith("[") else f" - at `$.{field}`")


def test_a_frame_that_is_bad_inside_still_says_where_it_belongs() -> None:
    raw = snapshot(8, "ETH-USD", bids=[("NaN", "1")])

    assert events(raw) == [
        head(8, "v4_orderbook", "ETH-USD"),
        confirmed("v4_orderbook", "ETH-USD"),
        failed(raw, "validation", "not a number that we take - at `$.bids[0].price`"),
    ]


def test_of_a_frame_that_cannot_be_read_only_its_beginning_is_kept() -> None:
    raw = b"{" * 1_000

    assert events(raw) == [failed(raw, "parse", "JSON is malformed: object keys must be strings (byte 1)")]
    assert len(events(raw)[0].raw) == 256


@pytest.mark.parametrize("number", [10**30, -5])
def test_a_number_out_of_bounds_is_none(number: int) -> None:
    assert events(connected(number))[0] == head(-1)
    assert events(change(number))[0] == head(-1, "v4_orderbook", "BTC-USD")


# ---- nothing raises ---------------------------------------------------------------------------------------


def are_events(found: list[Event]) -> bool:
    return all(isinstance(one, Event) for one in found)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert are_events(decode(raw))


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
    assert are_events(decode(with_junk(raw, junk, where)))


@given(st.sampled_from(["v4_orderbook", "v4_trades"]), JSON, st.randoms(use_true_random=False))
def test_an_update_says_the_same_alone_and_as_a_batch_of_one(channel: str, junk: Any, where: Any) -> None:
    sound = {"bids": [["1.0", "0"]], "asks": [["2", "1e-3"]], "trades": [trade("2"), trade("1")]}
    strange = json.loads(with_junk(json.dumps(sound).encode(), junk, where))

    for contents in (sound, strange):
        alone = told(data(1, channel, "BTC-USD", contents))
        batched = told(batch(1, channel, "BTC-USD", contents))
        assert [but_for_its_bytes(one) for one in alone] == [but_for_its_bytes(one) for one in batched]


def but_for_its_bytes(event: Event) -> Event:
    """Nor for where in them it is at fault."""
    return replace(event, raw=b"", reason="") if isinstance(event, DecodeFailed) else event


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
        ("ws_block_height_subscribed", [block_seen(12345678, 1_704_067_200 * SECOND_NS)]),
        ("ws_block_height_update", [block_seen(12345679, 1_704_067_201 * SECOND_NS)]),
        ("ws_error", [complaint("Invalid subscription: channel 'invalid_channel' not found")]),
        (
            "ws_markets_status_update",
            [
                funding("BTC-USD", "0.0001"),
                status("BTC-USD", TradingStatus.HALTED),
                funding("ETH-USD", "0.00008"),
                status("ETH-USD", TradingStatus.TRADING),
            ],
        ),
        (
            "ws_markets_subscribed",
            [
                *oracle("BTC-USD", "43250.00"),
                funding("BTC-USD", "0.0001"),
                status("BTC-USD", TradingStatus.TRADING),
                *oracle("ETH-USD", "2250.00"),
                funding("ETH-USD", "0.00008"),
                status("ETH-USD", TradingStatus.TRADING),
            ],
        ),
        (
            "ws_markets_update",
            [
                *oracle("BTC-USD", "43300.00", 1_704_067_260 * SECOND_NS),
                *oracle("ETH-USD", "2255.00", 1_704_067_260 * SECOND_NS),
            ],
        ),
        (
            "ws_orderbook_update",
            [
                delta(
                    ("bid", "43240.0", "2.0"),
                    ("bid", "43238.0", "1.5"),
                    ("ask", "43250.0", "0.0"),
                    ("ask", "43252.0", "3.0"),
                )
            ],
        ),
        ("ws_subaccounts_subscribed", []),
        ("ws_subaccounts_update", []),
    ],
)
def test_written_samples_are_read_to_the_last_value(name: str, expected: list[Event]) -> None:
    assert told(json.dumps(sample(name)).encode()) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ws_orderbook_subscribed", BookSnapshot),
        ("ws_trades_subscribed", Trade),
        ("ws_trades_update", Trade),
        ("ws_candles_subscribed", VenueCandle),
        ("ws_candles_update", VenueCandle),
    ],
)
def test_every_other_written_sample_is_read(name: str, kind: type) -> None:
    assert {type(event) for event in told(json.dumps(sample(name)).encode())} == {kind}


def test_captured_orders_books_trades_candles_and_markets_are_read_as_their_snapshots() -> None:
    """The REST answers are genuine, and the stream's snapshots repeat them."""
    book_row = sample("http_get_orderbook")["result"]
    trades_row = sample("http_get_trades")["result"]
    candles = sample("http_get_candles")["result"]
    all_markets = sample("http_get_perpetual_markets")["result"]
    height = sample("http_get_block_height")["result"]

    book_seen = only(subscribed(1, "v4_orderbook", "BTC-USD", book_row))
    trades_seen = told(subscribed(1, "v4_trades", "BTC-USD", trades_row))
    candles_seen = told(subscribed(1, "v4_candles", "BTC-USD/1MIN", candles))
    markets_seen = told(subscribed(1, "v4_markets", contents=all_markets))
    height_seen = only(subscribed(1, "v4_block_height", "v4_block_height", height))

    assert book_seen.levels[0] == Level(True, Decimal("89947"), Decimal("0.0002"))
    assert book_seen.levels[-1] == Level(False, Decimal("89966"), Decimal("0.1171"))
    assert len(book_seen.levels) == 10
    assert [(one.trade_id, str(one.price), str(one.quantity)) for one in trades_seen] == [
        ("03f89a53000000020000000b", "89969", "0.1763"),
        ("03f89a53000000020000000e", "89970", "0.0365"),
        ("03f89a550000000200000002", "89942", "0.0001"),
    ]
    assert [(str(one.candle.open), str(one.candle.close), one.candle.count) for one in candles_seen] == [
        ("90002", "90035", 41),
        ("90043", "89931", 72),
        ("89934", "89941", 49),
    ]
    assert [(one.instrument, str(one.price)) for one in markets_seen if isinstance(one, IndexPrice)] == [
        ("BTC-USD", "89919.2"),
        ("ETH-USD", "3103.01"),
        ("SOL-USD", "135.3"),
    ]
    assert next(one for one in markets_seen if isinstance(one, FundingRate)).rate == Decimal("0.00000254545454545455")
    assert height_seen.counter == 66_624_132
