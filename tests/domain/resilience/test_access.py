"""Refused credentials: no hiccup, told in words, tried again at growing pauses, and forgotten once they are taken."""

import pytest

from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.resilience.access import READING, TRADING, Access

ANSWER = object()


def denied(code: str = "401", fate: type[VenueError] = Fatal) -> VenueError:
    error = fate("no", code=code)
    error.denied_with = code
    return error


@pytest.fixture
def access() -> Access:
    return Access()


def test_a_venue_that_answers_takes_them(access: Access) -> None:
    access.ended(READING, ANSWER, 0)
    access.ended(TRADING, Rejected("no money", code="INSUFFICIENT_FUND"), 0)

    assert (access.refusal(0), access.pause_ns(0), access.next_try_ns()) == ("", 0, None)


@pytest.mark.parametrize("kind", [READING, TRADING])
def test_a_401_stops_openings_and_whatever_can_wait(access: Access, kind: str) -> None:
    access.ended(kind, denied(), 0)

    assert access.refusal(0) == f"the venue refuses our credentials for {kind} (401)"
    assert access.refusal(3_600 * SECOND_NS) != ""  # until a call has proven otherwise
    assert access.pause_ns(0) == 5 * SECOND_NS


def test_pauses_grow_with_each_try_in_vain_and_not_with_what_could_not_wait(access: Access) -> None:
    now_ns, pauses_s = 0, []
    for _ in range(8):
        access.ended(READING, denied(), now_ns)
        access.ended(READING, denied(), now_ns + 1)  # a cancel, or what had left before
        pauses_s.append(access.pause_ns(now_ns) // SECOND_NS)
        now_ns += access.pause_ns(now_ns)

    assert pauses_s == [5, 10, 20, 40, 60, 60, 60, 60]


def test_an_answer_of_the_same_kind_ends_it_and_the_next_begins_small(access: Access) -> None:
    access.ended(READING, denied(), 0)
    access.ended(READING, denied(), 5 * SECOND_NS)

    access.ended(READING, ANSWER, 15 * SECOND_NS)
    assert access.refusal(15 * SECOND_NS) == ""
    access.ended(READING, denied(), 16 * SECOND_NS)

    assert access.pause_ns(16 * SECOND_NS) == 5 * SECOND_NS


def test_a_read_proves_a_key_that_had_been_refused_as_a_whole(access: Access) -> None:
    access.ended(TRADING, denied("401"), 0)

    access.ended(READING, ANSWER, 1)

    assert access.refusal(1) == ""


def test_a_key_that_may_read_and_not_trade_holds_up_no_read_and_is_tried_once_per_pause(access: Access) -> None:
    access.ended(TRADING, denied("403", Rejected), 0)
    access.ended(READING, ANSWER, 1)

    assert access.refusal(1) == "the venue refuses our credentials for trading (403)"
    assert access.pause_ns(1) == 0
    assert access.refusal(5 * SECOND_NS) == ""  # the next opening is the test
    access.ended(TRADING, denied("403", Rejected), 6 * SECOND_NS)
    assert access.next_try_ns() == 16 * SECOND_NS


@pytest.mark.parametrize("error", [Retryable("?", code="timeout"), Ambiguous("?", code="500")])
def test_what_the_venue_never_judged_proves_nothing(access: Access, error: VenueError) -> None:
    access.ended(READING, denied(), 0)
    access.ended(READING, error, 1)

    assert access.refusal(1) != ""
