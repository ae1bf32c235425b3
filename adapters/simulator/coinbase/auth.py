"""Who may do what at the simulated Coinbase: API keys and the JWTs they sign."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.types import Options

from adapters.simulator.api_key import ApiKey, InvalidKey
from domain.errors import NzezaError

ISSUERS = ("cdp", "coinbase-cloud")
LIFETIME_S = 120
SKEW_S = 5
PRODUCTION_HOST = "api.coinbase.com"
_OUR_CLOCK: Options = {  # time is an argument here: PyJWT must not read the clock itself
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Unauthorized(NzezaError):
    """The token proves nothing; the text says which check failed (for our logs, not for the wire)."""


@dataclass(frozen=True)
class KnownKey:
    """What the venue keeps of it."""

    name: str
    algorithm: str
    public_key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    can_trade: bool


class KeyRing:
    """The keys the venue has issued."""

    def __init__(self) -> None:
        self._keys: dict[str, KnownKey] = {}  # name -> key

    def issue(self, algorithm: str = "ES256", can_trade: bool = True) -> ApiKey:
        """Make a fresh key, `ES256` on P-256 or `EdDSA` on Ed25519."""
        private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
        if algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
            form = serialization.PrivateFormat.TraditionalOpenSSL
        else:
            private = ed25519.Ed25519PrivateKey.generate()
            form = serialization.PrivateFormat.PKCS8
        pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        key = ApiKey(f"organizations/{uuid4()}/apiKeys/{uuid4()}", pem.decode())
        self.admit(key, can_trade)
        return key

    def admit(self, key: ApiKey, can_trade: bool = True) -> None:
        """Know a key that was issued before.

        Raises:
            InvalidKey: its private key is none of ours.
        """
        try:
            private = serialization.load_pem_private_key(key.private_key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidKey("no private key without a password") from None
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
            self._keys[key.name] = KnownKey(key.name, "ES256", private.public_key(), can_trade)
        elif isinstance(private, ed25519.Ed25519PrivateKey):
            self._keys[key.name] = KnownKey(key.name, "EdDSA", private.public_key(), can_trade)
        else:
            raise InvalidKey("neither P-256 nor Ed25519")

    def verify(self, token: str, now_s: float, uris: Collection[str] = ()) -> KnownKey:
        """Return the key that signed `token`.

        Args:
            uris: what the `uri` claim may be; empty on streams, whose tokens carry none.

        Raises:
            Unauthorized: with the first check that failed.
        """
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in ("ES256", "EdDSA"):
                raise Unauthorized("alg")
            key = self._keys.get(header.get("kid", ""))
            if key is None or key.algorithm != algorithm:
                raise Unauthorized("kid")
            claims = jwt.decode(token, key.public_key, algorithms=[algorithm], options=_OUR_CLOCK)
        except jwt.PyJWTError as error:
            raise Unauthorized(type(error).__name__) from None
        _check_claims(claims, key, now_s, uris)
        return key


def _check_claims(claims: dict[str, Any], key: KnownKey, now_s: float, uris: Collection[str]) -> None:
    if claims.get("sub") != key.name:
        raise Unauthorized("sub")
    if claims.get("iss") not in ISSUERS:
        raise Unauthorized("iss")
    not_before, expires = claims.get("nbf"), claims.get("exp")
    if not isinstance(not_before, int) or not isinstance(expires, int):
        raise Unauthorized("nbf and exp must be integers")
    if not_before > now_s + SKEW_S:
        raise Unauthorized("nbf")
    if expires <= now_s or expires - not_before > LIFETIME_S:
        raise Unauthorized("exp")
    if uris and claims.get("uri") not in uris:
        raise Unauthorized("uri")
