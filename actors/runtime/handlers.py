"""Which method of an actor takes which kind of message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, Any], None]  # takes the message, and the role that spoke


class Handlers(dict[type, Handler | None]):
    """The `receiveMsg_<Class>` methods of one actor, by message class; the nearest base of a class decides."""

    def __init__(self, actor: object) -> None:
        super().__init__()
        self._actor = actor

    def __missing__(self, kind: type) -> Handler | None:
        names = (f"receiveMsg_{base.__name__}" for base in kind.__mro__)
        self[kind] = next((getattr(self._actor, name) for name in names if hasattr(self._actor, name)), None)
        return self[kind]
