"""Coinbase's tokens: ES256 or EdDSA over a fresh claim per request. The key never leaves this object.

Keys are read inside the process that signs, from the environment or from a key file that settings name.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.venues.coinbase.fields import VENUE
from domain.errors import Fatal
from domain.instant import SECOND_NS
from domain.settings import VenueSettings

TOKEN_TTL_S = 120  # the longest that Coinbase takes


class Signer:
    """One API key, ready to sign."""

    def __init__(self, key_name: str, secret: str) -> None:
        """Raises Fatal when the secret is no key that Coinbase issues; the error says nothing of it."""
        self._key_name = key_name
        self._key = _load(secret)
        self._algorithm = "EdDSA" if isinstance(self._key, Ed25519PrivateKey) else "ES256"

    def __repr__(self) -> str:
        return f"Signer({self._algorithm})"

    def token(self, now_ns: int, ttl_s: float = TOKEN_TTL_S, uri: str = "", nonce: str = "") -> str:
        """Return a fresh JWT.

        Args:
            now_ns: UTC nanoseconds.
            uri: "GET host/path", without the query; empty for streams, whose tokens name none.
            nonce: empty = a random one.
        """
        header = {
            "alg": self._algorithm,
            "kid": self._key_name,
            "nonce": nonce or secrets.token_hex(16),
            "typ": "JWT",
        }
        now_s = now_ns // SECOND_NS
        claims = {
            "iss": "cdp",
            "sub": self._key_name,
            "nbf": now_s,
            "exp": now_s + max(1, int(ttl_s)),
        }
        if uri:
            claims["uri"] = uri
        signed = _base64url(msgspec.json.encode(header)) + b"." + _base64url(msgspec.json.encode(claims))
        return (signed + b"." + _base64url(self._sign(signed))).decode()

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Variables(Protocol):
    """The environment, or what keeps its keys."""

    def get(self, name: str, default: str = "", /) -> str: ...


def load_signer(settings: VenueSettings, environ: Variables) -> Signer:
    """Return the signer for the key that `settings` name.

    Raises:
        Fatal: no such variable or file, or no usable key in it.
    """
    if settings.key_file:
        try:
            content = json.loads(Path(settings.key_file).read_text())
            name, secret = content.get("name") or content["id"], content["privateKey"]
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise _unusable(f"the key file cannot be used: {type(error).__name__}") from None
        return Signer(name, secret)
    name, secret = environ.get(settings.api_key_env, ""), environ.get(settings.api_secret_env, "")
    if not name or not secret:
        raise _unusable(
            f"set {settings.api_key_env or 'api_key_env'} and {settings.api_secret_env or 'api_secret_env'}, "
            "or name a key_file"
        )
    return Signer(name, secret)


def _load(secret: str) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
    text = secret.replace("\\n", "\n").strip()  # environment variables often hold the two characters
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            seed = base64.b64decode("".join(text.split()), validate=True)
            if len(seed) not in (32, 64):  # a seed, or a seed and its public key
                raise _unusable("the key has the wrong length")
            key = Ed25519PrivateKey.from_private_bytes(seed[:32])
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise _unusable("the key cannot be read") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise _unusable("the key is neither P-256 nor Ed25519")


def _unusable(why: str) -> Fatal:
    return Fatal(f"coinbase API key: {why}", venue=VENUE, code="bad_key")


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
