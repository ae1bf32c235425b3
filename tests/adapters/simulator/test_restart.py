"""The simulated venue dies at any moment and comes back: account, identities and prices are those it had."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.simulator.coinbase.encode import rfc3339
from adapters.simulator.engine.agenda import Agenda
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.listings import VENUES
from adapters.simulator.engine.market import Market
from adapters.simulator.engine.records import Records, Terms
from adapters.simulator.engine.spot_account import SpotAccount
from adapters.simulator.store import SqliteStore
from domain.errors import InvalidSetting
from domain.instant import SECOND_NS
from domain.settings import SimulatorSettings
from tests.adapters.simulator.client import (
    START_NS,
    SimulatorClient,
    bracket,
    ioc,
    memory_store,
    quick_settings,
)

FAR_BELOW = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}
LIVELY = {"volatility": 0.004, "quotes_per_s": 10.0}


def venue(**settings) -> SimulatorClient:
    return SimulatorClient(store=memory_store(), **settings)


def submit(client: SimulatorClient, name: str, side: str, configuration: dict) -> str:
    return client.submit(name, side, configuration)["success_response"]["order_id"]


def stop_limit(stop: Decimal, size: str = "0.01") -> dict:
    """Return a buy that waits outside the book for a rise to `stop`."""
    return {
        "stop_limit_stop_limit_gtc": {
            "base_size": size,
            "limit_price": str(stop + 1000),
            "stop_price": str(stop),
            "stop_direction": "STOP_DIRECTION_STOP_UP",
        }
    }


# ---- the account -------------------------------------------------------------------------------------------


def test_the_whole_account_is_there_again() -> None:
    client = venue()
    client.buy("bought", "500")
    client.cancel(submit(client, "cancelled", "BUY", FAR_BELOW))
    submit(client, "open", "BUY", FAR_BELOW)
    size = client.balance("BTC")[0]
    submit(client, "protection", "SELL", bracket(size, Decimal(90000), Decimal(40000)))
    before = client.truth()

    client.restart()

    assert client.truth() == before
    assert client.balance("USD")[1] == "503"
    assert client.balance("BTC") == ("0", size)


def test_an_order_that_failed_and_one_the_market_filled_are_kept_too() -> None:
    client = venue(**LIVELY)
    client.inject(kind="fail", where="submit")
    failed = submit(client, "failed", "BUY", FAR_BELOW)
    bid = Decimal(client.touch()[0])
    resting = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": str(bid - 1)}}
    filled = submit(client, "filled", "BUY", resting)
    client.wait(10)
    assert client.order(filled)["status"] == "FILLED"

    client.restart()

    assert (client.order(failed)["status"], client.order(filled)["status"]) == ("FAILED", "FILLED")
    assert client.balance("BTC") == ("0.01", "0")


@pytest.mark.parametrize("teller", ["stream", "truth"])
def test_whoever_tells_of_a_fill_it_is_kept(teller: str) -> None:
    client = venue(**LIVELY)
    bid = Decimal(client.touch()[0])
    submit(client, "a", "BUY", {"limit_limit_gtc": {"base_size": "0.01", "limit_price": str(bid - 1)}})
    stream = client.open("/user")
    stream.subscribe("user")
    stream.events("user")
    client.wait(10)
    if teller == "stream":
        told = "".join(frame.data.decode() for frame in stream.raw())
    else:
        told = str(client.truth()["orders"])
    assert "FILLED" in told

    client.restart()

    assert [fill["client_order_id"] for fill in client.truth()["fills"]] == ["a"]


def test_our_key_still_opens_the_door() -> None:
    client = venue()
    key = client.world.key

    client.restart()

    assert client.world.key == key
    assert client.request("GET", "/accounts").status == 200


def test_other_settings_change_nothing_about_an_account_that_exists() -> None:
    client = venue()
    submit(client, "open", "BUY", FAR_BELOW)

    client.restart(balances={"USD": Decimal(1)}, taker_fee_ratio=Decimal("0.5"))

    assert client.balance("USD") == ("9497", "503")


# ---- orders that wait --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_target", [True, False])
def test_a_resting_bracket_still_does_what_it_was_for(is_target: bool) -> None:
    client = venue(**LIVELY)
    client.submit("buy", "BUY", ioc("0.01", "70000"))
    bid, ask = (Decimal(price) for price in client.touch())
    prices = (ask + 20, Decimal(40000)) if is_target else (Decimal(90000), bid - 20)
    order_id = submit(client, "protect", "SELL", bracket("0.01", *prices))

    client.restart()
    assert client.order(order_id)["status"] == "OPEN"
    client.wait(20)

    order = client.order(order_id)
    assert order["status"] == "FILLED"
    assert order["trigger_status"] == ("STOP_PENDING" if is_target else "STOP_TRIGGERED")
    price = Decimal(order["average_filled_price"])
    assert price == ask + 20 if is_target else price <= bid - 20
    assert client.balance("BTC") == ("0", "0")


def test_a_bracket_that_was_triggered_goes_on_selling_and_holds_what_is_left() -> None:
    client = venue(**LIVELY, seed=2, balances={"BTC": Decimal(50)})
    stop = Decimal(client.touch()[0]) - 20
    order_id = submit(client, "protect", "SELL", bracket("50", Decimal(90000), stop))
    client.wait(3)
    sold = Decimal(client.order(order_id)["filled_size"])
    assert 0 < sold < 50

    client.restart(down_s=1)

    order = client.order(order_id)
    filled = Decimal(order["filled_size"])
    assert (order["status"], order["trigger_status"]) == ("OPEN", "STOP_TRIGGERED")
    assert sold < filled < 50
    assert Decimal(client.balance("BTC")[1]) == 50 - filled


def test_a_stop_waits_outside_the_book_and_fires() -> None:
    client = venue(**LIVELY)
    stop = Decimal(client.touch()[1]) + 20
    order_id = submit(client, "a", "BUY", stop_limit(stop))

    client.restart()

    assert client.order(order_id)["trigger_status"] == "STOP_PENDING"
    assert client.truth()["fills"] == []
    client.wait(20)
    assert client.order(order_id)["status"] == "FILLED"


def test_a_stop_that_has_fired_goes_on_buying() -> None:
    client = venue(**LIVELY, balances={"USD": Decimal(10_000_000)})
    stop = Decimal(client.touch()[1]) + 20
    order_id = submit(client, "a", "BUY", stop_limit(stop, size="100"))
    client.wait(20)
    bought = Decimal(client.order(order_id)["filled_size"])
    assert 0 < bought < 100

    client.restart(down_s=1)

    assert bought < Decimal(client.order(order_id)["filled_size"]) < 100


def test_orders_trade_and_expire_while_the_venue_is_down() -> None:
    client = venue(**LIVELY, warm_up_s=30.0)
    bid = Decimal(client.touch()[0])
    end = rfc3339(START_NS + 5 * SECOND_NS)
    rests = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": str(bid - 1)}}
    ends = {"limit_limit_gtd": {"base_size": "0.01", "limit_price": "50000", "end_time": end}}
    submit(client, "rests", "BUY", rests)
    submit(client, "ends", "BUY", ends)
    submit(client, "fires", "BUY", stop_limit(bid + 20))

    client.restart(down_s=20)

    truth = client.truth()
    assert [order["status"] for order in truth["orders"]] == ["FILLED", "EXPIRED", "FILLED"]
    assert {fill["client_order_id"] for fill in truth["fills"]} == {"rests", "fires"}
    assert all(START_NS < fill["time_ns"] < client.now_ns for fill in truth["fills"])
    assert client.balance("USD")[1] == "0"


# ---- identities --------------------------------------------------------------------------------------------


def test_a_client_order_id_stays_used() -> None:
    client = venue()
    filled, cancelled = client.buy("filled", "500"), submit(client, "cancelled", "BUY", FAR_BELOW)
    client.cancel(cancelled)

    client.restart()

    assert client.buy("filled", "500") == filled
    assert submit(client, "cancelled", "SELL", ioc("5", "1")) == cancelled
    assert len(client.truth()["orders"]) == 2
    assert len(client.truth()["fills"]) == 1


@pytest.mark.parametrize("down_s", [0.0, 0.001, 2.0])
def test_ids_never_repeat(down_s: float) -> None:
    client = venue(warm_up_s=1.0)
    for life in range(4):
        client.buy(str(life), "500")
        client.restart(down_s)

    truth = client.truth()

    for rows, name in (("orders", "order_id"), ("fills", "entry_id"), ("fills", "trade_id")):
        assert len({row[name] for row in truth[rows]}) == 4


# ---- the market --------------------------------------------------------------------------------------------


def trades(client: SimulatorClient) -> list[tuple[int, str]]:
    """Return (id, price) of the trades that the venue shows, oldest first."""
    rows = client.get("/market/products/BTC-USD/ticker", ("limit", "1000"))["trades"]
    return [(int(row["trade_id"]), row["price"]) for row in reversed(rows)]


def middle(client: SimulatorClient) -> float:
    return sum(map(float, client.touch())) / 2


def test_the_market_goes_on_from_the_price_and_the_trades_it_had() -> None:
    client = venue(warm_up_s=10.0, seed=6, **LIVELY)  # one that wanders far from where markets begin
    client.wait(5)
    before, price = trades(client), middle(client)
    client.world.save()

    client.restart(down_s=2)

    after = trades(client)
    ids = [trade_id for trade_id, _ in after]
    kept = after[: after.index(before[-1]) + 1]
    assert kept == before[-len(kept) :] and len(kept) > 10  # the oldest fall out of the warm-up
    assert len(after) > len(kept)
    assert ids == sorted(set(ids))
    assert middle(client) == pytest.approx(price, rel=0.02)  # 3.5 standard deviations of two seconds
    assert middle(client) != pytest.approx(64_000, rel=0.02)


def test_after_a_long_time_the_history_is_as_long_as_ever_and_without_a_hole() -> None:
    client = venue(warm_up_s=10.0, **LIVELY)
    client.wait(5)
    price = middle(client)
    client.world.save()

    client.restart(down_s=3600)

    prints = client.world.exchange.market.products["BTC-USD"].tape.prints
    gaps = [later.time_ns - earlier.time_ns for earlier, later in zip(prints, list(prints)[1:], strict=False)]
    assert client.now_ns - prints[0].time_ns <= 10 * SECOND_NS
    assert len(prints) > 30 and max(gaps) < 3 * SECOND_NS
    assert middle(client) == pytest.approx(price, rel=0.05)  # it stood still before that history


def test_a_market_that_goes_on_does_not_repeat_its_beginning() -> None:
    client = venue(warm_up_s=10.0, **LIVELY)
    first = [float(price) for _, price in trades(client)]

    client.restart(down_s=10)

    again = [float(price) for _, price in trades(client)][-len(first) :]
    ratios = {round(new / old, 6) for old, new in zip(first, again, strict=False)}
    assert len(ratios) > len(first) / 2


def test_a_clock_that_was_set_back_does_not_close_the_market() -> None:
    client = venue()
    client.buy("a", "500")

    client.restart(down_s=-3600)

    client.wait(1)
    assert client.order(client.buy("b", "500"))["status"] == "FILLED"


# ---- the file ----------------------------------------------------------------------------------------------


def test_a_file_serves_one_simulator_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "simulator.sqlite"
    first = SqliteStore(path, 60.0)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **kind: connect(path, **kind | {"timeout": 0.01}))

    with pytest.raises(InvalidSetting, match=r"an account no other simulator uses \(database is locked\)"):
        SqliteStore(path, 60.0)

    first.close()
    SqliteStore(path, 60.0).close()


def test_an_account_that_kept_coinbases_word_for_a_failure_is_read(tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite"
    kept = SqliteStore(path, 60.0)
    client = SimulatorClient(store=kept)
    client.inject(kind="fail", where="submit")
    failed = submit(client, "failed", "BUY", FAR_BELOW)
    kept.close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE orders SET body = json_set(body, '$.reject_reason', 'UNKNOWN_FAILURE_REASON')")

    order = SimulatorClient(store=SqliteStore(path, 60.0)).order(failed)

    assert (order["status"], order["reject_reason"]) == ("FAILED", "UNKNOWN_FAILURE_REASON")


def test_a_fresh_account_forgets_everything(tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite"
    kept = SqliteStore(path, 60.0)
    SimulatorClient(store=kept).buy("a", "500")
    kept.close()

    fresh = SqliteStore(path, 60.0, is_fresh=True)

    assert fresh.load() is None
    client = SimulatorClient(store=fresh, balances={"USD": Decimal(7)})
    assert client.truth()["orders"] == []
    assert client.balance("USD") == ("7", "0")
    fresh.close()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"not a database", "must be an account no other"), (None, "was written by another version of nzeza")],
)
def test_a_file_that_is_none_of_ours_is_one_line(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite"
    if content is None:
        foreign = sqlite3.connect(path)
        foreign.execute("PRAGMA user_version = 99")
        foreign.close()
    else:
        path.write_bytes(content * 100)

    with pytest.raises(InvalidSetting, match=complaint) as caught:
        SqliteStore(path, 60.0)

    assert "\n" not in str(caught.value)


def test_a_planted_link_is_not_followed_to_keep_an_account(tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite"
    path.symlink_to(tmp_path / "victim")

    with pytest.raises(InvalidSetting, match="is a link, which is never followed"):
        SqliteStore(path, 60.0)

    assert not (tmp_path / "victim").exists()


def test_old_prints_leave_the_file() -> None:
    client = SimulatorClient(store=memory_store(keep_tape_s=2.0), warm_up_s=10.0, **LIVELY)
    client.wait(5)
    client.world.save()

    records = client.store.load()

    oldest_ns = min(one.time_ns for product in records.products.values() for one in product.prints)
    assert 1 * SECOND_NS < client.now_ns - oldest_ns <= 7 * SECOND_NS


def test_the_markets_of_all_venues_go_on_from_the_prices_they_had() -> None:
    settings = quick_settings(**LIVELY)
    first, store = open_markets(settings, START_NS), memory_store()
    terms = Terms({"USD": Decimal(1)}, Decimal(0), Decimal(0))
    coinbase = first["coinbase"]
    exchange = Exchange(settings, coinbase, terms, SpotAccount(terms, coinbase.products), START_NS)
    exchange.advance(START_NS + 3 * SECOND_NS)
    store.save({"coinbase": exchange}, first.values())

    second = open_markets(settings, START_NS + 3 * SECOND_NS, store.load())

    for venue, market in first.items():
        for name, product in market.products.items():
            again = second[venue].products[name]
            assert again.latent == pytest.approx(product.latent, rel=1e-12)
            assert again.tape.prints == product.tape.prints
            assert again.book.next_trade_id >= product.book.next_trade_id


def open_markets(settings: SimulatorSettings, start_ns: int, records: Records | None = None) -> dict[str, Market]:
    agenda, latents = Agenda(start_ns), {}
    return {venue: Market(venue, settings, agenda, latents, start_ns - 10 * SECOND_NS, records) for venue in VENUES}


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_from_when_only_coinbase_had_an_account_is_adopted(version: int, tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite"
    store = SqliteStore(path, 60.0)
    client = SimulatorClient(store=store)
    order_id = client.buy("a", "500")
    client.world.save()
    before = store.load()
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(AS_VERSION_2 + (AS_VERSION_1 if version == 1 else ""))

    client.store = SqliteStore(path, 60.0)

    kept = client.store.load()
    assert (kept.products, kept.accounts["coinbase"].terms) == (before.products, before.accounts["coinbase"].terms)
    client.restart()
    assert client.order(order_id)["status"] == "FILLED"
    client.store.close()


AS_VERSION_2 = """
ALTER TABLE account RENAME TO newer;
CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), saved_ns INTEGER NOT NULL, terms TEXT NOT NULL);
INSERT INTO account SELECT 1, saved_ns, terms FROM newer;
DROP TABLE newer;
ALTER TABLE orders RENAME TO newer;
CREATE TABLE orders (number INTEGER PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO orders SELECT number, body FROM newer;
DROP TABLE newer;
ALTER TABLE fills RENAME TO newer;
CREATE TABLE fills (
    number INTEGER PRIMARY KEY, entry_id TEXT NOT NULL, trade_id TEXT NOT NULL, order_id TEXT NOT NULL,
    price TEXT NOT NULL, quantity TEXT NOT NULL, fee TEXT NOT NULL, is_maker INTEGER NOT NULL,
    time_ns INTEGER NOT NULL
);
INSERT INTO fills SELECT number, entry_id, trade_id, order_id, price, quantity, fee, is_maker, time_ns FROM newer;
DROP TABLE newer;
DROP TABLE funding;
PRAGMA user_version = 2;
"""
AS_VERSION_1 = """
UPDATE products SET product_id = replace(product_id, 'coinbase:', '');
UPDATE prints SET product_id = replace(product_id, 'coinbase:', '');
PRAGMA user_version = 1;
"""


def test_an_order_that_was_held_ends_once_the_venue_is_back() -> None:
    client = venue()
    client.inject(kind="hold", where="submit", seconds=60)
    held = submit(client, "held", "BUY", {"sor_limit_ioc": {"base_size": "0.01", "limit_price": "40000"}})

    client.restart()
    client.wait(1)

    assert client.order(held)["status"] == "CANCELLED"
    assert client.balance("USD")[1] == "0"
