"""What one venue lets us trade, asked for again and again: halts begin and end, and steps change, without a word to us."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from actors.shell import Shell
from domain.backoff import Backoff
from domain.effects import Role
from domain.errors import Fatal, VenueError
from domain.instrument import InstrumentKind
from domain.listing import NOT_LISTED
from domain.marks import is_in_dollars
from domain.numbers import plain
from domain.order_messages import InstrumentsLoaded
from domain.settings import SECOND_NS

LOAD = "listings:load"  # alarm key
_AGAIN_NS = 60 * SECOND_NS
_AGAIN_WHILE_HALTED_NS = 5 * SECOND_NS
_CAPITAL = (Role.ORDER_ROUTER, Role.PORTFOLIO)  # who must know


class Listings:
    """A gateway's instruments and fees."""

    def __init__(
        self,
        shell: Shell,
        venue: str,
        load: Callable[[], InstrumentsLoaded],
        call: Callable[[Callable, Callable], None],
    ) -> None:
        """Args:
        load: asks the venue; it blocks.
        call: runs it on a worker and hands what came of it on.
        """
        self._shell = shell
        self._venue = venue
        self._load = load
        self._call = call
        self._backoff = Backoff(SECOND_NS // 4, 2.0, 8 * SECOND_NS, 0.1)
        self._loaded: InstrumentsLoaded | None = None
        self._fee_alarm = ""  # that they are not known, while that is so
        self._left_out: dict[str, str] = {}  # instrument -> what a person was told of it, while that is so
        self._told: set[str] = set()  # instruments that a person knows not to be opened

    def load(self) -> None:
        self._call(self._load, self._answered)

    def announce(self, role: str) -> None:
        """Tell somebody new what is known."""
        if role in _CAPITAL and self._loaded is not None:
            self._shell.tell(role, self._loaded)

    def _answered(self, result: InstrumentsLoaded | VenueError) -> None:
        if isinstance(result, VenueError):
            self._shell.counters["load_failures"] += 1
            if isinstance(result, Fatal) and not result.denied_with:  # refused credentials have been told
                self._shell.alarm(self._venue, str(result), is_theirs=True)
            self._again_in(self._backoff.next_delay_ns(self._shell.parts.uniform()))
            return
        # One row that can't be read may be of the moment, and a position there can't be closed without it.
        is_one_unread = any(one.reason != NOT_LISTED for one in result.left_out)
        if result.is_fee_known and not is_one_unread:
            self._backoff.reset()
        is_news = self._loaded is None or not _says_the_same(result, self._loaded)
        self._loaded = result
        if is_news:
            for role in _CAPITAL:
                self._shell.tell(role, result)
            self._tell_of_unopenable(result)
            self._tell_of_left_out(result)
        if result.is_fee_known:
            self._shell.alarm_over(self._venue, self._fee_alarm)
            self._fee_alarm = ""
        else:
            if not self._fee_alarm:
                taker_percent = plain(100 * result.taker_fee_ratio)
                self._fee_alarm = f"fees unknown: reckoning with {taker_percent} % for takers"
                self._shell.alarm(self._venue, self._fee_alarm)
            self._shell.counters["fee_failures"] += 1
        if not result.is_fee_known or is_one_unread:
            self._again_in(self._backoff.next_delay_ns(self._shell.parts.uniform()))
            return
        is_halted = not all(instrument.is_tradable for instrument in result.instruments)
        self._again_in(_AGAIN_WHILE_HALTED_NS if is_halted else _AGAIN_NS)

    def _tell_of_unopenable(self, loaded: InstrumentsLoaded) -> None:
        """Tell a person once what is shown and never opened: risk refuses it as `not_spot` or `not_in_dollars`."""
        for one in loaded.instruments:
            why = ""
            if one.kind is not InstrumentKind.SPOT:
                why = f"not spot but {one.kind}"
            elif not is_in_dollars(one):
                why = f"priced in {one.quote}, and limits are in dollars"
            if why and one.key not in self._told:
                self._told.add(one.key)
                self._shell.alarm(one.key, f"{why}: shown, and no position is opened in it", is_theirs=True)

    def _tell_of_left_out(self, loaded: InstrumentsLoaded) -> None:
        left_out = {one.instrument: f"left out, everything else goes on: {one.reason}" for one in loaded.left_out}
        for instrument, text in self._left_out.items():
            if left_out.get(instrument) != text:
                self._shell.alarm_over(f"{self._venue}:{instrument}", text)
        for instrument, text in left_out.items():
            self._shell.alarm(f"{self._venue}:{instrument}", text, is_theirs=True)
        self._left_out = left_out

    def _again_in(self, delay_ns: int) -> None:
        self._shell.wake_at(self._shell.clock.now().monotonic_ns + delay_ns, LOAD)


def _says_the_same(one: InstrumentsLoaded, other: InstrumentsLoaded) -> bool:
    return replace(one, ts_event=0) == replace(other, ts_event=0)
