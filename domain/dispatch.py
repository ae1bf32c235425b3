"""How a machine finds what takes a message: a table from class to method, made once.

The one way in machines, as it is in actors (`receiveMsg_X`, looked up once). A table costs the same for each of its
kinds, a tenth of a microsecond; `match` over classes asks each `case` in turn, so it is for the few events of one fold
and for the effects that an actor performs; `singledispatchmethod` binds itself anew at each call, which costs more than
most handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from domain.messages.base import Message

Heard = TypeVar("Heard", bound=Message)
Rest = ParamSpec("Rest")
Result = TypeVar("Result")


def on(
    kind: type[Heard], handler: Callable[Concatenate[Heard, Rest], Result]
) -> tuple[type[Message], Callable[Concatenate[Any, Rest], Result]]:
    """Return an entry for a table of handlers: of one that takes what it is there for."""
    return kind, handler
