"""Requests, answers and frames as values: what a wire front sees instead of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple


class Request(NamedTuple):
    method: str  # upper case
    path: str  # without the query
    query: tuple[tuple[str, str], ...] = ()  # decoded, in order, keys may repeat
    headers: Mapping[str, str] = {}  # names in any case
    body: bytes = b""


class Response(NamedTuple):
    """An answer. With `drop`, the connection closes after `delay_s` seconds without one.

    Attributes:
        interim: bytes that go out before it.
        is_shifted: behind these come others that are no part of any answer.
        drip_s: it goes out byte by byte for so long.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_s: float = 0.0
    drop: bool = False
    interim: bytes = b""
    is_shifted: bool = False
    drip_s: float = 0.0


def dropped(after_s: float) -> Response:
    """Return no answer: silence for `after_s` seconds, then a closed connection."""
    return Response(0, {}, b"", delay_s=after_s, drop=True)


class Handshake(NamedTuple):
    """How a websocket's upgrade goes."""

    status: int = 101  # anything else is the answer of a refused upgrade; 0: the connection just ends
    delay_s: float = 0.0  # before the answer


class FrameKind(Enum):
    TEXT = auto()
    BINARY = auto()
    PING = auto()
    RAW = auto()  # bytes that go out as they are, whatever that does to the websocket


class Frame(NamedTuple):
    """What a venue has to send on one websocket."""

    data: bytes
    channel: str = ""  # what it belongs to, as clients subscribe to it; "" = no channel
    kind: FrameKind = FrameKind.TEXT
