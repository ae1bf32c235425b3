"""What happened on a stage, line by line: who told whom what and when, and what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from actors.runtime.wiring_messages import Envelope
from domain.instant import SECOND_NS
from domain.messages.base import Message

_KEPT = 2_000
_WIDEST = 160  # characters of one message


def shown(message: Any) -> str:
    """Return a message in one line."""
    if isinstance(message, Envelope):
        message = message.message if message.message is not None else "an acknowledgement"
    text = repr(message) if isinstance(message, Message) else f"<{message}>"
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


class Trace:
    """The newest lines, in the order in which things were handled."""

    def __init__(self, role_of: Callable[[str], str]) -> None:
        """Args:
        role_of: says who plays where, by the name of an actor's address.
        """
        self.length = 0  # with lines that are no longer kept
        self._role_of = role_of
        self._lines: deque[tuple[int, str, str, Any, str]] = deque(maxlen=_KEPT)

    def add(self, at_ns: int, sender: str, to: str, message: Any, note: str = "") -> None:
        """Args:
        sender: nobody, for what happened to `to` itself.
        note: what became of the message; nothing when it was handled.
        """
        self.length += 1
        self._lines.append((at_ns, sender, to, message, note))

    def told(self, last: int = 40) -> str:
        """Return the last lines as text, without mere acknowledgements."""
        lines = [line for line in self._lines if not _is_mere(line[3]) or line[4]]
        return "\n".join(self._line(*line) for line in lines[-last:])

    def _line(self, at_ns: int, sender: str, to: str, message: Any, note: str) -> str:
        who = message.sender if isinstance(message, Envelope) else sender and self._role_of(sender)
        words = [who, "->", self._role_of(to)] if who else [self._role_of(to)]
        words += [f" {note.upper()}"] if note else []
        words += [f" {shown(message)}"] if message is not None else []
        return f"  {at_ns / SECOND_NS:9.3f} s  {' '.join(words)}"


def _is_mere(message: Any) -> bool:
    return isinstance(message, Envelope) and message.message is None
