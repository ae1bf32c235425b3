"""Our requests beside those of the official client, unmodified, for the same orders: equal to the byte.

It runs where `hyperliquid-python-sdk` is installed (extra `official`).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.hyperliquid.actions import (
    BatchModify,
    Cancel,
    CancelByCloid,
    CancelTerms,
    Noop,
    Place,
    ScheduleCancel,
    UpdateLeverage,
    cancel_terms,
    modify_terms,
    order_terms,
)
from adapters.venues.hyperliquid.sign import Signer
from domain.instrument import Side
from domain.messages.orders import OrderType, SubmitOrder, TimeInForce
from tests.adapters.venues.hyperliquid.orders import CLOID, cancel, perpetual, submit

MISSING = "hyperliquid-python-sdk is not installed"
exchange_module = pytest.importorskip("hyperliquid.exchange", reason=MISSING)
account_module = pytest.importorskip("eth_account", reason=MISSING)
Cloid = pytest.importorskip("hyperliquid.utils.types", reason=MISSING).Cloid

ACCOUNT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
NETS = {True: "https://api.hyperliquid.xyz", False: "http://127.0.0.1:1"}
MARKET = perpetual(5)
# Where BTC stands in the venue's list.
META = {"universe": [{"name": name, "szDecimals": 5} for name in ("SOL", "ETH", "APT", "BTC")]}
ASSET = 3
TIFS = {(TimeInForce.GTC, False): "Gtc", (TimeInForce.GTC, True): "Alo", (TimeInForce.IOC, False): "Ioc"}

secrets = st.integers(1, 2**255).map(lambda number: number.to_bytes(32))
ends = st.none() | st.integers(1, 2**42)
vaults = st.none() | st.binary(min_size=20, max_size=20).map(lambda some: f"0x{some.hex()}")


class Official(exchange_module.Exchange):
    """The official client, which posts to nobody."""

    def __init__(self, secret: bytes, is_mainnet: bool, vault: str | None = None, end: int | None = None) -> None:
        wallet = account_module.Account.from_key(secret)
        super().__init__(wallet, NETS[is_mainnet], META, vault, spot_meta={"universe": [], "tokens": []})
        self.set_expires_after(end)
        self.posted: dict[str, Any] = {}

    def post(self, url_path: str, payload: Any = None) -> Any:
        self.posted = payload


@st.composite
def orders(draw: st.DrawFn) -> SubmitOrder:
    """Draw an order that the venue has words for, on its grid."""
    side = draw(st.sampled_from(Side))
    first = MARKET.round_price(draw(st.decimals(Decimal("0.1"), Decimal(200_000), places=1)), Side.SELL)
    second = MARKET.round_price(draw(st.decimals(Decimal("0.1"), Decimal(200_000), places=1)), Side.SELL)
    # A limit price is never better than what triggers it.
    trigger, limit = sorted((first, second), reverse=side is Side.SELL)
    kind = draw(st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT]))
    lasts, post_only = draw(st.sampled_from(list(TIFS)))
    return submit(
        side=side,
        order_type=kind,
        time_in_force=lasts,
        post_only=post_only and kind is OrderType.LIMIT,
        quantity=draw(st.integers(1, 10**9)) * MARKET.lot_size,
        limit_price=limit,
        stop_price=None if kind is OrderType.LIMIT else trigger,
        reduce_only=draw(st.booleans()),
        venue_client_id=f"0x{draw(st.uuids()).hex}",
    )


def as_theirs(order: SubmitOrder) -> dict[str, Any]:
    terms: dict[str, Any]
    if order.stop_price is None:
        terms = {"limit": {"tif": TIFS[order.time_in_force, order.post_only]}}
    else:
        tpsl = "sl" if order.order_type is OrderType.STOP else "tp"
        is_market = order.time_in_force is TimeInForce.IOC
        terms = {"trigger": {"triggerPx": float(order.stop_price), "isMarket": is_market, "tpsl": tpsl}}
    return {
        "coin": order.symbol,
        "is_buy": order.side is Side.BUY,
        "sz": float(order.quantity),
        "limit_px": float(order.limit_price),
        "order_type": terms,
        "reduce_only": order.reduce_only,
        "cloid": Cloid.from_str(order.wire_id),
    }


def assert_alike(official: Official, ours: Any, secret: bytes, is_mainnet: bool) -> None:
    """Compare what they posted with our request for the same action, the order of all keys too."""
    posted = official.posted
    signer = Signer(ACCOUNT, secret, is_mainnet)
    request = signer.request(ours, posted["nonce"], posted["expiresAfter"], posted["vaultAddress"])

    assert json.dumps(json.loads(request)) == json.dumps(posted)


@given(
    secrets,
    st.booleans(),
    vaults,
    ends,
    st.lists(orders(), min_size=1, max_size=4),
    st.sampled_from(["na", "normalTpsl"]),
)
def test_orders(
    secret: bytes, is_mainnet: bool, vault: str | None, end: int | None, batch: list, grouping: Any
) -> None:
    official = Official(secret, is_mainnet, vault, end)

    official.bulk_orders([as_theirs(order) for order in batch], grouping=grouping)

    ours = Place([order_terms(order, MARKET, ASSET) for order in batch], grouping)
    assert_alike(official, ours, secret, is_mainnet)


@given(secrets, st.booleans(), ends, st.lists(st.tuples(orders(), st.integers(1, 2**63)), min_size=1, max_size=3))
def test_changes(secret: bytes, is_mainnet: bool, end: int | None, changes: list) -> None:
    official = Official(secret, is_mainnet, None, end)

    official.bulk_modify_orders_new([{"oid": oid, "order": as_theirs(order)} for order, oid in changes])

    terms = [modify_terms(str(oid), order_terms(order, MARKET, ASSET)) for order, oid in changes]
    assert_alike(official, BatchModify(terms), secret, is_mainnet)


@given(secrets, st.booleans(), vaults, st.integers(0, 2**64 - 1))
def test_cancels_by_their_id(secret: bytes, is_mainnet: bool, vault: str | None, oid: int) -> None:
    official = Official(secret, is_mainnet, vault)

    official.cancel("BTC", oid)

    assert_alike(official, Cancel([CancelTerms(ASSET, oid)]), secret, is_mainnet)


@given(secrets, st.booleans(), st.uuids())
def test_cancels_by_our_id(secret: bytes, is_mainnet: bool, number: Any) -> None:
    official = Official(secret, is_mainnet)
    cloid = f"0x{number.hex}"

    official.cancel_by_cloid("BTC", Cloid.from_str(cloid))

    terms = cancel_terms(cancel(venue_client_id=cloid), ASSET)
    assert_alike(official, CancelByCloid([terms]), secret, is_mainnet)


@pytest.mark.parametrize("is_mainnet", [True, False])
def test_a_change_by_our_id(is_mainnet: bool) -> None:
    secret, order = b"\1" * 32, submit()
    official = Official(secret, is_mainnet)

    official.bulk_modify_orders_new([{"oid": Cloid.from_str(CLOID), "order": as_theirs(order)}])

    ours = BatchModify([modify_terms("", order_terms(order, MARKET, ASSET))])
    assert_alike(official, ours, secret, is_mainnet)


@pytest.mark.parametrize("is_mainnet", [True, False])
def test_what_else_is_asked_of_the_venue(is_mainnet: bool) -> None:
    secret = b"\2" * 32
    official = Official(secret, is_mainnet)

    official.schedule_cancel(1_700_000_000_000)
    assert_alike(official, ScheduleCancel(1_700_000_000_000), secret, is_mainnet)
    official.schedule_cancel(None)
    assert_alike(official, ScheduleCancel(), secret, is_mainnet)
    official.update_leverage(5, "BTC", False)
    assert_alike(official, UpdateLeverage(ASSET, False, 5), secret, is_mainnet)
    official.noop(1_700_000_000_000)
    assert_alike(official, Noop(), secret, is_mainnet)
