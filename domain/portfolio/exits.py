"""Exit signals: each is remembered until the position is gone, and acts on whatever of it there is.

An opening in doubt may fill later or move to another venue, a close may find nobody: the exit stays wanted, and
goes where the opening goes. It ends when the position is flat and no opening can add to it, when a newer signal
wants the position, or after as long as a close stays wanted: by then the market that it was decided in is gone,
the stop still guards the position, and a person is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.ledger.exit_wishes import close_id
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderIntent, Purpose
from domain.messages.signals import Signal
from domain.messages.system import EndExit, WishExit
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.risk_checks import close_quantity, is_small
from domain.settings import Settings

AGAIN_NS = SECOND_NS  # doubled with each close that did not do it
LONGEST_PAUSE_NS = 8 * SECOND_NS
# What may become of a signal, in one word; of several places the first of these tells it.
DECISIONS = ("closed", "pending", "unknown_instrument", "not_free", "dust", "no_position")


@dataclass
class Exit:
    """One position that shall go. Monotonic nanoseconds."""

    signal_id: str
    until_ns: int
    origin_read_ns: int = 0  # of the frame that caused it; for the first try
    asked: int = 0
    due_ns: int = 0  # of the next try

    def is_due(self, now: Instant) -> bool:
        return self.due_ns <= now.monotonic_ns < self.until_ns

    def pause(self, now: Instant) -> None:
        """Put the next try off, the longer the more there were."""
        self.due_ns = now.monotonic_ns + min(AGAIN_NS << min(self.asked, 10), LONGEST_PAUSE_NS)


class Exits:
    """At most one per instrument. The journal shall show just these, so that a restart takes them up."""

    def __init__(self, settings: Settings, portfolio: Portfolio, quotes: LatestQuotes, foreign: ForeignOrders) -> None:
        self._wanted_ns = round(settings.orders.reducing_expire_after_s * SECOND_NS)
        self._portfolio = portfolio
        self._quotes = quotes
        self._foreign = foreign
        self._exits: dict[InstrumentId, Exit] = {}

    def restore(self, now: Instant) -> None:
        """Take up what the journal shows, with as much of its time as is left."""
        for key, wish in self._portfolio.exits.wanted.items():
            # What an opening may still add is wanted to be gone however long that takes.
            spent_ns = 0 if self._is_opening(key, ()) else max(0, now.utc_ns - wish.since)
            self._exits[key] = Exit(wish.signal_id, now.monotonic_ns + self._wanted_ns - spent_ns)

    def hear(self, signal: Signal, pending: Sequence[OrderIntent], now: Instant) -> tuple[str, list[OrderIntent]]:
        """Take in an exit signal; return what became of it, in one word, and the closes that it calls for now."""
        own = InstrumentId.of(signal)
        places = (own, *self._portfolio.exits.moved_from(own))
        outcomes = [self._want(key, signal, pending, now) for key in places]
        decision = min((word for word, _ in outcomes), key=DECISIONS.index)
        return decision, [intent for _, intent in outcomes if intent]

    def _want(
        self, key: InstrumentId, signal: Signal, pending: Sequence[OrderIntent], now: Instant
    ) -> tuple[str, OrderIntent | None]:
        wanted = Exit(signal.signal_id, now.monotonic_ns + self._wanted_ns, signal.origin_read_ns)
        if not self._is_there(key):
            if self._is_opening(key, pending):
                self._exits[key] = wanted
                return "pending", None
            return self._why_not(key), None
        self._exits[key] = wanted
        if self._is_closing(key, pending):
            return "pending", None
        instrument = self._quotes.instrument(*key)
        if instrument is None:
            return "unknown_instrument", None
        return "closed", self._close(instrument, wanted, now)

    def is_wanted(self, key: InstrumentId) -> bool:
        return key in self._exits or key in self._portfolio.exits.wanted

    def withdraw(self, key: InstrumentId) -> EndExit:
        """Let go of an exit: a newer signal wants the position."""
        self._exits.pop(key, None)
        return _end(key)

    def unjournaled(self) -> Iterator[WishExit | EndExit]:
        """Yield what the journal is to be told, so that it shows what is wanted and nothing else."""
        journaled = self._portfolio.exits.wanted
        for key, wanted in self._exits.items():
            if key not in journaled or journaled[key].signal_id != wanted.signal_id:
                yield _wish(key, wanted)
        for key in journaled.keys() - self._exits.keys():
            yield _end(key)

    def review(self, pending: Sequence[OrderIntent], now: Instant) -> Iterator[OrderIntent]:
        """Yield the closes that are due now."""
        self._follow(pending)
        for key, wanted in list(self._exits.items()):
            instrument = self._quotes.instrument(*key)
            if self._is_opening(key, pending):
                wanted.until_ns = now.monotonic_ns + self._wanted_ns  # what it may add is to go as well
            if self._is_closing(key, pending):
                # Counted from its end: what it leaves gets its stop back before the next try takes it away.
                wanted.pause(now)
            elif instrument and self._is_there(key) and wanted.is_due(now):
                yield self._close(instrument, wanted, now)

    def expired(self, pending: Sequence[OrderIntent], now: Instant) -> list[str]:
        """Forget what is done or too old; return the instruments whose exits did not happen."""
        given_up = []
        for key, wanted in list(self._exits.items()):
            if self._is_closing(key, pending) or self._is_opening(key, pending):
                continue
            if not self._is_there(key):
                del self._exits[key]
            elif now.monotonic_ns >= wanted.until_ns:
                del self._exits[key]
                given_up.append(str(key))
        return given_up

    def _follow(self, pending: Sequence[OrderIntent]) -> None:
        """Want to be gone what an opening has become, or may become, where it moved after its exit was wanted."""
        for key, wanted in list(self._exits.items()):
            for place in self._portfolio.exits.moved_from(key):
                if place not in self._exits and (self._is_opening(place, pending) or self._is_there(place)):
                    self._exits[place] = Exit(wanted.signal_id, wanted.until_ns)

    def _close(self, instrument: Instrument, wanted: Exit, now: Instant) -> OrderIntent:
        key = venue, name = instrument.id
        position = self._portfolio.position(key)
        first_id = close_id(wanted.signal_id)
        if self._portfolio.exits.is_moved(key):
            first_id += f":{venue}"  # the position where the opening was decided may have a close of its own
        # The journal's count makes the id of a further try: never one that the router knows.
        number = self._portfolio.decided[venue, name, Purpose.CLOSE] + 1
        is_first = first_id not in self._portfolio.intents and not wanted.asked
        wanted.asked += 1
        wanted.pause(now)  # also one that is denied at once
        return OrderIntent(
            intent_id=first_id if is_first else f"{first_id}:{number}",
            signal_id=wanted.signal_id,
            venue=venue,
            instrument=name,
            side=Side.BUY if position.quantity < 0 else Side.SELL,
            quantity=close_quantity(self._portfolio, instrument, self._foreign),
            purpose=Purpose.CLOSE,
            reference_price=self._quotes.price(*key) or position.average_price,
            expires_at=now.utc_ns + self._wanted_ns,
            expires_ns=now.monotonic_ns + self._wanted_ns,
            origin_read_ns=wanted.origin_read_ns if is_first else 0,
            known_seq=self._portfolio.last_seq,
            reason="signal",
        )

    def _is_there(self, key: InstrumentId) -> bool:
        """Tell whether there is something to close; without a grid, whether there is a position."""
        position, instrument = self._portfolio.position(key), self._quotes.instrument(*key)
        if instrument is None or not self._is_held(key):
            return self._is_held(key)
        quantity: Decimal = close_quantity(self._portfolio, instrument, self._foreign)
        return bool(quantity) and not is_small(self._quotes, key, quantity, position.average_price)

    def _is_held(self, key: InstrumentId) -> bool:
        """Tell whether there is a position; spot below zero is none."""
        quantity = self._portfolio.position(key).quantity
        return quantity > 0 or (quantity < 0 and self._portfolio.terms(key).is_perpetual)

    def _why_not(self, key: InstrumentId) -> str:
        position = self._portfolio.position(key)
        if not self._is_held(key):
            return "no_position"
        return "dust" if is_small(self._quotes, key, position.quantity, position.average_price) else "not_free"

    def _is_closing(self, key: InstrumentId, pending: Sequence[OrderIntent]) -> bool:
        return self._is_under_way(key, Purpose.CLOSE, pending)

    def _is_opening(self, key: InstrumentId, pending: Sequence[OrderIntent]) -> bool:
        return self._is_under_way(key, Purpose.OPEN, pending)

    def _is_under_way(self, key: InstrumentId, purpose: Purpose, pending: Sequence[OrderIntent]) -> bool:
        return bool(self._portfolio.plans_of(*key, purpose)) or any(
            (intent.venue, intent.instrument, intent.purpose) == (*key, purpose) for intent in pending
        )


def _end(key: InstrumentId) -> EndExit:
    venue, instrument = key
    return EndExit(venue=venue, instrument=instrument)


def _wish(key: InstrumentId, wanted: Exit) -> WishExit:
    venue, instrument = key
    return WishExit(venue=venue, instrument=instrument, signal_id=wanted.signal_id)
