"""A block proves life when it is new, and no single number can say that nothing will ever be new again."""

from __future__ import annotations

import pytest

from adapters.venues.dydx.heights import Heights


def verdicts(heights: Heights, *told: int) -> list[bool]:
    return [heights.is_new(height) for height in told]


def test_a_repeated_block_is_not_new() -> None:
    assert verdicts(Heights(), 100, 100, 99, 101) == [True, False, False, True]


def test_one_absurd_height_changes_nothing() -> None:
    heights = Heights()
    heights.is_new(100)

    assert heights.is_jump(10**15)
    assert verdicts(heights, 10**15, 101, 102) == [False, True, True]


def test_a_chain_that_went_on_without_us_is_believed_with_its_second_block() -> None:
    assert verdicts(Heights(), 100, 5_000, 5_001, 5_002) == [True, False, True, True]


@pytest.mark.parametrize("absurd", [[10**15], [10**15, 10**15 + 1]])
def test_what_a_connection_told_of_heights_dies_with_it(absurd: list[int]) -> None:
    heights = Heights()
    verdicts(heights, *absurd)

    heights.restart()

    assert verdicts(heights, 100, 101, 102) == [False, True, True]


def test_a_new_connection_that_repeats_the_last_block_proves_nothing() -> None:
    heights = Heights()
    heights.is_new(100)

    heights.restart()

    assert verdicts(heights, 100, 100, 101) == [False, False, True]
