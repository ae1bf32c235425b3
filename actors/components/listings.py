"""What one venue lets us trade, asked for again and again: halts begin and end, and steps change, without a word to us.

What says that a listing is old has it read at once: an order that the venue refuses, or other steps on its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from actors.components.venue_calls import Urgency
from actors.runtime.base_actor import BaseActor
from domain.effects import Role, WakeupKey, WakeupKind
from domain.errors import Fatal, Rejected, VenueError
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.market.latest_quotes import is_in_dollars
from domain.messages.listing import NOT_LISTED
from domain.messages.market import InstrumentStatus
from domain.messages.orders import InstrumentsLoaded, OrderReported, OrderStatus
from domain.numbers import plain
from domain.resilience.backoff import Backoff

_AGAIN_NS = 60 * SECOND_NS
_AGAIN_WHILE_HALTED_NS = 5 * SECOND_NS
_DOUBTS_KEPT = 100  # reasons; a venue's words may be without end
_CAPITAL = (Role.ORDER_ROUTER, Role.PORTFOLIO)  # who must know


class ListingsWakeup(WakeupKind):
    LOAD = "load"


LOAD = WakeupKey(ListingsWakeup.LOAD)


@dataclass
class _Doubt:
    """One reason to read the listing anew: each time it comes without news, it waits longer. Monotonic nanoseconds."""

    backoff: Backoff = field(default_factory=lambda: Backoff(SECOND_NS, 2.0, _AGAIN_NS, 0.1))
    due_ns: int = 0
    free_ns: int = 0  # not again before then
    is_waiting: bool = False


class Listings:
    """A gateway's instruments and fees."""

    def __init__(
        self,
        actor: BaseActor,
        venue: str,
        kinds: Collection[InstrumentKind],
        ask: Callable[[Callable[[InstrumentsLoaded | VenueError], None], Urgency], None],
    ) -> None:
        """Args:
        kinds: of products that our orders there can be in.
        ask: asks the venue, on a worker when it is its turn, and hands what came of it on.
        """
        self._actor = actor
        self._venue = venue
        self._kinds = kinds
        self._ask = ask
        self._backoff = Backoff(SECOND_NS // 4, 2.0, 8 * SECOND_NS, 0.1)
        self._loaded: InstrumentsLoaded | None = None
        self._is_loading = False
        self._due_ns = 0  # of the next look that no doubt calls for; monotonic
        self._doubts: dict[str, _Doubt] = {}  # why ->
        self._quote_steps: dict[str, Decimal | None] = {}  # instrument -> as the stream told last
        self._fee_alarm = ""  # that they are not known, while that is so
        self._left_out: dict[str, str] = {}  # instrument -> what a person was told of it, while that is so
        self._told: set[str] = set()  # instruments that a person knows not to be opened

    def look(self, now_ns: int) -> None:
        """Ask if it is time; called at each LOAD."""
        if now_ns >= self._next_ns():
            self.load()

    def load(self) -> None:
        """Ask, unless that is under way."""
        if self._is_loading:
            return
        self._is_loading = True
        now_ns = self._actor.clock.now().monotonic_ns
        is_doubted = False
        for doubt in self._doubts.values():
            if doubt.is_waiting and doubt.due_ns <= now_ns:
                doubt.is_waiting, is_doubted = False, True
        # A position may be unprotected until its stop fits the venue's steps.
        self._ask(self._answered, Urgency.ASKING if is_doubted else Urgency.READING)

    def doubt(self, why: str) -> None:
        """Ask anew at once; for a reason that brings no news again and again, ever more rarely.

        Args:
            why: a refusal in the venue's word, or a step as its stream tells it.
        """
        now_ns = self._actor.clock.now().monotonic_ns
        if why not in self._doubts and len(self._doubts) >= _DOUBTS_KEPT:
            return
        doubt = self._doubts.setdefault(why, _Doubt())
        if doubt.is_waiting:
            return
        if now_ns > doubt.free_ns + _AGAIN_NS:
            doubt.backoff.reset()
        doubt.is_waiting, doubt.due_ns = True, max(now_ns, doubt.free_ns)
        doubt.free_ns = doubt.due_ns + doubt.backoff.next_delay_ns(self._actor.toolbox.uniform())
        if doubt.due_ns <= now_ns:
            self.load()
        else:
            self._wake()

    def heed(self, answer: object) -> None:
        """Doubt the listing where an order is refused, at once or after it was taken: it was right by the listing."""
        match answer:
            case Rejected():
                self.doubt(answer.code)
            case OrderReported(status=OrderStatus.REJECTED):
                self.doubt(answer.reason)

    def compare(self, event: InstrumentStatus) -> None:
        """Doubt the listing where the stream tells other steps."""
        before = self._quote_steps.get(event.instrument)
        self._quote_steps[event.instrument] = event.quote_step
        listed = {one.name: one.lot_size for one in self._loaded.instruments} if self._loaded else {}
        is_other_lot = event.lot_size not in (None, listed.get(event.instrument, event.lot_size))
        if is_other_lot or (None not in (before, event.quote_step) and before != event.quote_step):
            self.doubt(f"{event.instrument}: {event.lot_size} {event.quote_step}")

    def announce(self, role: str) -> None:
        """Tell somebody new what is known."""
        if role in _CAPITAL and self._loaded is not None:
            self._actor.tell(role, self._loaded)

    def _answered(self, result: InstrumentsLoaded | VenueError) -> None:
        self._is_loading = False
        if isinstance(result, VenueError):
            self._actor.counters["load_failures"] += 1
            if isinstance(result, Fatal) and not result.denied_with:  # refused credentials have been told
                self._actor.alarm(self._venue, str(result), is_theirs=True)
            self._again_in(self._backoff.next_delay_ns(self._actor.toolbox.uniform()))
            return
        # One row that can't be read may be of the moment, and a position there can't be closed without it.
        is_one_unread = any(one.reason != NOT_LISTED for one in result.left_out)
        if result.is_fee_known and not is_one_unread:
            self._backoff.reset()
        is_news = self._loaded is None or not _says_the_same(result, self._loaded)
        self._loaded = result
        if is_news:
            self._doubts = {why: doubt for why, doubt in self._doubts.items() if doubt.is_waiting}
            for role in _CAPITAL:
                self._actor.tell(role, result)
            self._tell_of_unopenable(result)
            self._tell_of_left_out(result)
        if result.is_fee_known:
            self._actor.alarm_over(self._venue, self._fee_alarm)
            self._fee_alarm = ""
        else:
            if not self._fee_alarm:
                taker_percent = plain(100 * result.taker_fee_ratio)
                self._fee_alarm = f"fees unknown: reckoning with {taker_percent} % for takers"
                self._actor.alarm(self._venue, self._fee_alarm)
            self._actor.counters["fee_failures"] += 1
        if not result.is_fee_known or is_one_unread:
            self._again_in(self._backoff.next_delay_ns(self._actor.toolbox.uniform()))
            return
        is_halted = not all(instrument.is_tradable for instrument in result.instruments)
        self._again_in(_AGAIN_WHILE_HALTED_NS if is_halted else _AGAIN_NS)

    def _tell_of_unopenable(self, loaded: InstrumentsLoaded) -> None:
        """Tell a person once what is shown and never opened: it is refused as `not_offered` or `not_in_dollars`."""
        for one in loaded.instruments:
            why = ""
            if one.kind not in self._kinds:
                why = f"no order of ours can be in a {one.kind} there"
            elif not is_in_dollars(one):
                why = f"priced in {one.quote}, and limits are in dollars"
            if why and one.key not in self._told:
                self._told.add(one.key)
                self._actor.alarm(one.key, f"{why}: shown, and no position is opened in it", is_theirs=True)

    def _tell_of_left_out(self, loaded: InstrumentsLoaded) -> None:
        left_out = {one.instrument: f"left out, everything else goes on: {one.reason}" for one in loaded.left_out}
        for instrument, text in self._left_out.items():
            if left_out.get(instrument) != text:
                self._actor.alarm_over(f"{self._venue}:{instrument}", text)
        for instrument, text in left_out.items():
            self._actor.alarm(f"{self._venue}:{instrument}", text, is_theirs=True)
        self._left_out = left_out

    def _again_in(self, delay_ns: int) -> None:
        self._due_ns = self._actor.clock.now().monotonic_ns + delay_ns
        self._wake()

    def _next_ns(self) -> int:
        doubts = [doubt.due_ns for doubt in self._doubts.values() if doubt.is_waiting]
        return min(self._due_ns, *doubts, self._due_ns)

    def _wake(self) -> None:
        if not self._is_loading:
            self._actor.wake_at(self._next_ns(), LOAD)


def _says_the_same(one: InstrumentsLoaded, other: InstrumentsLoaded) -> bool:
    return replace(one, ts_event=0) == replace(other, ts_event=0)
