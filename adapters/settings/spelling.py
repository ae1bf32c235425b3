"""Variables that were meant as settings and are spelled so that nobody would read them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from domain.errors import InvalidSetting
from domain.text import bounded

PREFIX = "NZEZA__"
_NAME = PREFIX.rstrip("_")
_HOW = f"settings are spelled {PREFIX}SECTION__KEY, such as {PREFIX}RISK__MAX_POSITIONS"
_ALIKE = 0.8  # of 1: a letter or two is wrong


def check_spelling(names: Collection[str], tree: Mapping[str, Any], others: Collection[str]) -> None:
    """Refuse variables that look like settings and are none.

    Args:
        tree: of all settings, to any depth.
        others: variables that settings name for what they hold: keys.

    Raises:
        InvalidSetting: for the first such name, with the right spelling where it can be told.
    """
    spellings = {_squashed(path): PREFIX + path.upper() for path in _paths(tree)}
    for name in sorted(names):
        if name.startswith(PREFIX) or name in others:
            continue
        guess = _guess(name, spellings, tree)
        if guess is not None:
            did_you_mean = f"did you mean {guess}? " if guess else ""
            raise InvalidSetting(f"variable {bounded(name)!r}: {did_you_mean}{_HOW}")


def _guess(name: str, spellings: Mapping[str, str], sections: Mapping[str, Any]) -> str | None:
    """Return how `name` should be spelled; empty when that can't be told, None when it isn't meant as a setting."""
    if not name.upper().startswith(_NAME):
        head, mark, rest = name.partition("__")
        is_alike = difflib.SequenceMatcher(None, head.upper(), _NAME).ratio() >= _ALIKE
        return spellings.get(_squashed(rest)) if mark and is_alike else None
    rest = name[len(_NAME) :]
    squashed = _squashed(rest)
    if squashed in spellings:
        return spellings[squashed]
    by_key = [spelling for spelling in spellings.values() if _squashed(spelling.rpartition("__")[2]) == squashed]
    if len(by_key) == 1:
        return by_key[0]
    close = difflib.get_close_matches(squashed, spellings, n=1, cutoff=_ALIKE)
    if close:
        return spellings[close[0]]
    return "" if by_key or re.split("_+", rest.strip("_").lower())[0] in sections else None


def _paths(tree: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{key}__")
        else:
            yield f"{above}{key}"


def _squashed(text: str) -> str:
    return text.replace("_", "").lower()
