"""Signatures, held against those that the official client made, and one way to make them against the other."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.signing_lane import NonceFile, SigningLane
from adapters.venues.hyperliquid import sign
from adapters.venues.hyperliquid.actions import Cancel, CancelByCloid, CancelTerms, Place, cancel_terms, order_terms
from adapters.venues.hyperliquid.addresses import address_of, parse_address
from adapters.venues.hyperliquid.keccak import keccak
from adapters.venues.hyperliquid.secp256k1 import ORDER, NativeKey, PlainKey, PrivateKey, private_key
from adapters.venues.hyperliquid.sign import Signer, connection_id
from domain.messages.orders import TimeInForce
from tests.adapters.venues.hyperliquid.orders import cancel, perpetual, submit
from tests.simulated_coinbase import ManualClock

SECRET = bytes.fromhex("0123456789012345678901234567890123456789012345678901234567890123")
ADDRESS = "0x14791697260E4c9A71f18484C9f997B308e59325"
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
CLOID = "0x1234567890abcdef1234567890abcdef"
NONCE = 1_700_000_000_000
END = 1_700_000_060_000

# Without our id, as no order of ours is.
LIMIT = {
    "type": "order",
    "orders": [{"a": 0, "b": True, "p": "50000", "s": "0.001", "r": False, "t": {"limit": {"tif": "Gtc"}}}],
    "grouping": "na",
}
WITH_CLOID = Place((order_terms(submit(venue_client_id=CLOID), perpetual(), 0),), "na")
CANCEL = Cancel((CancelTerms(0, 77738308),))
BY_CLOID = CancelByCloid((cancel_terms(cancel(venue_client_id=CLOID), 0),))

# Action, whether for real money, further arguments, r, s, v: made by the official client.
VECTORS = {
    "limit, mainnet": (
        LIMIT,
        True,
        {},
        "0x624d2f9a91c88a28ee5c3e1448f3cb387be99dd18ba4bdd7b3ea229c10c57399",
        "0x4c0f16c217ad058ace0e6aaae3291ad850308041a26dc9df4e002aa8874b0cd0",
        27,
    ),
    "limit, testnet": (
        LIMIT,
        False,
        {},
        "0xb99f076e32be11335e0b5dd3dbec07d3b929f042f4a85e1d14ab3359b1c00e02",
        "0x65cc50b490158220f901f3dc94bc7f6fb00b037c2b1a05acac770a3fa43c425d",
        28,
    ),
    "limit of a vault": (
        LIMIT,
        False,
        {"vault": VAULT},
        "0x4e372ce0ab997e98e085045a1cdc7c31d26953bf8be9f52a5b27c0235b2e3d25",
        "0x2ec1f9e6f4b25d6afd9c8b637c68206adb2ecffcfc8fa492cf0dc4e996de5ecc",
        27,
    ),
    "limit with an end": (
        LIMIT,
        False,
        {"expires_after": END},
        "0xea9ac865cfe9f4068616af2706ce4ad9426543c00923244d79d8fa9b631056db",
        "0x3957f889edabcf4115d6029bba16da1bad3654e55f413ca70d021f1c4f398ea0",
        27,
    ),
    "order with a cloid, mainnet": (
        WITH_CLOID,
        True,
        {},
        "0x3a5e53dfa61eb31b5b156d4511bb35b582ee19a45cd67712f22da30abc40cddf",
        "0x2eea97b597af600383f4317cb3f0a45bcdd0330435c49fe39ac787c10dcde18f",
        27,
    ),
    "order with a cloid, s of 63 digits": (
        WITH_CLOID,
        False,
        {},
        "0x6780fd89e20096c9ec41dfa02199b975b73467255d2efe310a164df134909f0f",
        "0xb7728232b50ef0cbf184bb411a9df18b66fa6ba1fc2c53aeab4c4befe58058a",
        27,
    ),
    "cancel, r of 63 digits": (
        CANCEL,
        True,
        {},
        "0x2d25f8bb8b4dd16863fc6ebbfca6dbe41c256d6cafbcec7d9fca8caa03418e7",
        "0x669f38877442b2f5491e40229f7f2e9dc54cd3e8583cdce0bf468a9c51af27de",
        28,
    ),
    "cancel, both of 63 digits": (
        CANCEL,
        False,
        {},
        "0xa876c94b495d3375032883b6041cf71188c3b6531360b6287a8758ef93b4c99",
        "0x4b8356458b78d972dfe9cd9e1677ecac04af978d34caa1ebedfc91ee579842c",
        28,
    ),
    "cancel by cloid, mainnet": (
        BY_CLOID,
        True,
        {},
        "0xc5ac1e8dc3a3c66432051ad60209f7bbefa3a51c978f01d757cb44f4c40a4e06",
        "0x6d8b89b44dabde547fd12c571b247e4d08c548c79af5217a4e043c5f4d150f85",
        28,
    ),
    "cancel by cloid, testnet": (
        BY_CLOID,
        False,
        {},
        "0x4d4f645f3c7c9d8294fc06eccca87ace4b4409e29a915e74ebcb33527e4a1f29",
        "0x1032151c4cf283b2aba8d282eb107dd4c0949ffe8e8c4a758e8b6ecc8891dad4",
        27,
    ),
}


@pytest.fixture(params=[NativeKey, PlainKey])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[PrivateKey]:
    """Both ways to sign, of which a machine has one."""
    if request.param is NativeKey:
        pytest.importorskip("coincurve")
    monkeypatch.setattr(sign, "private_key", request.param)
    return request.param


def signer(is_mainnet: bool = False) -> Signer:
    return Signer(ADDRESS, SECRET, is_mainnet)


@pytest.mark.parametrize("name", VECTORS)
def test_signatures_are_the_official_clients_to_the_digit(kind: type[PrivateKey], name: str) -> None:
    action, is_mainnet, further, r, s, v = VECTORS[name]

    signature = signer(is_mainnet).sign(action, NONCE, **further)

    assert (signature.r, signature.s, signature.v) == (r, s, v)


@pytest.mark.parametrize(
    ("action", "further", "expected"),
    [
        (LIMIT, {}, "323b547050d98eb76afbf8d096d1c5340512df18a3e4179990a666cc32fba0ce"),
        (LIMIT, {"vault": VAULT}, "466fe6f47eeb7eb3260f9d0a1e3148e1d7c0a6d9e63a4f9931e0d08d42c729b8"),
        (LIMIT, {"expires_after": END}, "d9313ab2077b843913effa715e7ded5b37743a51396e835c593caeee3b1ef2bb"),
        (WITH_CLOID, {}, "83f1e0798da780d25867b4ba92d4c6156dcec0046ea535d78755719dee81c213"),
        (CANCEL, {}, "99f95e9c3ec4a58b28dd8ea91529b4d305494e7601c1b6e6fe631fac3168c298"),
        (BY_CLOID, {}, "435c79a1720d068d43b842b0e6b5386afe432bf4d9eb2950dd4c07b67cef7322"),
    ],
)
def test_connection_ids_are_the_official_clients(action: Any, further: dict[str, Any], expected: str) -> None:
    assert connection_id(action, NONCE, **further).hex() == expected


def test_the_connection_id_that_the_official_client_publishes() -> None:
    command = submit(quantity=Decimal("0.0147"), limit_price=Decimal("1670.1"), time_in_force=TimeInForce.IOC)
    terms = msgspec.to_builtins(order_terms(command, perpetual(4), 4))
    del terms["c"]  # theirs has no id
    action = {"type": "order", "orders": [terms], "grouping": "na"}

    hashed = connection_id(action, 1_677_777_606_040)

    assert hashed.hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


def test_typed_data_hashes_to_the_constants_of_the_venue() -> None:
    assert sign._DOMAIN.hex() == "d79297fcdf2ffcd4ae223d01edaa2ba214ff8f401d7c9300d995d17c82aa4040"
    assert sign._AGENT_TYPE.hex() == "26f05c2f7239b6983075e58321292d77b3aa173d19b27257ac96ab362570f508"
    assert keccak(b"a").hex() == "3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb"


def test_the_key_of_a_signature_is_known_by_its_address(kind: type[PrivateKey]) -> None:
    assert address_of(kind(SECRET).point) == ADDRESS.lower()
    assert signer().address == signer().account == ADDRESS.lower()


def test_an_agents_key_signs_for_another_account() -> None:
    agent, own = Signer(VAULT, SECRET, is_mainnet=False), signer()

    assert (agent.account, agent.address, agent.is_own_key) == (VAULT, ADDRESS.lower(), False)
    assert own.is_own_key
    assert agent.sign(CANCEL, NONCE) == own.sign(CANCEL, NONCE)


def test_a_request_holds_what_was_signed() -> None:
    request = json.loads(signer().request(WITH_CLOID, NONCE, END, VAULT.upper().replace("X", "x")))

    assert request == {
        "action": json.loads(msgspec.json.encode(WITH_CLOID)),
        "nonce": NONCE,
        "signature": msgspec.to_builtins(signer().sign(WITH_CLOID, NONCE, END, VAULT)),
        "vaultAddress": VAULT,
        "expiresAfter": END,
    }
    assert list(request["action"]) == ["type", "orders", "grouping"]


def test_what_is_not_said_is_null_in_a_request() -> None:
    request = json.loads(signer().request(CANCEL, NONCE))

    assert request["vaultAddress"] is None and request["expiresAfter"] is None


def test_two_requests_of_one_millisecond_and_one_after_the_clock_stepped_back_have_rising_nonces(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    lane = SigningLane(NonceFile(tmp_path / "nonces"), clock)

    def signed() -> int:
        with lane.nonce(1.0) as nonce:
            return json.loads(signer().request(CANCEL, nonce))["nonce"]

    used = [signed(), signed()]
    clock.advance(-3_600)
    used.append(signed())

    assert used == sorted(set(used))


@given(secret=st.integers(1, ORDER - 1), digest=st.binary(min_size=32, max_size=32))
def test_both_ways_to_sign_give_the_same_bytes_and_the_low_s(secret: int, digest: bytes) -> None:
    coincurve = pytest.importorskip("coincurve")
    native, plain = NativeKey(secret.to_bytes(32)), PlainKey(secret.to_bytes(32))

    signed = plain.sign(digest)

    assert native.sign(digest) == signed and native.point == plain.point
    assert int.from_bytes(signed[32:64]) <= ORDER // 2
    recovered = coincurve.PublicKey.from_signature_and_message(signed, digest, hasher=None)
    assert recovered.format(compressed=False)[1:] == plain.point


@pytest.mark.parametrize("digest", [bytes(32), b"\xff" * 32, ORDER.to_bytes(32)])
def test_digests_at_the_edge_of_the_group_are_signed_alike(digest: bytes) -> None:
    pytest.importorskip("coincurve")

    assert NativeKey(SECRET).sign(digest) == PlainKey(SECRET).sign(digest)


def test_where_coincurve_is_missing_the_slow_way_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coincurve", None)

    assert isinstance(private_key(SECRET), PlainKey)


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\1" * 31, b"\1" * 33, ORDER.to_bytes(32), b"\xff" * 32])
def test_what_is_no_key_is_refused_in_words_that_say_nothing_of_it(kind: type[PrivateKey], secret: bytes) -> None:
    with pytest.raises(ValueError) as failure:
        Signer(ADDRESS, secret, is_mainnet=False)

    assert str(failure.value) == "no key of secp256k1"


def test_a_key_is_neither_shown_nor_copied(kind: type[PrivateKey]) -> None:
    one = signer()

    for held in (one, one._key):
        assert SECRET.hex() not in repr(held) and repr(SECRET) not in repr(held)
        with pytest.raises(TypeError):
            pickle.dumps(held)
        with pytest.raises(TypeError):
            copy.deepcopy(held)
    assert repr(one) == f"Signer({ADDRESS.lower()} for {ADDRESS.lower()})"


def test_an_address_is_read_in_any_size_of_letters_and_refused_where_a_digit_is_wrong() -> None:
    digits = ADDRESS[2:]

    assert {parse_address(f"0x{each}") for each in (digits, digits.lower(), digits.upper())} == {ADDRESS.lower()}
    with pytest.raises(ValueError, match="mistyped"):
        parse_address(ADDRESS.replace("E4c9", "E4c8"))


@pytest.mark.parametrize(
    "text", ["", "0x", ADDRESS[2:], ADDRESS + "0", ADDRESS[:-1] + "g", ADDRESS + "\n", f" {ADDRESS}"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        parse_address(text)
