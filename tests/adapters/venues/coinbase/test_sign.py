import base64
import json
import pickle
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from adapters.venues.coinbase.sign import Signer, load_signer
from domain.errors import Fatal
from domain.settings import VenueSettings

NAME = "organizations/a/apiKeys/b"
NOW_NS = 1_780_000_000_999_999_999
URI = "GET api.coinbase.com/api/v3/brokerage/accounts"

P256 = ec.derive_private_key(0x1234_5678_9ABC_DEF0, ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def pem(key, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


SEED = bytes(range(32))
PUBLIC = ED.public_key().public_bytes_raw()
SECRETS = {
    "SEC1": (pem(P256, PrivateFormat.TraditionalOpenSSL), P256, "ES256"),
    "PKCS#8": (pem(P256, PrivateFormat.PKCS8), P256, "ES256"),
    "escaped": (pem(P256, PrivateFormat.PKCS8).replace("\n", "\\n"), P256, "ES256"),
    "Ed25519 PKCS#8": (pem(ED, PrivateFormat.PKCS8), ED, "EdDSA"),
    "seed": (base64.b64encode(SEED).decode(), ED, "EdDSA"),
    "seed and public key": (base64.b64encode(SEED + PUBLIC).decode() + "\n", ED, "EdDSA"),
}


def verified(token: str, key, algorithm: str) -> dict:
    lenient = {"verify_exp": False, "verify_nbf": False}
    return jwt.decode(token, key.public_key(), algorithms=[algorithm], options=lenient)


@pytest.mark.parametrize("form", SECRETS)
def test_tokens_of_every_key_form_verify(form: str) -> None:
    secret, key, algorithm = SECRETS[form]

    token = Signer(NAME, secret).token(NOW_NS, 30, URI, nonce="abc")

    assert verified(token, key, algorithm) == {
        "iss": "cdp",
        "sub": NAME,
        "nbf": 1_780_000_000,
        "exp": 1_780_000_030,
        "uri": URI,
    }
    assert jwt.get_unverified_header(token) == {
        "alg": algorithm,
        "kid": NAME,
        "nonce": "abc",
        "typ": "JWT",
    }


def test_a_token_for_a_stream_names_no_uri_and_lives_two_minutes() -> None:
    claims = verified(Signer(NAME, SECRETS["SEC1"][0]).token(NOW_NS), P256, "ES256")

    assert "uri" not in claims
    assert claims["exp"] - claims["nbf"] == 120


def test_no_two_tokens_are_alike() -> None:
    signer = Signer(NAME, SECRETS["seed"][0])

    assert len({signer.token(NOW_NS) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "not base64!",
        base64.b64encode(b"short").decode(),
        "-----BEGIN EC PRIVATE KEY-----\nTk9QRQ==\n-----END EC PRIVATE KEY-----",
        pem(ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8),
    ],
)
def test_an_unusable_key_is_fatal_and_its_error_tells_nothing_of_it(secret: str) -> None:
    with pytest.raises(Fatal) as failure:
        Signer(NAME, secret)

    assert failure.value.code == "bad_key"
    assert not secret or secret not in str(failure.value)
    assert failure.value.__cause__ is None


def test_a_key_is_neither_shown_nor_sent() -> None:
    secret = SECRETS["seed"][0]
    signer = Signer(NAME, secret)

    assert repr(signer) == "Signer(EdDSA)"
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_the_key_comes_from_the_environment_that_settings_name() -> None:
    settings = VenueSettings(api_key_env="CB_KEY", api_secret_env="CB_SECRET")

    signer = load_signer(settings, {"CB_KEY": NAME, "CB_SECRET": SECRETS["escaped"][0]})

    assert verified(signer.token(NOW_NS), P256, "ES256")["sub"] == NAME


@pytest.mark.parametrize("field", ["name", "id"])
def test_the_key_comes_from_a_file(tmp_path: Path, field: str) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps({field: NAME, "privateKey": SECRETS["SEC1"][0]}))

    signer = load_signer(VenueSettings(key_file=str(key_file)), {})

    assert verified(signer.token(NOW_NS), P256, "ES256")["sub"] == NAME


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "x"}', "5"])
def test_a_useless_key_file_is_fatal(tmp_path: Path, content: str) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(content)

    with pytest.raises(Fatal):
        load_signer(VenueSettings(key_file=str(key_file)), {})


def test_a_missing_key_names_the_variables_to_set() -> None:
    with pytest.raises(Fatal, match="set CB_KEY and CB_SECRET"):
        load_signer(VenueSettings(api_key_env="CB_KEY", api_secret_env="CB_SECRET"), {})
