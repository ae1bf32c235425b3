"""One scenario, two stages: what holds on one thread in virtual time holds on real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from actors.runtime.base_actor import BaseActor
from actors.stage.base import StageBase
from domain.effects import Role
from domain.settings import Settings
from scripts.rehearsal import open_stage
from scripts.run.processes import descendants
from tests.actors.stage.cast import Count, Echo, Player, Remind, Send, counts


class Litterer(BaseActor):
    """Starts a process that outlives it."""

    def started(self) -> None:
        subprocess.Popen(["sleep", "60"], start_new_session=True)


@pytest.fixture(params=["thread", pytest.param("processes", marks=pytest.mark.system)])
def stage(request: pytest.FixtureRequest) -> Iterator[StageBase]:
    with open_stage(on=request.param, settings=Settings(venues={})) as stage:
        yield stage


def test_what_an_outsider_s_actors_tell_each_other_arrives_in_order_each_once(stage: StageBase) -> None:
    stage.cast(Player, "player")
    stage.cast(Echo, "echo")

    stage.tell("player", Send(to=Role.PORTFOLIO, counts=300), Remind(after_s=0.1, number=300))
    stage.tell("echo", Count(number=7), sender="anna")

    stage.wait_for(Role.PORTFOLIO, Count, times=301)
    stage.wait_for("anna", Count)
    stage.inbox(Role.PORTFOLIO).sent_by("player").assert_exactly(*counts(301))
    stage.inbox("anna").assert_once(Count(number=7))


def test_a_hung_actor_does_everything_later(stage: StageBase) -> None:
    stage.cast(Player, "player")

    stage.hang("player")
    stage.tell("player", Send(to=Role.PORTFOLIO, counts=1))
    stage.advance(seconds=0.2)
    assert len(stage.inbox(Role.PORTFOLIO)) == 0

    stage.resume("player")
    stage.wait_for(Role.PORTFOLIO, Count)


def test_mail_for_a_dead_actor_is_a_dead_letter(stage: StageBase) -> None:
    stage.cast(Player, "player")
    stage.hang("player")
    stage.tell("player", Count(number=1))

    stage.crash("player")

    stage.wait_until(lambda: Count(number=1) in [getattr(letter, "message", None) for letter in stage.dead])


def test_the_supervisor_replaces_our_own_actors_whether_they_crash_or_hang(stage: StageBase) -> None:
    stage.boot()

    for role, kill, within_s in (
        (Role.PORTFOLIO, stage.crash, 2.0),
        (Role.SIGNAL_ENGINE, stage.hang, 5.0),
    ):
        before = stage.pid(role)
        kill(role)
        stage.wait_until(lambda: stage.is_played(role) and stage.pid(role) != before, within_s, f"{role} is back")


@pytest.mark.system
def test_a_process_that_is_left_over_fails_the_test_and_is_ended() -> None:
    others = set(descendants())  # such as multiprocessing's own helper, once somebody has spawned
    stage = open_stage(on="processes")
    stage.cast(Litterer, "litterer")

    with pytest.raises(AssertionError, match="left over: process "):
        stage.close()

    assert set(descendants()) <= others


@pytest.mark.system
def test_waiting_in_vain_on_processes_tells_who_is_there() -> None:
    with open_stage(on="processes") as stage:
        stage.cast(Player, "player")
        stage.hang("player")

        words = r"not within 0.1 s(.|\n)*player is process \d+, which hangs"
        with pytest.raises(AssertionError, match=words):
            stage.wait_for(Role.PORTFOLIO, Count, within_s=0.1)
