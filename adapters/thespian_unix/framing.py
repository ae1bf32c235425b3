"""Bytes on a connection: messages one way, acknowledgements the other. No socket, no pickle.

A frame is a length, a tag and the payload. The tag says the lane in which the message waits at the receiver,
whether it overtakes, and by which of the pair's three sequences it is counted (its lane's, unless it waited
behind another lane at the sender). An acknowledgement holds three totals, one per sequence, so any later one
replaces all before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from adapters.thespian_unix.lanes import LANES

HEADER = Struct("<IB")  # payload length, tag
ACKNOWLEDGEMENT = Struct("<QQQ")  # messages handled so far, per sequence
GREETING = 0xFF  # the tag of a connection's first frame, which names the sender
LARGEST = 0xFFFF_FFFF  # bytes of payload


class Tag(NamedTuple):
    lane: int
    overtakes: bool
    sequence: int


def tag_number(lane: int, overtakes: bool, sequence: int) -> int:
    return lane | overtakes << 2 | sequence << 3


TAGS = {
    tag_number(lane, overtakes, sequence): Tag(lane, overtakes, sequence)
    for lane in LANES
    for overtakes in (False, True)
    for sequence in LANES
}


class BrokenFrame(Exception):
    """The peer speaks something else; the connection is of no more use."""


def frame(tag: int, payload: bytes) -> bytes:
    """Return the payload as it goes on the wire.

    Raises:
        ValueError: it is too large for its length field.
    """
    if len(payload) > LARGEST:
        raise ValueError(f"message of {len(payload)} bytes: at most {LARGEST}")
    return HEADER.pack(len(payload), tag) + payload


def lane_in(framed: bytes) -> int:
    """Return the lane of a frame that `frame` made."""
    return TAGS[HEADER.unpack_from(framed)[1]].lane


class FrameReader:
    """Cuts a stream into frames. Pieces of a large frame are joined once, when it is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._needed = HEADER.size  # bytes before another look is worth it

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (tag, payload) for every frame that `data` completes."""
        if self._pieces:
            self._pieces.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
        position, end = 0, len(data)
        self._needed = HEADER.size
        while end - position >= HEADER.size:
            length, tag = HEADER.unpack_from(data, position)
            start = position + HEADER.size
            if end - start < length:
                self._needed = HEADER.size + length
                break
            yield tag, data[start : start + length]
            position = start + length
        if position < end:
            self._pieces.append(data[position:] if position else data)
            self._held = end - position


class AcknowledgementReader:
    """Cuts a stream into acknowledgements and keeps the newest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[int, int, int] | None:
        """Return the newest totals that `data` completes, if any."""
        data = self._rest + data
        whole = len(data) - len(data) % ACKNOWLEDGEMENT.size
        self._rest = data[whole:]
        return ACKNOWLEDGEMENT.unpack_from(data, whole - ACKNOWLEDGEMENT.size) if whole else None
