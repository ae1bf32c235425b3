"""The base of everything that crosses an actor boundary or enters the journal.

A message pickles as one compact msgpack blob instead of field by field, because Thespian pickles every
message and a pickled Struct costs three times as much.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[type, msgspec.msgpack.Decoder] = {}  # message class -> its decoder


def _unpack(cls: type, blob: bytes) -> Any:
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.msgpack.Decoder(cls)
    return decoder.decode(blob)


class Message(Struct, frozen=True, tag=True):
    """Never changes once made, so it can be journaled, replayed and shared."""

    def __reduce__(self) -> tuple:
        return _unpack, (type(self), _encode(self))

    def __str__(self) -> str:
        # Thespian formats every message several times per hop, even with logging off.
        return type(self).__name__


class Command(Message):
    """Imperative (SubmitOrder): one receiver, who may refuse."""


class Event(Message, kw_only=True):
    """Past tense (OrderFilled): it happened; any number may listen, none may refuse."""

    ts_event: int  # UTC nanoseconds, by the clock of whoever saw it happen
