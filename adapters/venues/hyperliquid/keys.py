"""Where the key comes from: the environment or a key file that settings name. Read only in the process that signs.

What is public needs no key, and none of the packages that signing does: they are imported here, with the first key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.key_vault import KeyVault
from adapters.venues.hyperliquid.market_rows import VENUE
from domain.errors import Fatal
from domain.settings import VenueSettings

if TYPE_CHECKING:
    from adapters.venues.hyperliquid.sign import Signer


def load_signer(settings: VenueSettings, environ: Mapping[str, str] | KeyVault) -> Signer:
    """Return the signer of the key that `settings` name: an agent's, {"account": ..., "privateKey": ...} in a file.

    Raises:
        Fatal: no such variable or file, no usable key in it, a live one that could withdraw, or nothing to sign with.
    """
    try:
        from adapters.venues.hyperliquid.sign import Signer
    except ModuleNotFoundError as error:
        raise _unusable(f"signing needs {error.name}: install nzeza[hyperliquid]") from None
    account, secret = _read(settings, environ)
    try:
        signer = Signer(account, _bytes(secret), is_mainnet=settings.mode == "live")
    except ValueError as error:
        raise _unusable(str(error)) from None
    if settings.mode == "live" and signer.is_own_key:
        raise _unusable("it is the account's own and could withdraw: approve an agent, and use that one's")
    return signer


def _read(settings: VenueSettings, environ: Mapping[str, str] | KeyVault) -> tuple[str, str]:
    if settings.key_file:
        try:
            content = json.loads(Path(settings.key_file).read_text())
            account, secret = content["account"], content["privateKey"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unusable(f"the key file cannot be used: {type(error).__name__}") from None
        if not isinstance(account, str) or not isinstance(secret, str):
            raise _unusable("the key file cannot be used: account and privateKey are texts")
        return account, secret
    account, secret = environ.get(settings.api_key_env, ""), environ.get(settings.api_secret_env, "")
    if not account or not secret:
        raise _unusable(
            f"set {settings.api_key_env or 'api_key_env'} and {settings.api_secret_env or 'api_secret_env'}, "
            "or name a key_file"
        )
    return account, secret


def _bytes(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret.strip().removeprefix("0x"))
    except ValueError:
        raise ValueError("no key: 64 hex digits") from None  # the error of fromhex tells where, and so something of it


def _unusable(why: str) -> Fatal:
    return Fatal(f"hyperliquid API key: {why}", venue=VENUE, code="bad_key")
