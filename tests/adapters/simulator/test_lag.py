"""Reads that lag: the simulated Coinbase answers them as of some seconds ago (docs/money.md 6)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.simulator.faults import InvalidFault
from tests.adapters.simulator.client import SimulatorClient, bracket

ID = "00000000-0000-4000-8000-00000000000"


@pytest.fixture
def client() -> SimulatorClient:
    return SimulatorClient(read_lag_max_s=0.0)


def lagged(client: SimulatorClient, path: str, where: str, seconds: float):
    client.inject(kind="lag", where=where, seconds=seconds)
    return client.get(path)


def coins(answer: dict) -> str:
    return next(row["available_balance"]["value"] for row in answer["accounts"] if row["currency"] == "BTC")


def test_balances_are_told_as_they_were(client: SimulatorClient) -> None:
    client.wait(10)
    client.buy(ID + "1", "100")
    client.wait(9)

    before, after = (coins(lagged(client, "/accounts", "accounts", seconds)) for seconds in (10, 8))

    assert before == "0"
    assert after == coins(client.get("/accounts")) != "0"


def test_what_is_held_lags_with_the_total(client: SimulatorClient) -> None:
    client.buy(ID + "1", "100")
    client.wait(5)
    total, _ = client.balance("BTC")
    bid = client.world.markets["coinbase"].products["BTC-USD"].tape.last_price
    client.submit(ID + "2", "SELL", bracket(total, bid * 2, Decimal(30000)))
    client.wait(5)

    (row,) = [row for row in lagged(client, "/accounts", "accounts", 7)["accounts"] if row["currency"] == "BTC"]

    assert client.balance("BTC")[1] == total
    assert row["hold"]["value"] == "0" and row["available_balance"]["value"] == total


def test_an_order_is_not_there_before_it_was_and_open_as_long_as_it_was(client: SimulatorClient) -> None:
    order = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "30000", "post_only": False}}
    client.wait(10)
    order_id = client.submit(ID + "1", "BUY", order)["success_response"]["order_id"]
    client.wait(5)
    client.cancel(order_id)
    client.wait(5)

    def listed(seconds: float) -> list[str]:
        answer = lagged(client, "/orders/historical/batch", "list", seconds)
        return [row["status"] for row in answer["orders"]]

    assert [listed(seconds) for seconds in (11, 7, 1)] == [[], ["OPEN"], ["CANCELLED"]]
    client.inject(kind="lag", where="query", seconds=11)
    assert client.request("GET", f"/orders/historical/{order_id}").status == 404
    assert lagged(client, f"/orders/historical/{order_id}", "query", 7)["order"]["status"] == "OPEN"


def test_fills_are_listed_late(client: SimulatorClient) -> None:
    client.buy(ID + "1", "100")
    client.wait(5)

    assert lagged(client, "/orders/historical/fills", "fills", 6)["fills"] == []
    assert lagged(client, "/orders/historical/fills", "fills", 4)["fills"] != []


def test_it_strikes_as_often_as_it_was_asked_to(client: SimulatorClient) -> None:
    client.wait(10)
    client.buy(ID + "1", "100")
    client.inject(kind="lag", where="accounts", seconds=5, count=2)

    assert [coins(client.get("/accounts")) != "0" for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"where": "submit"}, "lag cannot happen at 'submit'; allowed are query, list, accounts, fills, any"),
        ({"seconds": 121}, "seconds 121.0 is out of bounds; allowed are 0 to 120"),
    ],
)
def test_what_cannot_lag_is_refused_in_one_line(client: SimulatorClient, fault: dict, text: str) -> None:
    with pytest.raises(InvalidFault, match=f"^{text}"):
        client.inject(kind="lag", **fault)
