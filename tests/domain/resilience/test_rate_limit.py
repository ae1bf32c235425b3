import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.resilience.rate_limit import TokenBucket

MS = 1_000_000


def bucket() -> TokenBucket:
    return TokenBucket(per_second=10, burst=5, reserved=2, now_ns=0)


def test_a_burst_is_served_up_to_the_reserve() -> None:
    tokens = bucket()

    waits = [tokens.take(0) for _ in range(4)]

    assert waits == [0, 0, 0, 100 * MS]


def test_cancels_use_the_reserve_when_ordinary_requests_must_wait() -> None:
    tokens = bucket()
    for _ in range(3):
        tokens.take(0)

    assert [tokens.take(0, is_reducing=True) for _ in range(3)] == [0, 0, 100 * MS]


def test_a_token_returns_exactly_when_it_was_promised() -> None:
    tokens = bucket()
    for _ in range(3):
        tokens.take(0)
    wait = tokens.take(0)

    assert tokens.take(wait - 1) == 1
    assert tokens.take(wait) == 0


def test_after_a_429_nothing_is_sent_before_the_time_the_venue_named() -> None:
    tokens = bucket()

    tokens.hold(0, 1800 * MS)

    for is_reducing in (False, True):
        assert tokens.take(300 * MS, is_reducing) == 1500 * MS
        assert tokens.take(1800 * MS, is_reducing) == 0


@pytest.mark.parametrize(
    ("asked_s", "kept_s"), [(-5, 1), (0, 1), (0.2, 1), (2, 2), (60, 60), (86_400, 60), (10**9, 60)]
)
def test_a_pause_is_kept_between_a_second_and_a_minute_whatever_is_asked(asked_s: float, kept_s: int) -> None:
    tokens = bucket()

    tokens.hold(0, int(asked_s * 1000) * MS)

    assert tokens.take(0) == kept_s * 1000 * MS


def test_pauses_that_the_venue_does_not_measure_grow_until_it_answers() -> None:
    tokens, now, kept = bucket(), 0, []

    for _ in range(8):
        tokens.hold(now)
        tokens.hold(now + 1)  # another request of before it
        kept.append(tokens.take(now) // (1000 * MS))
        now += tokens.take(now)
        tokens.take(now)
    tokens.let_go(now)
    tokens.hold(now)

    assert kept == [1, 2, 4, 8, 16, 32, 60, 60]
    assert tokens.take(now) == 1000 * MS


def test_a_question_of_several_requests_takes_as_many_tokens() -> None:
    tokens = bucket()  # 10 a second, 5 at once

    assert tokens.take(0, is_reducing=True, requests=4) == 0
    assert tokens.take(0, is_reducing=True, requests=4) == 300 * MS
    assert tokens.take(300 * MS, is_reducing=True, requests=4) == 0


def test_what_was_sent_beyond_that_is_paid_before_anything_else_is_given() -> None:
    tokens = bucket()
    assert tokens.take(0, is_reducing=True, requests=20) == 0  # more than ever fits: all there is, and a debt

    assert tokens.take(0, is_reducing=True) == 1600 * MS
    tokens.charge(-10)
    assert tokens.take(0, is_reducing=True) == 600 * MS
    tokens.charge(10)
    assert tokens.take(0, is_reducing=True) == 1600 * MS


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 7), st.booleans()), max_size=40))
def test_no_second_has_more_requests_than_it_may(steps: list[tuple[int, int, bool]]) -> None:
    tokens = TokenBucket(per_second=5, burst=5, reserved=1, now_ns=0, most_in_a_second=5)
    now, given_at = 0, []

    for gap_ms, requests, is_reducing in steps:
        now += gap_ms * MS
        if tokens.take(now, is_reducing, requests=min(requests, 4)) == 0:
            given_at += [now] * min(requests, 4)
        for start in given_at:
            assert sum(start <= at < start + 1000 * MS for at in given_at) <= 5


def test_a_second_that_is_full_says_when_there_is_room_again() -> None:
    tokens = TokenBucket(per_second=5, burst=5, reserved=0, now_ns=0, most_in_a_second=5)
    assert tokens.take(0, requests=5) == 0

    wait_ns = tokens.take(400 * MS, requests=2)
    assert wait_ns == 600 * MS
    assert tokens.take(400 * MS + wait_ns, requests=2) == 0


def test_what_was_sent_without_asking_fills_the_second_too() -> None:
    tokens = TokenBucket(per_second=5, burst=5, reserved=0, now_ns=0, most_in_a_second=5)
    tokens.take(0)
    tokens.charge(4)

    assert tokens.take(300 * MS) == 700 * MS
    tokens.charge(-4)
    assert tokens.take(300 * MS) == 0


def test_who_looked_at_the_clock_before_somebody_else_takes_nothing_back() -> None:
    tokens = bucket()
    tokens.take(0, is_reducing=True, requests=5)
    assert tokens.take(100 * MS, is_reducing=True) == 0

    assert tokens.take(50 * MS, is_reducing=True) == 100 * MS
    assert tokens.take(200 * MS, is_reducing=True) == 0


def test_a_venue_that_wants_half_a_minute_stops_only_what_adds_risk_for_so_long() -> None:
    tokens = bucket()

    tokens.hold(0, 30_000 * MS)
    tokens.hold(0, 10 * MS)  # another call's answer shortens nothing

    assert tokens.take(1000 * MS) == 29_000 * MS
    assert tokens.take(999 * MS, longest_pause_ns=1000 * MS) == 1 * MS
    assert tokens.take(1000 * MS, longest_pause_ns=1000 * MS) == 0


def test_a_reserve_that_leaves_nothing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="reserve"):
        TokenBucket(per_second=1, burst=2, reserved=2, now_ns=0)


@given(gaps=st.lists(st.integers(0, 300 * MS), max_size=60), is_reducing=st.booleans())
def test_no_more_is_given_than_the_burst_plus_the_rate(gaps: list[int], is_reducing: bool) -> None:
    tokens = bucket()
    now = given_out = 0

    for gap in gaps:
        now += gap
        given_out += tokens.take(now, is_reducing) == 0

    assert given_out <= 5 + now // (100 * MS)
