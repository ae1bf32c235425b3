"""The simulated Hyperliquid in its own protocol, in memory, and what our own codec and client make of it."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from adapters.simulator.connection import Connection
from adapters.simulator.engine.matching import BookOrder
from adapters.simulator.in_memory import MemoryDialer, MemoryPipe, MemoryTransport
from adapters.simulator.wire import Request, Response
from adapters.simulator.world import World
from adapters.venues.hyperliquid.info import InfoClient
from adapters.venues.hyperliquid.market_stream import MarketStream
from domain.errors import Rejected, Retryable
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.base import Event
from domain.messages.market import (
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    VenueCandle,
    VenueComplained,
)
from domain.messages.orders import TimeInForce
from domain.settings import VenueSettings
from tests.adapters.simulator.client import START_NS, quick_settings
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock

HOUR_NS = 3600 * SECOND_NS
START_MS = START_NS // 1_000_000
COINS = ("BTC", "ETH", "SOL")
SLEEPY = {"quotes_per_s": 0.2, "trades_per_s": 0.2}
AT_ONCE = {"latency_min_s": 0.0, "latency_max_s": 0.0}
CALM = {"warm_up_s": 4.0, "quotes_per_s": 5.0, "trades_per_s": 3.0, **AT_ONCE}
D = Decimal


class Venue:
    """A world with Hyperliquid alone; moves time only when told to."""

    def __init__(self, **settings: Any) -> None:
        self.world = World(quick_settings(**CALM | settings), START_NS, venues=["hyperliquid"])
        self.now_ns = START_NS

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)

    def request(self, body: bytes, method: str = "POST", path: str = "/info") -> Response:
        return self.world.rest("hyperliquid", Request(method, path, body=body), self.now_ns)

    def ask(self, kind: str, **parameters: Any) -> Any:
        answer = self.request(json.dumps({"type": kind, **parameters}).encode())
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def open(self) -> Stream:
        return Stream(self, self.world.open_stream("hyperliquid", "/ws", self.now_ns))

    def product(self, coin: str = "BTC"):
        return self.world.markets["hyperliquid"].products[coin]


class Stream:
    def __init__(self, venue: Venue, connection: Connection) -> None:
        self.venue = venue
        self.connection = connection

    def say(self, text: str) -> list[dict]:
        """Send a message and read all that comes."""
        self.connection.receive(text, self.venue.now_ns)
        return self.read()

    def change(self, method: str, channel: str, **parameters: Any) -> list[dict]:
        return self.say(json.dumps({"method": method, "subscription": {"type": channel, **parameters}}))

    def subscribe(self, channel: str, **parameters: Any) -> list[dict]:
        return self.change("subscribe", channel, **parameters)

    def read(self) -> list[dict]:
        return [json.loads(frame.data) for frame in self.connection.poll(self.venue.now_ns)]

    def listen(self, seconds: float, every_s: float = 0.1) -> list[dict]:
        frames = []
        for _ in range(round(seconds / every_s)):
            self.venue.wait(every_s)
            frames += self.read()
        return frames


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture(scope="module")
def still() -> Venue:
    """A venue for questions that change nothing: its time stands still."""
    return Venue()


# ---- questions ---------------------------------------------------------------------------------------------


def test_listings_tell_the_decimals_that_the_grid_follows_from(still: Venue) -> None:
    universe = still.ask("meta", dex="")["universe"]

    assert [(row["name"], row["szDecimals"]) for row in universe] == [("BTC", 5), ("ETH", 4), ("SOL", 2)]


def test_contexts_come_in_the_order_of_the_listings(still: Venue) -> None:
    meta, contexts = still.ask("metaAndAssetCtxs")

    assert meta == still.ask("meta")
    assert len(contexts) == 3
    for coin, context in zip(COINS, contexts, strict=True):
        index = float(still.product(coin).index_price)
        for name in ("markPx", "oraclePx", "midPx"):
            assert float(context[name]) == pytest.approx(index, rel=0.001)
        assert context["funding"] == "0.0000125"  # the interest alone, while the book stays near the oracle


@pytest.mark.parametrize(("coin", "usd"), [("BTC", 20_000), ("SOL", 6_000)])
def test_impact_prices_are_what_an_order_of_a_usual_size_would_get(still: Venue, coin: str, usd: int) -> None:
    contexts = still.ask("metaAndAssetCtxs")[1]

    for side, impact in zip(Side, contexts[COINS.index(coin)]["impactPxs"], strict=True):
        left, quantity = float(usd), 0.0
        for level in still.product(coin).book.levels(side):
            taken = min(left, float(level.price * level.quantity))
            left, quantity = left - taken, quantity + taken / float(level.price)
        assert float(impact) == pytest.approx(usd / quantity, rel=2e-5)


def test_there_is_no_spot_market_and_no_other_exchange(still: Venue) -> None:
    assert still.ask("spotMeta")["universe"] == []
    assert still.ask("perpDexs") == [None]
    assert still.request(b'{"type":"meta","dex":"xyz"}').status == 422


def test_a_book_has_the_levels_of_the_market_best_first(still: Venue) -> None:
    book = still.ask("l2Book", coin="ETH")

    for side, rows in zip((Side.BUY, Side.SELL), book["levels"], strict=True):
        levels = list(still.product("ETH").book.levels(side))
        assert [(D(row["px"]), D(row["sz"])) for row in rows] == levels
        assert all(row["n"] == 1 for row in rows)
    assert book["time"] == START_MS


@pytest.mark.parametrize(("digits", "mantissa", "step"), [(2, None, 1000), (4, None, 10), (5, 5, 5)])
def test_fewer_digits_put_levels_together_away_from_the_touch(
    still: Venue, digits: int, mantissa: int | None, step: int
) -> None:
    fine = still.ask("l2Book", coin="BTC")["levels"]
    coarse = still.ask("l2Book", coin="BTC", nSigFigs=digits, mantissa=mantissa)["levels"]

    for side in (0, 1):
        assert sum(D(row["sz"]) for row in coarse[side]) == sum(D(row["sz"]) for row in fine[side])
        assert all(D(row["px"]) % step == 0 for row in coarse[side])
        assert sum(row["n"] for row in coarse[side]) == len(fine[side])
    assert D(coarse[0][0]["px"]) <= D(fine[0][0]["px"]) < D(fine[1][0]["px"]) <= D(coarse[1][0]["px"])


def test_an_unknown_coin_is_answered_with_null(still: Venue) -> None:
    assert still.ask("l2Book", coin="DOGE") is None
    assert still.ask("recentTrades", coin="DOGE") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"type":"tea_leaves"}', b'{"type":5}', b'{"type":"candleSnapshot"}', b"\xff"]
    + [b'{"type":"l2Book","coin":"BTC","nSigFigs":6}', b'{"type":"l2Book","coin":"BTC","mantissa":2}']
    + [b'{"type":"candleSnapshot","req":{"coin":"BTC","interval":"7m","startTime":0}}', b"[" * 10_000],
)
def test_what_cannot_be_understood_is_422_in_plain_text(still: Venue, body: bytes) -> None:
    answer = still.request(body)

    assert answer.status == 422
    assert answer.body == b"Failed to deserialize the JSON body into the target type"


def test_everything_else_is_not_there(still: Venue) -> None:
    assert still.request(b"{}", path="/exchange").status == 404
    assert still.request(b"", method="GET").status == 405


def test_more_weight_than_a_minute_allows_is_429_with_null() -> None:
    venue = Venue(**SLEEPY)
    body = b'{"type":"spotMeta"}'

    statuses = [venue.request(body).status for _ in range(61)]
    refused = venue.request(b'{"type":"allMids"}')
    venue.wait(60)

    assert statuses == [200] * 60 + [429]
    assert (refused.status, refused.body) == (429, b"null")
    assert venue.request(body).status == 200


def test_candles_are_the_trades_that_were_printed() -> None:
    venue = Venue(warm_up_s=300.0, quotes_per_s=0.2, trades_per_s=0.5)

    asked = {"coin": "BTC", "interval": "1m", "startTime": START_MS - 180_000, "endTime": START_MS}
    bars = venue.ask("candleSnapshot", req=asked)

    assert len(bars) == 3
    for bar in bars:
        prints = [one for one in venue.product().tape.prints if bar["t"] <= one.time_ns // 1_000_000 <= bar["T"]]
        assert (D(bar["o"]), D(bar["c"])) == (prints[0].price, prints[-1].price)
        assert (D(bar["h"]), D(bar["l"])) == (max(p.price for p in prints), min(p.price for p in prints))
        assert (D(bar["v"]), bar["n"]) == (sum(p.quantity for p in prints), len(prints))
    assert all(one["T"] + 1 == next_one["t"] for one, next_one in pairwise(bars))


def test_funding_is_paid_every_hour() -> None:
    venue = Venue(warm_up_s=0.0, quotes_per_s=0.01, trades_per_s=0.01)
    venue.wait(3 * 3600)

    rows = venue.ask("fundingHistory", coin="BTC", startTime=START_MS)

    assert len(rows) == 3
    assert all(row["time"] % 3_600_000 == 0 for row in rows)
    assert venue.ask("fundingHistory", coin="BTC", startTime=rows[0]["time"] + 1) == rows[1:]
    assert venue.ask("fundingHistory", coin="BTC", startTime=0, endTime=rows[0]["time"]) == rows[:1]


@pytest.mark.parametrize(
    ("fault", "status"), [({"kind": "5xx"}, 502), ({"kind": "429"}, 429), ({"kind": "5xx_after_accept"}, 502)]
)
def test_faults_of_requests_strike_once(venue: Venue, fault: dict, status: int) -> None:
    venue.world.inject({"venue": "hyperliquid", "where": "market_data", **fault})

    assert [venue.request(b'{"type":"meta"}').status for _ in range(2)] == [status, 200]


# ---- subscriptions -----------------------------------------------------------------------------------------


def test_a_subscription_is_echoed_with_its_defaults_and_begins_with_what_is(still: Venue) -> None:
    echo, book = still.open().subscribe("l2Book", coin="BTC")

    assert echo == {
        "channel": "subscriptionResponse",
        "data": {
            "method": "subscribe",
            "subscription": {
                "type": "l2Book",
                "coin": "BTC",
                "nSigFigs": None,
                "mantissa": None,
                "fast": False,
            },
        },
    }
    assert book == {"channel": "l2Book", "data": still.ask("l2Book", coin="BTC")}


@pytest.mark.parametrize(("fast", "count", "levels"), [(False, 2, 8), (True, 20, 5)])
def test_books_come_whole_and_fast_ones_more_often_and_shorter(
    venue: Venue, fast: bool, count: int, levels: int
) -> None:
    stream = venue.open()
    stream.subscribe("l2Book", coin="BTC", fast=fast)

    books = stream.listen(10)

    assert len(books) == count
    assert max(len(side) for book in books for side in book["data"]["levels"]) == levels
    assert all(one["data"]["time"] < later["data"]["time"] for one, later in pairwise(books))


def test_digits_of_a_subscription_are_honoured(still: Venue) -> None:
    _, book = still.open().subscribe("l2Book", coin="BTC", nSigFigs=3)

    assert book["data"] == still.ask("l2Book", coin="BTC", nSigFigs=3)


def test_a_touch_is_told_when_it_changes_and_only_then(venue: Venue) -> None:
    stream = venue.open()
    stream.subscribe("bbo", coin="BTC")

    touches = [frame["data"] for frame in stream.listen(2, every_s=0.02)]

    assert 2 < len(touches) < 100
    assert all(one["bbo"] != later["bbo"] for one, later in pairwise(touches))
    best = [venue.product().book.best(side) for side in (Side.BUY, Side.SELL)]
    assert [(D(row["px"]), D(row["sz"])) for row in touches[-1]["bbo"]] == best


def test_what_changes_behind_the_touch_is_no_news_of_it(venue: Venue) -> None:
    stream = venue.open()
    stream.subscribe("bbo", coin="BTC")

    deep = BookOrder("deep", "somebody", Side.BUY, D("0.5"), D("50000"))
    venue.product().submit(deep, TimeInForce.GTC, venue.now_ns)

    assert stream.read() == []


@pytest.mark.parametrize("every_s", [0.1, 2.5])
def test_trades_are_replayed_newest_first_and_then_told_oldest_first(venue: Venue, every_s: float) -> None:
    stream = venue.open()
    _, replay = stream.subscribe("trades", coin="BTC")
    before = list(venue.product().tape.prints)

    told = [row["tid"] for frame in stream.listen(5, every_s) for row in frame["data"]]

    assert [row["tid"] for row in replay["data"]] == [one.trade_id for one in before[:-31:-1]]
    assert told == [one.trade_id for one in list(venue.product().tape.prints)[len(before) :]]


def test_all_mids_hold_every_coin(venue: Venue) -> None:
    stream = venue.open()
    _, first = stream.subscribe("allMids")

    assert first["data"]["mids"] == venue.ask("allMids")
    assert set(first["data"]["mids"]) == set(COINS)
    assert len(stream.listen(10)) == 2


def test_a_context_comes_every_second(venue: Venue) -> None:
    stream = venue.open()
    _, first = stream.subscribe("activeAssetCtx", coin="SOL")

    assert first["data"] == {"coin": "SOL", "ctx": venue.ask("metaAndAssetCtxs")[1][2]}
    assert len(stream.listen(5)) == 5


def test_the_forming_bar_is_told_after_each_trade(venue: Venue) -> None:
    stream = venue.open()
    stream.subscribe("candle", coin="BTC", interval="1m")

    bars = [frame["data"] for frame in stream.listen(5)]

    assert len(bars) > 5
    assert all(one["n"] < later["n"] or one["t"] < later["t"] for one, later in pairwise(bars))
    assert {bar["i"] for bar in bars} == {"1m"}


def test_nothing_comes_after_an_unsubscription(venue: Venue) -> None:
    stream = venue.open()
    stream.subscribe("bbo", coin="BTC")

    (echo,) = stream.change("unsubscribe", "bbo", coin="BTC")

    assert echo["data"]["method"] == "unsubscribe"
    assert stream.listen(5) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "Error parsing JSON into valid websocket request: "),
        ("[]", "Error parsing JSON into valid websocket request: "),
        ('{"method":"dance"}', "Error parsing JSON into valid websocket request: "),
        ('{"method":"post","id":1}', "Error parsing JSON into valid websocket request: "),
        ('{"method":"subscribe"}', "Invalid subscription: null"),
        ('{"method":"subscribe","subscription":{"type":"tea"}}', 'Invalid subscription: {"type":"tea"}'),
        ('{"method":"subscribe","subscription":{"type":"candle","coin":"BTC","interval":"7m"}}', "Invalid "),
        ('{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":9}}', "Invalid "),
        ('{"method":"subscribe","subscription":{"type":"allMids","dex":"xyz"}}', "Invalid "),
        ('{"method":"subscribe","subscription":{"type":"allMids"}}', "Already subscribed: "),
        ('{"method":"unsubscribe","subscription":{"type":"bbo","coin":"BTC"}}', "Already unsubscribed: "),
    ],
)
def test_what_is_wrong_is_said_and_the_socket_lives_on(still: Venue, text: str, error: str) -> None:
    stream = still.open()
    stream.subscribe("allMids")

    (frame,) = stream.say(text)

    assert frame["channel"] == "error"
    assert frame["data"].startswith(error)
    assert stream.say('{"method":"ping"}') == [{"channel": "pong"}]


def test_an_unknown_coin_costs_the_socket_without_a_word(still: Venue) -> None:
    stream = still.open()

    assert stream.subscribe("bbo", coin="DOGE") == []
    assert stream.connection.close_code == 1006


def test_a_connection_on_which_nothing_is_said_for_a_minute_is_closed_but_pings_keep_it() -> None:
    venue = Venue(**SLEEPY)
    silent, pinging = venue.open(), venue.open()
    for _ in range(3):
        venue.wait(25)
        silent.read()
        assert pinging.say('{"method":"ping"}') == [{"channel": "pong"}]

    assert silent.connection.close_code == 1000
    assert pinging.connection.close_code is None


def test_questions_can_be_posted_over_the_stream(still: Venue) -> None:
    stream = still.open()
    question = {"type": "info", "payload": {"type": "l2Book", "coin": "BTC"}}

    (answer,) = stream.say(json.dumps({"method": "post", "id": 7, "request": question}))
    wrong = {"type": "info", "payload": 5}
    (refusal,) = stream.say(json.dumps({"method": "post", "id": 8, "request": wrong}))

    payload = {"type": "l2Book", "data": still.ask("l2Book", coin="BTC")}
    assert answer == {"channel": "post", "data": {"id": 7, "response": {"type": "info", "payload": payload}}}
    assert (refusal["data"]["id"], refusal["data"]["response"]["type"]) == (8, "error")


# ---- our own codec and client ------------------------------------------------------------------------------


class Listener:
    """The product's stream codec and info client on the simulated venue, under one clock."""

    def __init__(self, **market: Any) -> None:
        names = tuple(f"{coin}-USD" for coin in COINS)
        urls = {"rest_url": "http://hl.test", "market_stream_url": "ws://hl.test/ws"}
        settings = VenueSettings(instruments=names, **urls)
        self.clock = ManualClock()
        self.world = World(quick_settings(**CALM | market), UTC, venues=["hyperliquid"])
        self.codec = MarketStream(settings)
        transport = MemoryTransport(self.world, self.clock, venue="hyperliquid")
        self.client = InfoClient(settings, transport, self.clock)
        self.pipe = self.connect()

    def connect(self) -> MemoryPipe:
        pipe = MemoryDialer(self.world, self.clock, venue="hyperliquid").open(self.codec.url, 5)
        now = self.clock.now()
        self.codec.watch.restart(now.monotonic_ns, 5.0)
        for text in self.codec.hello(now):
            pipe.send(text)
        return pipe

    def listen(self, seconds: float = 0.0) -> list[Event]:
        events: list[Event] = []
        for _ in range(max(1, round(seconds * 10))):
            if seconds:
                self.clock.advance(0.1)
            now = self.clock.now()
            arrived = self.pipe.read()
            for frame in arrived.frames:
                events += self.codec.decode(frame, arrived.read_ns, now)
            for text in self.codec.tick(now):
                self.pipe.send(text)
        return events

    def inject(self, kind: str, **fields: Any) -> None:
        self.world.inject({"venue": "hyperliquid", "where": "market_stream", "kind": kind, **fields})

    def silent(self) -> set[str]:
        return set(self.codec.watch.silent(self.clock.now().monotonic_ns))


def only(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_every_kind_of_market_data_arrives_for_every_instrument() -> None:
    listener = Listener()

    events = listener.listen(3)

    for kind in (Quote, Trade, MarkPrice, IndexPrice, FundingRate):
        assert {each.instrument for each in only(kind, events)} == {f"{coin}-USD" for coin in COINS}
    assert {each.candle.instrument for each in only(VenueCandle, events)} == {f"{coin}-USD" for coin in COINS}
    assert len(only(StreamWhole, events)) == 1
    assert only(VenueComplained, events) == []
    assert listener.silent() == set()


def test_quotes_are_the_touch_of_the_market_and_books_are_sorted_and_never_crossed() -> None:
    listener = Listener()
    listener.listen()

    for _ in range(50):
        events = listener.listen(0.1)
        for quote in {each.instrument: each for each in only(Quote, events)}.values():
            book = listener.world.markets["hyperliquid"].products[quote.instrument[:3]].book
            best = (book.best_price(Side.BUY), book.best_price(Side.SELL))
            assert (quote.bid_price, quote.ask_price) == best
            assert quote.is_whole
            assert quote.bid_quantity > 0 < quote.ask_quantity
        for coin in COINS:
            bids, asks = listener.codec.levels(f"{coin}-USD", 10)
            assert 0 < len(bids) <= 10
            assert 0 < len(asks) <= 10
            prices = [level.price for level in (*bids[::-1], *asks)]
            assert prices == sorted(set(prices))


def test_trades_are_told_once_across_a_reconnect_and_replays_are_history() -> None:
    listener = Listener()
    events = listener.listen(2)
    listener.pipe.close()
    listener.clock.advance(1)
    listener.pipe = listener.connect()

    events += listener.listen(2)

    trades = [each for each in only(Trade, events) if each.instrument == "BTC-USD"]
    printed = [str(one.trade_id) for one in listener.world.markets["hyperliquid"].products["BTC"].tape.prints]
    ids = [each.trade_id for each in trades]
    assert ids == printed[printed.index(ids[0]) :]  # each once, in order, those between the connections too
    assert any(each.is_history for each in trades)
    assert any(not each.is_history for each in trades)


def test_the_stream_is_proven_alive_by_its_books() -> None:
    listener = Listener()

    proofs = [each.read_ns for each in only(HeartbeatSeen, listener.listen(5))]

    assert len(proofs) >= 8
    assert all(0 < later - one <= SECOND_NS for one, later in pairwise(proofs))


@pytest.mark.parametrize("channel", ["l2Book", "bbo", "trades", "activeAssetCtx", "candle"])
def test_a_channel_that_stalls_is_noticed_while_the_others_speak(channel: str) -> None:
    listener = Listener(**SLEEPY)
    listener.listen(0.1)
    listener.inject("stall", channel=channel, seconds=300)

    while not (silent := listener.silent()):
        assert listener.clock.elapsed_ns < 100 * SECOND_NS
        listener.clock.advance(2.4)
        listener.listen(0.1)

    assert {name.partition(":")[0] for name in silent} == {channel}
    noticed_s = listener.clock.elapsed_ns / SECOND_NS
    assert noticed_s < 8 if channel == "l2Book" else 60 < noticed_s < 75


def test_a_crossed_book_on_the_wire_voids_the_stream_until_the_next_one() -> None:
    listener = Listener()
    listener.listen(1)

    listener.inject("crossed_book", channel="l2Book")
    events = listener.listen(2)

    marks = [event for event in events if isinstance(event, (StreamGap, StreamWhole))]
    assert [type(mark) for mark in marks] == [StreamGap, StreamWhole]
    assert marks[0].is_healing
    assert not any(quote.is_crossed for quote in only(Quote, events))


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "gap"])
def test_repeated_overtaken_and_lost_frames_leave_the_newest_touch(kind: str) -> None:
    listener = Listener()
    listener.listen(1)

    listener.inject(kind, count=20)
    told = only(Quote, listener.listen(3))
    last = {quote.instrument: quote for quote in told + only(Quote, listener.listen(2))}

    for instrument in last:
        stamps = [quote.ts_event for quote in told if quote.instrument == instrument]
        assert stamps == sorted(stamps)
        book = listener.world.markets["hyperliquid"].products[instrument[:3]].book
        assert last[instrument].bid_price == book.best_price(Side.BUY)


def test_listings_history_and_books_are_read_by_our_client() -> None:
    listener = Listener()

    bitcoin, *_ = listener.client.load_instruments((), 5)
    book = listener.client.find_order_book("BTC-USD", 5)
    coarse = listener.client.find_order_book("BTC-USD", 5, significant_digits=3)
    trades = listener.client.list_trades("BTC-USD", 5)
    bars = listener.client.list_candles("BTC-USD", "1m", UTC - HOUR_NS, UTC, 5)

    listed = listener.world.markets["hyperliquid"].products["BTC"].instrument
    grid = (bitcoin.tick_size, bitcoin.lot_size, bitcoin.max_significant_digits)
    assert grid == (listed.tick_size, listed.lot_size, listed.max_significant_digits)
    for level in (level for side in book.levels(20) for level in side):
        assert bitcoin.is_on_grid(level.price, level.quantity)
    assert coarse.top().bid_price <= book.top().bid_price
    assert [each.trade_id for each in trades] == sorted(each.trade_id for each in trades)
    assert bars[-1].close == trades[-1].price
    with pytest.raises(Rejected):
        listener.client.find_order_book("DOGE-USD", 5)


def test_a_question_that_the_venue_drops_may_be_asked_again() -> None:
    listener = Listener()
    listener.world.inject({"venue": "hyperliquid", "where": "market_data", "kind": "refuse"})

    with pytest.raises(Retryable):
        listener.client.load_instruments((), 5)

    assert len(listener.client.load_instruments((), 5)) == 3
