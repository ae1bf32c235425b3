"""Hyperliquid's signatures of what trades ("L1 actions"). Pure: a key, an action and a nonce in, a signature out.

The action's msgpack, the nonce, the vault and the end are hashed into the id of a "connection", which a phantom agent
signs as typed data (EIP-712). The order of an action's keys is part of the hash, and `actions.py` has the right one.
The venue says of no signature that it is bad: it finds another signer in it, whom it doesn't know.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from adapters.venues.hyperliquid.addresses import address_of, parse_address
from adapters.venues.hyperliquid.keccak import keccak
from adapters.venues.hyperliquid.secp256k1 import private_key

_ANYBODY = bytes(20)  # the contract that verifies: none
_CHAIN_ID = 1337  # of all such signatures, whatever the chain
_DOMAIN = keccak(
    keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak(b"Exchange")
    + keccak(b"1")
    + _CHAIN_ID.to_bytes(32)
    + _ANYBODY.rjust(32, b"\0")
)
_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")
_FIRST_V = 27  # Ethereum counts from here which key signed


class Signature(Struct, frozen=True):
    """As it travels: numbers without leading zeros, as the official client writes them, so seldom fewer than 64 digits."""

    r: str
    s: str
    v: int


class _Request(Struct):
    action: Any
    nonce: int
    signature: Signature
    vaultAddress: str | None
    expiresAfter: int | None


class Signer:
    """One key, ready to sign. It is an agent's of `account`, to which all that it signs belongs, or the account's own."""

    def __init__(self, account: str, secret: bytes, is_mainnet: bool) -> None:
        """Raises ValueError when the account is no address or the secret no key; the error says nothing of it.

        Args:
            is_mainnet: sign for real money, which no other net takes for its own, nor the other way round.
        """
        self.account = parse_address(account)
        self._key = private_key(secret)
        self.address = address_of(self._key.point)  # of the key
        self._agent = _AGENT_TYPE + keccak(b"a" if is_mainnet else b"b")

    def __repr__(self) -> str:
        return f"Signer({self.address} for {self.account})"

    def __reduce__(self) -> str:
        raise TypeError("a key stays where it is")

    @property
    def is_own_key(self) -> bool:
        """Whether the key is the account's own, which can also withdraw."""
        return self.address == self.account

    def sign(self, action: Any, nonce: int, expires_after: int | None = None, vault: str | None = None) -> Signature:
        """Sign an action; the same arguments give the same signature.

        Args:
            action: of `actions.py`, or what encodes alike.
            nonce: unix ms; each of this key's is used once.
            expires_after: unix ms; the venue takes it no later.
            vault: address of the vault or subaccount that it is for.
        """
        connection = connection_id(action, nonce, expires_after, vault)
        digest = keccak(b"\x19\x01" + _DOMAIN + keccak(self._agent + connection))
        signed = self._key.sign(digest)
        r, s = int.from_bytes(signed[:32]), int.from_bytes(signed[32:64])
        return Signature(hex(r), hex(s), _FIRST_V + signed[64])

    def request(self, action: Any, nonce: int, expires_after: int | None = None, vault: str | None = None) -> bytes:
        """Return the signed body of a POST to /exchange."""
        signature = self.sign(action, nonce, expires_after, vault)
        named = None if vault is None else parse_address(vault)
        return msgspec.json.encode(_Request(action, nonce, signature, named, expires_after))


def connection_id(action: Any, nonce: int, expires_after: int | None = None, vault: str | None = None) -> bytes:
    """Return what the phantom agent vouches for; the tag before the end is a zero, as if nothing followed."""
    hashed = msgspec.msgpack.encode(action) + nonce.to_bytes(8)
    hashed += b"\0" if vault is None else b"\1" + bytes.fromhex(parse_address(vault)[2:])
    return keccak(hashed if expires_after is None else hashed + b"\0" + expires_after.to_bytes(8))
