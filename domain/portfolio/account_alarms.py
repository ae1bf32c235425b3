"""What the portfolio tells a person about the account: positions without cover or end, equity that can't be told.

Each is told once per time that it begins. Refuses to decide anything: who stops openings looks for himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.effects import Effect, Role, Tell
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.messages.system import AlarmOver, AlarmRaised
from domain.numbers import plain
from domain.portfolio.valuation import Valuation

INCOMPLETE_NS = 10 * SECOND_NS  # a stream that reconnects may take this long


class AccountAlarms:
    """Remembers what has been told.

    Args:
        cover_within_s: how long a position may lack a stop.
    """

    def __init__(self, cover_within_s: float) -> None:
        self._within_s = cover_within_s
        self._bare: set[str] = set()
        self._stuck: set[str] = set()
        self._held_back: dict[str, Decimal] = {}  # "coinbase:BTC-USD" -> how much
        self._missing_since: dict[str, int] = {}  # what -> CLOCK_MONOTONIC
        self._told_missing: set[str] = set()
        self._incomplete = ""  # the alarm of it that stands

    def review(
        self,
        bare: Iterable[InstrumentId],
        held_back: Mapping[InstrumentId, Decimal],
        stuck: Iterable[InstrumentId],
        valuation: Valuation,
        now: Instant,
    ) -> list[Effect]:
        """Return the alarms that are news.

        Args:
            bare: the positions that have lacked cover for too long.
            held_back: the same of those that others' orders hold -> how much of them.
            stuck: those that no order can close.
        """
        return [
            *self._review_cover({str(key) for key in bare}, now),
            *self._review_held_back({str(key): held for key, held in held_back.items()}, now),
            *self._review_stuck({str(key) for key in stuck}, now),
            *self._review_equity(valuation, now),
        ]

    def _review_held_back(self, held_back: dict[str, Decimal], now: Instant) -> list[Effect]:
        """Tell of what is new, or another quantity than was told."""
        before, self._held_back = self._held_back, held_back
        ended = {key: held for key, held in before.items() if held_back.get(key) != held}
        news = {key: held for key, held in held_back.items() if before.get(key) != held}
        return [
            *(_over(key, _held_in_words(held), now) for key, held in sorted(ended.items())),
            *(_alarm(key, _held_in_words(held), now) for key, held in sorted(news.items())),
        ]

    def _review_cover(self, bare: set[str], now: Instant) -> list[Effect]:
        news, ended, self._bare = sorted(bare - self._bare), sorted(self._bare - bare), bare
        text = f"no stop covers the position after {self._within_s:g} s: it is being closed"
        return [*(_over(key, text, now) for key in ended), *(_alarm(key, text, now) for key in news)]

    def _review_stuck(self, stuck: set[str], now: Instant) -> list[Effect]:
        news, ended, self._stuck = sorted(stuck - self._stuck), sorted(self._stuck - stuck), stuck
        text = "no order can close the position: it is below the venue's minimum; what protects it there stays"
        return [*(_over(key, text, now) for key in ended), *(_alarm(key, text, now) for key in news)]

    def _review_equity(self, valuation: Valuation, now: Instant) -> list[Effect]:
        self._missing_since = {what: self._missing_since.get(what, now.monotonic_ns) for what in valuation.missing}
        long_missing = {
            what for what, since in self._missing_since.items() if now.monotonic_ns - since >= INCOMPLETE_NS
        }
        news, self._told_missing = long_missing - self._told_missing, long_missing
        effects: list[Effect] = []
        if self._incomplete and (news or not long_missing):
            effects.append(_over("account", self._incomplete, now))
            self._incomplete = ""
        if news:
            missing = ", ".join(sorted(long_missing))
            self._incomplete = f"equity incomplete: {missing}: nothing is opened until it is whole"
            effects.append(_alarm("account", self._incomplete, now))
        return effects


def _alarm(subject: str, text: str, now: Instant) -> Tell:
    return Tell(Role.MONITOR, AlarmRaised(ts_event=now.utc_ns, subject=subject, text=text))


def _held_in_words(held: Decimal) -> str:
    return f"{plain(held)} of the position are held for an order that is not ours: no stop of ours covers that"


def _over(subject: str, text: str, now: Instant) -> Tell:
    return Tell(Role.MONITOR, AlarmOver(ts_event=now.utc_ns, subject=subject, text=text))
