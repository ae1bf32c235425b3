"""Each strategy votes exactly as its table says, and not before it is warmed up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.market import Candle
from domain.signals.strategies import (
    STRATEGIES,
    ConservativeScalping,
    FastScalping,
    MomentumScalping,
    Strategy,
    Vote,
)

NOON = 1_780_056_000 * SECOND_NS  # of a UTC day
HOUR_NS = 3_600 * SECOND_NS


def votes(strategy: Strategy, closes: list[float], open_ts: int = NOON, volume: str = "1") -> list[Vote | None]:
    """Feed candles of one second, each as high and low as 0.1 around its close."""
    return [
        strategy.update(
            Candle(
                venue="coinbase",
                instrument="BTC-USD",
                interval_ns=SECOND_NS,
                open_ts=open_ts + index * SECOND_NS,
                open=Decimal(str(close)),
                high=Decimal(str(close)) + Decimal("0.1"),
                low=Decimal(str(close)) - Decimal("0.1"),
                close=Decimal(str(close)),
                volume=Decimal(volume),
                count=1,
            )
        )
        for index, close in enumerate(closes)
    ]


FLAT = [100.0] * 20
RISE = [100.0 + step for step in range(20)]
FALL = [100.0 - step for step in range(20)]


@pytest.mark.parametrize(
    ("strategy", "first"), [(FastScalping, 10), (MomentumScalping, 13), (ConservativeScalping, 10)]
)
def test_first_vote_comes_with_the_last_candle_of_the_warm_up(strategy: type[Strategy], first: int) -> None:
    cast = votes(strategy(), RISE)

    assert cast[: first - 1] == [None] * (first - 1)
    assert None not in cast[first - 1 :]


@pytest.mark.parametrize(
    ("closes", "vote"),
    [
        (RISE, Vote(Side.BUY, 0.8)),
        (FALL, Vote(Side.SELL, 0.8)),
        (FLAT, Vote(None, 0.5)),
        ([0.1] * 20, Vote(None, 0.5)),
    ],
    ids=["rise", "fall", "flat", "flat at a price that floats cannot hold"],
)
def test_fast_scalping_follows_the_short_trend(closes: list[float], vote: Vote) -> None:
    assert votes(FastScalping(), closes)[-1] == vote


@pytest.mark.parametrize("price", [119.37, 0.3, 64000.07])
def test_fast_scalping_holds_once_the_averages_have_met(price: float) -> None:
    assert votes(FastScalping(), [*RISE, *[price] * 120])[-1] == Vote(None, 0.5)


def test_momentum_scalping_buys_a_sharp_fall_inside_a_rise() -> None:
    # After a rise of one a step a fall of twenty leaves RSI at 23, and MACD still above zero for a moment.
    assert votes(MomentumScalping(), [*RISE, 99.0, 95.0])[-2:] == [Vote(Side.BUY, 0.9), Vote(None, 0.5)]


def test_momentum_scalping_sells_a_sharp_rise_inside_a_fall() -> None:
    assert votes(MomentumScalping(), [*FALL, 101.0, 105.0])[-2:] == [Vote(Side.SELL, 0.9), Vote(None, 0.5)]


def test_momentum_scalping_holds_in_a_steady_trend() -> None:
    # The original sold at 0.9 here, because its averages were not aligned.
    assert votes(MomentumScalping(), RISE)[-1] == Vote(None, 0.5)
    assert votes(MomentumScalping(), FALL)[-1] == Vote(None, 0.5)


def test_conservative_scalping_buys_below_band_stochastic_and_vwap() -> None:
    closes = [100.0, 101.0] * 8 + [99.8, 99.0, 97.0]

    assert votes(ConservativeScalping(), closes)[-1] == Vote(Side.BUY, 0.7)


def test_conservative_scalping_sells_above_band_stochastic_and_vwap() -> None:
    closes = [100.0, 101.0] * 8 + [101.2, 102.0, 104.0]

    assert votes(ConservativeScalping(), closes)[-1] == Vote(Side.SELL, 0.7)


def test_conservative_scalping_holds_inside_the_bands() -> None:
    assert votes(ConservativeScalping(), [100.0, 101.0] * 8)[-1] == Vote(None, 0.6)


def test_conservative_scalping_waits_until_the_smoothed_stochastic_agrees() -> None:
    # One sudden step below the band: %K is near zero, but %D still remembers the two candles before.
    assert votes(ConservativeScalping(), [100.0, 101.0] * 8 + [97.0])[-1] == Vote(None, 0.6)


def test_conservative_scalping_holds_when_the_vwap_disagrees() -> None:
    # What follows the fall of the day is no bargain: the day's average price is far below.
    strategy = ConservativeScalping()
    votes(strategy, [50.0] * 10, open_ts=NOON, volume="1000000")

    closes = [100.0, 101.0] * 8 + [99.8, 99.0, 97.0]

    assert votes(strategy, closes, open_ts=NOON + HOUR_NS)[-1] == Vote(None, 0.6)


def test_vwap_of_conservative_scalping_starts_over_with_the_utc_day() -> None:
    strategy = ConservativeScalping()
    votes(strategy, [50.0] * 10, open_ts=NOON, volume="1000000")

    closes = [100.0, 101.0] * 8 + [99.8, 99.0, 97.0]

    assert votes(strategy, closes, open_ts=NOON + 12 * HOUR_NS)[-1] == Vote(Side.BUY, 0.7)


def test_conservative_scalping_waits_for_the_first_volume() -> None:
    assert votes(ConservativeScalping(), RISE, volume="0") == [None] * 20


def test_registry_knows_every_strategy_by_its_name() -> None:
    assert {name: strategy.name for name, strategy in STRATEGIES.items()} == {
        "fast_scalping": "fast_scalping",
        "momentum_scalping": "momentum_scalping",
        "conservative_scalping": "conservative_scalping",
    }
