import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.hyperliquid.coins import coin_of
from adapters.venues.hyperliquid.decode import ContextsSeen, MidsSeen, PostAnswered, decode
from adapters.venues.hyperliquid.market_rows import Context
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
    MarkPrice,
    Quote,
    Trade,
    VenueCandle,
    VenueComplained,
)
from domain.streams.frame_events import BookSnapshot, QuoteWithdrawn, SubscriptionConfirmed, SubscriptionEnded
from tests.adapters.venues.hyperliquid.frames import (
    PONG,
    TIME_MS,
    TIME_NS,
    at,
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
from tests.adapters.venues.hyperliquid.samples import needs_samples, sample

D = Decimal
READ_NS, NOW_NS = 4_000, TIME_NS + 1_000
OURS = {"venue": "hyperliquid", "instrument": "BTC-USD"}


def hear(raw: bytes) -> list[Event]:
    return decode(raw, READ_NS, NOW_NS)


def failed(raw: bytes, category: str, reason: str) -> DecodeFailed:
    """The fault that a frame is reported as."""
    stamp, raw = NOW_NS, raw[:256]
    return DecodeFailed(ts_event=stamp, venue="hyperliquid", category=category, reason=reason, raw=raw)


def category(raw: bytes) -> str:
    (failed,) = decode(raw)
    assert isinstance(failed, DecodeFailed)
    return failed.category


# ---- what each channel says --------------------------------------------------------------------------------


def test_a_book_is_all_its_levels_and_the_block_time() -> None:
    levels = [Level(True, D("99"), D("1")), Level(True, D("98"), D("1")), Level(False, D("101"), D("1"))]

    assert hear(book(asks=("101.0",))) == [BookSnapshot(ts_event=TIME_NS, levels=levels, **OURS)]


def test_a_level_without_a_quantity_is_told_as_it_is() -> None:
    (seen,) = hear(book(levels=[[{"px": "99.0", "sz": "0.0"}], []]))

    assert seen.levels == [Level(True, D("99"), D("0"))]


def test_a_touch_is_a_quote_that_no_whole_book_vouches_for() -> None:
    assert hear(touch()) == [
        Quote(
            ts_event=TIME_NS,
            bid_price=D("99"),
            bid_quantity=D("1"),
            ask_price=D("101"),
            ask_quantity=D("1"),
            ts_init=NOW_NS,
            read_ns=READ_NS,
            is_whole=False,
            **OURS,
        )
    ]


@pytest.mark.parametrize("sides", [{"bid": None}, {"ask": None}, {"bid": None, "ask": None}])
def test_a_touch_with_an_empty_side_is_no_quote(sides: dict[str, None]) -> None:
    assert hear(touch(**sides)) == [QuoteWithdrawn(ts_event=TIME_NS, **OURS)]


def test_trades_name_their_aggressor() -> None:
    first, second = hear(trades(trade(17, side="A"), trade(18)))

    assert first == Trade(
        ts_event=TIME_NS,
        trade_id="17",
        price=D("100"),
        quantity=D("0.5"),
        aggressor=Side.SELL,
        ts_init=NOW_NS,
        read_ns=READ_NS,
        is_history=False,
        **OURS,
    )
    assert second.aggressor is Side.BUY


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([(1, 0), (2, 1), (3, 2)], ["1", "2", "3"]),
        ([(3, 2), (2, 1), (1, 0)], ["1", "2", "3"]),
        ([(1, 1), (3, 3), (2, 2)], ["1", "2", "3"]),
        ([(4, 1), (3, 0), (2, 0)], ["2", "3", "4"]),  # newest first, also within a block
        ([(7, 0), (6, 0), (8, 1)], ["7", "6", "8"]),  # oldest first: ids say nothing
    ],
)
def test_trades_are_told_oldest_first(sent: list[tuple[int, int]], told: list[str]) -> None:
    seen = hear(trades(*(trade(tid, time=at(second)) for tid, second in sent)))

    assert [one.trade_id for one in seen] == told


def test_every_mid_is_read() -> None:
    prices = {"BTC": "80868.5", "ETH": "2296.45", "@142": "80907.5", "PURR/USDC": "0.067131"}

    assert hear(mids(**prices)) == [
        MidsSeen(ts_event=NOW_NS, prices={f"{coin}-USD": D(price) for coin, price in prices.items()})
    ]


def test_a_mid_that_cannot_be_read_hides_no_other() -> None:
    raw = mids(BTC="1", ETH="NaN", SOL="3")

    assert hear(raw) == [
        MidsSeen(ts_event=NOW_NS, prices={"BTC-USD": D(1), "SOL-USD": D(3)}),
        failed(raw, "validation", "not a number that we take - at `$.mids.ETH`"),
    ]


def test_a_context_is_mark_index_and_hourly_funding() -> None:
    common = {"ts_event": NOW_NS, "ts_init": NOW_NS, "read_ns": READ_NS, **OURS}

    assert hear(context()) == [
        MarkPrice(price=D("77562.0"), **common),
        IndexPrice(price=D("77605.0"), **common),
        FundingRate(rate=D("-0.0000015186"), interval_ns=3600 * SECOND_NS, **common),
    ]


def test_a_spot_context_has_no_index_and_no_funding() -> None:
    raw = frame("activeSpotAssetCtx", {"coin": "@107", "ctx": {"markPx": "45.5", "midPx": None}})

    (mark,) = hear(raw)

    assert (type(mark), mark.instrument, mark.price) == (MarkPrice, "@107-USD", D("45.5"))


def test_a_candle_lasts_to_the_end_of_its_last_millisecond() -> None:
    bar = Candle(
        interval_ns=60 * SECOND_NS,
        open_ts=TIME_NS,
        open=D("100"),
        high=D("103"),
        low=D("99"),
        close=D("102"),
        volume=D("12.5"),
        count=7,
        **OURS,
    )

    assert hear(candle()) == [VenueCandle(ts_event=NOW_NS, candle=bar, read_ns=READ_NS)]


def test_echoes_are_read_whatever_the_venue_filled_in() -> None:
    stamped = {"ts_event": NOW_NS, "venue": "hyperliquid"}
    raw = frame("subscriptionResponse", {"method": "unsubscribe", "subscription": {"type": "allMids"}})

    assert hear(confirmed("l2Book")) == [SubscriptionConfirmed(channel="l2Book", subject="BTC", **stamped)]
    assert hear(raw) == [SubscriptionEnded(channel="allMids", subject="", **stamped)]


def test_a_pong_has_no_data() -> None:
    assert hear(PONG) == [HeartbeatSeen(ts_event=NOW_NS, venue="hyperliquid", read_ns=READ_NS)]


def complaint(text: str) -> VenueComplained:
    return VenueComplained(ts_event=NOW_NS, venue="hyperliquid", text=text)


def test_an_error_is_a_complaint() -> None:
    assert hear(frame("error", "Already subscribed: {}")) == [complaint("Already subscribed: {}")]


def test_answers_to_posts_carry_books_and_errors() -> None:
    info = {"type": "info", "payload": {"type": "l2Book", "data": json.loads(book())["data"]}}
    failed = {"type": "error", "payload": "429 Too Many Requests"}
    action = {"type": "action", "payload": {"status": "ok"}}

    answers = [hear(frame("post", {"id": 7, "response": one}))[0] for one in (info, failed, action)]

    assert answers == [
        PostAnswered(ts_event=NOW_NS, request_id=7, events=events)
        for events in (hear(book()), [complaint("429 Too Many Requests")], [])
    ]


@pytest.mark.parametrize("channel", ["webData2", "notification", "user", "orderUpdates", "tea_leaves"])
def test_channels_that_are_not_about_the_market_say_nothing(channel: str) -> None:
    assert decode(frame(channel, {"anything": [1]})) == []


def test_the_greeting_of_older_servers_is_no_error() -> None:
    assert decode(b"Websocket connection established.") == []


COINS = ["TSLA", "xyz:TSLA", "km:TSLA", "@107", "107", "PURR/USDC", "PURR", "#5", "kPEPE", "BTC-USD", "BTC"]


@pytest.mark.parametrize(
    "said_of",
    [
        lambda coin: decode(book(coin=coin))[0].instrument,
        lambda coin: decode(touch(coin=coin))[0].instrument,
        lambda coin: decode(touch(coin=coin, ask=None))[0].instrument,
        lambda coin: decode(trades(trade(1, coin=coin)))[0].instrument,
        lambda coin: decode(context(coin))[0].instrument,
        lambda coin: decode(candle(coin))[0].candle.instrument,
        lambda coin: next(iter(decode(mids(**{coin: "1"}))[0].prices)),
    ],
)
def test_coins_of_all_markets_are_told_apart(said_of: Callable[[str], str]) -> None:
    names = [said_of(coin) for coin in COINS]

    assert len(set(names)) == len(COINS)
    assert [coin_of(name) for name in names] == COINS


# ---- exactness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0.000000000000000001", "999999999.123456789012345678", "1.23456789e-8", "64000"])
def test_prices_are_exact_to_the_eighteenth_decimal(text: str) -> None:
    (seen,) = decode(book(bids=(text, "1.0"), asks=()))
    (as_number,) = decode(book(bids=("@", "1.0"), asks=()).replace(b'"@"', text.encode()))

    assert seen.levels == as_number.levels == [Level(True, D(text), D(1)), Level(True, D(1), D(1))]


def test_of_a_key_that_is_there_twice_the_last_value_counts() -> None:
    data = '{"coin":"ETH","coin":"BTC","time":1,"bbo":[{"px":"1","px":"2","sz":"1"},{"px":"3","sz":"1"}]}'

    twice = f'{{"channel":"pong","data":1,"channel":"bbo","data":{data}}}'.encode()

    (seen,) = decode(twice)
    assert (seen.instrument, seen.bid_price, seen.ts_event) == ("BTC-USD", D(2), 1_000_000)


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
        (book(bids=("",)), "validation"),
        (book(bids=(".",)), "validation"),
        (book(bids=("1.2.3",)), "validation"),
        (book(bids=("\u0661",)), "validation"),
        (book(bids=("1" * 41,)), "validation"),
        (book(levels=[[{"px": "1", "sz": "-1"}], []]), "validation"),
        (touch(ask=None, bid="0"), "validation"),
        (trades(trade(17, px="0")), "validation"),
        (candle(v="-1"), "validation"),
        (book(bids=("@",)).replace(b'"@"', b"1e999999999999999999999"), "validation"),
        (book(time=-1), "validation"),
        (book(time=10**15), "validation"),
        (trades(trade(17, side="HOLD")), "validation"),
        (trades(trade(17, sz="0")), "validation"),
        (trades(trade(10**30)), "validation"),
        (candle(h="101.0"), "validation"),
        (candle(l="100.5"), "validation"),
        (candle(i="1w", T=0), "validation"),
        (candle(i=None, T="x"), "type"),
        (candle(n=-1), "validation"),
        (confirmed("bbo", method="shout"), "validation"),
    ],
)
def test_bad_frames_are_sorted_by_what_is_wrong_with_them(raw: bytes, expected: str) -> None:
    assert category(raw) == expected


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (book(bids=("1", "NaN")), "$.levels[0][1].px"),
        (book(time=0), "$.time"),
        (book(coin=""), "$.coin"),
        (touch(ask=None, bid="0"), "$.bbo[0].px"),
        (trades(trade(17), trade(18, sz="0")), "$[1].sz"),
        (trades(trade(10**30)), "$[0].tid"),
        (context(coin=""), "$.coin"),
        (context(oraclePx="-1"), "$.ctx.oraclePx"),
        (frame("allDexsAssetCtxs", {"ctxs": [["", [{"markPx": ""}]]]}), "$.ctxs[0][1][0].markPx"),
        (candle(v="-1"), "$.v"),
        (candle(n=-1), "$.n"),
    ],
)
def test_a_fault_names_the_field(raw: bytes, field: str) -> None:
    assert hear(raw)[-1].reason.endswith(f" - at `{field}`")


def test_a_bad_frame_is_shown_by_its_beginning() -> None:
    raw = b"[" * 1_000

    assert hear(raw) == [failed(raw, "structure", "Expected `object`, got `array`")]
    assert len(hear(raw)[0].raw) == 256


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

    (seen,) = decode(raw)

    mids_sent = json.loads(raw)["data"]["mids"]
    assert seen.prices == {f"{coin}-USD": D(price) for coin, price in mids_sent.items()}


@needs_samples
def test_the_recorded_contexts_of_all_exchanges_are_read_in_order() -> None:
    raw = sample("ws_all_dexs_asset_ctxs.json")

    (seen,) = hear(raw)

    expected = {
        name: [Context(D(one["markPx"]), D(one["oraclePx"]), D(one["funding"])) for one in rows]
        for name, rows in json.loads(raw)["data"]["ctxs"]
    }
    assert seen == ContextsSeen(ts_event=NOW_NS, exchanges=expected)
    assert len(expected[""]) == 230


@needs_samples
def test_the_recorded_trades_and_book_would_be_read_as_frames_too() -> None:
    rows = json.loads(sample("http_recent_trades_btc.json"))
    book_sent = json.loads(sample("ws_book_data.json"))

    seen = decode(frame("trades", rows))
    (resting,) = decode(frame("l2Book", book_sent))

    assert all(isinstance(one, Trade) for one in seen)
    assert [(one.price, one.trade_id) for one in seen] == [(D(r["px"]), str(r["tid"])) for r in rows[::-1]]
    assert resting.levels == [
        Level(is_bid, D(r["px"]), D(r["sz"]))
        for is_bid, side in zip((True, False), book_sent["levels"], strict=True)
        for r in side
    ]


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"i": "1h", "T": TIME_MS + 1}, 3600),
        ({"i": "5m", "T": 0}, 300),
        ({"i": "1d", "T": None}, 86_400),
        ({"i": "1w", "T": TIME_MS + 604_799_999}, 604_800),
        ({"i": None, "T": TIME_MS + 59_999}, 60),
    ],
)
def test_a_bar_is_as_long_as_its_interval_says_and_by_its_end_where_the_word_is_unknown(
    changes: dict, seconds: int
) -> None:
    (seen,) = decode(candle(**changes))

    assert seen.candle.interval_ns == seconds * SECOND_NS
