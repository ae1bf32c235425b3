"""The simulated Coinbase on the wire: credentials, limits, streams and every fault on demand."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from adapters.simulator.api_key import ApiKey, InvalidKey
from adapters.simulator.coinbase.auth import KeyRing, Unauthorized
from adapters.simulator.coinbase.encode import rfc3339
from adapters.simulator.faults import REQUESTS
from adapters.simulator.wire import Request
from domain.instant import SECOND_NS
from tests.adapters.simulator.client import (
    HOST,
    PREFIX,
    START_NS,
    SimulatorClient,
    order_body,
    sign,
)

URI = f"GET {HOST}{PREFIX}/accounts"
RESTING = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}
NOW_S = START_NS // SECOND_NS


@pytest.fixture
def client() -> SimulatorClient:
    return SimulatorClient()


def numbers(frames: list[dict]) -> list[int]:
    return [frame["sequence_num"] for frame in frames]


# ---- credentials and limits --------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_token_signed_by_an_issued_key_is_accepted(algorithm: str) -> None:
    keys = KeyRing()
    key = keys.issue(algorithm)

    known = keys.verify(sign(key, START_NS, URI, algorithm), NOW_S, [URI])

    assert (known.name, known.can_trade) == (key.name, True)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "someone else"}, "sub"),
        ({"iss": "mallory"}, "iss"),
        ({"nbf": NOW_S + 60, "exp": NOW_S + 120}, "nbf"),
        ({"nbf": NOW_S - 120, "exp": NOW_S}, "exp"),
        ({"exp": NOW_S + 121}, "exp"),
        ({"nbf": None}, "nbf and exp must be integers"),
        ({"uri": URI + "?limit=1"}, "uri"),
    ],
)
def test_a_token_with_a_wrong_claim_proves_nothing(claims: dict, why: str) -> None:
    keys = KeyRing()
    token = sign(keys.issue(), START_NS, **({"uri": URI} | claims))

    with pytest.raises(Unauthorized, match=f"^{why}$"):
        keys.verify(token, NOW_S, [URI])


@pytest.mark.parametrize("private", [ed448.Ed448PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())])
def test_a_key_that_signs_in_another_way_is_none_of_ours(private: PrivateKeyTypes) -> None:
    form = serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    with pytest.raises(InvalidKey, match="neither P-256 nor Ed25519"):
        KeyRing().admit(ApiKey("someone's", pem.decode()))


def test_a_token_of_an_unknown_key_or_with_a_tampered_body_proves_nothing() -> None:
    keys = KeyRing()
    header, _body, signature = sign(keys.issue(), START_NS, URI).split(".")
    other_body = sign(keys.issue(), START_NS, URI).split(".")[1]

    for token in (sign(KeyRing().issue(), START_NS, URI), f"{header}.{other_body}.{signature}", "", "a.b.c"):
        with pytest.raises(Unauthorized):
            keys.verify(token, NOW_S, [URI])


def test_a_private_call_without_a_good_token_is_unauthorized_in_plain_text(client: SimulatorClient) -> None:
    response = client.request("GET", "/accounts", token="nonsense")

    assert (response.status, response.body) == (401, b"Unauthorized")


def test_the_token_may_name_the_production_host(client: SimulatorClient) -> None:
    token = sign(client.world.key, client.now_ns, f"GET api.coinbase.com{PREFIX}/accounts")

    assert client.request("GET", "/accounts", token=token).status == 200


def test_a_key_without_trade_scope_reads_but_cannot_order(client: SimulatorClient) -> None:
    viewer = client.world.fronts["coinbase"].keys.issue(can_trade=False)

    def token(method: str, path: str) -> str:
        return sign(viewer, client.now_ns, f"{method} {HOST}{PREFIX}{path}")

    refused = client.request("POST", "/orders", body={}, token=token("POST", "/orders"))
    allowed = client.request("GET", "/key_permissions", token=token("GET", "/key_permissions"))

    assert refused.status == 403
    assert b'"error_details":"Missing required scopes"' in refused.body  # what the official SDK looks for
    assert msgspec.json.decode(allowed.body)["can_trade"] is False


def test_public_calls_need_no_token_and_have_their_own_limit(client: SimulatorClient) -> None:
    request = Request("GET", f"{PREFIX}/time")

    statuses = [client.world.rest("coinbase", request, client.now_ns).status for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert client.world.rest("coinbase", request, client.now_ns + SECOND_NS).status == 200


def test_the_private_limit_is_told_in_lower_case_headers(client: SimulatorClient) -> None:
    first = client.request("GET", "/accounts")
    for _ in range(29):
        client.request("GET", "/accounts")

    assert first.headers["x-ratelimit-limit"] == "30"
    assert first.headers["x-ratelimit-remaining"] == "29"
    assert client.request("GET", "/accounts").status == 429


@pytest.mark.parametrize(
    "body",
    [
        {},
        order_body("", "BUY", RESTING),
        order_body("a", "BUY", {"sor_limit_ioc": {"base_size": "NaN", "limit_price": "1"}}),
        order_body("a", "BUY", {"sor_limit_ioc": {"base_size": "1"}}),
        order_body("a", "BUY", RESTING | {"market_market_ioc": {"quote_size": "10"}}),
    ],
)
def test_an_unreadable_order_is_a_bad_request(client: SimulatorClient, body: dict) -> None:
    response = client.request("POST", "/orders", body=body)

    assert response.status == 400
    assert msgspec.json.decode(response.body)["error"] == "INVALID_ARGUMENT"


def test_market_data_has_the_shapes_of_the_venue() -> None:
    client = SimulatorClient(warm_up_s=2.0)
    product = client.get("/products/BTC-USD")
    book = client.get("/market/product_book", ("product_id", "BTC-USD"), ("limit", "3"))
    trades = client.get("/market/products/BTC-USD/ticker", ("limit", "4"))["trades"]
    candles = client.get("/market/products/BTC-USD/candles", ("granularity", "ONE_MINUTE"))["candles"]

    assert (product["price_increment"], product["base_increment"]) == ("0.01", "0.00000001")
    assert len(book["pricebook"]["bids"]) == len(book["pricebook"]["asks"]) == 3
    assert [int(one["trade_id"]) for one in trades] == sorted((int(one["trade_id"]) for one in trades), reverse=True)
    assert product["price"] == trades[0]["price"] == candles[0]["close"]
    assert client.request("GET", "/products/NOPE").status == 404


# ---- streams -----------------------------------------------------------------------------------------------


def test_one_sequence_counts_all_frames_of_a_connection(client: SimulatorClient) -> None:
    stream = client.open()
    for channel in ("heartbeats", "level2", "market_trades", "ticker", "candles", "status", "ticker_batch"):
        stream.subscribe(channel)

    frames = stream.read()
    for _ in range(50):
        client.wait(0.1)
        frames += stream.read()

    assert numbers(frames) == list(range(len(frames)))
    assert [frame["channel"] for frame in frames].count("heartbeats") == 6


def test_every_subscription_is_acknowledged_with_the_full_current_set(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("level2", "BTC-USD")
    stream.subscribe("market_trades", "BTC-USD", "ETH-USD")
    stream.send("unsubscribe", "market_trades", "BTC-USD")
    stream.send("unsubscribe", "level2")

    acknowledged = [event["subscriptions"] for event in stream.events("subscriptions")]

    assert acknowledged == [
        {"level2": ["BTC-USD"]},
        {"level2": ["BTC-USD"], "market_trades": ["BTC-USD", "ETH-USD"]},
        {"level2": ["BTC-USD"], "market_trades": ["ETH-USD"]},
        {"market_trades": ["ETH-USD"]},
    ]


def test_a_client_that_applies_snapshot_and_absolute_sizes_holds_the_book(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("level2", "SOL-USD")
    held: dict[tuple[str, str], Decimal] = {}
    kinds = []

    for _ in range(100):
        client.wait(0.05)
        for event in stream.events("l2_data"):
            kinds.append(event["type"])
            held |= {(row["side"], row["price_level"]): Decimal(row["new_quantity"]) for row in event["updates"]}

    book = client.get("/product_book", ("product_id", "SOL-USD"))["pricebook"]
    expected = {("bid", row["price"]): Decimal(row["size"]) for row in book["bids"]}
    expected |= {("offer", row["price"]): Decimal(row["size"]) for row in book["asks"]}
    assert {level: size for level, size in held.items() if size} == expected
    assert kinds[0] == "snapshot" and set(kinds[1:]) == {"update"}


def test_trades_begin_with_history_newest_first_and_go_on_without_a_gap() -> None:
    client = SimulatorClient(warm_up_s=2.0)
    stream = client.open()
    stream.subscribe("market_trades", "BTC-USD")
    (snapshot,) = stream.events("market_trades")
    client.wait(5)
    (update,) = stream.events("market_trades")

    history = [int(one["trade_id"]) for one in snapshot["trades"]]
    live = [int(one["trade_id"]) for one in update["trades"]]
    assert (snapshot["type"], update["type"]) == ("snapshot", "update")
    assert len(history) > 5 and len(live) > 10
    assert history[::-1] + live == list(range(history[-1], live[-1] + 1))


def test_candles_come_whole_then_the_forming_one_and_whole_again_to_who_comes_back() -> None:
    def of_bitcoin() -> list[dict]:
        events = stream.events("candles")
        return [event for event in events if event["candles"][0]["product_id"] == "BTC-USD"]

    client = SimulatorClient(warm_up_s=2.0)
    stream = client.open()
    stream.subscribe("candles", "BTC-USD", "ETH-USD")
    (whole,) = of_bitcoin()
    client.wait(5)
    (forming,) = of_bitcoin()
    stream.send("unsubscribe", "candles", "BTC-USD")
    stream.subscribe("candles", "BTC-USD")
    client.wait(5)
    (again,) = of_bitcoin()

    assert [event["type"] for event in (whole, forming, again)] == ["snapshot", "update", "snapshot"]
    starts = [int(candle["start"]) for candle in whole["candles"]]
    assert starts == sorted(starts, reverse=True)
    assert len(forming["candles"]) == 1


def test_batched_tickers_tell_who_traded_and_once_more_who_was_asked_for_anew() -> None:
    def of_bitcoin() -> list[tuple[str, dict]]:
        told = [(event["type"], row) for event in stream.events("ticker_batch") for row in event["tickers"]]
        return [(kind, row) for kind, row in told if row["product_id"] == "BTC-USD"]

    client = SimulatorClient(warm_up_s=2.0)
    stream = client.open()
    stream.subscribe("ticker_batch", "BTC-USD", "ETH-USD")
    (first,) = of_bitcoin()
    client.wait(4)
    assert of_bitcoin() == []
    client.wait(1)
    (second,) = of_bitcoin()
    stream.send("unsubscribe", "ticker_batch", "BTC-USD")
    stream.subscribe("ticker_batch", "BTC-USD")
    client.wait(5)
    (again,) = of_bitcoin()

    assert [kind for kind, _ in (first, second, again)] == ["snapshot", "update", "snapshot"]
    assert not any("best_bid" in row for _, row in (first, second, again))


def test_each_print_makes_one_ticker_with_the_touch_it_left(client: SimulatorClient) -> None:
    stream = client.open()
    stream.subscribe("ticker", "BTC-USD")
    stream.subscribe("market_trades", "BTC-USD")
    stream.read()

    client.wait(3)
    events = [event for frame in stream.read() for event in frame["events"]]

    tickers = [one for event in events for one in event.get("tickers", ())]
    trades = [one for event in events for one in event.get("trades", ())]
    assert [one["price"] for one in tickers] == [one["price"] for one in trades]
    assert all(Decimal(one["best_bid"]) < Decimal(one["best_ask"]) for one in tickers)


def test_the_user_channel_tells_totals_and_may_coalesce(client: SimulatorClient) -> None:
    stream = client.open("/user")
    stream.subscribe("user")
    assert stream.events("user")[0]["orders"] == []

    client.submit("a", "BUY", RESTING)
    client.submit("big", "BUY", {"market_market_ioc": {"quote_size": "9000"}})
    (update,) = stream.events("user")

    resting, filled = update["orders"]
    assert (resting["status"], resting["leaves_quantity"], resting["order_type"]) == ("OPEN", "0.01", "Limit")
    assert (filled["status"], filled["leaves_quantity"]) == ("FILLED", "0")
    assert filled["cumulative_quantity"] == client.truth()["orders"][1]["filled_size"]


def test_the_user_snapshot_lists_open_orders_in_batches_of_fifty(client: SimulatorClient) -> None:
    tiny = {"limit_limit_gtc": {"base_size": "0.0001", "limit_price": "50000"}}
    for number in range(60):
        client.wait(0.1)
        client.submit(str(number), "BUY", tiny)

    stream = client.open("/user")
    stream.subscribe("user")

    assert [len(event["orders"]) for event in stream.events("user")] == [50, 10]


@pytest.mark.parametrize(
    ("path", "channel", "has_token"),
    [("/", "user", False), ("/", "heartbeat", True), ("/user", "level2", True)],
)
def test_a_channel_that_is_not_ours_to_have_is_an_authentication_failure(
    client: SimulatorClient, path: str, channel: str, has_token: bool
) -> None:
    stream = client.open(path)

    stream.send("subscribe", channel, token=sign(client.world.key, START_NS) if has_token else "")

    assert stream.read() == [{"type": "error", "message": "authentication failure"}]
    assert stream.connection.close_code is None


def test_a_connection_without_a_subscription_is_closed_after_five_seconds(client: SimulatorClient) -> None:
    stream = client.open()

    client.wait(4.9)
    stream.read()
    assert stream.connection.close_code is None
    client.wait(0.1)
    stream.read()

    assert stream.connection.close_code == 1008


@pytest.mark.parametrize(("channels", "code"), [(["user"], 1008), (["user", "heartbeats"], None)])
def test_a_connection_that_says_nothing_is_closed_unless_its_heart_beats(channels: list[str], code: int | None) -> None:
    client = SimulatorClient(quotes_per_s=0.1, trades_per_s=0.1)
    stream = client.open("/user")
    for channel in channels:
        stream.subscribe(channel)

    for _ in range(12):
        client.wait(8)
        stream.read()

    assert stream.connection.close_code == code


def test_a_usdc_product_is_another_name_for_the_usd_one(client: SimulatorClient) -> None:
    product = client.get("/products/BTC-USDC")
    listed = client.get("/products", ("product_ids", "BTC-USD"), ("product_ids", "BTC-USDC"))["products"]
    stream = client.open()
    stream.subscribe("level2", "BTC-USDC")

    frames = stream.read()

    assert (product["alias"], product["quote_currency_id"]) == ("BTC-USD", "USDC")
    assert [one["alias_to"] for one in listed] == [["BTC-USDC"], []]
    assert listed[1] == product
    assert frames[1]["events"][0]["product_id"] == "BTC-USD"


# ---- faults ------------------------------------------------------------------------------------------------

PLACES = {  # where -> a request that goes there
    "submit": ("POST", "/orders", order_body("a", "BUY", RESTING)),
    "cancel": ("POST", "/orders/batch_cancel", {"order_ids": ["x"]}),
    "query": ("GET", "/orders/historical/x", None),
    "list": ("GET", "/orders/historical/batch", None),
    "accounts": ("GET", "/accounts", None),
    "fills": ("GET", "/orders/historical/fills", None),
    "market_data": ("GET", "/market/products/BTC-USD", None),
}


@pytest.mark.parametrize("where", REQUESTS)
def test_a_fault_strikes_where_it_was_ordered_and_as_often(client: SimulatorClient, where: str) -> None:
    client.inject(kind="5xx", where=where, count=2)

    statuses = {
        place: [client.request(method, path, body=body).status for _ in range(3)]
        for place, (method, path, body) in PLACES.items()
    }

    usual = 404 if where == "query" else 200
    assert statuses.pop(where) == [503, 503, usual]
    assert all(503 not in one for one in statuses.values())


@pytest.mark.parametrize(
    ("kind", "answer", "orders"),
    [
        ("refuse", (0, True, 0.0), 0),
        ("timeout_before_accept", (0, True, 7.0), 0),
        ("timeout_after_accept", (0, True, 7.0), 1),
        ("late_accept", (0, True, 7.0), 0),
        ("5xx", (503, False, 0.0), 0),
        ("5xx_after_accept", (502, False, 0.0), 1),
        ("401", (401, False, 0.0), 0),
        ("429", (429, False, 0.0), 0),
        ("retry_after", (429, False, 0.0), 0),
        ("echo", (503, False, 0.0), 0),
        ("informational", (200, False, 0.0), 1),
        ("drip", (200, False, 0.0), 1),
        ("delay", (200, False, 7.0), 1),
        ("malformed", (200, False, 0.0), 1),
        ("reject", (200, False, 0.0), 0),
        ("fail", (200, False, 0.0), 1),
        ("hold", (200, False, 0.0), 1),
    ],
)
def test_a_create_under_each_fault_is_accepted_or_not_as_the_name_says(
    client: SimulatorClient, kind: str, answer: tuple, orders: int
) -> None:
    client.inject(kind=kind, where="submit", seconds=7.0)

    response = client.request("POST", "/orders", body=order_body("a", "BUY", RESTING))

    assert (response.status, response.drop, response.delay_s) == answer
    assert len(client.truth()["orders"]) == orders


def test_a_late_order_arrives_when_its_sender_has_given_up(client: SimulatorClient) -> None:
    client.inject(kind="late_accept", where="submit", seconds=7.0)
    client.request("POST", "/orders", body=order_body("a", "BUY", RESTING))

    client.wait(7)

    (order,) = client.truth()["orders"]
    assert (order["status"], order["created_ns"]) == ("OPEN", START_NS + 7 * SECOND_NS)


def test_an_order_that_fails_later_was_first_a_success(client: SimulatorClient) -> None:
    client.inject(kind="fail", where="submit")

    reply = client.submit("a", "BUY", RESTING)

    assert reply["success"] is True
    assert client.order(reply["success_response"]["order_id"])["status"] == "FAILED"


@pytest.mark.parametrize(
    ("product_id", "size", "word"),
    [("NONE-USD", "0.01", "INVALID_PRODUCT_ID"), ("BTC-USD", "0", "UNKNOWN_FAILURE_REASON")],
)
def test_what_is_no_order_is_refused_at_once_and_cannot_fail_later(
    client: SimulatorClient, product_id: str, size: str, word: str
) -> None:
    client.inject(kind="fail", where="submit")
    configuration = {"limit_limit_gtc": {"base_size": size, "limit_price": "50000"}}

    reply = client.request("POST", "/orders", body=order_body("a", "BUY", configuration, product_id))

    assert (reply.status, msgspec.json.decode(reply.body)["error_response"]["error"]) == (200, word)


IOC = {"sor_limit_ioc": {"base_size": "0.01", "limit_price": "100000"}}


def test_an_order_that_is_held_ends_late_or_by_a_cancel_and_one_that_rests_is_not_held(client: SimulatorClient) -> None:
    client.inject(kind="hold", where="submit", seconds=7.0, count=3)
    late, canceled, resting = (
        client.submit(name, "BUY", how)["success_response"]["order_id"]
        for name, how in (("a", IOC), ("b", IOC), ("c", RESTING))
    )
    client.wait(6.5)
    assert [client.order(it)["status"] for it in (late, canceled, resting)] == ["PENDING", "PENDING", "OPEN"]

    (result,) = client.cancel(canceled)
    client.wait(1)

    assert result["success"] is True
    assert [client.order(it)["status"] for it in (late, canceled)] == ["FILLED", "CANCELLED"]
    assert client.balance("BTC") == ("0.01", "0")


def test_a_malformed_body_is_no_json_and_429_says_when_to_come_back(client: SimulatorClient) -> None:
    client.inject(kind="malformed", where="accounts")
    client.inject(kind="429", where="fills", retry_after=2.5)

    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(client.request("GET", "/accounts").body)
    assert client.request("GET", "/orders/historical/fills").headers["retry-after"] == "2.5"


def test_a_rejected_cancel_leaves_the_order_open(client: SimulatorClient) -> None:
    order_id = client.submit("a", "BUY", RESTING)["success_response"]["order_id"]
    client.inject(kind="reject", where="cancel")

    (result,) = client.cancel(order_id)

    assert (result["success"], result["failure_reason"]) == (False, "COMMANDER_REJECTED_CANCEL_ORDER")
    assert client.order(order_id)["status"] == "OPEN"


def test_times_are_written_as_utc_with_the_fraction_cut() -> None:
    assert rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
    assert rfc3339(1_700_000_000_000_000_000, digits=9) == "2023-11-14T22:13:20.000000000Z"
