"""The combination of the strategies' votes on one instrument into one opinion.

A strategy that raises, answers nonsense or doesn't come back is benched and counted, and the others vote on.
Weights are settings and stay as they are: nothing here sees what a strategy's trades have earned.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from numbers import Real
from typing import NamedTuple

from domain.errors import InvalidSetting
from domain.instrument import Side
from domain.messages.market import Candle
from domain.signals.bench import Bench, Nonsense
from domain.signals.strategies import STRATEGIES, Strategy, Vote


class Opinion(NamedTuple):
    """The side that won after one candle, and who voted for it."""

    side: Side
    confidence: float  # the winner's share of all weight that answered, times its voters' confidence
    strategies: tuple[str, ...]  # in the order of the weights


class SignalCombiner:
    """The strategies of one instrument and their weighted vote: sum(confidence x weight) / sum(weight)."""

    def __init__(
        self,
        weights: Mapping[str, float],  # strategy name -> weight; zero switches it off
        winner_above: float,
        strategies: Mapping[str, type[Strategy]] = STRATEGIES,
        bench: Bench | None = None,  # shared by all instruments
    ) -> None:
        """Raises InvalidSetting when a weight names a strategy that does not exist."""
        unknown = [name for name in weights if name not in strategies]
        if unknown:
            raise InvalidSetting(f"signals.weights: no strategy {unknown[0]!r}; there are {', '.join(strategies)}")
        self._winner_above = winner_above
        self._bench = Bench() if bench is None else bench
        self._voters: list[tuple[str, Strategy, float]] = []
        for name, weight in weights.items():
            strategy = self._bench.ask(name, strategies[name]) if weight > 0 else None
            if strategy is not None:
                self._voters.append((name, strategy, weight))

    def update(self, candle: Candle) -> Opinion | None:
        """Let everybody vote on a candle; None holds: no winner, a tie, or nobody warmed up."""
        answered = 0.0
        scores = {Side.BUY: 0.0, Side.SELL: 0.0}
        names: dict[Side, list[str]] = {Side.BUY: [], Side.SELL: []}
        for name, strategy, weight in self._voters:
            vote = self._bench.ask(name, partial(_ask, strategy, candle))
            if vote is None:
                continue
            answered += weight
            if vote.side is not None:
                scores[vote.side] += vote.confidence * weight
                names[vote.side].append(name)
        winner = Side.BUY if scores[Side.BUY] > scores[Side.SELL] else Side.SELL
        score = scores[winner] / answered if answered else 0.0
        if score <= self._winner_above or scores[winner] == scores[winner.opposite]:
            return None
        return Opinion(winner, score, tuple(names[winner]))


def _ask(strategy: Strategy, candle: Candle) -> Vote | None:
    return _checked(strategy.update(candle))


def _checked(vote: object) -> Vote | None:
    """Return a vote made of nothing but our own types. Raises Nonsense for what is none."""
    if vote is None:
        return None
    if not isinstance(vote, Vote):
        raise Nonsense(f"{type(vote).__name__} is no Vote")
    if vote.side is not None and not isinstance(vote.side, Side):
        raise Nonsense(f"a side of type {type(vote.side).__name__}")
    if not isinstance(vote.confidence, Real):
        raise Nonsense(f"a confidence of type {type(vote.confidence).__name__}")
    confidence = float(vote.confidence)
    if not 0.0 <= confidence <= 1.0:  # false for NaN
        raise Nonsense(f"a confidence of {confidence}, not between 0 and 1")
    return Vote(vote.side, confidence)
