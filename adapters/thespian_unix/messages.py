"""What this transport says to actors by itself."""

from __future__ import annotations

from typing import Any


class Busy:
    """There was no room for `message` on its way to `target`: it comes back to the actor that sent it.

    The queue is full, or this process has no descriptor left for a connection.

    One for every message refused. Holding them is the sender's own affair, so memory is bounded by what it
    sends in one go.
    """

    __slots__ = ("target", "message")

    def __init__(self, target: Any, message: Any) -> None:
        self.target = target  # ActorAddress
        self.message = message

    def __getstate__(self) -> tuple[Any, Any]:
        return self.target, self.message

    def __setstate__(self, state: tuple[Any, Any]) -> None:
        self.target, self.message = state

    def __str__(self) -> str:
        return "Busy"  # formatted by Thespian, often; the message may be large


class Undecodable:
    """A message that arrived whole and could not be unpickled. It travels as a dead letter."""

    __slots__ = ("sender", "reason", "size")

    def __init__(self, sender: Any, reason: str, size: int) -> None:
        self.sender = sender  # ActorAddress
        self.reason = reason
        self.size = size  # bytes, pickled

    def __getstate__(self) -> tuple[Any, str, int]:
        return self.sender, self.reason, self.size

    def __setstate__(self, state: tuple[Any, str, int]) -> None:
        self.sender, self.reason, self.size = state

    def __str__(self) -> str:
        return f"Undecodable({self.size} bytes: {self.reason})"
