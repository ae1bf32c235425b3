"""What reached nobody is counted and kept, and telling of it makes no new dead letters."""

from __future__ import annotations

from actors.dead_letters import DeadLetters
from actors.recorder import Recorder
from actors.shell import Shell
from actors.stage import Stage
from domain.effects import Role
from domain.system_messages import LetterDied, ReportNow

SPEAKER = "speaker"


def stage_with(*players: tuple[type[Shell], str]) -> Stage:
    stage = Stage()
    for actor_class, role in (*players, (DeadLetters, Role.DEAD_LETTERS), (Shell, SPEAKER)):
        stage.cast(actor_class, role)
    return stage


def test_a_letter_to_a_dead_actor_is_counted_and_recorded() -> None:
    stage = stage_with((Shell, Role.PORTFOLIO))
    stage.crash(Role.PORTFOLIO)

    stage.actor(SPEAKER).tell(Role.PORTFOLIO, ReportNow())
    stage.settle()

    assert stage.actor(Role.DEAD_LETTERS).counters["dead_letters"] == 1
    [letter] = stage.received[Role.RECORDER]
    assert isinstance(letter, LetterDied)
    assert (letter.to, letter.sender, letter.kind) == (Role.PORTFOLIO, SPEAKER, "ReportNow")


def test_a_letter_to_a_dead_recorder_does_not_breed() -> None:
    stage = stage_with((Recorder, Role.RECORDER))
    stage.crash(Role.RECORDER)

    stage.actor(SPEAKER).tell(Role.RECORDER, ReportNow())
    stage.settle()  # nobody has been rewired yet

    assert stage.actor(Role.DEAD_LETTERS).counters["dead_letters"] == 1
