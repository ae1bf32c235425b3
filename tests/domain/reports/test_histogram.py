import math
import pickle

from hypothesis import given
from hypothesis import strategies as st

from domain.reports.histogram import Histogram


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


@given(st.lists(st.integers(0, 10**12), min_size=1), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_nearest_rank_of_the_samples(durations_ns: list[int], ratio: float) -> None:
    histogram = Histogram()
    rank = max(1, math.ceil(ratio * len(durations_ns)))

    for duration_ns in durations_ns:
        histogram.record(duration_ns)

    exact_us = sorted(durations_ns)[rank - 1] / 1000
    assert math.isclose(histogram.percentile_us(ratio), exact_us, rel_tol=0.032, abs_tol=0.1)


@given(st.lists(st.integers(0, 10**12)), st.lists(st.integers(0, 10**12)))
def test_merging_equals_recording_everything_in_one_place(ours: list[int], theirs: list[int]) -> None:
    left, right, whole = Histogram(), Histogram(), Histogram()
    for histogram, durations_ns in ((left, ours), (right, theirs), (whole, ours + theirs)):
        for duration_ns in durations_ns:
            histogram.record(duration_ns)

    left.merge(pickle.loads(pickle.dumps(right.snapshot())))

    assert left.snapshot() == whole.snapshot()


def test_size_stays_bounded_over_all_magnitudes() -> None:
    histogram = Histogram()

    for octave in range(60):
        for step in range(64):
            histogram.record(2**octave + step * 2**octave // 64)

    assert len(histogram.snapshot().buckets) < 2_000


def test_merging_two_histograms_counts_both() -> None:
    left, right = Histogram(), Histogram()
    left.record(1_000)
    right.record(1_000_000)

    left.merge(right.snapshot())

    assert left.count == 2
    assert left.percentile_us(0.99) > 900


def test_an_empty_histogram_says_zero() -> None:
    assert Histogram().percentile_us(0.99) == 0.0
