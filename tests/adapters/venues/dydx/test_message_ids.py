from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.dydx.message_ids import MessageIds
from domain.streams.sequence import SequenceVerdict

IN_ORDER, LATE, AFTER_GAP = SequenceVerdict.IN_ORDER, SequenceVerdict.LATE, SequenceVerdict.AFTER_GAP


def arrive(ids: MessageIds, *numbers: int) -> list[SequenceVerdict]:
    return [ids.arrive(number, is_answer=False) for number in numbers]


def test_numbers_rise_by_one() -> None:
    assert arrive(MessageIds(), 0, 1, 2, 3) == [IN_ORDER] * 4


def test_the_first_number_of_a_connection_may_be_any() -> None:
    ids = MessageIds()
    assert arrive(ids, 7, 8) == [IN_ORDER] * 2

    ids.restart()

    assert arrive(ids, 3, 4) == [IN_ORDER] * 2


def test_a_missing_number_is_a_loss() -> None:
    assert arrive(MessageIds(), 0, 2, 3) == [IN_ORDER, AFTER_GAP, IN_ORDER]


def test_a_repeated_number_is_late() -> None:
    assert arrive(MessageIds(), 0, 1, 1, 0) == [IN_ORDER, IN_ORDER, LATE, LATE]


def test_the_answer_to_a_subscription_may_be_overtaken() -> None:
    ids = MessageIds()
    arrive(ids, 0)
    ids.asked()

    assert arrive(ids, 2, 3) == [IN_ORDER] * 2
    assert ids.arrive(1, is_answer=True) is IN_ORDER
    assert arrive(ids, 4) == [IN_ORDER]


def test_more_numbers_missing_than_answers_to_come_are_a_loss() -> None:
    ids = MessageIds()
    arrive(ids, 0)
    ids.asked()

    assert arrive(ids, 3) == [AFTER_GAP]


def test_a_number_that_is_still_missing_after_the_last_answer_was_lost() -> None:
    ids = MessageIds()
    arrive(ids, 0)
    ids.asked()
    assert arrive(ids, 2) == [IN_ORDER]  # 1 may be the answer

    assert ids.arrive(3, is_answer=True) is AFTER_GAP  # it was not


def test_only_answers_may_be_overtaken() -> None:
    ids = MessageIds()
    arrive(ids, 0)
    ids.asked()
    arrive(ids, 2)

    assert arrive(ids, 1) == [AFTER_GAP]


@pytest.mark.parametrize("jump", [10**6, 2**53])
def test_a_jump_of_any_size_costs_nothing(jump: int) -> None:
    ids = MessageIds()
    ids.asked()

    assert arrive(ids, 0, jump) == [IN_ORDER, AFTER_GAP]


def venue(seed: int, steps: int) -> list[tuple[str, int]]:
    """Return what a venue sends, with answers arriving later than their numbers say: (what, number).

    "asked" has no number: it says when our request left.
    """
    random = Random(seed)
    said: list[tuple[str, int]] = [("data", 0)]
    number = 1
    fetching: list[int] = []
    for _ in range(steps):
        move = random.random()
        if move < 0.2:
            said.append(("asked", -1))
            fetching.append(number)
            number += 1
        elif move < 0.4 and fetching:
            said.append(("answer", fetching.pop(random.randrange(len(fetching)))))
        else:
            said.append(("data", number))
            number += 1
    said += [("answer", one) for one in fetching]
    return [*said, ("data", number)]


def judge(said: list[tuple[str, int]]) -> list[SequenceVerdict]:
    ids = MessageIds()
    verdicts = []
    for what, number in said:
        if what == "asked":
            ids.asked()
        else:
            verdicts.append(ids.arrive(number, is_answer=what == "answer"))
    return verdicts


@given(st.integers(0, 10**9), st.integers(0, 40))
def test_a_venue_that_loses_nothing_is_never_accused(seed: int, steps: int) -> None:
    assert set(judge(venue(seed, steps))) == {IN_ORDER}


@given(st.integers(0, 10**9), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_lost_update_is_noticed_at_the_latest_with_what_follows_the_last_answer(
    seed: int, steps: int, random
) -> None:
    said = venue(seed, steps)
    updates = [index for index, (what, _) in enumerate(said) if what == "data" and 0 < index < len(said) - 1]
    if updates:
        del said[random.choice(updates)]

        assert AFTER_GAP in judge(said)
