"""Where Hyperliquid's key comes from, and which are refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from adapters.key_vault import KeyVault
from adapters.venues.hyperliquid.actions import Noop
from adapters.venues.hyperliquid.keys import load_signer
from adapters.venues.hyperliquid.sign import Signer
from domain.errors import Fatal
from domain.settings import VenueSettings

SECRET = "0123456789012345678901234567890123456789012345678901234567890123"
OWN = "0x14791697260E4c9A71f18484C9f997B308e59325"  # what that key signs as
ACCOUNT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"


def in_file(directory: Path, content: object, **changes) -> VenueSettings:
    key_file = directory / "key.json"
    key_file.write_text(content if isinstance(content, str) else json.dumps(content))
    return VenueSettings(key_file=str(key_file), **changes)


@pytest.mark.parametrize("secret", [SECRET, f"0x{SECRET}", f"{SECRET}\n"])
def test_the_key_comes_from_a_file(tmp_path: Path, secret: str) -> None:
    signer = load_signer(in_file(tmp_path, {"account": ACCOUNT, "privateKey": secret}), {})

    assert (signer.account, signer.address) == (ACCOUNT, OWN.lower())


def test_the_key_comes_from_the_environment_that_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = VenueSettings(api_key_env="HL_ACCOUNT", api_secret_env="HL_SECRET")
    monkeypatch.setenv("HL_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("HL_SECRET", SECRET)
    vault = KeyVault()
    vault.lock_away(["HL_ACCOUNT", "HL_SECRET"])

    assert load_signer(settings, vault).address == OWN.lower()
    vault.give_up()
    with pytest.raises(Fatal, match="set HL_ACCOUNT and HL_SECRET"):
        load_signer(settings, vault)


def test_only_live_orders_are_signed_for_real_money(tmp_path: Path) -> None:
    content = {"account": ACCOUNT, "privateKey": SECRET}
    live, simulated = (load_signer(in_file(tmp_path, content, mode=mode), {}) for mode in ("live", "simulated"))

    assert live.sign(Noop(), 1) == Signer(ACCOUNT, bytes.fromhex(SECRET), is_mainnet=True).sign(Noop(), 1)
    assert simulated.sign(Noop(), 1) == Signer(ACCOUNT, bytes.fromhex(SECRET), is_mainnet=False).sign(Noop(), 1)


def test_the_accounts_own_key_could_withdraw_so_it_signs_nothing_live(tmp_path: Path) -> None:
    content = {"account": OWN, "privateKey": SECRET}

    assert load_signer(in_file(tmp_path, content), {}).is_own_key
    with pytest.raises(Fatal, match="approve an agent"):
        load_signer(in_file(tmp_path, content, mode="live"), {})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "5",
        {},
        {"account": ACCOUNT},
        {"privateKey": SECRET},
        {"account": None, "privateKey": SECRET},
        {"account": ACCOUNT, "privateKey": 5},
        {"account": "me", "privateKey": SECRET},
        {"account": OWN.replace("E4c9", "E4c8"), "privateKey": SECRET},
        {"account": ACCOUNT, "privateKey": ""},
        {"account": ACCOUNT, "privateKey": SECRET[:-2]},
        {"account": ACCOUNT, "privateKey": SECRET[:-1] + "g"},
        {"account": ACCOUNT, "privateKey": "f" * 64},
    ],
)
def test_a_useless_key_is_fatal_and_its_error_tells_nothing_of_it(tmp_path: Path, content: object) -> None:
    with pytest.raises(Fatal) as failure:
        load_signer(in_file(tmp_path, content), {})

    assert failure.value.code == "bad_key" and failure.value.venue == "hyperliquid"
    assert SECRET[:-2] not in str(failure.value) and "ffff" not in str(failure.value)
    assert failure.value.__cause__ is None and (failure.value.__suppress_context__ or not failure.value.__context__)


def test_a_key_file_that_is_not_there_is_fatal() -> None:
    with pytest.raises(Fatal, match="FileNotFoundError"):
        load_signer(VenueSettings(key_file="/nowhere/key.json"), {})


def test_where_nothing_can_sign_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "adapters.venues.hyperliquid.sign")
    monkeypatch.delitem(sys.modules, "adapters.venues.hyperliquid.addresses")
    monkeypatch.delitem(sys.modules, "adapters.venues.hyperliquid.keccak")
    monkeypatch.setitem(sys.modules, "sha3", None)

    with pytest.raises(Fatal, match=r"signing needs sha3: install nzeza\[hyperliquid\]"):
        load_signer(in_file(tmp_path, {"account": ACCOUNT, "privateKey": SECRET}), {})
