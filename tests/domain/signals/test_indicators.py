"""Indicators against numbers that anybody can check: TA-Lib 0.8.2's, and those of the definitions."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.signals.indicators import Bollinger, Ema, Macd, Rsi, Stochastic, Vwap

CLOSES = [
    44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08,
    45.89, 46.03, 45.61, 46.28, 46.28, 46.00, 46.03, 46.41, 46.22, 45.64,
]  # fmt: skip
PRICES = st.lists(st.floats(0.01, 100_000), min_size=25, max_size=60)


def series(update, prices: list[float]) -> list[float | None]:
    return [update(price) for price in prices]


def warmed(values: list[float | None]) -> list[float]:
    """Return the defined tail, which must have no hole."""
    first = next(index for index, value in enumerate(values) if value is not None)
    assert None not in values[first:]
    return values[first:]


# ---- golden vectors --------------------------------------------------------------------------------------


def test_ema_equals_the_golden_vector_from_its_first_value() -> None:
    values = series(Ema(5).update, CLOSES)

    assert values[:4] == [None] * 4
    assert warmed(values) == pytest.approx(
        [
            44.104, 44.346, 44.5973333333, 44.8715555556, 45.1943703704, 45.4895802469, 45.6230534979,
            45.758702332, 45.709134888, 45.8994232586, 46.0262821724, 46.0175214483, 46.0216809655,
            46.1511206437, 46.1740804291, 45.9960536194,
        ]
    )  # fmt: skip


def test_rsi_equals_the_golden_vector_from_its_first_value() -> None:
    values = series(Rsi(7).update, CLOSES)

    assert values[:7] == [None] * 7
    assert warmed(values) == pytest.approx(
        [
            70.3007518797, 74.9206349206, 77.2770853308, 71.1063188463, 72.9623231389, 59.5696015702,
            69.8644792173, 69.8644792173, 61.0255140476, 61.6322797227, 68.8083688883, 62.0396291125,
            45.9437643899,
        ]
    )  # fmt: skip


def test_macd_equals_the_golden_vectors_once_its_signal_is_defined() -> None:
    macd = Macd(6, 13, 5)

    rows = [(macd.update(close), macd.signal, macd.histogram) for close in CLOSES]

    assert [line for line, _, _ in rows[:12]] == [None] * 12
    assert rows[12][0] is not None and rows[15][1] is None
    assert [value for row in rows[16:] for value in row] == pytest.approx(
        [
            0.4971429105, 0.657795929, -0.1606530185,
            0.4804771287, 0.5986896623, -0.1182125335,
            0.4235194203, 0.5402995816, -0.1167801613,
            0.2885037041, 0.4563676225, -0.1678639183,
        ]
    )  # fmt: skip


def test_bollinger_equals_the_golden_vectors_from_its_first_value() -> None:
    bands = Bollinger(10, 2.0)

    rows = [(bands.update(close), bands.lower, bands.upper) for close in CLOSES]

    assert rows[:9] == [(None, None, None)] * 9
    assert rows[9] == pytest.approx((44.779, 43.2341906266, 46.3238093734))
    assert rows[10] == pytest.approx((44.934, 43.2887109676, 46.5792890324))
    assert rows[-1] == pytest.approx((46.039, 45.5276527599, 46.5503472401))


def test_stochastic_equals_the_golden_vectors_from_its_first_value() -> None:
    stochastic = Stochastic(7, 3)

    rows = [(stochastic.update(close + 0.3, close - 0.2, close), stochastic.k) for close in CLOSES]

    assert [d for d, _ in rows[:8]] == [None] * 8
    assert warmed([d for d, _ in rows]) == pytest.approx(
        [
            86.9828663799, 88.640988641, 85.7107337107, 82.7070707071, 68.7317317317, 68.6380498145,
            66.7577079342, 67.5758337523, 59.2592592593, 60.113960114, 64.0740740741, 51.6596002423,
        ]
    )  # fmt: skip
    assert rows[-1][1] == pytest.approx(15.7480314961)


# ---- definitions -----------------------------------------------------------------------------------------


def test_steady_rise_of_one_gives_the_positive_macd_line_of_its_lag_difference() -> None:
    macd = Macd(6, 13, 5)

    lines = warmed(series(macd.update, [100.0 + step for step in range(40)]))

    # An EMA of n lags a ramp by (n - 1) / 2 steps: 6 - 2.5.
    assert lines == pytest.approx([3.5] * 28)
    assert macd.signal == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([100.0 + step / 7 for step in range(20)], 100.0),
        ([100.0 - step / 7 for step in range(20)], 0.0),
        ([0.1] * 20, 50.0),
    ],
    ids=["only gains", "only losses", "flat"],
)
def test_rsi_is_exact_at_its_edges(prices: list[float], expected: float) -> None:
    assert set(warmed(series(Rsi(7).update, prices))) == {expected}


def test_averages_of_a_market_that_never_moved_are_exactly_its_price() -> None:
    for price in (0.1, 0.3, 64000.07):
        assert warmed(series(Ema(3).update, [price] * 12)) == [price] * 10
        assert warmed(series(Macd(3, 5, 2).update, [price] * 12)) == [0.0] * 8


@given(PRICES)
def test_bollinger_equals_the_statistics_of_each_window(prices: list[float]) -> None:
    bands = Bollinger(10, 2.0)

    for index, price in enumerate(prices):
        middle = bands.update(price)

        if middle is not None:
            window = prices[index - 9 : index + 1]
            reach = 2 * statistics.pstdev(window)
            assert middle == pytest.approx(statistics.fmean(window))
            assert bands.upper - bands.lower == pytest.approx(2 * reach, rel=1e-6, abs=1e-2)


def test_bollinger_does_not_remember_an_outlier_that_has_left() -> None:
    bands, fresh = Bollinger(10, 2.0), Bollinger(10, 2.0)
    calm = [64000.0 + step % 3 / 100 for step in range(20)]

    series(bands.update, [1e12, *calm[1:]])
    series(fresh.update, calm[-10:])

    assert (bands.middle, bands.lower, bands.upper) == (fresh.middle, fresh.lower, fresh.upper)


def test_bollinger_stays_exact_over_a_long_calm_at_a_high_price() -> None:
    bands = Bollinger(10, 2.0)
    prices = [1e9 + step % 7 / 100 for step in range(50_003)]

    series(bands.update, prices)

    assert bands.upper - bands.lower == pytest.approx(4 * statistics.pstdev(prices[-10:]), rel=1e-4)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9), st.integers(0, 9)), min_size=9, max_size=60))
def test_stochastic_equals_its_definition_over_each_window(candles: list[tuple[int, int, int]]) -> None:
    stochastic = Stochastic(7, 3)
    highs = [close + above for close, above, _ in candles]
    lows = [close - below for close, _, below in candles]

    for index, (close, _, _) in enumerate(candles):
        stochastic.update(highs[index], lows[index], close)

        if index >= 6:
            high, low = max(highs[index - 6 : index + 1]), min(lows[index - 6 : index + 1])
            assert stochastic.k == pytest.approx(100 * (close - low) / (high - low) if high > low else 50)


def test_stochastic_without_a_range_is_in_its_middle() -> None:
    stochastic = Stochastic(7, 3)

    for _ in range(9):
        d = stochastic.update(100.0, 100.0, 100.0)

    assert (stochastic.k, d) == (50.0, 50.0)


def test_vwap_weighs_prices_by_what_traded_since_the_restart() -> None:
    vwap = Vwap()

    traded = [(100.0, 0.0), (100.0, 1.0), (104.0, 3.0), (999.0, 0.0)]
    values = [vwap.update(price, volume) for price, volume in traded]
    vwap.restart()
    afresh = vwap.update(50.0, 2.0)

    assert values == [None, 100.0, 103.0, 103.0]
    assert afresh == 50.0
