"""Plain tables into the structs of `domain.settings`, with an error text for a person at each leaf.

msgspec would do the same in one call, but it names neither the keys of a mapping nor what is allowed.
"""

from __future__ import annotations

import decimal
import difflib
import math
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from domain.errors import InvalidSetting
from domain.numbers import plain
from domain.settings import Section, Settings

MOST_DIGITS = 18  # of an amount, on either side of the point
LONGEST_SHOWN = 60  # characters of a wrong value in an error text

S = TypeVar("S", bound=Section)
T = TypeVar("T")


def decode_settings(tree: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    """Return the settings that `tree` holds.

    Args:
        origins: dotted key -> the environment variable whose text is its value; that text is parsed by type.

    Raises:
        InvalidSetting: the first unknown key, wrong type or broken bound.
    """
    return _Decoder(origins).section(Settings, tree, "")


class _Decoder:
    def __init__(self, origins: Mapping[str, str]) -> None:
        self.origins = origins

    def section(self, section: type[S], table: Mapping[str, Any], path: str) -> S:
        fields = _fields(section)
        for key in table:
            if key not in fields:
                raise InvalidSetting(self._unknown(key, fields, path))
        return section(**{key: self.value(fields[key], value, _join(path, key)) for key, value in table.items()})

    def value(self, kind: Any, value: Any, path: str) -> Any:
        if path in self.origins:
            value = _from_text(kind, value)
        bare = typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind
        origin = typing.get_origin(bare)
        try:
            if origin is dict:
                entry = typing.get_args(bare)[1]
                return {key: self.value(entry, item, _join(path, key)) for key, item in _checked(dict, value).items()}
            if origin is tuple:
                entry = typing.get_args(bare)[0]
                items = enumerate(_checked_list(value))
                return tuple(self.value(entry, item, f"{path}[{index}]") for index, item in items)
            if origin is Literal:
                return msgspec.convert(value, kind)
            if issubclass(bare, Section):
                return self.section(bare, _checked(dict, value), path)
            return msgspec.convert(_SCALARS[bare](value), kind)
        except (ValueError, OverflowError):  # msgspec's ValidationError is a ValueError
            problem = f"{path} = {_shown(value)}{self._origin(path)}: must be {_allowed(kind)}"
            raise InvalidSetting(problem) from None

    def _unknown(self, key: str, fields: Iterable[str], path: str) -> str:
        close = difflib.get_close_matches(key, fields, n=1)
        guess = f"did you mean {close[0]!r}? " if close else ""
        full = _join(path, key)
        return f"unknown key {_shown(full)}{self._origin(full)}: {guess}allowed: {', '.join(fields)}"

    def _origin(self, path: str) -> str:
        """Return a note of the variable that set `path`, or something below it."""
        path = path.partition("[")[0]
        names = [name for key, name in self.origins.items() if key == path or key.startswith(f"{path}.")]
        return f" ({names[0]})" if names else ""


@cache
def _fields(section: type[Section]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _checked(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise ValueError
    return value


def _checked_list(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError
    return value


def _from_text(kind: Any, text: str) -> Any:
    """Return what `text` would be in a file; text that doesn't parse comes back as it is, to be refused."""
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind
    if typing.get_origin(bare) is tuple:
        entry = typing.get_args(bare)[0]
        if text.lstrip().startswith("["):  # as in a file: for names that have commas themselves
            return _array(text)
        return [_from_text(entry, item.strip()) for item in text.split(",") if item.strip()]
    try:
        return _PARSERS.get(bare, str)(text)
    except (ValueError, decimal.InvalidOperation):
        return text


def _array(text: str) -> Any:
    try:
        return tomllib.loads(f"array = {text}")["array"]
    except tomllib.TOMLDecodeError:
        return text


def _whole_number(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    return _checked(int, value)


def _number(value: Any) -> float:
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError
    number = float(value if isinstance(value, Decimal | float) else _whole_number(value))
    if not math.isfinite(number):
        raise ValueError
    return number


def _amount(value: Any) -> Decimal:
    amount = value if isinstance(value, Decimal) else Decimal(_whole_number(value))
    if not amount.is_finite() or amount < 0 or amount.adjusted() >= MOST_DIGITS:
        raise ValueError
    if int(amount.as_tuple().exponent) < -MOST_DIGITS:
        raise ValueError
    return Decimal(plain(amount))  # one spelling, so that equal settings have one hash


def _text(value: Any) -> str:
    return _checked(str, value)


def _truth(value: Any) -> bool:
    return _checked(bool, value)


_SCALARS: dict[type, Callable[[Any], Any]] = {
    int: _whole_number,
    float: _number,
    Decimal: _amount,
    str: _text,
    bool: _truth,
}
_PARSERS: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: Decimal,
    Decimal: Decimal,
    bool: lambda text: {"true": True, "false": False}.get(text, text),
}


def _allowed(kind: Any) -> str:
    """Return the words for what `kind` may hold."""
    bounds = ""
    if typing.get_origin(kind) is Annotated:
        kind, meta = typing.get_args(kind)
        bounds = _bounds(meta)
    origin = typing.get_origin(kind)
    if origin is Literal:
        choices = ", ".join(f'"{choice}"' for choice in typing.get_args(kind))
        return f"one of {choices}" if len(typing.get_args(kind)) > 1 else choices
    if origin is tuple:
        return "a list, each entry " + _allowed(typing.get_args(kind)[0])
    words = {
        int: "a whole number",
        float: "a number",
        Decimal: f"a number of 0 or more, with at most {MOST_DIGITS} digits on either side of the point",
        str: "text in quotes",
        bool: "true or false",
    }
    return words.get(kind, "a table") + bounds


def _bounds(meta: Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f" between {meta.ge} and {meta.le}"
    if meta.ge is not None:
        return f" of {meta.ge} or more"
    below = f" and at most {meta.le}" if meta.le is not None else f" and below {meta.lt}" if meta.lt is not None else ""
    return f" above {meta.gt}{below}"


def _shown(value: Any) -> str:
    """Return a wrong value on one line and not too long of it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
