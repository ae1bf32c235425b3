import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hyperliquid.decode import (
    Complaint,
    ContextSeen,
    ContextsSeen,
    MidsSeen,
    PongArrived,
    PostAnswered,
    PrintsSeen,
    RequestConfirmed,
    Unreadable,
    decode,
)
from adapters.hyperliquid.market_rows import BookSeen, CandleSeen, Context, PrintSeen, TouchSeen
from domain.instrument import Side
from domain.order_book import Level
from domain.settings import SECOND_NS
from tests.adapters.hyperliquid.frames import (
    PONG,
    TIME_NS,
    book,
    candle,
    confirmed,
    context,
    frame,
    mids,
    touch,
    trade,
    trades,
)
from tests.adapters.hyperliquid.samples import needs_samples, sample

D = Decimal


def category(raw: bytes) -> str:
    (unreadable,) = decode(raw)
    assert isinstance(unreadable, Unreadable)
    return unreadable.category


# ---- what each channel says --------------------------------------------------------------------------------


def test_a_book_is_all_its_levels_and_the_block_time() -> None:
    levels = [Level(True, D("99"), D("1")), Level(True, D("98"), D("1")), Level(False, D("101"), D("1"))]

    assert decode(book(asks=("101.0",))) == [BookSeen("BTC", levels, TIME_NS)]


def test_a_side_of_the_touch_may_be_empty() -> None:
    bid = Level(True, D("99"), D("1"))

    assert decode(touch(ask=None)) == [TouchSeen("BTC", bid, None, TIME_NS)]


def test_trades_name_their_aggressor() -> None:
    (seen,) = decode(trades(trade(17, side="A"), trade(18)))

    one = PrintSeen("BTC", "17", D("100"), D("0.5"), Side.SELL, TIME_NS)
    assert seen.prints[0] == one
    assert seen.prints[1].aggressor is Side.BUY


def test_every_mid_is_read() -> None:
    prices = {"BTC": "80868.5", "ETH": "2296.45", "@142": "80907.5", "PURR/USDC": "0.067131"}

    assert decode(mids(**prices)) == [MidsSeen({coin: D(price) for coin, price in prices.items()})]


def test_a_mid_that_cannot_be_read_hides_no_other() -> None:
    assert decode(mids(BTC="1", ETH="NaN", SOL="3")) == [
        MidsSeen({"BTC": D(1), "SOL": D(3)}),
        Unreadable("validation"),
    ]


def test_a_context_has_mark_index_and_funding() -> None:
    assert decode(context()) == [
        ContextSeen("BTC", Context(D("77562.0"), D("77605.0"), D("-0.0000015186")))
    ]


def test_a_spot_context_has_no_index_and_no_funding() -> None:
    raw = frame("activeSpotAssetCtx", {"coin": "@107", "ctx": {"markPx": "45.5", "midPx": None}})

    assert decode(raw) == [ContextSeen("@107", Context(D("45.5"), None, None))]


def test_a_candle_lasts_to_the_end_of_its_last_millisecond() -> None:
    bar = CandleSeen(
        "BTC", 60 * SECOND_NS, TIME_NS, D("100"), D("103"), D("99"), D("102"), D("12.5"), 7
    )

    assert decode(candle()) == [bar]


def test_echoes_are_read_whatever_the_venue_filled_in() -> None:
    assert decode(confirmed("l2Book")) == [RequestConfirmed("subscribe", "l2Book", "BTC")]
    raw = frame("subscriptionResponse", {"method": "unsubscribe", "subscription": {"type": "allMids"}})
    assert decode(raw) == [RequestConfirmed("unsubscribe", "allMids", "")]


def test_a_pong_has_no_data() -> None:
    assert decode(PONG) == [PongArrived()]


def test_an_error_is_a_complaint() -> None:
    assert decode(frame("error", "Already subscribed: {}")) == [Complaint("Already subscribed: {}")]


def test_answers_to_posts_carry_books_and_errors() -> None:
    info = {"type": "info", "payload": {"type": "l2Book", "data": json.loads(book())["data"]}}
    failed = {"type": "error", "payload": "429 Too Many Requests"}
    action = {"type": "action", "payload": {"status": "ok"}}

    answers = [decode(frame("post", {"id": 7, "response": one}))[0] for one in (info, failed, action)]

    assert answers == [
        PostAnswered(7, decode(book())),
        PostAnswered(7, [Complaint("429 Too Many Requests")]),
        PostAnswered(7, []),
    ]


@pytest.mark.parametrize("channel", ["webData2", "notification", "user", "orderUpdates", "tea_leaves"])
def test_channels_that_are_not_about_the_market_say_nothing(channel: str) -> None:
    assert decode(frame(channel, {"anything": [1]})) == []


def test_the_greeting_of_older_servers_is_no_error() -> None:
    assert decode(b"Websocket connection established.") == []


# ---- exactness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["0.000000000000000001", "999999999.123456789012345678", "1.23456789e-8", "64000"]
)
def test_prices_are_exact_to_the_eighteenth_decimal(text: str) -> None:
    (seen,) = decode(touch(bid=text, ask=None))
    (as_number,) = decode(touch(bid="@", ask=None).replace(b'"@"', text.encode()))

    assert seen.bid.price == as_number.bid.price == D(text)


def test_of_a_key_that_is_there_twice_the_last_value_counts() -> None:
    data = '{"coin":"ETH","coin":"BTC","time":1,"bbo":[{"px":"1","px":"2","sz":"1"},null]}'

    twice = f'{{"channel":"pong","data":1,"channel":"bbo","data":{data}}}'.encode()

    assert decode(twice) == [TouchSeen("BTC", Level(True, D(2), D(1)), None, 1_000_000)]


# ---- what is wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "parse"),
        (b"{", "parse"),
        (b'{"channel":"bbo",}', "parse"),
        (b'{"channel":"bbo" "data":1}', "parse"),
        (b"{channel:1}", "parse"),
        (b"price", "parse"),
        (b"\xff\xfe", "parse"),
        (b'{"channel":"\xff"}', "parse"),
        (book()[:-20], "parse"),
        (b"[" * 100_000, "structure"),
        (b"[]", "structure"),
        (b"5", "structure"),
        (b"{}", "structure"),
        (b'{"channel":"bbo"}', "structure"),
        (frame("bbo", None), "structure"),
        (frame("trades", {}), "structure"),
        (frame("l2Book", {"coin": "BTC", "time": 1}), "structure"),
        (book(levels=[[], [], []]), "structure"),
        (frame("post", {"id": 1}), "structure"),
        (b'{"channel":5}', "type"),
        (book(coin=None), "type"),
        (book(coin=5), "type"),
        (book(time="soon"), "type"),
        (book(time=1.5), "type"),
        (book(levels=[[{"px": True, "sz": "1"}], []]), "type"),
        (book(levels=[[{"px": ["1"], "sz": "1"}], []]), "type"),
        (book(levels=[[{"px": {"a": 1}, "sz": "1"}], []]), "type"),
        (book(levels=[[[1]], []]), "type"),
        (context(markPx=None), "type"),
        (trades(trade("17")), "type"),
        (book(coin=""), "validation"),
        (context(coin=""), "validation"),
        (book(bids=("NaN",)), "validation"),
        (book(bids=("Infinity",)), "validation"),
        (book(bids=("0.0",)), "validation"),
        (book(bids=("-15.50",)), "validation"),
        (book(bids=("ABC123",)), "validation"),
        (book(bids=("1_0",)), "validation"),
        (book(bids=("@",)).replace(b'"@"', b"1e999999999999999999999"), "validation"),
        (book(time=-1), "validation"),
        (book(time=10**15), "validation"),
        (trades(trade(17, side="HOLD")), "validation"),
        (trades(trade(17, sz="0")), "validation"),
        (trades(trade(10**30)), "validation"),
        (candle(h="101.0"), "validation"),
        (candle(l="100.5"), "validation"),
        (candle(T=0), "validation"),
        (candle(n=-1), "validation"),
    ],
)
def test_bad_frames_are_sorted_by_what_is_wrong_with_them(raw: bytes, expected: str) -> None:
    assert category(raw) == expected


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert isinstance(decode(raw), list)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
INFO = {"type": "l2Book", "data": json.loads(book())["data"]}
POST = frame("post", {"id": 1, "response": {"type": "info", "payload": INFO}})
VALID = [
    *(book(), touch(), trades(trade(1)), mids(BTC="1", ETH="2"), context(), candle()),
    *(confirmed("bbo"), PONG, POST, frame("error", "no"), frame("allDexsAssetCtxs", {"ctxs": [["", []]]})),
]


@settings(max_examples=50)
@given(raw=st.sampled_from(VALID), junk=JSON, where=st.randoms(use_true_random=False))
def test_no_junk_inside_a_frame_makes_it_raise(raw: bytes, junk, where) -> None:
    value = json.loads(raw)
    node = value
    while True:
        key = where.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or where.random() < 0.2:
            node[key] = junk
            break
        node = node[key]

    assert isinstance(decode(json.dumps(value).encode()), list)


@given(raw=st.sampled_from(VALID), where=st.randoms(use_true_random=False))
def test_no_torn_or_flipped_frame_makes_it_raise(raw: bytes, where) -> None:
    spoiled = bytearray(raw[: where.randrange(len(raw) + 1)])
    for _ in range(min(3, len(spoiled))):
        spoiled[where.randrange(len(spoiled))] = where.randrange(256)

    assert isinstance(decode(bytes(spoiled)), list)


# ---- recorded frames ---------------------------------------------------------------------------------------


@needs_samples
def test_the_recorded_mids_are_read_to_the_last_one() -> None:
    raw = sample("ws_allmids.json")

    assert decode(raw) == [
        MidsSeen({coin: D(price) for coin, price in json.loads(raw)["data"]["mids"].items()})
    ]


@needs_samples
def test_the_recorded_contexts_of_all_exchanges_are_read_in_order() -> None:
    raw = sample("ws_all_dexs_asset_ctxs.json")

    expected = {
        name: [Context(D(one["markPx"]), D(one["oraclePx"]), D(one["funding"])) for one in rows]
        for name, rows in json.loads(raw)["data"]["ctxs"]
    }
    assert decode(raw) == [ContextsSeen(expected)]
    assert len(expected[""]) == 230


@needs_samples
def test_the_recorded_trades_and_book_would_be_read_as_frames_too() -> None:
    rows = json.loads(sample("http_recent_trades_btc.json"))
    (seen,) = decode(frame("trades", rows))
    (resting,) = decode(frame("l2Book", json.loads(sample("ws_book_data.json"))))

    assert isinstance(seen, PrintsSeen)
    assert [(one.price, one.trade_id) for one in seen.prints] == [(D(r["px"]), str(r["tid"])) for r in rows]
    assert (len(resting.levels), resting.levels[0]) == (10, Level(True, D("98450.50"), D("2.5")))
