from domain.streams.sequence import SequenceCheck, SequenceVerdict


def verdicts(*numbers: int) -> list[SequenceVerdict]:
    check = SequenceCheck()
    return [check.arrive(number) for number in numbers]


def test_the_first_number_of_a_connection_may_be_any() -> None:
    assert verdicts(42) == [SequenceVerdict.IN_ORDER]


def test_numbers_that_rise_by_one_are_in_order() -> None:
    assert verdicts(0, 1, 2) == [SequenceVerdict.IN_ORDER] * 3


def test_a_jump_is_a_gap_once_and_the_count_goes_on_from_there() -> None:
    assert verdicts(0, 1, 2, 4, 5, 7, 8, 9).count(SequenceVerdict.AFTER_GAP) == 2


def test_a_repeat_is_late_and_changes_nothing() -> None:
    assert verdicts(5, 6, 6, 5, 7) == [
        SequenceVerdict.IN_ORDER,
        SequenceVerdict.IN_ORDER,
        SequenceVerdict.LATE,
        SequenceVerdict.LATE,
        SequenceVerdict.IN_ORDER,
    ]


def test_a_new_connection_counts_by_itself() -> None:
    check = SequenceCheck()
    check.arrive(900)

    check.restart()

    assert check.arrive(0) is SequenceVerdict.IN_ORDER


def test_where_the_first_number_is_known_a_lost_first_message_shows() -> None:
    check = SequenceCheck(first=0)

    assert check.arrive(1) is SequenceVerdict.AFTER_GAP
    check.restart()
    assert check.arrive(0) is SequenceVerdict.IN_ORDER
