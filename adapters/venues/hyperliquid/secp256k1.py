"""Signatures over secp256k1 that tell who signed: deterministic (RFC 6979) and with the low s, as Ethereum takes them.

libsecp256k1 makes one in some 30 us. coincurve brings it, and has no wheel for each Python: there the same bytes come
of the standard and the curve of `cryptography`, some twenty-five times slower, and not in constant time.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicNumbers, derive_private_key

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141  # of the group
_BYTES = 32  # of a secret, a digest, a coordinate


class PrivateKey(Protocol):
    """One key, ready to sign. What it is made of never leaves it."""

    @property
    def point(self) -> bytes:
        """Return the public key: its two coordinates, 64 bytes."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """Return r, s and one byte that says which of the possible keys signed: 65 bytes."""
        ...


class NativeKey:
    """A `PrivateKey` of libsecp256k1."""

    def __init__(self, secret: bytes) -> None:
        """Raises ImportError without coincurve, ValueError when the secret is no key."""
        from coincurve import PrivateKey as Curve  # of which some Pythons have none

        check(secret)
        self._key = Curve(secret)
        self.point = self._key.public_key.format(compressed=False)[1:]

    def __repr__(self) -> str:
        return "NativeKey()"

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign_recoverable(digest, hasher=None)


class PlainKey:
    """A `PrivateKey` without libsecp256k1."""

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError when the secret is no key."""
        check(secret)
        self._secret = secret
        public = _times_generator(int.from_bytes(secret))
        self.point = public.x.to_bytes(_BYTES) + public.y.to_bytes(_BYTES)

    def __repr__(self) -> str:
        return "PlainKey()"

    def __reduce__(self) -> str:
        raise TypeError("a key stays where it is")

    def sign(self, digest: bytes) -> bytes:
        scalar, hashed = int.from_bytes(self._secret), int.from_bytes(digest) % ORDER
        for nonce in self._nonces(hashed):
            point = _times_generator(nonce)
            r = point.x % ORDER
            s = pow(nonce, -1, ORDER) * (hashed + r * scalar) % ORDER
            if r and s:
                break
        which = (point.y & 1) | (point.x >= ORDER) << 1
        if s > ORDER // 2:
            s, which = ORDER - s, which ^ 1
        return r.to_bytes(_BYTES) + s.to_bytes(_BYTES) + bytes([which])

    def _nonces(self, hashed: int) -> Iterator[int]:
        """Yield what RFC 6979, section 3.2, tries in turn; the first serves, but for once in 2^128."""
        seed = self._secret + hashed.to_bytes(_BYTES)
        state, key = b"\1" * _BYTES, bytes(_BYTES)
        for separator in (b"\0", b"\1"):
            key = _hmac(key, state + separator + seed)
            state = _hmac(key, state)
        while True:
            state = _hmac(key, state)
            if 0 < (nonce := int.from_bytes(state)) < ORDER:
                yield nonce
            key = _hmac(key, state + b"\0")
            state = _hmac(key, state)


def private_key(secret: bytes) -> PrivateKey:
    """Return the key that signs fastest here.

    Raises:
        ValueError: it is none; the error says nothing of it.
    """
    try:
        return NativeKey(secret)
    except ImportError:
        return PlainKey(secret)


def check(secret: bytes) -> None:
    """Raise ValueError for what is no key: 32 bytes, a number from 1 to below the order of the group."""
    if len(secret) != _BYTES or not 0 < int.from_bytes(secret) < ORDER:
        raise ValueError("no key of secp256k1")


def _times_generator(scalar: int) -> EllipticCurvePublicNumbers:
    return derive_private_key(scalar, SECP256K1()).public_key().public_numbers()


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
