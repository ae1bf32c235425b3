"""Many orders of events, and a report of the first that breaks a scenario."""

from __future__ import annotations

import pytest

from actors.stage.exploration import explore
from actors.stage.stage import Stage
from domain.effects import Role
from tests.actors.stage.cast import Count, Player, Remind

ANNA, BERT = Count(number=1), Count(number=2)


def race(stage: Stage) -> None:
    """Let two actors speak at the same moment."""
    for role, number in (("anna", 1), ("bert", 2)):
        stage.cast(Player, role)
        stage.tell(role, Remind(after_s=1, number=number))
    stage.advance(seconds=1)


def anna_wins(stage: Stage) -> None:
    race(stage)
    stage.inbox(Role.PORTFOLIO).assert_exactly(ANNA, BERT)


def test_every_order_that_can_be_comes_up() -> None:
    orders = set()

    def look(stage: Stage) -> None:
        race(stage)
        orders.add(tuple(stage.inbox(Role.PORTFOLIO).messages))

    explore(look, seeds=range(10))

    assert orders == {(ANNA, BERT), (BERT, ANNA)}


def test_the_first_seed_that_breaks_a_scenario_is_told_with_its_story() -> None:
    with pytest.raises(AssertionError, match="message 1 should be") as broken:
        explore(anna_wins, seeds=range(20))

    [note] = broken.value.__notes__
    first, *trace = note.splitlines()
    assert "breaks anna_wins" in first and "explore(anna_wins, seeds=[" in first
    heard = [line.split("s  ")[1] for line in trace if "-> portfolio  Count" in line]
    assert heard == ["bert -> portfolio  Count(number=2)", "anna -> portfolio  Count(number=1)"]


def test_the_seed_alone_breaks_it_in_the_same_way() -> None:
    def note(seeds: list[int]) -> str:
        with pytest.raises(AssertionError) as broken:
            explore(anna_wins, seeds)
        return broken.value.__notes__[0].partition("\n")[2]

    failing = next(seed for seed in range(20) if _breaks(seed))

    assert note([failing]) == note(list(range(failing, 20)))


def _breaks(seed: int) -> bool:
    try:
        anna_wins(Stage(seed=seed))
    except AssertionError:
        return True
    return False
