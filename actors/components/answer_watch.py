"""Tells the person when a venue can't be reached, hangs, or wants us to be silent for longer than we can be."""

from __future__ import annotations

from typing import Any

from actors.runtime.base_actor import BaseActor
from domain.errors import VenueError
from domain.instant import SECOND_NS
from domain.resilience.outage import Outage
from domain.resilience.rate_limit import LONGEST_PAUSE_NS


class AnswerWatch:
    """What came of one venue's calls, as far as that is about the venue and not about an order."""

    def __init__(self, actor: BaseActor, venue: str) -> None:
        self._actor = actor
        self._subject = f"{venue} REST"
        self._outage = Outage()

    def hung(self, error: VenueError) -> None:
        self._actor.counters["hung_calls"] += 1
        self._actor.alarm(self._subject, f"{error}: its worker was replaced", is_theirs=True)

    def ended(self, result: Any) -> None:
        words = self._outage.ended(result)
        self._actor.alarm_over(self._subject, self._outage.take_over())
        if words:
            self._actor.alarm(self._subject, words)
        if isinstance(result, VenueError) and result.code == "oversize":
            self._actor.alarm(self._subject, f"an answer is too large to be one: {result}", is_theirs=True)
        asked_ns = result.retry_after_ns if isinstance(result, VenueError) else None
        if asked_ns is not None and asked_ns > LONGEST_PAUSE_NS:
            kept_s = LONGEST_PAUSE_NS // SECOND_NS
            text = f"the venue wants a pause of {asked_ns // SECOND_NS} s, and gets one of {kept_s}"
            self._actor.alarm(self._subject, text, is_theirs=True)
