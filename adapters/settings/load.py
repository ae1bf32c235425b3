"""Configuration file and environment into `domain.settings.Settings`; no secret is among them.

Four layers, the later one wins: defaults, what the profile changes, the TOML file, `NZEZA__SECTION__KEY` in
the environment. A table of names (venues, weights, balances) in the file is the whole list, though each venue in
it has its own defaults; the environment changes single entries of it. Every mistake is one line that names the key
and what it may hold.
"""

from __future__ import annotations

import decimal
import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from adapters.settings.decoding import decode_settings
from adapters.settings.rules import check_rules
from adapters.settings.spelling import PREFIX, check_spelling
from domain.errors import InvalidSetting
from domain.settings import PROFILES, VENUES, Settings

ASSETS = frozenset({"simulator.balances", "simulator.accounts.dydx", "simulator.accounts.hyperliquid"})
LISTS_OF_NAMES = frozenset({"venues", "signals.weights"}) | ASSETS

Table = dict[str, Any]


def load(config: Path | None, environ: Mapping[str, str], known_venues: Collection[str]) -> Settings:
    """Read the settings of one run.

    Args:
        config: a TOML file; None for the defaults.
        environ: of the process; only `NZEZA__...` is looked at.
        known_venues: what NAME may be in `[venues.NAME]`.

    Raises:
        InvalidSetting: the first mistake found.
    """
    written = _read_file(config) if config else {}
    # By name, for other values may be secrets, of which no copies shall be made.
    variables = {name: environ[name] for name in sorted(environ) if name.startswith(PREFIX)}

    tree = msgspec.to_builtins(Settings(), builtin_types=(Decimal,))
    tree["venues"] = {name: {} for name in VENUES if name in known_venues}
    tree = _overlay(tree, _profile_changes(written, variables))
    tree = _overlay(tree, written, replaced=LISTS_OF_NAMES)
    origins = {}  # dotted key -> the environment variable that set it
    for name, text in variables.items():
        path = _path_of(name)
        _put(tree, path, text, name)
        origins[".".join(path)] = name
    _complete_venues(tree)

    settings = decode_settings(tree, origins)
    check_rules(settings, known_venues)
    keys = {name for venue in settings.venues.values() for name in (venue.api_key_env, venue.api_secret_env)}
    check_spelling(environ.keys(), tree, keys)
    return settings


def configuration_hash(settings: Settings) -> str:
    """Return 16 hexadecimal digits that stand for these settings, the same in every process."""
    try:
        text = msgspec.json.encode(settings, order="sorted")
    except UnicodeEncodeError:  # a path in another encoding
        text = json.dumps(msgspec.to_builtins(settings, order="sorted")).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _complete_venues(tree: Table) -> None:
    """Give each venue its own defaults: that the file names it doesn't make it another venue."""
    venues = tree["venues"]
    if isinstance(venues, dict):
        for name, venue in venues.items():
            if isinstance(venue, dict) and name in VENUES:
                venues[name] = {**msgspec.to_builtins(VENUES[name], builtin_types=(Decimal,)), **venue}


def _read_file(path: Path) -> Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"not UTF-8 text (byte {error.start})") from None
    except decimal.InvalidOperation:
        raise _unreadable(path, "a number is out of all bounds") from None
    except RecursionError:
        raise _unreadable(path, "nested too deeply") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except ValueError as error:  # tomllib's own, with line and column, and Python's limits
        raise _unreadable(path, f"not valid TOML: {error}") from None


def _unreadable(path: Path, reason: str) -> InvalidSetting:
    return InvalidSetting(f"configuration file {str(path)!r}: {reason}")


def _profile_changes(written: Table, variables: Mapping[str, str]) -> Table:
    """Return what the chosen profile changes; nothing for a choice that decoding will refuse."""
    system = written.get("system")
    default = Settings().system.profile
    in_file = system.get("profile", default) if isinstance(system, dict) else default
    chosen = variables.get(f"{PREFIX}SYSTEM__PROFILE", in_file)
    return PROFILES.get(chosen, {}) if isinstance(chosen, str) else {}


def _overlay(below: Table, above: Table, replaced: Collection[str] = (), at: str = "") -> Table:
    """Return `above` laid over `below`, table by table; those named in `replaced` are taken whole."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        path = f"{at}{key}"
        if isinstance(below[key], dict) and isinstance(above[key], dict) and path not in replaced:
            merged[key] = _overlay(below[key], above[key], replaced, f"{path}.")
    return merged


def _path_of(variable: str) -> list[str]:
    *tables, key = variable.removeprefix(PREFIX).split("__")
    tables = [name.lower() for name in tables]
    # Assets are spelled in capitals, as the environment is.
    return [*tables, key if ".".join(tables) in ASSETS else key.lower()]


def _put(tree: Table, path: list[str], text: str, variable: str) -> None:
    for depth, name in enumerate(path[:-1], start=1):
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            raise InvalidSetting(f"{variable}: {'.'.join(path[:depth])!r} is not a table and has no keys of its own")
        tree = below
    tree[path[-1]] = text
