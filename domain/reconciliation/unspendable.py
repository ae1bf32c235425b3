"""Money at a venue that no order can spend: a person is told of it once, and once more when that has ended."""

from __future__ import annotations

from domain.instant import Instant
from domain.ledger.outbox import Outbox
from domain.messages.account import VenueSnapshot
from domain.numbers import plain


class UnspendableMoney:
    """What was told, while that is so."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._told: dict[tuple[str, str, str], str] = {}  # venue, currency, why -> the text

    def hear(self, snapshot: VenueSnapshot, now: Instant) -> None:
        venue = snapshot.venue
        totals = {(venue, one.currency, one.barred_by): one.total for one in snapshot.unspendable}
        unread = {one.currency for one in snapshot.unread if one.kind == "balance"}  # it may be there all the same
        for key in [key for key in self._told if key[0] == venue and key not in totals]:
            if not unread & {"", key[1]}:
                self._outbox.alarm_over(_subject(*key[:2]), self._told.pop(key), now.utc_ns)
        for key in totals.keys() - self._told.keys():
            _, currency, why = key
            # Its amount may change without end, and is not told again.
            money = f"{plain(totals[key])} {currency}"
            text = f"{money} there can't be spent by orders ({why}): not in equity, not traded with"
            self._told[key] = text
            self._outbox.alarm(_subject(venue, currency), text, now.utc_ns, is_theirs=True)


def _subject(venue: str, currency: str) -> str:
    return f"{venue}:{currency}"
