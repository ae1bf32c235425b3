"""The combination of the strategies' votes on one instrument into one opinion.

A strategy that raises or answers nonsense loses its voice for that candle, is counted, and the others vote.
Weights are settings and stay as they are: nothing here sees what a strategy's trades have earned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from domain.errors import InvalidSetting
from domain.instrument import Side
from domain.market_data import Candle
from domain.strategies import STRATEGIES, Strategy, Vote


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
    ) -> None:
        """Raises InvalidSetting when a weight names a strategy that does not exist."""
        unknown = [name for name in weights if name not in strategies]
        if unknown:
            raise InvalidSetting(
                f"signals.weights: no strategy {unknown[0]!r}; there are {', '.join(strategies)}"
            )
        self.errors: Counter[str] = Counter()  # strategy -> candles on which it failed
        self._winner_above = winner_above
        self._voters = [(strategies[name](), weight) for name, weight in weights.items() if weight > 0]

    def update(self, candle: Candle) -> Opinion | None:
        """Let everybody vote on a candle; None holds: no winner, a tie, or nobody warmed up."""
        answered = 0.0
        scores = {Side.BUY: 0.0, Side.SELL: 0.0}
        names: dict[Side, list[str]] = {Side.BUY: [], Side.SELL: []}
        for strategy, weight in self._voters:
            vote = self._ask(strategy, candle)
            if vote is None:
                continue
            answered += weight
            if vote.side is not None:
                scores[vote.side] += vote.confidence * weight
                names[vote.side].append(strategy.name)
        winner = Side.BUY if scores[Side.BUY] > scores[Side.SELL] else Side.SELL
        score = scores[winner] / answered if answered else 0.0
        if score <= self._winner_above or scores[winner] == scores[winner.opposite]:
            return None
        return Opinion(winner, score, tuple(names[winner]))

    def _ask(self, strategy: Strategy, candle: Candle) -> Vote | None:
        try:
            vote = strategy.update(candle)
            is_sane = vote is None or 0.0 <= vote.confidence <= 1.0  # false for NaN
        except Exception:  # not ours to sort: whatever one strategy does wrong, the other votes must count
            is_sane = False
        if is_sane:
            return vote
        self.errors[strategy.name] += 1
        return None
