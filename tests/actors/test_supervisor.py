"""The supervisor and its children: wiring, restarts, budgets, and what the launcher is told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from actors import supervisor as supervisor_module
from actors.monitor import Monitor
from actors.runtime.base_actor import BaseActor
from actors.stage.stage import Stage
from domain.effects import Role
from domain.messages.base import Command
from domain.messages.halts import RaiseHalt
from domain.messages.system import WindDown
from domain.settings import Settings, SupervisionSettings

ECHO = "echo"


class Fall(Command):
    """The receiver's handler raises."""


class Echo(BaseActor):
    """A child that notes who appears and can be made to fail."""

    def started(self) -> None:
        self.appeared: list[str] = []
        self.halts: list[str] = []

    def peer_appeared(self, role: str) -> None:
        self.appeared.append(role)

    def receiveMsg_Fall(self, command: Fall, sender: str) -> None:
        raise ValueError("fell")

    def receiveMsg_RaiseHalt(self, command: RaiseHalt, sender: str) -> None:
        self.halts.append(command.reason)

    def receiveMsg_WindDown(self, command: WindDown, sender: str) -> None:
        self.counters["wind_downs"] += 1


CAST = {Role.MONITOR: Monitor, Role.ORDER_ROUTER: Echo, ECHO: Echo}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A supervisor with three small children instead of the whole company."""
    monkeypatch.setattr(supervisor_module, "roles_of", lambda settings: list(CAST))
    monkeypatch.setattr(supervisor_module, "actor_class", CAST.__getitem__)
    stage = Stage(Settings(supervision=SupervisionSettings(restarts_per_minute=3)))
    stage.boot()
    yield stage


def lines(stage: Stage) -> dict:
    return stage.actor(Role.SUPERVISOR).machine.lines()


def told(stage: Stage, kind: str) -> list:
    return [told.message for told in stage.told if told.kind == kind]


def test_the_launcher_is_told_once_that_everybody_is_up(stage: Stage) -> None:
    stage.advance(seconds=5)

    assert len(told(stage, "running")) == 1
    assert {line.state for line in lines(stage).values()} == {"up"}


def test_everybody_learns_who_plays_what(stage: Stage) -> None:
    assert set(stage.actor(ECHO).peers) == {Role.SUPERVISOR, *CAST}


def test_a_crashed_child_is_back_at_once_and_the_others_are_rewired_to_it(stage: Stage) -> None:
    stage.crash(Role.ORDER_ROUTER)
    stage.advance(seconds=0.1)

    assert stage.actor(Role.ORDER_ROUTER).incarnation == 2
    assert stage.actor(ECHO).peers[Role.ORDER_ROUTER].incarnation == 2
    assert stage.actor(ECHO).appeared[-1] == Role.ORDER_ROUTER
    assert stage.actor(ECHO).incarnation == 1


def test_a_child_whose_handler_raises_is_replaced(stage: Stage) -> None:
    stage.tell(ECHO, Fall())
    stage.advance(seconds=0.5)

    assert stage.actor(ECHO).incarnation == 2
    assert stage.actor(Role.SUPERVISOR).counters["actor_failures"] == 1


def test_a_child_that_keeps_dying_is_given_up_openings_are_halted_and_the_person_told(stage: Stage) -> None:
    for _ in range(4):
        stage.tell(ECHO, Fall())
        stage.advance(seconds=1.5)

    assert lines(stage)[ECHO].state == "given_up"
    [reason] = told(stage, "gave_up")
    assert reason == "echo was restarted too often and given up: ValueError: fell"
    assert stage.actor(Role.ORDER_ROUTER).halts == ["echo gave up"]
    [alarm] = stage.actor(Role.MONITOR).board.alarms.lines()
    assert (alarm.subject, alarm.text) == (ECHO, "was restarted too often and given up: ValueError: fell")


def test_the_launcher_is_told_the_status_by_whoever_monitors_now(stage: Stage) -> None:
    stage.crash(Role.MONITOR)
    stage.ask("status")
    assert told(stage, "status") == []

    stage.advance(seconds=1.2)
    stage.ask("status")

    assert len(told(stage, "status")) == 1
    assert stage.actor(Role.SUPERVISOR).counters["unanswered"] == 1


@pytest.mark.parametrize("verb", ["status", "metrics"])
def test_the_status_carries_the_metrics_only_when_they_are_asked_for(stage: Stage, verb: str) -> None:
    stage.ask(verb)

    [answer] = told(stage, "status")
    status = json.loads(answer.status)
    assert ("metrics" in status) is (verb == "metrics")
    assert {"venues", "view"} <= set(status)


def test_a_router_that_restarts_while_the_system_stops_hears_of_the_stop(stage: Stage) -> None:
    stage.ask("stop")
    stage.crash(Role.ORDER_ROUTER)
    stage.advance(seconds=0.5)

    assert stage.actor(Role.ORDER_ROUTER).incarnation == 2
    assert stage.actor(Role.ORDER_ROUTER).counters["wind_downs"] == 1


def test_counts_survive_the_death_of_who_counted_and_of_the_monitor(stage: Stage) -> None:
    stage.actor(ECHO).counters["seen"] = 7
    stage.advance(seconds=1)

    stage.crash(ECHO)
    stage.advance(seconds=1)
    stage.crash(Role.MONITOR)
    stage.advance(seconds=1)

    assert stage.actor(Role.MONITOR).board.totals(ECHO)["seen"] == 7


def test_a_status_request_of_the_launcher_is_answered_by_the_monitor(stage: Stage) -> None:
    stage.advance(seconds=1)
    stage.ask("status")

    [status] = told(stage, "status")
    assert b'"duration_s"' in status.status


# ---- hangs, asked-for restarts, and a supervisor's own death -----------------------------------------------


def test_a_hung_child_is_replaced_within_five_seconds(stage: Stage) -> None:
    stage.advance(seconds=1)
    hung = stage.actor(ECHO)
    hung.receiveMessage = lambda message, sender: None  # it takes mail and does nothing any more

    stage.advance(seconds=4)

    assert stage.actor(ECHO) is not hung
    assert stage.actor(ECHO).incarnation == 2


def test_a_person_can_have_one_actor_restarted(stage: Stage) -> None:
    stage.ask("restart", role=ECHO)
    stage.advance(seconds=0.1)

    assert stage.actor(ECHO).incarnation == 2
    assert told(stage, "restarting") == [ECHO]


def test_what_the_launcher_notices_is_an_alarm_and_may_halt_openings(stage: Stage) -> None:
    stage.ask("alarm", text="the data directory was moved")
    stage.ask("halt", text="the data directory was moved")
    stage.advance(seconds=0.1)

    assert [line.text for line in stage.actor(Role.MONITOR).board.alarms.lines()] == ["the data directory was moved"]
    assert stage.actor(Role.ORDER_ROUTER).halts == ["the data directory was moved"]


def test_what_the_launcher_notices_is_told_when_it_is_over_and_when_it_begins_again(stage: Stage) -> None:
    text = "the data directory was given mode 755"

    def told_of() -> tuple[int, bool]:
        stage.advance(seconds=0.1)
        [line] = stage.actor(Role.MONITOR).board.alarms.lines()
        return line.count, line.over > 0

    for count in (1, 2):
        stage.ask("alarm", text=text)
        assert told_of() == (count, False)
        stage.ask("alarm_over", text=text)
        assert told_of() == (count, True)


def test_only_the_end_of_what_was_told_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.ask("alarm", text="told")
    for text in ("told", "never told"):
        stage.ask("alarm_over", text=text)
    stage.advance(seconds=0.1)

    assert [record.args for record in caplog.records if "alarm_over" in record.msg] == [("launcher", "told")]


def test_asking_for_a_role_that_nobody_plays_is_refused(stage: Stage) -> None:
    stage.ask("restart", role="nobody")

    assert told(stage, "refused") == ["no actor plays 'nobody' now"]


def test_a_new_supervisor_keeps_the_children_of_the_dead_one(stage: Stage) -> None:
    before = {role: stage.actor(role) for role in CAST}

    stage.crash(Role.SUPERVISOR)
    stage.succeed_supervisor()
    stage.advance(seconds=0.1)

    assert {role: stage.actor(role) for role in CAST} == before
    assert {line.state for line in lines(stage).values()} == {"up"}
    assert stage.actor(ECHO).peers[Role.SUPERVISOR].incarnation == 2


def test_children_that_died_with_their_supervisor_are_replaced(stage: Stage) -> None:
    stage.crash(Role.SUPERVISOR)
    stage.crash(ECHO)
    stage.succeed_supervisor()
    stage.advance(seconds=0.2)

    assert stage.actor(ECHO).incarnation == 1_000_001
    assert stage.actor(Role.MONITOR).incarnation == 1


def test_an_adopted_child_that_dies_later_is_replaced_too(stage: Stage) -> None:
    stage.crash(Role.SUPERVISOR)
    stage.succeed_supervisor()
    stage.advance(seconds=0.2)

    stage.crash(ECHO)
    stage.advance(seconds=0.2)

    assert stage.actor(ECHO).incarnation == 1_000_001


def test_the_launcher_is_told_of_every_child_s_process_for_the_next_supervisor(stage: Stage) -> None:
    stage.crash(ECHO)
    stage.advance(seconds=0.1)

    roster = told(stage, "roster")[-1]
    assert roster.children[ECHO].line.incarnation == 2
    assert roster.children[ECHO].line.pid == stage.pid(ECHO)
