"""Faults on demand: which there are, when they strike, and what they do to the stream of any venue."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from adapters.simulator import strange_rows
from adapters.simulator.connection import OVERSIZE, Connection, draw_handshake
from adapters.simulator.faults import (
    FRAME_FAULTS,
    KINDS,
    STREAMS,
    Fault,
    FaultPlan,
    InvalidFault,
    Suffering,
    read_fault,
)
from adapters.simulator.front import Session
from adapters.simulator.hand_trades import InvalidTrade
from adapters.simulator.wire import Frame, FrameKind, Handshake
from domain.ledger.order_ids import is_ours
from tests.adapters.simulator.client import SimulatorClient, SimulatorStream, bracket

VENUES = {
    "coinbase": Suffering(("level2", "heartbeats"), ("BTC-USD",)),
    "hyperliquid": Suffering(("l2Book",), ("BTC",), unfit=("wrong_sequence",)),
}


@pytest.fixture
def client() -> SimulatorClient:
    return SimulatorClient()


@pytest.fixture(params=STREAMS)
def live(request: pytest.FixtureRequest, client: SimulatorClient) -> tuple[SimulatorStream, str]:
    """A heartbeat stream of either kind that has told its first frames, and its name for faults."""
    stream = client.open("/user" if request.param == "private_stream" else "/")
    stream.subscribe("heartbeats")
    stream.read()
    client.wait(1)
    return stream, request.param


def numbers(frames: list[dict]) -> list[int]:
    return [frame["sequence_num"] for frame in frames]


# ---- orders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"kind": "flood"}, "kind 'flood' is unknown; allowed are " + ", ".join(KINDS)),
        ({"kind": "5xx", "where": "nowhere"}, "where 'nowhere' is unknown; allowed are submit, cancel, "),
        ({"kind": "5xx", "venue": "nyse"}, "venue 'nyse' is unknown; allowed are coinbase, hyperliquid"),
        ({"kind": "gap", "where": "submit"}, "gap cannot happen at 'submit'; allowed are market_stream, "),
        ({"kind": "halt", "product": "DOGE"}, "product 'DOGE' of coinbase is unknown; allowed are BTC-USD"),
        ({"kind": "down", "where": "submit"}, "down cannot happen at 'submit'; allowed are any"),
        ({"kind": "gap", "channel": "full"}, "channel 'full' of coinbase is unknown; allowed are level2"),
        (
            {"kind": "wrong_sequence", "venue": "hyperliquid"},
            "wrong_sequence cannot happen at hyperliquid; allowed are delay, ",
        ),
        ({"kind": "5xx", "rate": 1.5}, "rate 1.5 is out of bounds; allowed are 0 to 1"),
        ({"kind": "5xx", "count": 0}, "count 0 is out of bounds; allowed are 1 and more"),
        ({"kind": "close", "code": 99}, "code 99 is out of bounds; allowed are 1000 to 4999"),
        ({"kind": "refuse_upgrade", "status": 200}, "status 200 is out of bounds; allowed are 400 to 599"),
        ({"kind": "silence", "seconds": -1}, "seconds -1.0 is out of bounds; allowed are 0 to 864000"),
        ({"kind": "late", "late_by": float("nan")}, "late_by nan is out of bounds; allowed are 0 to 864000"),
        ({"kind": "429", "retry_after": float("inf")}, "retry_after inf is out of bounds; allowed are 0 to 864000"),
        ({"kind": "informational", "interim": 101}, "interim 101 is out of bounds; allowed are 100 and 102 to"),
        ({"kind": "informational", "interim": 200}, "interim 200 is out of bounds; allowed are 100 and 102 to"),
        ({"kind": "retry_after", "says": "1\r\nX: y"}, "says is no header; allowed are up to 1000 printable"),
        ({"kind": "echo", "size": 10**9}, "size 1000000000 is out of bounds; allowed are 0 to 67108864"),
        ({"kind": "drip", "where": "market_stream"}, "drip cannot happen at 'market_stream'; allowed are"),
        ({"kind": "5xx", "conut": 1}, "unknown field `conut`; fields are kind, where, "),
        ({"where": "submit"}, "missing required field `kind`; fields are kind, where, "),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_is_allowed(order: dict, text: str) -> None:
    with pytest.raises(InvalidFault) as refusal:
        read_fault(order, VENUES)

    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_fault_strikes_once_unless_a_count_or_a_rate_is_given() -> None:
    assert read_fault({"kind": "gap"}, VENUES).count == 1
    assert read_fault({"kind": "gap", "count": 3}, VENUES).count == 3
    assert read_fault({"kind": "gap", "rate": 0.5}, VENUES).count is None


def test_a_rate_strikes_by_its_seed_until_it_is_cleared() -> None:
    plans = [FaultPlan() for _ in range(2)]
    for plan in plans:
        plan.add(Fault(kind="5xx", rate=0.3, seed=9))

    first, second = ([plan.draw("list") is not None for _ in range(200)] for plan in plans)

    assert first == second
    assert 30 < sum(first) < 90
    plans[0].clear()
    assert plans[0].draw("list") is None


def test_every_fault_of_a_frame_is_one_of_streams() -> None:
    assert all(set(STREAMS) <= set(KINDS[kind]) for kind in FRAME_FAULTS)


# ---- a stream that opens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "handshake"),
    [
        (Fault(kind="refuse", count=1), Handshake(status=0)),
        (Fault(kind="refuse_upgrade", status=429, count=1), Handshake(status=429)),
        (Fault(kind="slow_handshake", seconds=7.0, count=1), Handshake(delay_s=7.0)),
    ],
)
def test_the_next_handshake_goes_as_ordered_and_the_one_after_it_well(fault: Fault, handshake: Handshake) -> None:
    faults = FaultPlan()
    faults.add(fault)

    assert draw_handshake(faults, "market_stream") == handshake
    assert draw_handshake(faults, "market_stream") == Handshake()


def test_a_fault_of_opening_spares_open_streams_and_the_other_way_round(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("heartbeats")
    client.inject(kind="refuse", where="market_stream")

    open_one = numbers(stream.read())
    refused = client.world.shake_hands("coinbase", "/")
    client.inject(kind="drop", where="market_stream")
    accepted = client.world.shake_hands("coinbase", "/")
    client.wait(1)

    assert (open_one, refused.status, accepted.status) == ([0, 1], 0, 101)
    assert stream.read() == []
    assert stream.connection.close_code == 1006


def test_a_refusal_of_one_stream_leaves_the_other_alone(client: SimulatorClient) -> None:
    client.inject(kind="refuse", where="market_stream")

    private = client.world.shake_hands("coinbase", "/user")
    market = client.world.shake_hands("coinbase", "/")

    assert (private.status, market.status) == (101, 0)


# ---- a stream that is open ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code"), [("close", 1001), ("close", 1006), ("drop", 1006)])
def test_a_connection_ends_with_the_code_asked_for(
    client: SimulatorClient, live: tuple[SimulatorStream, str], kind: str, code: int
) -> None:
    stream, where = live
    client.inject(kind=kind, where=where, code=code)

    assert stream.read() == []
    assert stream.connection.close_code == code


def test_silence_keeps_the_stream_open_and_then_goes_on_in_sequence(
    client: SimulatorClient, live: tuple[SimulatorStream, str]
) -> None:
    stream, where = live
    client.inject(kind="silence", where=where, seconds=3.0)

    for _ in range(4):
        assert stream.read() == []
        assert stream.connection.close_code is None
        client.wait(0.7)

    client.wait(0.3)
    assert numbers(stream.read()) == [2, 3]


def test_a_late_stream_brings_everything_in_order_and_later_until_that_is_over(
    client: SimulatorClient,
) -> None:
    stream = client.open()
    stream.subscribe("heartbeats")
    stream.read()
    client.inject(kind="late", where="market_stream", late_by=2.0, seconds=5.0)

    arrived = []
    for _ in range(8):
        client.wait(1)
        arrived.append(numbers(stream.read()))

    assert arrived == [[], [], [2], [3], [4], [5, 6, 7], [8], [9]]


def test_a_half_open_connection_neither_hears_nor_speaks_until_it_is_gone(
    client: SimulatorClient, live: tuple[SimulatorStream, str]
) -> None:
    stream, where = live
    client.inject(kind="half_open", where=where, seconds=3.0)
    assert stream.read() == []

    client.wait(2)
    stream.send("unsubscribe", "heartbeats")
    assert stream.read() == []
    assert (stream.connection.is_dead, stream.connection.close_code) == (True, None)
    client.wait(1)

    assert stream.read() == []
    assert stream.connection.close_code == 1006


def test_what_a_half_open_connection_is_told_reaches_nobody() -> None:
    session, faults = Diary(), FaultPlan()
    faults.add(Fault(kind="half_open", count=1))
    connection = Connection(session, faults, lambda now_ns: None, lambda: None, lambda now_ns: False)

    connection.receive("before", 0)
    connection.poll(0)
    connection.receive("after", 1)
    connection.pong(1)

    assert session.heard == ["before"]


class Diary(Session):
    """Says something at each poll, and writes down what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def receive(self, text: str, now_ns: int) -> None:
        self.heard.append(text)

    def pong(self, now_ns: int) -> None:
        self.heard.append("pong")

    def poll(self, now_ns: int) -> list[Frame]:
        return [Frame(b"{}")]


@pytest.mark.parametrize(("channel", "speaking"), [("market_trades", "heartbeats"), ("", "market_trades")])
def test_one_channel_stalls_while_the_others_speak_on_without_a_gap(
    client: SimulatorClient, channel: str, speaking: str
) -> None:
    stream = client.open()
    for name in ("heartbeats", "market_trades"):
        stream.subscribe(name)
    before = stream.read()
    client.wait(1)
    client.inject(kind="stall", channel=channel, seconds=3.0)
    before += stream.read()

    during, after = [], []
    for frames, seconds in ((during, 2.9), (after, 2.0)):
        for _ in range(int(seconds * 10)):
            client.wait(0.1)
            frames += stream.read()

    assert {frame["channel"] for frame in before[-2:]} == {"market_trades", "heartbeats"}
    assert {frame["channel"] for frame in during} == {speaking}
    assert {frame["channel"] for frame in after} == {"market_trades", "heartbeats"}
    assert numbers(before + during + after) == list(range(len(before + during + after)))


# ---- one frame ---------------------------------------------------------------------------------------------


def test_a_gap_loses_one_frame_with_its_number(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    client.inject(kind="gap", where=where)

    assert stream.read() == []
    client.wait(1)
    assert numbers(stream.read()) == [3]


def test_a_duplicate_repeats_one_frame_with_its_number(
    client: SimulatorClient, live: tuple[SimulatorStream, str]
) -> None:
    stream, where = live
    client.inject(kind="duplicate", where=where)

    assert numbers(stream.read()) == [2, 2]


def test_a_frame_is_overtaken_by_the_one_behind_it(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    client.inject(kind="reorder", where=where)

    alone = stream.read()
    client.wait(1)
    later = stream.read()
    client.inject(kind="reorder", where=where)
    stream.subscribe("heartbeats")
    client.wait(1)
    together = stream.read()

    assert (alone, numbers(later), numbers(together)) == ([], [3, 2], [5, 4])


def test_a_wrong_sequence_number_is_out_of_line_once(
    client: SimulatorClient, live: tuple[SimulatorStream, str]
) -> None:
    stream, where = live
    client.inject(kind="wrong_sequence", where=where)

    wrong = stream.read()
    client.wait(1)

    assert (numbers(wrong), numbers(stream.read())) == ([1002], [3])


def test_a_malformed_frame_is_no_json(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    client.inject(kind="malformed", where=where)

    (frame,) = stream.raw()

    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(frame.data)


def test_a_text_with_bad_utf_8_is_none(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    client.inject(kind="bad_utf8", where=where)

    (frame,) = stream.raw()

    with pytest.raises(UnicodeDecodeError):
        frame.data.decode()


def test_a_bad_frame_comes_before_a_good_one(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    client.inject(kind="bad_frame", where=where)

    bad, good = stream.raw()

    assert (bad.kind, bad.data[0] & 0x0F) == (FrameKind.RAW, 3)  # an opcode that nobody has defined
    assert numbers([msgspec.json.decode(good.data)]) == [2]


def test_a_frame_is_binary_or_empty_or_far_too_long(client: SimulatorClient, live: tuple[SimulatorStream, str]) -> None:
    stream, where = live
    frames = []
    for kind in ("binary", "empty", "oversize"):
        client.inject(kind=kind, where=where)
        frames += stream.raw()
        client.wait(1)

    binary, empty, oversize = frames
    assert binary.kind is FrameKind.BINARY
    assert empty.data == b""
    assert len(oversize.data) == OVERSIZE > 10 * 1024 * 1024
    assert numbers([msgspec.json.decode(oversize.data)]) == [4]  # padded, not broken


@pytest.mark.parametrize("channel", ["level2", "ticker"])
def test_a_crossed_book_shows_a_bid_above_the_ask(client: SimulatorClient, channel: str) -> None:
    stream = client.open()
    for name in ("level2", "ticker"):
        stream.subscribe(name, "BTC-USD")
    client.inject(kind="crossed_book", channel=channel)

    frame_name = "l2_data" if channel == "level2" else channel
    (event,) = stream.events(frame_name)

    asked = float(client.touch()[1])
    if channel == "level2":
        bids = [float(row["price_level"]) for row in event["updates"] if row["side"] == "bid"]
        assert max(bids) > asked
    else:
        (ticker,) = event["tickers"]
        assert float(ticker["best_bid"]) > float(ticker["best_ask"])


# ---- a whole venue -----------------------------------------------------------------------------------------


def test_a_venue_that_is_down_drops_its_streams_and_comes_back(client: SimulatorClient) -> None:
    before = client.open()
    before.subscribe("heartbeats")
    client.inject(kind="down", seconds=3.0)

    assert before.read() == []
    assert before.connection.close_code == 1006
    assert client.world.is_down("coinbase", client.now_ns)
    client.wait(3)
    assert not client.world.is_down("coinbase", client.now_ns)


def test_a_halted_product_neither_moves_nor_trades_and_says_so(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("status", "BTC-USD", "ETH-USD")
    client.inject(kind="halt", product="BTC-USD", seconds=11.0)
    touch, last_price = client.touch(), client.get("/products/BTC-USD")["price"]

    client.wait(10.5)
    rows = stream.events("status")[-1]["products"]
    product = client.get("/products/BTC-USD")
    refused = client.submit("a", "BUY", {"market_market_ioc": {"quote_size": "10"}})

    assert [row["status"] for row in rows] == ["offline", "online"]
    assert (product["status"], product["trading_disabled"], product["price"]) == ("offline", True, last_price)
    assert client.touch() == touch
    assert refused["error_response"]["error"] == "PRODUCT_TRADING_HALTED"
    client.wait(1)
    assert client.submit("b", "BUY", {"market_market_ioc": {"quote_size": "10"}})["success"] is True
    assert client.touch() != touch


def test_when_faults_are_cleared_halts_and_outages_are_over(client: SimulatorClient) -> None:
    client.inject(kind="halt")
    client.inject(kind="down")
    client.inject(kind="5xx", where="accounts")

    client.world.clear_faults()

    assert client.request("GET", "/accounts").status == 200
    assert client.get("/products/ETH-USD")["status"] == "online"
    assert not client.world.is_down("coinbase", client.now_ns)


# ---- when --------------------------------------------------------------------------------------------------


def test_a_fault_waits_for_a_frame_that_it_can_strike(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("heartbeats")
    client.inject(kind="gap", channel="market_trades")
    client.inject(kind="crossed_book")
    first = stream.read()

    client.wait(1)
    stream.subscribe("market_trades", "BTC-USD")
    second = stream.read()

    assert numbers(first) == [0, 1]
    assert [frame["channel"] for frame in second] == ["subscriptions", "heartbeats"]
    assert numbers(second) == [2, 3]


# ---- strange rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["list", "accounts", "fills"])
def test_rows_that_are_missing_are_missing_once_and_the_answer_is_well_formed(
    client: SimulatorClient, where: str
) -> None:
    paths = {"list": "/orders/historical/batch", "accounts": "/accounts", "fills": "/orders/historical/fills"}
    rows_are = {"list": "orders", "accounts": "accounts", "fills": "fills"}[where]
    client.buy("00000000-0000-4000-8000-000000000001", "100")
    client.wait(20)
    before = client.get(paths[where])
    client.inject(kind="missing_rows", where=where)

    during, after = (client.get(paths[where]) for _ in range(2))

    assert before[rows_are] and after == before
    assert during == {**before, rows_are: []}


def test_only_the_rows_of_a_product_are_missing_if_one_is_given() -> None:
    body = b'{"fills":[{"product_id":"BTC-USD"},{"product_id":"ETH-USD"}],"cursor":""}'

    assert strange_rows.missing_rows(body, "BTC-USD") == b'{"fills":[{"product_id":"ETH-USD"}],"cursor":""}'
    assert strange_rows.missing_rows(body, "SOL-USD") is None


def test_an_odd_row_of_an_answer_is_one_more_of_what_nobody_trades_or_the_first_of_a_product() -> None:
    body = b'{"fills":[{"entry_id":"e","product_id":"BTC-USD","price":"1"}],"cursor":""}'

    more, odd = (msgspec.json.decode(strange_rows.odd_row(body, name, may_add=True)) for name in ("", "BTC-USD"))
    [unreadable] = msgspec.json.decode(strange_rows.odd_row(b'{"fills":[]}', "", may_add=True))["fills"]

    assert more["fills"][0]["price"] == "1"
    assert more["fills"][1] | {"currency": None} == {
        "entry_id": None,
        "product_id": strange_rows.UNTRADED,
        "price": None,
        "currency": None,
    }
    assert odd["fills"] == [{"entry_id": "e", "product_id": "BTC-USD", "price": None}]
    assert unreadable["product_id"] == strange_rows.UNTRADED


def test_an_odd_row_of_a_stream_leaves_the_others_as_they_are(client: SimulatorClient) -> None:
    client.wait(5)
    stream = client.open()
    stream.subscribe("market_trades")
    client.inject(kind="odd_row", where="market_stream", channel="market_trades", product="ETH-USD")

    rows = [row for frame in stream.read() for event in frame["events"] for row in event.get("trades", ())]

    assert [row["product_id"] for row in rows if row["price"] is None] == ["ETH-USD"]
    assert len({row["product_id"] for row in rows}) > 1


def test_the_times_of_rows_are_unset_and_that_of_the_frame_is_not(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("level2")
    client.inject(kind="epoch_time", where="market_stream", channel="level2")

    frame = next(frame for frame in stream.read() if frame["channel"] == "l2_data")

    assert {row["event_time"] for row in frame["events"][0]["updates"]} == {strange_rows.UNSET}
    assert not frame["timestamp"].startswith("1970")


def test_the_snapshot_of_one_product_never_comes_and_no_number_is_missing(client: SimulatorClient) -> None:
    stream = client.open()
    client.inject(kind="no_snapshot", where="market_stream", channel="level2", product="ETH-USD")
    stream.subscribe("level2")

    frames = stream.read()
    client.wait(1)
    frames += stream.read()

    kinds = {}
    for frame in frames:
        for event in frame["events"]:
            if "product_id" in event:
                kinds.setdefault(event["product_id"], []).append(event["type"])
    assert kinds["BTC-USD"][0] == "snapshot"
    assert set(kinds["ETH-USD"]) == {"update"}
    assert numbers(frames) == list(range(len(frames)))


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"kind": "missing_rows", "where": "submit"}, "missing_rows cannot happen at 'submit'; allowed are list, "),
        ({"kind": "odd_row", "where": "cancel"}, "odd_row cannot happen at 'cancel'; allowed are list, "),
        ({"kind": "epoch_time", "where": "accounts"}, "epoch_time cannot happen at 'accounts'; allowed are list, "),
        ({"kind": "no_snapshot", "where": "list"}, "no_snapshot cannot happen at 'list'; allowed are market_stream"),
        ({"kind": "odd_row", "product": "DOGE"}, "product 'DOGE' of coinbase is unknown; allowed are BTC-USD"),
    ],
)
def test_strange_rows_are_ordered_where_there_are_rows(order: dict, text: str) -> None:
    with pytest.raises(InvalidFault) as refusal:
        read_fault(order, VENUES)

    assert text in str(refusal.value)


# ---- faults for one type of order, and trades by hand ----------------------------------------------------


def test_a_fault_may_strike_orders_of_one_type_only(client: SimulatorClient) -> None:
    client.buy("first", "500")
    client.inject(kind="reject", where="submit", order_type="bracket", rate=1.0)
    bid, _ = (Decimal(price) for price in client.touch())
    stop = (bid * Decimal("0.9")).quantize(Decimal("0.01"))
    target = (bid * Decimal("1.1")).quantize(Decimal("0.01"))

    guarded = client.submit("guard", "SELL", bracket("0.001", target, stop))
    sold = client.submit("sale", "SELL", {"market_market_ioc": {"base_size": "0.001"}})

    assert (guarded["success"], sold["success"]) == (False, True)
    assert guarded["error_response"]["new_order_failure_reason"] == "ORDER_ENTRY_DISABLED"


@pytest.mark.parametrize(
    ("order", "allowed"),
    [
        ({"kind": "reject", "order_type": "BRACKET"}, "market, limit, stop_limit, bracket"),
        ({"kind": "reject", "where": "cancel", "order_type": "limit"}, "belongs to faults at submit"),
        ({"kind": "silence", "order_type": "limit"}, "belongs to faults at submit"),
    ],
)
def test_an_order_type_that_means_nothing_is_refused_in_one_line(order: dict, allowed: str) -> None:
    with pytest.raises(InvalidFault, match=allowed):
        read_fault(order, VENUES)


def test_a_person_may_trade_on_the_account_at_the_venue(client: SimulatorClient) -> None:
    made = client.world.trade({"instrument": "BTC-USD", "side": "BUY", "quantity": "0.01"})

    assert (made["status"], made["filled_size"]) == ("FILLED", "0.01")
    (order,) = client.truth()["orders"]
    assert order["order_id"] == made["order_id"]
    assert not is_ours(order["client_order_id"])
    assert client.balance("BTC")[0] == "0.01"


def test_what_a_person_places_below_the_market_rests_and_holds_its_money(client: SimulatorClient) -> None:
    order = {"venue": "coinbase", "instrument": "BTC-USD", "side": "BUY", "quantity": 0.01, "limit_price": 100}

    made = client.world.trade(order)

    assert made["status"] == "OPEN"
    assert client.truth()["open_orders"] == [made["order_id"]]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({}, "fields are instrument, side, quantity"),
        ({"instrument": "BTC-USD", "side": "HOLD", "quantity": 1}, "HOLD"),
        ({"instrument": "BTC-USD", "side": "BUY", "quantity": 1, "size": 1}, "fields are"),
        ({"instrument": "DOGE-USD", "side": "BUY", "quantity": 1}, "allowed are BTC-USD"),
        ({"venue": "dydx", "instrument": "BTC-USD", "side": "BUY", "quantity": 1}, "allowed are coinbase"),
        ({"instrument": "BTC-USD", "side": "BUY", "quantity": 0}, "out of bounds"),
        ({"instrument": "BTC-USD", "side": "BUY", "quantity": "NaN"}, "out of bounds"),
        ({"instrument": "BTC-USD", "side": "BUY", "quantity": "1E999999"}, "out of bounds"),
        ({"instrument": "BTC-USD", "side": "BUY", "quantity": 1, "limit_price": -1}, "out of bounds"),
        ({"instrument": "BTC-USD", "side": "SELL", "quantity": 1}, "the venue refuses: INSUFFICIENT_FUND"),
    ],
)
def test_a_trade_that_cannot_be_made_is_refused_in_one_line(client: SimulatorClient, order: dict, text: str) -> None:
    with pytest.raises(InvalidTrade, match=text) as raised:
        client.world.trade(order)

    assert "\n" not in str(raised.value)
    assert client.truth()["orders"] == []
