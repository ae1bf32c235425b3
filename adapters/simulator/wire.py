"""Requests and answers as values: what a wire front sees instead of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Request(NamedTuple):
    method: str  # upper case
    path: str  # without the query
    query: tuple[tuple[str, str], ...] = ()  # decoded, in order, keys may repeat
    headers: Mapping[str, str] = {}  # names in any case
    body: bytes = b""


class Response(NamedTuple):
    """An answer. With `drop`, the connection closes after `delay_s` seconds without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_s: float = 0.0
    drop: bool = False


def dropped(after_s: float) -> Response:
    """Return no answer: silence for `after_s` seconds, then a closed connection."""
    return Response(0, {}, b"", delay_s=after_s, drop=True)
