"""The base of everything that crosses an actor boundary or enters the journal.

A message pickles as one compact msgpack blob instead of field by field, because Thespian pickles every
message and a pickled Struct costs three times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import ClassVar, dataclass_transform

import msgspec
from msgspec import Struct

_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[type[Message], msgspec.msgpack.Decoder[Message]] = {}  # message class -> its decoder


def _unpack(cls: type[Message], blob: bytes) -> Message:
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.msgpack.Decoder(cls)
    return decoder.decode(blob)


def build_decoders() -> None:
    """Make the decoders of all messages that are imported by now; before the first thread starts.

    Making one looks into its classes and keeps there what it finds. Two threads that do so at once have ended in
    a crash, or in a loop that never let the interpreter go.
    """
    for cls in _kinds(Message):
        if cls not in _decoders:
            _decoders[cls] = msgspec.msgpack.Decoder(cls)


def _kinds(base: type[Message]) -> Iterator[type[Message]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _kinds(cls)


class Lane(IntEnum):
    """Which mail of a busy actor comes first, where the transport has lanes.

    Order is kept per pair of actors and lane; an urgent message may pass bulk of its own sender, but never an order
    that its sender sent before it. Nobody starves.
    """

    URGENT = 0  # cancels, reducing orders, halts, the stop
    NORMAL = 1  # orders, fills, everything else
    BULK = 2  # market data and reports: late is bad, lost is worse for nobody


@dataclass_transform(frozen_default=True)
class Message(Struct, frozen=True, tag=True):
    """Never changes once made, so it can be journaled, replayed and shared."""

    usual_lane: ClassVar[Lane] = Lane.NORMAL

    @property
    def lane(self) -> Lane:
        """Return which mail it is; most kinds always use the same lane."""
        return self.usual_lane

    def __reduce__(self) -> tuple[Callable[[type[Message], bytes], Message], tuple[type[Message], bytes]]:
        return _unpack, (type(self), _encode(self))

    def __str__(self) -> str:
        # Thespian formats every message several times per hop, even with logging off.
        return type(self).__name__


class Command(Message):
    """Imperative (SubmitOrder): one receiver, who may refuse."""


class Event(Message, kw_only=True):
    """Past tense (OrderFilled): it happened; any number may listen, none may refuse."""

    ts_event: int  # UTC nanoseconds, by the clock of whoever saw it happen
