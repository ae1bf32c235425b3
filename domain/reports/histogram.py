"""Latency histograms: log-linear buckets, about 3 % wide, mergeable, small enough to send twice a second."""

from __future__ import annotations

from domain.messages.system import HistogramSnapshot

_SUB_BITS = 5  # 32 buckets per power of two: each at most 1/32 wide
_SUB = 1 << _SUB_BITS


class Histogram:
    """Counts of durations in nanoseconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}  # bucket index -> count

    def record(self, duration_ns: int) -> None:
        """Count one duration; a negative one counts as zero."""
        index = _index(max(0, duration_ns))
        self._buckets[index] = self._buckets.get(index, 0) + 1

    def merge(self, snapshot: HistogramSnapshot) -> None:
        for index, count in snapshot.buckets.items():
            self._buckets[index] = self._buckets.get(index, 0) + count

    def snapshot(self) -> HistogramSnapshot:
        return HistogramSnapshot(buckets=dict(self._buckets))

    @property
    def count(self) -> int:
        return sum(self._buckets.values())

    def percentile_us(self, ratio: float) -> float:
        """Return the duration in microseconds that `ratio` (0..1) of the recorded ones do not exceed; 0 when empty."""
        wanted = ratio * self.count
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return round(_middle_ns(index) / 1000, 1)
        return 0.0


def _index(value: int) -> int:
    if value < _SUB:
        return value
    shift = value.bit_length() - _SUB_BITS - 1
    return (shift + 1) * _SUB + (value >> shift) - _SUB


def _middle_ns(index: int) -> float:
    if index < _SUB:
        return float(index)
    shift = index // _SUB - 1
    low = (index % _SUB + _SUB) << shift
    return low + (1 << shift) / 2
