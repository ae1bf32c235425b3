"""A venue out of reach is told by its cause, from the third try in a row."""

import pytest

from domain.errors import Ambiguous, Fatal, Rejected, Retryable
from domain.resilience.outage import Outage


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("dns", "cannot be reached: its name is not found; is there a network?"),
        (
            "exhausted",
            "cannot be reached: this machine has no room for a connection; are its open files, ports or memory used up?",
        ),
        ("refused", "cannot be reached: the connection was refused"),
    ],
)
def test_the_third_failure_in_a_row_tells_the_cause_and_so_does_each_after_it(code: str, words: str) -> None:
    outage = Outage()

    assert [outage.failed(code) for _ in range(4)] == ["", "", words, words]


def test_the_alarm_of_an_outage_is_over_with_it_or_with_its_cause() -> None:
    """EX-15"""
    outage = Outage()
    for code in ("dns", "dns", "dns", "dns"):
        outage.failed(code)
    assert outage.take_over() == ""

    outage.failed("refused")
    assert outage.take_over() == "cannot be reached: its name is not found; is there a network?"
    outage.reached()

    assert outage.take_over() == "cannot be reached: the connection was refused"
    assert outage.take_over() == ""


@pytest.mark.parametrize(
    "answer", ["an answer", Rejected("no", code="400"), Fatal("no", code="401"), Retryable("later", code="429")]
)
def test_whatever_the_venue_says_itself_begins_anew(answer: object) -> None:
    outage = Outage()
    lost = Ambiguous("request sent, no usable answer", code="timeout")

    told = [outage.ended(result) for result in (lost, lost, answer, lost, lost, lost)]

    assert told == [""] * 5 + ["cannot be reached: no answer in time"]


def test_outage_in_which_nobody_may_try_is_told_at_once_and_stands_until_it_is_reached() -> None:
    outage = Outage()
    outage.failed("refused")
    words = "cannot be reached: the connection was refused"

    assert [outage.held_back() for _ in range(2)] == [words, ""]
    assert (outage.failed("refused"), outage.failed("refused")) == ("", words)
    assert outage.take_over() == ""

    outage.reached()
    assert outage.take_over() == words


def test_breaker_that_was_open_before_our_time_is_told_without_a_cause() -> None:
    assert "failed too often" in Outage().held_back()
