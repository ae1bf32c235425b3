"""Claims about what a probe was told, and what they say when they don't hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.stage.inbox import Heard, Inbox
from actors.stage.stage import Stage
from domain.effects import Role
from tests.actors.stage.cast import Count, Halt, Player, Remind, Tick, counts

FIRST, SECOND, THIRD = counts(3)


def inbox(*messages: object) -> Inbox:
    """Return an inbox that was told these by "anna", a second apart."""
    return Inbox("bert", [Heard(at, at, "anna", "bert", message) for at, message in enumerate(messages)])


HOLD: list[Callable[[], None]] = [
    lambda: inbox(FIRST, SECOND).assert_exactly(FIRST, SECOND),
    lambda: inbox(FIRST, Halt()).assert_exactly(Count, lambda message: message == Halt()),
    lambda: inbox().assert_exactly(),
    lambda: inbox(FIRST, THIRD, SECOND).assert_in_order(FIRST, SECOND),
    lambda: inbox(FIRST, FIRST).assert_in_order(FIRST, FIRST),
    lambda: inbox(FIRST, SECOND, SECOND).assert_once(FIRST),
    lambda: inbox(SECOND, THIRD, FIRST).assert_contains(FIRST, SECOND),
    lambda: inbox(FIRST, SECOND).assert_contains(Count, FIRST),
    lambda: inbox(FIRST, SECOND).assert_no_twins(),
]
BREAK: list[tuple[Callable[[], None], str]] = [
    (lambda: inbox(FIRST).assert_exactly(SECOND), r"bert: message 1 should be Count.*=1\), and is Count"),
    (lambda: inbox(FIRST).assert_exactly(FIRST, Halt), "2 messages wanted, 1 came: missing from Halt on"),
    (lambda: inbox(FIRST, SECOND).assert_exactly(FIRST), "1 messages wanted, 2 came: too many from Count"),
    (lambda: inbox(SECOND, FIRST).assert_in_order(FIRST, SECOND), "MISSING after that, though earlier, at 0"),
    (lambda: inbox(FIRST).assert_in_order(FIRST, FIRST), "MISSING after that"),
    (lambda: inbox(FIRST, FIRST).assert_once(FIRST), "exactly once, came 2 times, at 0.000 s, 1.000 s"),
    (lambda: inbox(FIRST).assert_once(Tick), "wanted exactly once, came never: Tick"),
    (lambda: inbox(FIRST).assert_contains(FIRST, FIRST), r"missing: Count\(number=0\)"),
    (lambda: inbox(FIRST, SECOND, FIRST).assert_no_twins(), r"came at 0.000 s and again at 2.000 s: Count"),
    (lambda: inbox(FIRST, SECOND).assert_no_twins(key=type), r"again at 1.000 s: Count\(number=1\)"),
]


@pytest.mark.parametrize("claim", HOLD)
def test_a_claim_that_holds_says_nothing(claim: Callable[[], None]) -> None:
    claim()


@pytest.mark.parametrize(("claim", "words"), BREAK)
def test_a_claim_that_breaks_says_what_is_wrong(claim: Callable[[], None], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        claim()


def test_a_claim_that_breaks_shows_everything_that_arrived() -> None:
    with pytest.raises(AssertionError) as broken:
        inbox(FIRST, Halt()).assert_once(SECOND)

    assert str(broken.value).splitlines() == [
        "bert: wanted exactly once, came never: Count(number=1)",
        "bert was told 2 messages:",
        "      0.000 s  anna -> bert  Count(number=0)",
        "      1.000 s  anna -> bert  Halt()",
    ]


def test_an_inbox_can_be_looked_at_by_sender() -> None:
    mixed = Inbox("bert", [Heard(0, 0.0, "anna", "bert", FIRST), Heard(1, 0.0, "carl", "bert", SECOND)])

    mixed.sent_by("carl").assert_exactly(SECOND)


# ---- waiting ---------------------------------------------------------------------------------------------


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.cast(Player, "player")
    return stage


def test_waiting_ends_as_soon_as_the_message_comes(stage: Stage) -> None:
    stage.tell("player", Remind(after_s=1.5, number=7))

    assert stage.wait_for(Role.PORTFOLIO, Count, within_s=10) == Count(number=7)
    assert stage.now_s() == 1.5


def test_waiting_counts_messages(stage: Stage) -> None:
    stage.tell("player", Remind(after_s=1, number=1), Remind(after_s=2, number=2))

    assert stage.wait_for(Role.PORTFOLIO, Count, times=2) == Count(number=2)


def test_waiting_in_vain_tells_what_did_arrive_and_what_happened(stage: Stage) -> None:
    stage.tell("player", Remind(after_s=1, number=1), Remind(after_s=9, number=2))
    stage.hang(Role.MONITOR)

    with pytest.raises(AssertionError) as waited:
        stage.wait_for(Role.PORTFOLIO, Count, times=2, within_s=5)

    lines = str(waited.value).splitlines()
    assert lines[:3] == [
        "not within 5 s: portfolio is told Count, 2 times",
        "arrived meanwhile: 1",
        "      1.000 s  player -> portfolio  Count(number=1)",
    ]
    assert "monitor hangs, and 10 letters wait for it" in lines
    assert "      0.000 s  test -> player  Remind(after_s=9.0, number=2)" in lines


def test_waiting_in_vain_takes_no_longer_than_allowed(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="not within 2 s: the moon turns green"):
        stage.wait_until(lambda: False, within_s=2, what="the moon turns green")

    assert stage.now_s() == 2.0
