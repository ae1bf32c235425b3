"""Which positions shall go, and where openings went whose position that may be, as the journal tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.instrument import InstrumentId
from domain.messages.journal import ExitEnded, ExitWished
from domain.messages.orders import OrderIntent, Purpose


@dataclass
class Wish:
    """One exit that is not over. UTC nanoseconds."""

    signal_id: str
    since: int  # when it was decided, or the last opening ended that it waited for


@dataclass
class ExitWishes:
    """A part of the projection of the journal. A close that an exit signal caused is a wish as well."""

    wanted: dict[InstrumentId, Wish] = field(default_factory=dict)
    _origins: dict[InstrumentId, InstrumentId] = field(default_factory=dict)  # where an opening is -> was decided

    def any_at(self, venues: Iterable[str], instrument: str) -> bool:
        return any(InstrumentId(venue, instrument) in self.wanted for venue in venues)

    def moved_from(self, key: InstrumentId) -> list[InstrumentId]:
        """Return where openings went that were decided at `key`; there may be nothing left of them."""
        return [place for place, origin in self._origins.items() if origin == key]

    def is_moved(self, key: InstrumentId) -> bool:
        """Tell whether what there is at `key` was decided elsewhere."""
        return key in self._origins

    def hear(self, event: ExitWished | ExitEnded) -> None:
        key = InstrumentId.of(event)
        if isinstance(event, ExitEnded):
            self.wanted.pop(key, None)
        else:
            self._want(key, event.signal_id, event.ts_event)

    def accepted(self, intent: OrderIntent, key: InstrumentId, ts_event: int) -> None:
        """Take note of a decision: a newer opening wants the position that its exit signal wants gone."""
        if intent.purpose is Purpose.OPEN:
            self.wanted.pop(key, None)
            self._origins.pop(key, None)
        elif intent.purpose is Purpose.CLOSE and intent.intent_id.startswith(close_id(intent.signal_id)):
            self._want(key, intent.signal_id, ts_event)

    def moved(self, origin: InstrumentId, place: InstrumentId) -> None:
        """Take note that an opening refused at `origin` went on to `place`."""
        self._origins[place] = self._origins.pop(origin, origin)

    def ended(self, key: InstrumentId, purpose: Purpose, ts_event: int) -> None:
        """Take note that nothing of a plan can trade any more."""
        if purpose is Purpose.OPEN and (wish := self.wanted.get(key)):
            wish.since = max(wish.since, ts_event)

    def _want(self, key: InstrumentId, signal_id: str, since: int) -> None:
        if key not in self.wanted or self.wanted[key].signal_id != signal_id:
            self.wanted[key] = Wish(signal_id, since)


def close_id(signal_id: str) -> str:
    """Return the intent_id of the first close that an exit signal causes; those of further ones begin with it."""
    return f"{signal_id}:close"
