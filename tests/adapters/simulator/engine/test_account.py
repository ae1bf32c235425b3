"""One account at the simulated Coinbase: orders, holds, fees, brackets, reads, and the truth about them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulator.coinbase.encode import rfc3339
from domain.instant import SECOND_NS
from domain.numbers import ZERO
from tests.adapters.simulator.client import START_NS, SimulatorClient, bracket, ioc, memory_store, order_body

FEE = Decimal("0.006")
FAR_BELOW = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000", "post_only": True}}


@pytest.fixture
def client() -> SimulatorClient:
    return SimulatorClient()


def reason(reply: dict) -> str:
    assert reply["success"] is False
    return reply["error_response"]["new_order_failure_reason"]


# ---- trading and money -------------------------------------------------------------------------------------


def test_an_aggressive_ioc_fills_at_the_touch_and_pays_the_taker_fee(client: SimulatorClient) -> None:
    """TC-E13"""
    _, ask = client.touch()

    reply = client.submit("a", "BUY", ioc("0.01", "70000"))

    order = client.order(reply["success_response"]["order_id"])
    notional = Decimal(ask) * Decimal("0.01")
    assert (order["status"], order["filled_size"], order["average_filled_price"]) == ("FILLED", "0.01", ask)
    assert Decimal(order["total_fees"]) == notional * FEE
    assert Decimal(client.balance("USD")[0]) == 10_000 - notional - notional * FEE
    assert client.balance("BTC") == ("0.01", "0")


def test_a_passive_ioc_is_cancelled_with_nothing_held(client: SimulatorClient) -> None:
    """TC-E14"""
    reply = client.submit("a", "BUY", ioc("0.01", "50000"))

    order = client.order(reply["success_response"]["order_id"])
    assert (order["status"], order["filled_size"]) == ("CANCELLED", "0")
    assert client.balance("USD") == ("10000", "0")


def test_a_market_buy_by_quote_size_spends_no_more_fee_included(client: SimulatorClient) -> None:
    order = client.order(client.buy("a", "500"))

    spent = Decimal(order["total_value_after_fees"])
    assert order["status"] == "FILLED"
    assert Decimal("499.99") < spent <= 500


def test_a_resting_buy_holds_its_cost_with_fee_until_it_is_cancelled(client: SimulatorClient) -> None:
    order_id = client.submit("a", "BUY", FAR_BELOW)["success_response"]["order_id"]
    assert client.order(order_id)["status"] == "OPEN"
    assert client.balance("USD") == ("9497", "503")

    (result,) = client.cancel(order_id)

    assert result["success"] is True
    assert client.order(order_id)["status"] == "CANCELLED"
    assert client.balance("USD") == ("10000", "0")


def test_a_partly_filled_order_holds_only_what_is_left() -> None:
    client = SimulatorClient(balances={"USD": Decimal(1_000_000)})
    _, ask = client.touch()

    reply = client.submit("a", "BUY", {"limit_limit_gtc": {"base_size": "2", "limit_price": ask}})

    order = client.order(reply["success_response"]["order_id"])
    left = 2 - Decimal(order["filled_size"])
    assert order["status"] == "OPEN" and 0 < left < 2
    assert Decimal(client.balance("USD")[1]) == left * Decimal(ask) * (1 + FEE)


def test_coins_held_by_a_bracket_cannot_be_sold(client: SimulatorClient) -> None:
    client.submit("buy", "BUY", ioc("0.01", "70000"))
    client.submit("protect", "SELL", bracket("0.01", Decimal(70000), Decimal(60000)))

    reply = client.submit("close", "SELL", ioc("0.01", "60000"))

    assert client.balance("BTC") == ("0", "0.01")
    assert reason(reply) == "INSUFFICIENT_FUND"


def test_the_ledger_refuses_what_is_not_there(client: SimulatorClient) -> None:
    assert reason(client.submit("a", "BUY", ioc("1", "70000"))) == "INSUFFICIENT_FUND"
    assert reason(client.submit("b", "SELL", ioc("0.01", "60000"))) == "INSUFFICIENT_FUND"


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        (ioc("0.000000001", "70000"), "INVALID_SIZE_PRECISION"),
        (ioc("0.01", "70000.001"), "INVALID_PRICE_PRECISION"),
        (ioc("0.00000001", "70000"), "UNKNOWN_FAILURE_REASON"),
        ({"limit_limit_gtc": {"base_size": "0.01", "limit_price": "70000", "post_only": True}},
         "INVALID_LIMIT_PRICE_POST_ONLY"),
        ({"market_market_fok": {"quote_size": "10"}}, "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({"limit_limit_gtd": {"base_size": "0.01", "limit_price": "50000", "end_time": rfc3339(START_NS)}},
         "END_TIME_IS_IN_THE_PAST"),
        (bracket("0.01", Decimal(60000), Decimal(62000)), "STOP_PRICE_BELOW_LAST_TRADE_PRICE"),
        (bracket("0.01", Decimal(60000), Decimal(59000)), "UNKNOWN_FAILURE_REASON"),
    ],
)  # fmt: skip
def test_what_the_venue_would_not_take_is_refused_in_its_own_words(
    client: SimulatorClient, configuration: dict, why: str
) -> None:
    assert reason(client.submit("a", "BUY", configuration)) == why
    assert client.truth()["orders"] == []


def test_a_resting_order_fills_as_maker_when_the_market_comes_to_it() -> None:
    client = SimulatorClient(volatility=0.004, quotes_per_s=10.0)
    bid = Decimal(client.touch()[0])
    configuration = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": str(bid - 1)}}
    order_id = client.submit("a", "BUY", configuration)["success_response"]["order_id"]

    client.wait(10)

    (fill,) = client.get("/orders/historical/fills", ("order_ids", order_id))["fills"]
    assert (fill["liquidity_indicator"], Decimal(fill["price"])) == ("MAKER", bid - 1)
    assert Decimal(fill["commission"]) == (bid - 1) * Decimal("0.01") * Decimal("0.004")
    assert client.balance("USD")[1] == "0"


def test_a_gtd_order_expires_at_its_end(client: SimulatorClient) -> None:
    """TC-E17, TC-E18"""
    end = rfc3339(START_NS + 2 * SECOND_NS)
    configuration = {"limit_limit_gtd": {"base_size": "0.01", "limit_price": "50000", "end_time": end}}
    order_id = client.submit("a", "BUY", configuration)["success_response"]["order_id"]
    assert client.order(order_id)["status"] == "OPEN"

    client.wait(2)

    assert client.order(order_id)["status"] == "EXPIRED"
    assert client.balance("USD") == ("10000", "0")


def test_an_order_never_trades_with_our_own(client: SimulatorClient) -> None:
    client.submit("coins", "BUY", ioc("0.01", "70000"))
    bid, ask = (Decimal(price) for price in client.touch())
    assert ask - bid > 1
    inside = str(bid + 1)
    resting = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": inside}}
    client.submit("mine", "SELL", resting)

    newer = client.submit("newer", "BUY", ioc("0.01", inside))["success_response"]["order_id"]

    assert client.order(newer)["status"] == "CANCELLED"
    assert [fill["client_order_id"] for fill in client.truth()["fills"]] == ["coins"]


# ---- brackets and stops ------------------------------------------------------------------------------------


def test_a_bracket_takes_its_profit_as_maker() -> None:
    client = SimulatorClient(volatility=0.004, quotes_per_s=10.0)
    client.submit("buy", "BUY", ioc("0.01", "70000"))
    target = Decimal(client.touch()[1]) + 20
    reply = client.submit("protect", "SELL", bracket("0.01", target, Decimal(40000)))

    client.wait(10)

    order = client.order(reply["success_response"]["order_id"])
    assert (order["status"], Decimal(order["average_filled_price"])) == ("FILLED", target)
    assert order["trigger_status"] == "STOP_PENDING"
    assert client.balance("BTC") == ("0", "0")


def test_a_bracket_sells_at_the_touch_once_its_stop_is_reached() -> None:
    client = SimulatorClient(volatility=0.004, quotes_per_s=10.0)
    client.submit("buy", "BUY", ioc("0.01", "70000"))
    stop = Decimal(client.touch()[0]) - 20
    reply = client.submit("protect", "SELL", bracket("0.01", Decimal(90000), stop))

    client.wait(10)

    order = client.order(reply["success_response"]["order_id"])
    assert (order["status"], order["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")
    assert stop * Decimal("0.95") < Decimal(order["average_filled_price"]) <= stop
    assert client.balance("BTC") == ("0", "0")


def test_a_triggered_bracket_leaves_no_target_behind_while_it_sells() -> None:
    client = SimulatorClient(volatility=0.004, quotes_per_s=10.0, seed=2, balances={"BTC": Decimal(50)})
    stop = Decimal(client.touch()[0]) - 20
    order_id = client.submit("protect", "SELL", bracket("50", Decimal(90000), stop))["success_response"]["order_id"]

    client.wait(3)

    order = client.order(order_id)
    asks = client.get("/product_book", ("product_id", "BTC-USD"))["pricebook"]["asks"]
    assert (order["status"], order["trigger_status"]) == ("OPEN", "STOP_TRIGGERED")
    assert "90000" not in [level["price"] for level in asks]
    assert Decimal(client.balance("BTC")[1]) == 50 - Decimal(order["filled_size"]) > 0


def test_a_stop_limit_waits_outside_the_book_and_fires_in_its_direction() -> None:
    client = SimulatorClient(volatility=0.004, quotes_per_s=10.0)
    stop = Decimal(client.touch()[1]) + 20
    configuration = {
        "stop_limit_stop_limit_gtc": {
            "base_size": "0.01",
            "limit_price": str(stop + 1000),
            "stop_price": str(stop),
            "stop_direction": "STOP_DIRECTION_STOP_UP",
        }
    }
    order_id = client.submit("a", "BUY", configuration)["success_response"]["order_id"]
    assert client.order(order_id)["trigger_status"] == "STOP_PENDING"

    client.wait(10)

    order = client.order(order_id)
    assert (order["status"], order["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")


# ---- identity and reads ------------------------------------------------------------------------------------


def test_a_client_order_id_makes_one_order_for_ever(client: SimulatorClient) -> None:
    first = client.submit("same", "BUY", FAR_BELOW)["success_response"]["order_id"]
    client.cancel(first)

    second = client.submit("same", "SELL", ioc("5", "1"))

    assert second["success"] is True
    assert second["success_response"]["order_id"] == first
    assert len(client.truth()["orders"]) == 1
    assert client.truth()["duplicate_client_order_ids"] == []


def test_a_refused_client_order_id_may_be_used_again(client: SimulatorClient) -> None:
    client.submit("a", "BUY", ioc("100", "70000"))

    assert client.submit("a", "BUY", ioc("0.01", "70000"))["success"] is True


def test_order_reads_lag_behind_while_fills_and_accounts_do_not() -> None:
    client = SimulatorClient(read_lag_max_s=10.0)
    order_id = client.buy("a", "500")

    assert client.request("GET", f"/orders/historical/{order_id}").status == 404
    assert client.get("/orders/historical/batch")["orders"] == []
    assert len(client.get("/orders/historical/fills")["fills"]) == 1
    assert client.balance("BTC")[0] != "0"

    client.wait(10)
    assert client.order(order_id)["status"] == "FILLED"
    assert len(client.get("/orders/historical/batch")["orders"]) == 1


def test_listings_come_in_pages_that_new_orders_do_not_shift(client: SimulatorClient) -> None:
    ids = [client.submit(str(n), "BUY", FAR_BELOW)["success_response"]["order_id"] for n in range(3)]

    first = client.get("/orders/historical/batch", ("limit", "2"))
    client.submit("later", "BUY", FAR_BELOW)
    rest = client.get("/orders/historical/batch", ("limit", "2"), ("cursor", first["cursor"]))

    assert [one["order_id"] for one in first["orders"] + rest["orders"]] == ids[::-1]
    assert (first["has_next"], rest["has_next"], rest["cursor"]) == (True, False, "")


def test_listings_filter_by_repeated_keys(client: SimulatorClient) -> None:
    client.submit("open", "BUY", FAR_BELOW)
    client.buy("filled", "100")

    def names(*query: tuple[str, str]) -> list[str]:
        return [one["client_order_id"] for one in client.get("/orders/historical/batch", *query)["orders"]]

    assert names(("order_status", "OPEN")) == ["open"]
    assert names(("order_status", "OPEN"), ("order_status", "FILLED")) == ["filled", "open"]
    assert names(("product_ids", "ETH-USD")) == []
    assert names(("product_id", "ETH-USD")) == ["filled", "open"]  # the singular is silently ignored
    assert names(("start_date", rfc3339(START_NS + 1))) == names()
    assert names(("end_date", rfc3339(START_NS))) == []


def test_cancelling_gives_one_verdict_per_order(client: SimulatorClient) -> None:
    open_id = client.submit("open", "BUY", FAR_BELOW)["success_response"]["order_id"]
    done_id = client.buy("done", "100")

    results = client.cancel(open_id, done_id, "nope")

    assert [(one["success"], one["failure_reason"]) for one in results] == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"),
        (False, "ORDER_IS_FULLY_FILLED"),
        (False, "UNKNOWN_CANCEL_ORDER"),
    ]


def test_a_preview_costs_nothing_and_says_what_would_go_wrong(client: SimulatorClient) -> None:
    fine = client.post("/orders/preview", order_body("", "BUY", ioc("0.01", "50000")))
    poor = client.post("/orders/preview", order_body("", "BUY", ioc("1", "70000")))

    assert (fine["errs"], fine["order_total"], fine["commission_total"]) == ([], "503", "3")
    assert poor["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    assert client.truth()["orders"] == []


# ---- conservation ------------------------------------------------------------------------------------------

moves = st.lists(
    st.tuples(
        st.sampled_from(["market", "ioc", "resting", "bracket", "sell", "cancel", "wait", "kill"]),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=10,
)


def play(client: SimulatorClient, kind: str, size: int, name: str) -> None:
    quantity = f"0.00{size:02d}"
    bid, ask = (Decimal(price) for price in client.touch())
    match kind:
        case "market":
            client.submit(name, "BUY", {"market_market_ioc": {"quote_size": str(size * 20)}})
        case "ioc":
            client.submit(name, "BUY", ioc(quantity, str(ask)))
        case "resting":
            price = str(bid - size)
            client.submit(name, "BUY", {"limit_limit_gtc": {"base_size": quantity, "limit_price": price}})
        case "bracket":
            client.submit(name, "SELL", bracket(quantity, ask + size, bid - size))
        case "sell":
            client.submit(name, "SELL", {"market_market_ioc": {"base_size": quantity}})
        case "cancel":
            client.cancel(*client.truth()["open_orders"][:1])
        case "wait":
            client.wait(size / 10)
        case "kill":
            before = client.truth()
            client.restart(down_s=size / 40)
            assert_is_continued(before, client.truth())


def assert_is_continued(before: dict, after: dict) -> None:
    """What had happened has still happened, and only what was open may have moved on."""
    is_open = set(before["open_orders"])
    assert after["fills"][: len(before["fills"])] == before["fills"]
    assert [one["order_id"] for one in after["orders"]] == [one["order_id"] for one in before["orders"]]
    for old, new in zip(before["orders"], after["orders"], strict=True):
        assert old == new or old["order_id"] in is_open


@settings(max_examples=15)
@given(moves)
def test_money_is_conserved_to_the_last_digit(steps: list[tuple[str, int]]) -> None:
    client = SimulatorClient(store=memory_store(), warm_up_s=0.5, volatility=0.004, quotes_per_s=5.0)

    for number, (kind, size) in enumerate(steps):
        client.wait(0.4)  # out of the way of the rate limit
        play(client, kind, size, str(number))
        for balance in client.truth()["balances"].values():
            assert 0 <= Decimal(balance["hold"]) <= Decimal(balance["total"])

    truth = client.truth()
    usd, btc = Decimal(10_000), ZERO
    for fill in truth["fills"]:
        sign_of = 1 if fill["side"] == "BUY" else -1
        btc += sign_of * Decimal(fill["size"])
        usd -= sign_of * Decimal(fill["size"]) * Decimal(fill["price"]) + Decimal(fill["fee"])
    assert Decimal(truth["balances"]["USD"]["total"]) == usd
    assert Decimal(truth["balances"].get("BTC", {"total": "0"})["total"]) == btc
    assert Decimal(truth["fees"].get("USD", "0")) == sum((Decimal(fill["fee"]) for fill in truth["fills"]), ZERO)
    client.wait(1)
    client.cancel(*truth["open_orders"])
    assert all(balance["hold"] == "0" for balance in client.truth()["balances"].values())


def test_the_same_calls_make_the_same_world() -> None:
    truths = []
    for polls in (1, 50):
        client = SimulatorClient(seed=5, read_lag_max_s=1.0)
        client.buy("a", "500")
        for _ in range(polls):
            client.wait(5 / polls)
            client.world.advance(client.now_ns)
        client.submit("b", "SELL", {"market_market_ioc": {"base_size": "0.001"}})
        truths.append(client.truth())

    assert truths[0] == truths[1]


def test_a_venue_started_later_never_reuses_an_id() -> None:
    first, second = SimulatorClient(), SimulatorClient(start_ns=START_NS + 3600 * SECOND_NS)
    for client in (first, second):
        client.buy("a", "500")

    (one,), (other,) = first.truth()["fills"], second.truth()["fills"]

    assert not {one["order_id"], one["entry_id"], one["trade_id"]} & set(other.values())
