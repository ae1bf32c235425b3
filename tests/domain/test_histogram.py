from hypothesis import given
from hypothesis import strategies as st

from domain.histogram import Histogram


@given(st.integers(min_value=0, max_value=10**12))
def test_a_single_duration_is_told_back_within_three_percent(duration_ns: int) -> None:
    histogram = Histogram()

    histogram.record(duration_ns)

    told_ns = histogram.percentile_us(0.5) * 1000
    assert abs(told_ns - duration_ns) <= max(duration_ns * 0.032, 100)


def test_percentiles_split_the_recorded_durations() -> None:
    histogram = Histogram()

    for ms in range(1, 101):
        histogram.record(ms * 1_000_000)

    assert 48_000 < histogram.percentile_us(0.50) < 52_000
    assert 96_000 < histogram.percentile_us(0.99) < 102_000


def test_merging_two_histograms_counts_both() -> None:
    left, right = Histogram(), Histogram()
    left.record(1_000)
    right.record(1_000_000)

    left.merge(right.snapshot())

    assert left.count == 2
    assert left.percentile_us(0.99) > 900


def test_an_empty_histogram_says_zero() -> None:
    assert Histogram().percentile_us(0.99) == 0.0
