"""What a signed request costs, from the order that was decided on to the bytes that leave, beside what others write.

    python -m scripts.bench.signing [--rounds N]

Hyperliquid beside its official client, where `hyperliquid-python-sdk` is installed (extra `official`); Coinbase's token
beside PyJWT. Microseconds of CPU per request, median over interleaved rounds, each request with a nonce of its own.
Both sides sign with the same library: with coincurve where there is one. The aim is eight times the official client,
and no slower than PyJWT.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from statistics import median
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.venues.coinbase.sign import Signer as CoinbaseSigner
from adapters.venues.hyperliquid.actions import CancelByCloid, CloidCancelTerms, Place, expires_after, order_terms
from adapters.venues.hyperliquid.order_rules import HyperliquidOrders
from adapters.venues.hyperliquid.sign import Signer
from domain.instant import SECOND_NS
from domain.instrument import Instrument, InstrumentKind, Side
from domain.messages.orders import OrderType, Purpose, SubmitOrder, TimeInForce, VenueMoment
from domain.settings import VenueSettings

CALLS = 300
SECRET = bytes.fromhex("0123456789012345678901234567890123456789012345678901234567890123")
ACCOUNT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
NOW_MS = 1_780_000_000_000
ASSET = 0

INSTRUMENT = Instrument(
    venue="hyperliquid",
    name="BTC-USD",
    symbol="BTC",
    base="BTC",
    quote="USDC",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(10**12),
    min_notional=Decimal(10),
    max_significant_digits=5,
    kind=InstrumentKind.PERPETUAL,
)
CLIENT_ORDER_ID = "6e7a657a-0000-8000-8000-000000000001"
CLOID = HyperliquidOrders(VenueSettings()).venue_client_id(CLIENT_ORDER_ID, 1)
ORDER = SubmitOrder(
    client_order_id=CLIENT_ORDER_ID,
    intent_id="intent",
    venue="hyperliquid",
    instrument="BTC-USD",
    symbol="BTC",
    side=Side.BUY,
    purpose=Purpose.OPEN,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.IOC,
    quantity=Decimal("0.0123"),
    limit_price=Decimal("64321"),
    venue_client_id=CLOID,
    accept_until=VenueMoment(utc_ns=NOW_MS * 1_000_000 + 5 * SECOND_NS),
)

Sign = Callable[[], bytes]


class Peers(NamedTuple):
    """One kind of request, as we make it and as somebody else does; None: they aren't here."""

    name: str
    ours: Sign
    theirs: Sign | None


def requests() -> list[Peers]:
    order, cancel = _official() or (None, None)
    return [
        Peers("hyperliquid order", *_counted(_order, order)),
        Peers("hyperliquid cancel by our id", *_counted(_cancel, cancel)),
        Peers("coinbase token", _token(), _jwt()),
    ]


def cost_us(sign: Sign) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        sign()
    return (time.process_time() - began) / CALLS * 1e6


def lines(rounds: int) -> Iterator[str]:
    yield f"{'us per request':<32}{'ours':>9}{'theirs':>9}{'times':>8}"
    for name, ours, theirs in requests():
        ways = (ours, theirs) if theirs else (ours,)
        costs = [[cost_us(way) for way in ways] for _ in range(rounds)]
        own, *other = (median(one[index] for one in costs) for index in range(len(ways)))
        compared = (
            f"{other[0]:>9.1f}{other[0] / own:>8.1f}" if other else f"{'-':>9}{'-':>8}  the peer is not installed"
        )
        yield f"{name:<32}{own:>9.1f}{compared}"


# ---- hyperliquid -----------------------------------------------------------------------------------------

SIGNER = Signer(ACCOUNT, SECRET, is_mainnet=False)


def _order(nonce: int) -> bytes:
    action = Place((order_terms(ORDER, INSTRUMENT, ASSET),), "na")
    return SIGNER.request(action, nonce, expires_after([ORDER.accept_until]))


def _cancel(nonce: int) -> bytes:
    return SIGNER.request(CancelByCloid((CloidCancelTerms(ASSET, CLOID),)), nonce)


def _official() -> tuple[Callable[[int], bytes], Callable[[int], bytes]] | None:
    """Return how the official client makes the same two, as its `order` and `cancel_by_cloid` do it."""
    try:
        from eth_account import Account
        from hyperliquid.utils import signing
        from hyperliquid.utils.types import Cloid
    except ImportError:
        return None
    wallet = Account.from_key(SECRET)
    end = expires_after([ORDER.accept_until])

    def order(nonce: int) -> bytes:
        asked = {
            "coin": "BTC",
            "is_buy": True,
            "sz": 0.0123,
            "limit_px": 64321.0,
            "order_type": {"limit": {"tif": "Ioc"}},
            "reduce_only": False,
            "cloid": Cloid.from_str(CLOID),
        }
        wires = [signing.order_request_to_order_wire(asked, ASSET)]
        return request(signing.order_wires_to_order_action(wires), nonce, end)

    def cancel(nonce: int) -> bytes:
        cloid = Cloid.from_str(CLOID).to_raw()
        return request({"type": "cancelByCloid", "cancels": [{"asset": ASSET, "cloid": cloid}]}, nonce, None)

    def request(action: object, nonce: int, expires_after: int | None) -> bytes:
        payload = {
            "action": action,
            "nonce": nonce,
            "signature": signing.sign_l1_action(wallet, action, None, nonce, expires_after, False),
            "vaultAddress": None,
            "expiresAfter": expires_after,
        }
        return json.dumps(payload).encode()

    return order, cancel


def _counted(ours: Callable[[int], bytes], theirs: Callable[[int], bytes] | None) -> tuple[Sign, Sign | None]:
    """Give each its own nonces, after a look whether they say the same."""
    if theirs is not None and json.loads(ours(NOW_MS)) != json.loads(theirs(NOW_MS)):
        raise SystemExit("the official client signs something else")
    return _counting(ours), _counting(theirs) if theirs else None


def _counting(sign: Callable[[int], bytes]) -> Sign:
    nonces = itertools.count(NOW_MS)
    return lambda: sign(next(nonces))


# ---- coinbase --------------------------------------------------------------------------------------------

_KEY = derive_private_key(int.from_bytes(SECRET), SECP256R1())
_URI = "POST api.coinbase.com/api/v3/brokerage/orders"


def _token() -> Sign:
    pem = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signer = CoinbaseSigner("key", pem)
    return lambda: signer.token(NOW_MS * 1_000_000, 30, _URI).encode()


def _jwt() -> Sign:
    nonces = itertools.count()

    def sign() -> bytes:
        claims = {"iss": "cdp", "sub": "key", "nbf": NOW_MS // 1_000, "exp": NOW_MS // 1_000 + 30, "uri": _URI}
        headers = {"kid": "key", "nonce": f"{next(nonces):032x}"}
        return jwt.encode(claims, _KEY, algorithm="ES256", headers=headers).encode()

    return sign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    for line in lines(parser.parse_args().rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
