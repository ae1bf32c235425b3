"""Errors sorted by what the caller must do next: the four fates of a venue call."""

from __future__ import annotations

from domain.text import bounded, bounded_bytes


class NzezaError(Exception):
    """Root of every error that is ours to raise."""


class InvalidSetting(NzezaError):
    """A setting is unknown, of the wrong type or out of bounds; the text is one line for a person."""

    def __init__(self, text: str) -> None:
        # A quoted key, a variable's name or a path may hold anything, ends of lines too.
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


class VenueError(NzezaError):
    """A venue call failed. Subclasses say what may be done about it.

    Texts may be the venue's own, at any length: they are bounded here (`domain/text.py`).

    Attributes:
        venue: our name of the venue.
        code: the venue's own word for why, or a transport word such as "timeout".
        raw: the first 256 bytes of what came back, for the journal; never a secret.
        denied_with: the status with which the venue refused our credentials; empty when that is not why.
        is_throttled: the venue wants fewer requests.
        retry_after_ns: how long it asked us to wait, as it said it; None if it didn't.
    """

    def __init__(
        self,
        message: str,
        *,
        venue: str = "",
        code: str = "",
        raw: bytes = b"",
        retry_after_ns: int | None = None,
    ) -> None:
        super().__init__(bounded(message))
        self.venue = venue
        self.code = bounded(code)
        self.raw = bounded_bytes(raw)
        self.retry_after_ns = retry_after_ns
        self.denied_with = ""
        self.is_throttled = retry_after_ns is not None


class Retryable(VenueError):
    """It did not happen; the same call may be made again."""


class Rejected(VenueError):
    """Understood and refused; never repeat it unchanged."""


class Ambiguous(VenueError):
    """It may have happened; ask by client_order_id before anything else."""


class Fatal(VenueError):
    """No later message can help: stop trading there and tell a person."""
