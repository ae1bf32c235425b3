"""A client of the simulated Coinbase in memory: signs, encodes, decodes, and nothing more."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid5

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.simulator.api_key import ApiKey
from adapters.simulator.coinbase.encode import ACCOUNT_NAMESPACE
from adapters.simulator.connection import Connection
from adapters.simulator.store import SqliteStore
from adapters.simulator.wire import Frame, Request, Response
from adapters.simulator.world import World
from domain.instant import SECOND_NS
from domain.settings import SimulatorSettings

START_NS = 1_700_000_000 * SECOND_NS
HOST = "127.0.0.1:8443"
PREFIX = "/api/v3/brokerage"


def quick_settings(**changes: Any) -> SimulatorSettings:
    """Return settings whose world starts at once, hides nothing and is not too busy."""
    return SimulatorSettings(**{"warm_up_s": 0.0, "read_lag_max_s": 0.0, "quotes_per_s": 8.0} | changes)


def sign(key: ApiKey, now_ns: int, uri: str = "", algorithm: str = "ES256", **claims: Any) -> str:
    now_s = now_ns // SECOND_NS
    claims = {"sub": key.name, "iss": "cdp", "nbf": now_s, "exp": now_s + 120} | claims
    if uri:
        claims["uri"] = uri
    return jwt.encode(claims, _load(key.private_key), algorithm, headers={"kid": key.name, "nonce": "00"})


@lru_cache
def _load(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), password=None)


class SimulatorClient:
    """Moves time only when told to."""

    def __init__(self, start_ns: int = START_NS, store: SqliteStore | None = None, **settings: Any) -> None:
        self.store = store
        self.settings = settings
        self.world = World(quick_settings(**settings), start_ns, store, venues=["coinbase"])
        self.now_ns = start_ns

    def restart(self, down_s: float = 0.0, **changes: Any) -> None:
        """Kill the venue and start it `down_s` later: all that is left of it is its store and our key."""
        self.wait(down_s)
        settings = quick_settings(**self.settings | changes)
        self.world = World(settings, self.now_ns, self.store, self.world.key, ["coinbase"])

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)

    def request(
        self, method: str, path: str, query: tuple = (), body: Any = None, token: str | None = None
    ) -> Response:
        path = PREFIX + path
        if token is None:
            token = sign(self.world.key, self.now_ns, f"{method} {HOST}{path}")
        headers = {"Host": HOST, "Authorization": f"Bearer {token}"}
        request = Request(method, path, query, headers, msgspec.json.encode(body or {}))
        return self.world.rest("coinbase", request, self.now_ns)

    def get(self, path: str, *query: tuple[str, str]) -> Any:
        response = self.request("GET", path, query)
        assert response.status == 200, response.body
        return msgspec.json.decode(response.body)

    def post(self, path: str, body: Any) -> Any:
        response = self.request("POST", path, body=body)
        assert response.status == 200, response.body
        return msgspec.json.decode(response.body)

    def submit(self, name: str, side: str, configuration: dict, product_id: str = "BTC-USD") -> Any:
        return self.post("/orders", order_body(name, side, configuration, product_id))

    def buy(self, name: str, usd: str) -> str:
        """Buy BTC for `usd` at the market and return the order's id."""
        return self.submit(name, "BUY", {"market_market_ioc": {"quote_size": usd}})["success_response"]["order_id"]

    def cancel(self, *order_ids: str) -> list[dict]:
        return self.post("/orders/batch_cancel", {"order_ids": list(order_ids)})["results"]

    def order(self, order_id: str) -> dict:
        return self.get(f"/orders/historical/{order_id}")["order"]

    def balance(self, currency: str) -> tuple[str, str]:
        """Return (available, hold)."""
        account = self.get(f"/accounts/{uuid5(ACCOUNT_NAMESPACE, currency)}")["account"]
        return account["available_balance"]["value"], account["hold"]["value"]

    def touch(self, product_id: str = "BTC-USD") -> tuple[str, str]:
        (book,) = self.get("/best_bid_ask", ("product_ids", product_id))["pricebooks"]
        return book["bids"][0]["price"], book["asks"][0]["price"]

    def open(self, path: str = "/") -> SimulatorStream:
        return SimulatorStream(self, self.world.open_stream("coinbase", path, self.now_ns))

    def inject(self, **fault: Any) -> None:
        self.world.inject(fault)

    def truth(self) -> dict:
        return self.world.truth(self.now_ns)["coinbase"]


def memory_store(keep_tape_s: float = 60.0) -> SqliteStore:
    """Return a store that outlives worlds, not this process."""
    return SqliteStore(Path(":memory:"), keep_tape_s)


class SimulatorStream:
    def __init__(self, client: SimulatorClient, connection: Connection) -> None:
        self._client = client
        self.connection = connection

    def send(self, kind: str, channel: str, *products: str, token: str = "") -> None:
        message = {"type": kind, "channel": channel, "product_ids": products, "jwt": token}
        self.connection.receive(msgspec.json.encode(message).decode(), self._client.now_ns)

    def subscribe(self, channel: str, *products: str) -> None:
        self.send("subscribe", channel, *products, token=sign(self._client.world.key, self._client.now_ns))

    def read(self) -> list[dict]:
        return [msgspec.json.decode(frame.data) for frame in self.raw()]

    def raw(self) -> list[Frame]:
        return self.connection.poll(self._client.now_ns)

    def events(self, channel: str) -> list[dict]:
        """Read everything and return the events of one channel."""
        frames = [frame for frame in self.read() if frame.get("channel") == channel]
        return [event for frame in frames for event in frame["events"]]


def ioc(size: str, price: str) -> dict:
    return {"sor_limit_ioc": {"base_size": size, "limit_price": price}}


def bracket(size: str, target: Decimal, stop: Decimal) -> dict:
    return {
        "trigger_bracket_gtc": {
            "base_size": size,
            "limit_price": str(target),
            "stop_trigger_price": str(stop),
        }
    }


def order_body(name: str, side: str, configuration: dict, product_id: str = "BTC-USD") -> dict:
    return {
        "client_order_id": name,
        "product_id": product_id,
        "side": side,
        "order_configuration": configuration,
    }
