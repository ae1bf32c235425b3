"""The weighted vote: who wins, by how much, and what a broken strategy may not do."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from domain.errors import InvalidSetting
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.market import Candle
from domain.settings import PROFILES, SignalSettings
from domain.signals.bench import Bench
from domain.signals.combiner import Opinion, SignalCombiner
from domain.signals.strategies import Vote

DEFAULTS = SignalSettings()
CANDLE = Candle(
    venue="coinbase",
    instrument="BTC-USD",
    interval_ns=SECOND_NS,
    open_ts=0,
    open=Decimal(1),
    high=Decimal(1),
    low=Decimal(1),
    close=Decimal(1),
    volume=Decimal(1),
    count=1,
)
BUY_FAST, BUY_MOMENTUM, BUY_CONSERVATIVE = (Vote(Side.BUY, conf) for conf in (0.8, 0.9, 0.7))
HOLD_MOMENTUM, HOLD_CONSERVATIVE = Vote(None, 0.5), Vote(None, 0.6)


def always(voter: str, vote) -> type:
    """Return a strategy class that gives one vote for ever, or raises it."""

    class Always:
        name = voter

        def update(self, candle: Candle) -> Vote | None:
            if isinstance(vote, BaseException):
                raise vote
            return vote

    return Always


def combiner(
    fast, momentum, conservative, winner_above: float = 0.0, bench: Bench | None = None, **weights: float
) -> SignalCombiner:
    strategies = {
        "fast_scalping": always("fast_scalping", fast),
        "momentum_scalping": always("momentum_scalping", momentum),
        "conservative_scalping": always("conservative_scalping", conservative),
    }
    return SignalCombiner(weights or DEFAULTS.weights, winner_above, strategies, bench)


@pytest.mark.parametrize(
    ("fast", "momentum", "conservative", "score"),
    [
        (BUY_FAST, BUY_MOMENTUM, BUY_CONSERVATIVE, 0.82),
        (BUY_FAST, BUY_MOMENTUM, HOLD_CONSERVATIVE, 0.68),
        (HOLD_MOMENTUM, BUY_MOMENTUM, BUY_CONSERVATIVE, 0.50),
        (BUY_FAST, HOLD_MOMENTUM, BUY_CONSERVATIVE, 0.46),
        (BUY_FAST, HOLD_MOMENTUM, HOLD_CONSERVATIVE, 0.32),
        (BUY_FAST, None, BUY_CONSERVATIVE, 0.46 / 0.6),  # candles 10 to 12: momentum warms up
    ],
)
def test_score_is_the_weighted_confidence_over_the_weight_that_answered(
    fast: Vote, momentum: Vote | None, conservative: Vote, score: float
) -> None:
    opinion = combiner(fast, momentum, conservative).update(CANDLE)

    assert opinion.side is Side.BUY
    assert opinion.confidence == pytest.approx(score)


def test_opinion_names_the_strategies_that_voted_for_the_winner() -> None:
    opinion = combiner(Vote(Side.SELL, 0.8), BUY_MOMENTUM, BUY_CONSERVATIVE).update(CANDLE)

    assert opinion == Opinion(Side.BUY, pytest.approx(0.50), ("momentum_scalping", "conservative_scalping"))


def test_winner_must_score_more_than_the_threshold_not_just_reach_it() -> None:
    weights = {"fast_scalping": 0.5, "momentum_scalping": 0.5}

    assert combiner(Vote(Side.BUY, 1.0), HOLD_MOMENTUM, None, 0.5, **weights).update(CANDLE) is None
    assert combiner(Vote(Side.BUY, 1.0), HOLD_MOMENTUM, None, 0.49, **weights).update(CANDLE) is not None


def test_fast_scalping_alone_is_heard_in_the_demo_and_not_by_default() -> None:
    demo = PROFILES["demo"]["signals"]["winner_above"]
    votes = (BUY_FAST, HOLD_MOMENTUM, HOLD_CONSERVATIVE)

    assert combiner(*votes, winner_above=demo).update(CANDLE) is not None
    assert combiner(*votes, winner_above=DEFAULTS.winner_above).update(CANDLE) is None


def test_fast_scalping_alone_passes_the_demo_risk_gate_on_confidence() -> None:
    opinion = combiner(BUY_FAST, HOLD_MOMENTUM, HOLD_CONSERVATIVE).update(CANDLE)

    assert opinion.confidence >= PROFILES["demo"]["risk"]["min_confidence"]


def test_tie_holds() -> None:
    weights = {"fast_scalping": 0.5, "momentum_scalping": 0.5}
    tied = combiner(Vote(Side.BUY, 0.8), Vote(Side.SELL, 0.8), None, **weights)

    assert tied.update(CANDLE) is None


def test_nobody_warmed_up_holds() -> None:
    assert combiner(None, None, None).update(CANDLE) is None


@pytest.mark.parametrize(
    "broken",
    [
        ZeroDivisionError("boom"),
        SystemExit(1),
        Vote(Side.SELL, float("nan")),
        Vote(Side.SELL, 1.5),
        Vote(Side.SELL, "high"),
        Vote(Side.SELL, None),
        Vote("SELL", 0.5),
        "nonsense",
        (Side.SELL, 0.5),
    ],
    ids=repr,
)
def test_broken_strategy_is_benched_while_the_others_vote_on(broken) -> None:
    bench = Bench()
    panel = combiner(BUY_FAST, broken, BUY_CONSERVATIVE, bench=bench)

    opinions = [panel.update(CANDLE) for _ in range(3)]

    assert [(opinion.side, opinion.confidence) for opinion in opinions] == [(Side.BUY, pytest.approx(0.46 / 0.6))] * 3
    assert "momentum_scalping" in bench
    [fall] = bench.take_falls()
    assert (fall.name, fall.error is not None) == ("momentum_scalping", True)


def test_strategy_that_cannot_be_made_is_benched_too() -> None:
    class Unmade:
        name = "momentum_scalping"

        def __init__(self) -> None:
            raise OSError("no such file")

    bench = Bench()
    strategies = {"fast_scalping": always("fast_scalping", BUY_FAST), "momentum_scalping": Unmade}
    panel = SignalCombiner({"fast_scalping": 0.5, "momentum_scalping": 0.5}, 0.0, strategies, bench)

    assert panel.update(CANDLE).side is Side.BUY
    assert [fall.reason for fall in bench.take_falls()] == ["it raised OSError: no such file"]


def test_who_is_benched_over_one_instrument_is_asked_about_no_other() -> None:
    bench = Bench()
    combiner(BUY_FAST, ZeroDivisionError("boom"), None, bench=bench).update(CANDLE)

    opinion = combiner(BUY_FAST, Vote(Side.SELL, 1.0), None, bench=bench).update(CANDLE)

    assert opinion.strategies == ("fast_scalping",)


def test_confidence_of_another_kind_of_number_is_a_float_from_here_on() -> None:
    opinion = combiner(Vote(Side.BUY, Fraction(4, 5)), None, None).update(CANDLE)

    assert type(opinion.confidence) is float


def test_strategy_of_weight_zero_is_not_asked() -> None:
    bench = Bench()
    weights = {"fast_scalping": 1.0, "momentum_scalping": 0.0}

    combiner(BUY_FAST, ZeroDivisionError(), None, bench=bench, **weights).update(CANDLE)

    assert bench.take_falls() == []


def test_weight_for_an_unknown_strategy_is_an_error_that_names_it() -> None:
    with pytest.raises(InvalidSetting, match=r"hodl.*fast_scalping"):
        SignalCombiner({"hodl": 1.0}, 0.5)
