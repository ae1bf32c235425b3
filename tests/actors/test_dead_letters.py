"""What reached nobody is counted, and money in it rings a bell."""

from __future__ import annotations

import pytest
from thespian.actors import ActorAddress, DeadEnvelope

from actors.dead_letters import DeadLetters
from actors.recorder import Recorder
from actors.runtime.wiring_messages import Envelope
from actors.stage.stage import Stage
from domain.effects import Role
from domain.messages.system import AlarmRaised, LetterDied, ReportNow
from tests.order_builders import make_order


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.cast(DeadLetters, Role.DEAD_LETTERS)
    return stage


def bury(stage: Stage, message: object, **details: int) -> list[LetterDied]:
    letter = Envelope("order_router", 1, "portfolio", 1, 0, message, **details)
    dead = DeadEnvelope(ActorAddress("gone"), letter)
    stage.post(ActorAddress("admin"), stage._who_plays(Role.DEAD_LETTERS).address, dead)
    stage.settle()
    return [m for m in stage.received[Role.RECORDER] if isinstance(m, LetterDied)]


def test_a_letter_is_counted_and_recorded_by_kind_and_addressee(stage: Stage) -> None:
    [died] = bury(stage, ReportNow())

    assert (died.kind, died.to, died.sender, died.is_money) == (
        "ReportNow",
        "order_router",
        "portfolio",
        False,
    )
    assert stage.actor(Role.DEAD_LETTERS).counters["dead_letters"] == 1


def test_money_in_a_letter_is_told_apart(stage: Stage) -> None:
    [died] = bury(stage, make_order())

    assert died.is_money
    assert stage.actor(Role.DEAD_LETTERS).counters["money_letters"] == 1


def test_money_rings_a_bell_that_says_what_becomes_of_it(stage: Stage) -> None:
    bury(stage, make_order(), number=7)  # the portfolio, a probe, still lives and keeps what is not acknowledged
    bury(stage, make_order())
    bury(stage, ReportNow(), number=8)

    alarms = [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert alarms == [
        "SubmitOrder from portfolio to order_router: its sender looks after it",
        "SubmitOrder from portfolio to order_router: reconciliation will tell",
    ]


def test_a_mere_acknowledgement_is_no_letter(stage: Stage) -> None:
    assert bury(stage, None, handled=(1, 2)) == []


def test_the_actor_system_hands_it_what_is_sent_to_the_dead(stage: Stage) -> None:
    stage.cast(Recorder, Role.RECORDER)
    address = stage._who_plays(Role.RECORDER)
    stage.crash(Role.RECORDER)

    stage.post(ActorAddress("x"), address.address, Envelope("recorder", 1, "test", 1, 0, ReportNow()))
    stage.settle()

    assert stage.actor(Role.DEAD_LETTERS).counters["dead_letters"] == 1
