from hypothesis import given
from hypothesis import strategies as st

from domain.resilience.backoff import Backoff

SECOND = 1_000_000_000


def backoff(jitter_ratio: float = 0.0) -> Backoff:
    return Backoff(base_ns=SECOND, factor=2.0, cap_ns=8 * SECOND, jitter_ratio=jitter_ratio)


def test_delays_double_up_to_the_cap() -> None:
    waits = backoff()

    delays = [waits.next_delay_ns(0.5) for _ in range(6)]

    assert delays == [SECOND * n for n in (1, 2, 4, 8, 8, 8)]


def test_a_reset_starts_again_at_the_base() -> None:
    waits = backoff()
    waits.next_delay_ns(0.5)
    waits.next_delay_ns(0.5)

    waits.reset()

    assert waits.next_delay_ns(0.5) == SECOND


def test_jitter_reaches_both_ends_of_its_range() -> None:
    assert backoff(jitter_ratio=0.1).next_delay_ns(0.0) == int(0.9 * SECOND)
    assert backoff(jitter_ratio=0.1).next_delay_ns(1.0) == int(1.1 * SECOND)


@given(uniform=st.floats(0, 1), attempts=st.integers(0, 100_000))
def test_no_delay_leaves_the_jitter_range_of_the_cap(uniform: float, attempts: int) -> None:
    waits = backoff(jitter_ratio=0.1)
    waits.attempts = attempts

    assert 0.9 * SECOND - 1 <= waits.next_delay_ns(uniform) <= 8.8 * SECOND


def test_a_trouble_that_outlives_the_fourth_delay_grows_twice_as_fast() -> None:
    """RC-08: the first four are the plain series of RC-01."""
    waits = Backoff(base_ns=SECOND, factor=2.0, cap_ns=1000 * SECOND, jitter_ratio=0.0)

    delays = [waits.next_delay_ns(0.5) // SECOND for _ in range(7)]

    assert delays == [1, 2, 4, 8, 32, 128, 512]


def test_a_delay_that_nothing_was_tried_in_is_given_again() -> None:
    waits = backoff()
    waits.next_delay_ns(0.5)
    waits.next_delay_ns(0.5)

    assert [waits.same_delay_ns(0.5) for _ in range(3)] == [2 * SECOND] * 3
    assert waits.next_delay_ns(0.5) == 4 * SECOND
