"""The simulated dYdX indexer as its clients see it: REST and one websocket, in memory."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator.dydx.blocks import GENESIS_NS, BlockClock
from adapters.simulator.wire import FrameKind, Request, Response
from adapters.simulator.world import World
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.settings import SimulatorSettings
from tests.adapters.simulator.client import START_NS

HOUR_NS = 3_600 * SECOND_NS


class Client:
    """Moves time only when told to."""

    def __init__(self, **settings: Any) -> None:
        quick = {"warm_up_s": 2.0, "quotes_per_s": 8.0}
        self.world = World(SimulatorSettings(**quick | settings), START_NS, venues=["dydx"])
        self.market = self.world.markets["dydx"]
        self.now_ns = START_NS

    def ask(self, path: str, **query: Any) -> Response:
        pairs = tuple((key, str(value)) for key, value in query.items())
        return self.world.rest("dydx", Request("GET", f"/v4{path}", pairs), self.now_ns)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body)

    def open(self) -> Socket:
        return Socket(self)


class Socket:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.connection = client.world.open_stream("dydx", "/v4/ws", client.now_ns)
        self.pings = 0

    def send(self, message: dict[str, Any] | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.connection.receive(text, self.client.now_ns)

    def subscribe(self, channel: str, what: str | None = None, **more: Any) -> None:
        named = {} if what is None else {"id": what}
        self.send({"type": "subscribe", "channel": channel, **named, **more})

    def hear(self, seconds: float = 0.0, every: float = 0.02) -> list[dict[str, Any]]:
        """Return what arrives while `seconds` pass."""
        heard = []
        for _ in range(max(1, round(seconds / every))):
            self.client.now_ns += int(every * SECOND_NS) if seconds else 0
            for frame in self.connection.poll(self.client.now_ns):
                if frame.kind is FrameKind.PING:
                    self.pings += 1
                else:
                    heard.append(msgspec.json.decode(frame.data))
        return heard

    def pong(self) -> None:
        self.connection.pong(self.client.now_ns)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def socket(client: Client) -> Socket:
    """Give a socket that has been greeted."""
    opened = client.open()
    opened.hear()
    return opened


def calm() -> Client:
    """Return a client of a venue where little happens, for tests of long times."""
    return Client(quotes_per_s=0.1, trades_per_s=0.1)


def of(heard: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [message for message in heard if message["type"] in kinds]


# ---- blocks ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(0, 100))
def test_blocks_are_half_a_second_to_two_seconds_apart(height: int, seed: int) -> None:
    blocks = BlockClock(seed)

    apart_ns = blocks.time_ns(height + 1) - blocks.time_ns(height)

    assert SECOND_NS // 2 <= apart_ns <= 2 * SECOND_NS


@given(st.integers(0, 10**18))
def test_the_newest_block_is_the_last_one_made_and_holds_what_came_before(elapsed_ns: int) -> None:
    blocks, now_ns = BlockClock(1), GENESIS_NS + 10 * SECOND_NS + elapsed_ns

    newest = blocks.height(now_ns)

    assert blocks.time_ns(newest) <= now_ns < blocks.time_ns(newest + 1)
    assert blocks.height_of(now_ns) in (newest, newest + 1)
    assert blocks.time_ns(blocks.height_of(now_ns)) >= now_ns


# ---- REST ------------------------------------------------------------------------------------------------


def test_markets_tell_their_grid_in_both_notations(client: Client) -> None:
    markets = client.get("/perpetualMarkets")["markets"]

    assert list(markets) == ["BTC-USD", "ETH-USD", "SOL-USD"]
    for row in markets.values():
        resolution, exponent = row["atomicResolution"], row["quantumConversionExponent"]
        step = row["stepBaseQuantums"] * Decimal(10) ** resolution
        tick = row["subticksPerTick"] * Decimal(10) ** (exponent - resolution - 6)
        assert (Decimal(row["stepSize"]), Decimal(row["tickSize"])) == (step, tick)
        assert row["status"] == "ACTIVE"


@pytest.mark.parametrize("key", ["ticker", "market"])
def test_one_market_can_be_asked_for(client: Client, key: str) -> None:
    assert list(client.get("/perpetualMarkets", **{key: "ETH-USD"})["markets"]) == ["ETH-USD"]


def test_a_book_is_sorted_best_first_and_on_the_grid(client: Client) -> None:
    book = client.get("/orderbooks/perpetualMarket/BTC-USD")

    bids, asks = ([Decimal(row["price"]) for row in book[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]
    assert all(price % 1 == 0 for price in bids + asks)


def test_trades_are_those_of_the_blocks_made_newest_first() -> None:
    client = Client(warm_up_s=4.0)

    rows = client.get("/trades/perpetualMarket/BTC-USD")["trades"]
    height = int(client.get("/height")["height"])

    heights = [int(row["createdAtHeight"]) for row in rows]
    assert heights == sorted(heights, reverse=True) and heights[0] <= height
    assert len({row["id"] for row in rows}) == len(rows) > 5
    assert all(int(row["id"][:8], 16) == int(row["createdAtHeight"]) for row in rows)
    assert {len(row["id"]) for row in rows} == {24}


def test_trades_can_be_limited_and_read_back_from_a_block(client: Client) -> None:
    path = "/trades/perpetualMarket/BTC-USD"
    rows = client.get(path)["trades"]
    middle = rows[len(rows) // 2]

    assert client.get(path, limit=3)["trades"] == rows[:3]
    older = client.get(path, createdBeforeOrAtHeight=middle["createdAtHeight"])["trades"]
    assert older and all(int(row["createdAtHeight"]) <= int(middle["createdAtHeight"]) for row in older)
    assert client.get(path, createdBeforeOrAt=middle["createdAt"])["trades"] == older


def test_candles_add_up_to_the_trades(client: Client) -> None:
    prints = client.market.products["BTC-USD"].tape.prints

    rows = client.get("/candles/perpetualMarkets/BTC-USD", resolution="1MIN")["candles"]

    assert sum(row["trades"] for row in rows) == len(prints)
    assert sum(Decimal(row["baseTokenVolume"]) for row in rows) == sum(one.quantity for one in prints)
    assert rows[0]["close"] == str(prints[-1].price)


def test_candles_are_cut_to_a_range_without_its_end() -> None:
    client = calm()
    client.now_ns += 150 * SECOND_NS
    path = "/candles/perpetualMarkets/BTC-USD"
    newest, middle, *_ = client.get(path, resolution="1MIN")["candles"]

    inside = client.get(path, resolution="1MIN", fromISO=middle["startedAt"], toISO=newest["startedAt"])

    assert inside["candles"] == [middle]


def test_funding_is_paid_each_hour() -> None:
    quiet = Client(quotes_per_s=0.01, trades_per_s=0.01)
    quiet.now_ns += 3 * HOUR_NS

    rows = quiet.get("/historicalFunding/ETH-USD")["historicalFunding"]

    assert len(rows) == 3
    assert [row["effectiveAt"] for row in rows] == sorted((row["effectiveAt"] for row in rows), reverse=True)
    assert all(abs(Decimal(row["rate"])) < Decimal("0.0001") for row in rows)
    middle = rows[1]
    older = quiet.get("/historicalFunding/ETH-USD", effectiveBeforeOrAtHeight=middle["effectiveAtHeight"])
    assert older["historicalFunding"] == rows[1:]


def test_time_height_and_sparklines(client: Client) -> None:
    assert client.get("/time") == {"iso": "2023-11-14T22:13:20.000Z", "epoch": 1_700_000_000.0}
    assert set(client.get("/height")) == {"height", "time"}
    assert set(client.get("/sparklines", timePeriod="ONE_DAY")) == {"BTC-USD", "ETH-USD", "SOL-USD"}


@pytest.mark.parametrize(
    ("path", "query", "status", "text"),
    [
        ("/orderbooks/perpetualMarket/X-USD", {}, 404, "X-USD not found in markets of type PERPETUAL"),
        ("/historicalFunding/X-USD", {}, 404, "X-USD not found in markets of type PERPETUAL"),
        ("/nothing", {}, 404, "Not Found"),
        ("/perpetualMarkets", {"ticker": "X-USD"}, 400, "ticker must be a valid ticker"),
        ("/trades/perpetualMarket/BTC-USD", {"limit": 1001}, 400, "limit must be"),
        ("/trades/perpetualMarket/BTC-USD", {"limit": "many"}, 400, "limit must be"),
        ("/trades/perpetualMarket/BTC-USD", {"createdBeforeOrAt": "noon"}, 400, "valid ISO8601"),
        ("/candles/perpetualMarkets/BTC-USD", {"resolution": "1M"}, 400, "resolution must be one of"),
        ("/sparklines", {}, 400, "timePeriod must be one of"),
    ],
)
def test_what_cannot_be_answered_says_why(
    client: Client, path: str, query: dict[str, Any], status: int, text: str
) -> None:
    answer = client.ask(path, **query)

    (problem,) = msgspec.json.decode(answer.body)["errors"]
    assert answer.status == status and text in problem["msg"]


def test_too_many_requests_are_told_to_wait_some_milliseconds(client: Client) -> None:
    for _ in range(100):
        assert client.ask("/time").status == 200

    answer = client.ask("/time")

    assert (answer.status, answer.headers["Retry-After"]) == (429, "10000")
    client.now_ns += 10 * SECOND_NS
    assert client.ask("/time").status == 200


@pytest.mark.parametrize(
    ("kind", "status"), [("5xx", 503), ("5xx_after_accept", 500), ("429", 429), ("malformed", 200)]
)
def test_requests_suffer_when_told_to(client: Client, kind: str, status: int) -> None:
    client.world.inject({"venue": "dydx", "kind": kind, "where": "market_data"})

    assert client.ask("/perpetualMarkets").status == status
    client.get("/perpetualMarkets")


@pytest.mark.parametrize("kind", ["refuse", "timeout_before_accept", "timeout_after_accept"])
def test_requests_may_stay_unanswered(client: Client, kind: str) -> None:
    client.world.inject({"venue": "dydx", "kind": kind, "where": "market_data", "seconds": 2})

    assert client.ask("/time").drop


# ---- the stream ------------------------------------------------------------------------------------------


def test_the_venue_greets_with_number_zero(client: Client) -> None:
    first, second = client.open(), client.open()

    (greeting,), (other,) = first.hear(), second.hear()

    assert (greeting["type"], greeting["message_id"]) == ("connected", 0)
    assert greeting["connection_id"] != other["connection_id"]


@pytest.mark.parametrize(
    ("channel", "what"),
    [
        ("v4_orderbook", "BTC-USD"),
        ("v4_trades", "BTC-USD"),
        ("v4_candles", "BTC-USD/1MIN"),
        ("v4_markets", None),
        ("v4_block_height", None),
    ],
)
def test_each_channel_answers_first_and_then_updates(socket: Socket, channel: str, what: str | None) -> None:
    socket.subscribe(channel, what)

    answer, *updates = socket.hear(4)

    assert (answer["type"], answer["channel"], answer["message_id"]) == ("subscribed", channel, 1)
    assert "version" not in answer
    expected_id = None if channel == "v4_markets" else what or channel
    assert {message.get("id") for message in (answer, *updates)} == {expected_id}
    assert {message["type"] for message in updates} == {"channel_data"}
    assert {message["version"] for message in updates} == {"2.1.0" if channel == "v4_trades" else "1.0.0"}
    assert [message["message_id"] for message in updates] == list(range(2, 2 + len(updates)))
    assert len(updates) >= 2


def test_snapshots_have_objects_and_updates_have_pairs(socket: Socket) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD")

    answer, *updates = socket.hear(1)

    assert set(answer["contents"]["bids"][0]) == {"price", "size"}
    assert all(
        len(pair) == 2 and set(map(type, pair)) == {str}
        for message in updates
        for rows in message["contents"].values()
        for pair in rows
    )


def test_the_updates_of_a_book_lead_to_the_book(socket: Socket) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD")
    answer, *updates = socket.hear(3)
    told = {side: {row["price"]: row["size"] for row in answer["contents"][side]} for side in ("bids", "asks")}

    for message in updates:
        for side, rows in message["contents"].items():
            told[side] |= dict(rows)

    now = socket.client.get("/orderbooks/perpetualMarket/BTC-USD")
    for side in ("bids", "asks"):
        left = {price: size for price, size in told[side].items() if Decimal(size)}
        assert left == {row["price"]: row["size"] for row in now[side]}


def test_every_trade_is_told_once_and_with_its_block(socket: Socket) -> None:
    socket.subscribe("v4_trades", "ETH-USD")
    answer, *updates = socket.hear(5)

    told = [row["id"] for row in reversed(answer["contents"]["trades"])]
    told += [row["id"] for message in updates for row in message["contents"]["trades"]]

    rows = socket.client.get("/trades/perpetualMarket/ETH-USD")["trades"]
    assert told == [row["id"] for row in reversed(rows)]
    assert not any("createdAtHeight" in row for message in updates for row in message["contents"]["trades"])


def test_batches_come_every_quarter_of_a_second(socket: Socket) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD", batched=True)
    socket.hear(0.1)

    updates = socket.hear(2)

    assert {message["type"] for message in updates} == {"channel_batch_data"}
    assert 6 <= len(updates) <= 9
    assert max(len(message["contents"]) for message in updates) > 1


def test_markets_update_by_section_and_never_whole_again() -> None:
    socket = calm().open()
    socket.hear()
    socket.subscribe("v4_markets")

    answer, *updates = socket.hear(15, every=0.2)

    assert set(answer["contents"]) == {"markets"}
    sections = {section for message in updates for section in message["contents"]}
    assert sections == {"oraclePrices", "trading"}


def test_markets_under_another_id_never_update(socket: Socket) -> None:
    socket.subscribe("v4_markets", "BTC-USD")

    assert [message["type"] for message in socket.hear(5)] == ["subscribed"]


def test_a_halted_market_says_so_at_once(socket: Socket) -> None:
    socket.subscribe("v4_markets")
    socket.hear(0.1)
    socket.client.world.inject({"venue": "dydx", "kind": "halt", "product": "ETH-USD", "seconds": 2})

    told = [message["contents"]["trading"] for message in socket.hear(4) if "trading" in message["contents"]]

    assert {"ETH-USD": {"status": "PAUSED"}} in told and {"ETH-USD": {"status": "ACTIVE"}} in told


def test_heights_rise_and_change_their_name(socket: Socket) -> None:
    socket.subscribe("v4_block_height")

    answer, *updates = socket.hear(6)

    heights = [int(answer["contents"]["height"])]
    heights += [int(message["contents"]["blockHeight"]) for message in updates]
    assert heights == list(range(heights[0], heights[0] + len(heights)))


def test_the_growing_candle_is_told_again_and_again(socket: Socket) -> None:
    socket.subscribe("v4_candles", "BTC-USD/1MIN")

    _, *updates = socket.hear(6)

    assert len(updates) > 2
    started = [message["contents"]["startedAt"] for message in updates]
    assert started == sorted(started) and len(set(started)) <= 2


def test_an_answer_is_overtaken_by_what_was_numbered_after_it() -> None:
    socket = Client(quotes_per_s=200.0, warm_up_s=0.5).open()
    socket.subscribe("v4_orderbook", "BTC-USD")
    socket.hear(0.1)
    socket.subscribe("v4_trades", "BTC-USD")

    numbers = [message["message_id"] for message in socket.hear(0.2, every=0.005)]

    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(min(numbers), max(numbers) + 1))


def test_after_unsubscribing_nothing_more_is_said(socket: Socket) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD")
    socket.hear(0.5)
    socket.send({"type": "unsubscribe", "channel": "v4_orderbook", "id": "BTC-USD"})

    heard = socket.hear(2)

    assert [message["type"] for message in heard] == ["unsubscribed"]


def test_ending_what_never_began_is_no_error(socket: Socket) -> None:
    socket.send({"type": "unsubscribe", "channel": "v4_trades", "id": "BTC-USD"})

    assert [message["type"] for message in socket.hear()] == ["unsubscribed"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("{", "Invalid message: could not parse"),
        ("[]", "Invalid message: could not parse"),
        ({}, "Invalid message: type is required"),
        ({"type": "dance"}, "Invalid message type: dance"),
        ({"type": "subscribe"}, "Invalid subscribe message: channel is required"),
        ({"type": "subscribe", "channel": "tea"}, "Invalid channel: tea"),
        ({"type": "subscribe", "channel": "v4_trades"}, "Invalid id: undefined"),
        ({"type": "subscribe", "channel": "v4_trades", "id": 5}, "Invalid id: 5"),
    ],
)
def test_senseless_messages_are_refused_with_the_number_of_the_one_before(
    socket: Socket, message: Any, text: str
) -> None:
    socket.send(message)

    (error,) = socket.hear()

    assert (error["type"], error["message"], error["message_id"]) == ("error", text, 0)


@pytest.mark.parametrize(
    ("channel", "what"),
    [("v4_orderbook", "X-USD"), ("v4_trades", "X-USD"), ("v4_candles", "BTC-USD/2MINS")],
)
def test_what_is_not_listed_cannot_be_subscribed_to(socket: Socket, channel: str, what: str) -> None:
    socket.subscribe(channel, what)

    (error,) = socket.hear()

    assert error["message"] == f"Invalid subscription id for channel: ({channel}-{what})"
    assert error["message_id"] == 1


def test_subscribing_twice_is_an_error(socket: Socket) -> None:
    socket.subscribe("v4_trades", "BTC-USD")
    socket.subscribe("v4_trades", "BTC-USD")

    (error,) = of(socket.hear(0.1), "error")

    assert error["message"] == "Invalid subscribe message: already subscribed (v4_trades-BTC-USD)"
    assert (error["channel"], error["id"]) == ("v4_trades", "BTC-USD")


def test_subscribing_three_times_in_a_second_ends_the_connection(socket: Socket) -> None:
    for _ in range(3):
        socket.subscribe("v4_trades", "BTC-USD")

    errors = of(socket.hear(), "error")

    assert errors[-1]["message"] == (
        "Too many subscribe attempts for channel v4_trades-BTC-USD. Please  reconnect and try again."
    )
    assert socket.connection.close_code == 1008


def test_three_senseless_messages_in_a_second_end_the_connection(socket: Socket) -> None:
    for _ in range(3):
        socket.send("{")

    errors = of(socket.hear(), "error")

    assert errors[-1]["message"] == "Too many invalid messages. Please reconnect and try again."
    assert socket.connection.close_code == 1008


def test_only_so_many_subscriptions_of_a_kind(socket: Socket) -> None:
    socket.subscribe("v4_block_height")
    socket.subscribe("v4_block_height", "again")

    (error,) = of(socket.hear(0.1), "error")

    assert error["message"] == "Per-connection subscription limit reached for v4_block_height (limit=1)."


def test_pings_of_the_json_kind_are_never_answered(socket: Socket) -> None:
    socket.send({"type": "ping"})

    assert socket.hear(1) == []


def test_clients_that_answer_pings_are_kept_and_others_are_not() -> None:
    client = calm()
    lively, dead = client.open(), client.open()

    for _ in range(25):
        lively.hear(2, every=1)
        lively.pong()
        dead.connection.poll(client.now_ns)

    assert lively.pings == 1 and lively.connection.close_code is None
    assert dead.connection.close_code == 1011


# ---- faults on the wire ----------------------------------------------------------------------------------


def test_a_stalled_channel_leaves_the_others_alone(socket: Socket) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD")
    socket.subscribe("v4_block_height")
    socket.hear(0.5)
    socket.client.world.inject(
        {"venue": "dydx", "kind": "stall", "where": "market_stream", "channel": "v4_orderbook", "seconds": 3}
    )
    socket.hear(0.5)

    stalled = {message["channel"] for message in socket.hear(2)}
    resumed = {message["channel"] for message in socket.hear(2)}

    assert stalled == {"v4_block_height"}
    assert "v4_orderbook" in resumed


@pytest.mark.parametrize("is_batched", [False, True])
def test_a_crossed_book_is_crossed(socket: Socket, is_batched: bool) -> None:
    socket.subscribe("v4_orderbook", "BTC-USD", batched=is_batched)
    socket.hear(0.5)
    socket.client.world.inject({"venue": "dydx", "kind": "crossed_book", "where": "market_stream"})

    message = socket.hear(0.5)[0]

    contents = message["contents"][0] if is_batched else message["contents"]
    best_ask = socket.client.market.products["BTC-USD"].book.best_price(Side.SELL)
    assert Decimal(contents["bids"][-1][0]) > best_ask


def test_a_wrong_number_is_far_out_of_line(socket: Socket) -> None:
    socket.subscribe("v4_block_height")
    socket.hear(0.5)
    socket.client.world.inject({"venue": "dydx", "kind": "wrong_sequence", "where": "market_stream"})

    assert socket.hear(3)[0]["message_id"] > 1000
