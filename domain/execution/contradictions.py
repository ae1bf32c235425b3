"""Fills that a venue tells twice with different numbers: the first telling stands, and a person hears of it once."""

from __future__ import annotations

from domain.instant import Instant
from domain.ledger.fill_memory import same_numbers
from domain.ledger.outbox import Outbox
from domain.messages.journal import FillContradicted
from domain.messages.orders import Fill, FillCause
from domain.numbers import plain


class Contradictions:
    """Compares tellings; which were told of is in the journal."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger

    def compare(self, first: Fill, fill: Fill, now: Instant) -> None:
        """Tell, once, of a fill that comes back with other numbers."""
        key = fill.venue, fill.fill_id
        if same_numbers(first, fill) or key in self._ledger.fills.contradicted:
            return
        self._outbox.record(FillContradicted(ts_event=now.utc_ns, first=first, other=fill))
        text = f"told again as {_in_words(fill)}, first as {_in_words(first)}: the first stands"
        self._outbox.alarm(f"{fill.venue} fill {fill.fill_id}", text, now.utc_ns, is_theirs=True)


def _in_words(fill: Fill) -> str:
    cause = "" if fill.cause is FillCause.TRADE else f" ({fill.cause.lower()})"
    return f"{fill.side} {plain(fill.quantity)} {fill.instrument} at {plain(fill.price)} fee {plain(fill.fee)}{cause}"
