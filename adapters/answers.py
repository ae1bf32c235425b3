"""What a venue answered, read whole or not at all. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adapters import decode_faults
from adapters.tokens import BadField

T = TypeVar("T")


class UnreadableAnswer(Exception):
    """The body cannot be what the venue meant to say. What that means is for whoever asked to say."""


def whole(read: Callable[[], T]) -> T:
    """Return what `read` makes of a body.

    Raises:
        UnreadableAnswer: it can't make anything of it.
    """
    try:
        return read()
    except (ValueError, ArithmeticError, RecursionError, BadField) as error:  # msgspec's are ValueErrors
        raise UnreadableAnswer(f"{decode_faults.category(error)}: {error}") from None
