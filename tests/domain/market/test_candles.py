"""Candles: aligned to the clock by event time, closed on time, exact, never repainted."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.instant import SECOND_NS
from domain.market.candles import CandleSeries, WholeSpan
from domain.messages.market import Candle, TradeBar
from tests.builders import UTC, make_trade

MS = 1_000_000
ALWAYS = WholeSpan(since=0, until=2 * UTC)


def new_series(longest_carry: int = 100, watermark_ms: int = 500) -> CandleSeries:
    return CandleSeries("coinbase", "BTC-USD", SECOND_NS, watermark_ms * MS, longest_carry)


def at(ms: int) -> int:
    """Return an event time; the first candle of these tests opens at 0 ms."""
    return UTC + ms * MS


def add(series: CandleSeries, *trades: tuple[int, str], **changes) -> None:
    """Add trades of (ms, price), with ids of their own unless given."""
    for index, (ms, price) in enumerate(trades):
        changes_here = {"trade_id": f"{ms}-{price}-{index}", **changes}
        series.add(make_trade(price, ts_event=at(ms), **changes_here))


def make_bar(first_ms: int, last_ms: int, count: int = 3, price: str = "100") -> TradeBar:
    number = Decimal(price)
    return TradeBar(
        venue="coinbase",
        instrument="BTC-USD",
        first_ts_event=at(first_ms),
        last_ts_event=at(last_ms),
        open=number,
        high=number + 1,
        low=number - 1,
        close=number,
        volume=Decimal("0.3"),
        count=count,
    )


def times(candles: list[Candle]) -> list[int]:
    return [(candle.open_ts - UTC) // MS for candle in candles]


def test_candle_is_aligned_to_the_clock_and_exact() -> None:
    series = new_series()
    add(series, (300, "100"), (400, "103.5"), (500, "99.25"), (999, "101"))

    candles = series.close_until(at(1500), ALWAYS)

    assert candles == [
        Candle(
            venue="coinbase",
            instrument="BTC-USD",
            interval_ns=SECOND_NS,
            open_ts=at(0),
            open=Decimal("100"),
            high=Decimal("103.5"),
            low=Decimal("99.25"),
            close=Decimal("101"),
            volume=Decimal("0.04"),
            count=4,
        )
    ]


def test_candle_waits_for_its_watermark_and_closes_on_the_dot() -> None:
    series = new_series()
    add(series, (300, "100"))

    assert series.due_ts == at(1500)
    assert series.close_until(at(1500) - 1, ALWAYS) == []
    assert times(series.close_until(at(1500), ALWAYS)) == [0]


def test_trade_within_the_watermark_is_in_and_sorted_by_event_time() -> None:
    series = new_series()
    add(series, (500, "100"), (1100, "110"), (900, "104"), (100, "96"))

    (first,) = series.close_until(at(1500), ALWAYS)

    assert (first.open, first.close, first.count) == (Decimal("96"), Decimal("104"), 3)


def test_late_trade_is_counted_and_repaints_nothing() -> None:
    series = new_series()
    add(series, (300, "100"), (1200, "101"))
    before = series.close_until(at(1600), ALWAYS)

    add(series, (900, "9000"))
    after = series.close_until(at(2500), ALWAYS)

    assert series.late_trades == 1
    assert times(before + after) == [0, 1000]
    assert after[0].high == Decimal("101")


def test_trade_right_after_the_closed_candle_is_not_late() -> None:
    series = new_series()
    add(series, (300, "100"))
    series.close_until(at(1500), ALWAYS)

    add(series, (1000, "101"))

    assert series.late_trades == 0
    assert [candle.count for candle in series.close_until(at(2500), ALWAYS)] == [1]


def test_duplicate_trade_counts_once() -> None:
    series = new_series()
    add(series, (300, "100"), (300, "100"), trade_id="same")
    (candle,) = series.close_until(at(1500), ALWAYS)

    add(series, (300, "100"), trade_id="same", is_history=True)

    assert (candle.count, candle.volume) == (1, Decimal("0.01"))
    assert (series.duplicate_trades, series.late_trades) == (2, 0)


def test_memory_of_trade_ids_is_bounded_but_covers_a_replay() -> None:
    series = new_series()
    for number in range(5_000):
        series.add(make_trade("100", trade_id=str(number), ts_event=at(number // 100)))

    for number in range(3_000, 5_000):
        series.add(make_trade("100", trade_id=str(number), ts_event=at(number // 100), is_history=True))

    assert series.duplicate_trades == 2_000
    assert len(series._trade_ids) + len(series._older_trade_ids) <= 4_000


def test_interval_without_trades_carries_the_last_close() -> None:
    series = new_series()
    add(series, (300, "100"), (3100, "104"))

    candles = series.close_until(at(4500), ALWAYS)

    assert times(candles) == [0, 1000, 2000, 3000]
    assert {(c.open, c.high, c.low, c.close, c.volume, c.count) for c in candles[1:3]} == {
        (Decimal(100), Decimal(100), Decimal(100), Decimal(100), Decimal(0), 0)
    }


def test_nothing_closes_before_the_first_trade() -> None:
    series = new_series()

    assert series.due_ts is None
    assert series.close_until(at(60_000), ALWAYS) == []


def test_quiet_series_goes_on_closing_by_time_alone() -> None:
    series = new_series(longest_carry=3)
    add(series, (300, "100"))

    candles = [candle for ms in range(1500, 20_500, 1000) for candle in series.close_until(at(ms), ALWAYS)]

    assert times(candles) == list(range(0, 19_000, 1000))


def test_series_starts_over_after_a_long_silence_at_once() -> None:
    series = new_series(longest_carry=3)
    add(series, (300, "100"), (86_400_000, "104"))

    candles = series.close_until(at(86_400_000 + 1500), ALWAYS)

    assert times(candles) == [0, 86_400_000]


def test_series_that_fell_silent_waits_for_the_next_trade() -> None:
    series = new_series(longest_carry=3)
    add(series, (300, "100"))

    candles = series.close_until(at(60_000), ALWAYS)
    due_while_silent = series.due_ts
    add(series, (58_999, "104"), (61_000, "105"))

    assert (times(candles), due_while_silent) == ([0], None)
    assert series.late_trades == 1
    assert times(series.close_until(at(62_500), ALWAYS)) == [61_000]


def test_history_warms_the_series() -> None:
    series = new_series()
    add(series, (300, "100"), (1300, "101"), is_history=True)

    assert times(series.close_until(at(2500), ALWAYS)) == [0, 1000]


def test_candle_has_a_gap_unless_the_stream_was_whole_from_open_to_close() -> None:
    series = new_series()
    add(series, *[(1000 * second, "100") for second in range(5)])

    candles = series.close_until(at(5500), WholeSpan(since=at(1000), until=at(3999)))

    assert [candle.has_gap for candle in candles] == [True, False, False, True, True]


def test_candle_has_a_gap_while_the_stream_is_not_whole() -> None:
    series = new_series()
    add(series, (300, "100"))

    (candle,) = series.close_until(at(1500), None)

    assert candle.has_gap


def test_folded_trades_count_exactly() -> None:
    series = new_series()
    add(series, (300, "100"), (900, "104"))
    series.add_bar(make_bar(100, 800, count=3, price="107"))

    (candle,) = series.close_until(at(1500), ALWAYS)

    assert (candle.open, candle.high) == (Decimal("107"), Decimal("108"))
    assert (candle.low, candle.close) == (Decimal("100"), Decimal("104"))
    assert (candle.count, candle.volume, candle.has_gap) == (5, Decimal("0.32"), False)


def test_bar_across_a_boundary_counts_where_it_ends_and_marks_all_it_touches() -> None:
    series = new_series()
    add(series, *[(1000 * second, "100") for second in range(5)])
    series.add_bar(make_bar(1900, 3100, count=7))

    candles = series.close_until(at(5500), ALWAYS)

    assert [candle.count for candle in candles] == [1, 1, 1, 8, 1]
    assert [candle.has_gap for candle in candles] == [False, True, True, True, False]


def test_late_bar_counts_all_its_trades_as_late() -> None:
    series = new_series()
    add(series, (300, "100"))
    series.close_until(at(1500), ALWAYS)

    series.add_bar(make_bar(100, 900, count=7))

    assert series.late_trades == 7


def test_replay_of_what_came_folded_is_not_counted_again() -> None:
    series = new_series()
    series.add_bar(make_bar(100, 800, count=3))

    add(series, (100, "100"), (500, "100"), (900, "100"), is_history=True)

    add(series, (600, "100"))  # live and merely out of order
    (candle,) = series.close_until(at(1500), ALWAYS)
    assert (candle.count, series.duplicate_trades) == (5, 2)


TRADES = st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 500), st.integers(1, 99)), min_size=1, max_size=40)


@given(TRADES, st.lists(st.integers(0, 12_000), max_size=10))
def test_every_trade_is_in_exactly_one_candle_or_late_and_candles_have_no_holes(
    prints: list[tuple[int, int, int]], closings: list[int]
) -> None:
    series = new_series()
    candles: list[Candle] = []
    closings = sorted(closings)

    for index, (ms, price, lots) in enumerate(prints):
        series.add(make_trade(str(price), trade_id=str(index), quantity=Decimal(lots) / 100, ts_event=at(ms)))
        if index < len(closings):
            candles += series.close_until(at(closings[index]), ALWAYS)
    candles += series.close_until(at(11_500), ALWAYS)

    assert sum(candle.count for candle in candles) + series.late_trades == len(prints)
    if not series.late_trades:
        assert sum(candle.volume for candle in candles) == Decimal(sum(lots for _, _, lots in prints)) / 100
    opened = times(candles)
    assert opened == list(range(opened[0], 11_000, 1000))


@given(TRADES)
def test_candles_equal_a_plain_grouping_of_the_trades(prints: list[tuple[int, int, int]]) -> None:
    series = new_series()
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)

    for index, (ms, price, _) in enumerate(prints):
        series.add(make_trade(str(price), trade_id=str(index), ts_event=at(ms)))
        groups[ms // 1000 * 1000].append((ms, price))

    for candle in series.close_until(at(11_500), ALWAYS):
        if candle.count:
            group = groups.pop((candle.open_ts - UTC) // MS)
            by_time = sorted(group, key=lambda trade: trade[0])
            prices = [price for _, price in group]
            assert (candle.low, candle.high) == (min(prices), max(prices))
            assert (candle.open, candle.close) == (by_time[0][1], by_time[-1][1])
    assert not groups
