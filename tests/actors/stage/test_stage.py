"""The stage keeps the promises that tests on it rely on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from actors.dead_letters import DeadLetters
from actors.runtime.base_actor import BaseActor
from actors.stage.stage import Stage
from actors.stage.toolbox import virtual_fd
from adapters.thespian_unix.outgoing import Limits
from domain.effects import Role
from domain.messages.base import Command
from domain.settings import Settings
from tests.actors.stage.cast import Count, Echo, Halt, Player, Remind, Send, Tick, counts

CLERK = "clerk"


class Work(Command, kw_only=True):
    name: str
    takes_s: float


class Clerk(BaseActor):
    """Has two workers, and notes which calls began and which ended."""

    def started(self) -> None:
        self.executor = self.toolbox.executor(2)
        self.began: list[str] = []
        self.ended: list[str] = []
        self.watch(self.executor.fileno(), self._collect)

    def receiveMsg_Work(self, command: Work, sender: str) -> None:
        self.executor.submit(command.name, self._call(command))

    def _call(self, command: Work) -> Callable[[], None]:
        def run() -> None:
            self.began.append(command.name)
            self.clock.spend(command.takes_s)

        return run

    def _collect(self) -> None:
        self.ended.extend(key for key, _ in self.executor.collect())


def stage_at_work() -> tuple[Stage, Clerk]:
    stage = Stage()
    clerk = stage.cast(Clerk, CLERK)
    for name, takes_s in (("slow", 5.0), ("quick", 1.0), ("third", 1.0)):
        stage.tell(CLERK, Work(name=name, takes_s=takes_s))
    return stage, clerk


def test_a_call_waits_for_a_worker_and_takes_its_time() -> None:
    stage, clerk = stage_at_work()
    assert clerk.began == ["slow", "quick"]

    stage.advance(seconds=1)
    assert clerk.began == ["slow", "quick", "third"]
    assert clerk.ended == ["quick"]

    stage.advance(seconds=4)
    assert clerk.ended == ["quick", "third", "slow"]


def test_the_calls_of_a_dead_actor_that_had_not_begun_never_happen() -> None:
    stage, clerk = stage_at_work()

    stage.crash(CLERK)
    stage.advance(seconds=10)

    assert clerk.began == ["slow", "quick"]
    assert clerk.ended == []


# ---- signals of the operating system ---------------------------------------------------------------------


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.cast(Player, "player")
    return stage


@pytest.mark.parametrize("seed", [None, 1])
def test_a_hung_actor_hears_nothing_until_it_goes_on(seed: int | None) -> None:
    stage = Stage(seed=seed)
    player = stage.cast(Player, "player")

    stage.hang("player")
    stage.tell("player", *counts(3))
    assert player.heard == []

    stage.resume("player")
    assert [message for _, message in player.heard] == counts(3)


def test_a_hung_actor_s_timers_go_off_when_it_goes_on(stage: Stage) -> None:
    stage.tell("player", Remind(after_s=2, number=2), Remind(after_s=1, number=1))

    stage.hang("player")
    stage.advance(seconds=3)
    assert not stage.inbox(Role.PORTFOLIO)

    stage.resume("player")
    stage.inbox(Role.PORTFOLIO).assert_exactly(Count(number=1), Count(number=2))


def test_a_hung_actor_begins_no_call_and_learns_of_none_that_is_over() -> None:
    stage, clerk = stage_at_work()
    stage.cast(Player, "busy")

    stage.hang(CLERK)
    stage.advance(seconds=10)
    assert (clerk.began, clerk.ended) == (["slow", "quick"], [])

    stage.resume(CLERK)
    stage.advance(seconds=2)
    assert sorted(clerk.ended) == ["quick", "slow", "third"]


def test_a_hung_actor_is_replaced_by_the_supervisor_for_its_missing_heartbeat() -> None:
    stage = Stage(Settings(venues={}))
    stage.boot()
    hung = stage.pid(Role.PORTFOLIO)

    stage.hang(Role.PORTFOLIO)

    stage.wait_until(lambda: stage.is_played(Role.PORTFOLIO) and stage.pid(Role.PORTFOLIO) != hung)


def test_mail_for_the_dead_is_handed_to_the_dead_letter_handler(stage: Stage) -> None:
    stage.cast(DeadLetters, Role.DEAD_LETTERS)
    stage.hang("player")
    stage.tell("player", Count(number=1))

    stage.crash("player")
    stage.settle()

    [died] = stage.inbox(Role.RECORDER).messages
    assert (died.kind, died.to, died.sender) == ("Count", "player", "test")


def test_mail_for_the_dead_is_kept_while_nobody_handles_it(stage: Stage) -> None:
    stage.hang("player")
    stage.tell("player", Count(number=1))

    stage.crash("player")

    assert [letter.message for letter in stage.dead] == [Count(number=1)]


# ---- queues and lanes ------------------------------------------------------------------------------------


def test_what_a_full_queue_does_not_take_comes_back_as_busy() -> None:
    stage = Stage(limits=Limits(window=2, queued=3))
    player = stage.cast(Player, "player")
    stage.hang(Role.PORTFOLIO)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=7))

    assert player.refusals == [Tick(price=5), Tick(price=6)]
    stage.resume(Role.PORTFOLIO)
    stage.inbox(Role.PORTFOLIO).assert_exactly(*(Tick(price=price) for price in range(5)))


def test_queues_are_as_long_as_the_local_transport_s_unless_a_test_says_otherwise(stage: Stage) -> None:
    stage.hang(Role.PORTFOLIO)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=Limits().window + Limits().queued + 1))

    assert len(stage.actor("player").refusals) == 1


def test_an_urgent_message_passes_waiting_bulk_but_never_an_order_before_it(stage: Stage) -> None:
    sender = stage.cast(Player, "sender")
    stage.hang("player")

    stage.tell("sender", Send(to="player", ticks=3), Send(to="player", counts=2, halts=1))
    stage.resume("player")

    told = [message for _, message in stage.actor("player").heard]
    assert told == [*counts(2), Halt(), *(Tick(price=price) for price in range(3))]
    assert sender.refusals == []


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_mixes_senders_and_keeps_the_order_of_each(seed: int) -> None:
    stage = Stage(seed=seed)
    players = [f"player:{number}" for number in range(3)]
    for player in players:
        stage.cast(Player, player)
        stage.tell(player, *(Remind(after_s=1, number=number) for number in range(20)))

    stage.advance(seconds=1)

    inbox = stage.inbox(Role.PORTFOLIO)
    for player in players:
        inbox.sent_by(player).assert_exactly(*counts(20))
    assert [one.sender for one in inbox.heard] != sorted(one.sender for one in inbox.heard)


# ---- message faults --------------------------------------------------------------------------------------


def ticks_of(stage: Stage) -> list[int]:
    return [message.price for message in stage.inbox(Role.PORTFOLIO).messages]


def test_letters_get_lost(stage: Stage) -> None:
    message_faults = stage.disturb(lose=0.5, seed=1)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=100))

    assert message_faults.counts["lost"] == 100 - len(ticks_of(stage)) > 25
    assert ticks_of(stage) == sorted(ticks_of(stage))


def test_letters_come_twice(stage: Stage) -> None:
    stage.disturb(double=1.0)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=2))

    assert ticks_of(stage) == [0, 0, 1, 1]


def test_letters_come_late(stage: Stage) -> None:
    stage.disturb(late=1.0, late_by=(0.2, 0.3))

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=2))
    assert ticks_of(stage) == []

    stage.advance(seconds=0.3)
    assert sorted(ticks_of(stage)) == [0, 1]
    assert all(0.2 <= one.at_s <= 0.3 for one in stage.inbox(Role.PORTFOLIO).heard)


def test_letters_overtake_each_other_and_the_last_one_comes_too(stage: Stage) -> None:
    stage.disturb(reorder=0.5, seed=3)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=20))

    assert ticks_of(stage) != sorted(ticks_of(stage)) == list(range(20))


def test_disturbances_are_chosen_by_pair_by_class_and_by_content(stage: Stage) -> None:
    pair = "player", str(Role.PORTFOLIO)
    stage.disturb(lose=1.0, between=pair, kinds=(Tick,), when=lambda tick: tick.price > 0)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=2, counts=1), Send(to=Role.MONITOR, ticks=2))

    stage.inbox(Role.PORTFOLIO).assert_exactly(Count(number=0), Tick(price=0))
    assert len(stage.inbox(Role.MONITOR).of(Tick)) == 2


def test_disturbances_may_lie_on_one_way_only(stage: Stage) -> None:
    stage.disturb(lose=1.0, to=Role.MONITOR)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=1), Send(to=Role.MONITOR, ticks=1))

    assert ticks_of(stage) == [0]
    assert not stage.inbox(Role.MONITOR).of(Tick)


def test_a_letter_that_no_other_passes_comes_all_the_same(stage: Stage) -> None:
    stage.disturb(reorder=1.0)

    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=1))

    assert ticks_of(stage) == [0]


def test_when_it_is_calm_everything_arrives_again(stage: Stage) -> None:
    stage.disturb(lose=1.0)
    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=1))
    assert ticks_of(stage) == []

    stage.calm()
    stage.disturb(double=1.0)
    stage.tell("player", Send(to=Role.PORTFOLIO, ticks=1))

    assert ticks_of(stage) == [0, 0]


def test_the_same_seed_disturbs_the_same_letters() -> None:
    def heard(seed: int) -> list[int]:
        stage = Stage(seed=seed)
        stage.cast(Player, "player")
        stage.disturb(lose=0.3, double=0.3, reorder=0.3)
        stage.tell("player", Send(to=Role.PORTFOLIO, ticks=50))
        return ticks_of(stage)

    assert heard(4) == heard(4) != heard(5)


# ---- probes ----------------------------------------------------------------------------------------------


def test_an_actor_answers_whoever_the_test_speaks_as(stage: Stage) -> None:
    stage.cast(Echo, "echo")

    stage.tell("echo", Count(number=1), sender="anna")
    stage.tell("echo", Count(number=2), sender="bert")

    stage.inbox("anna").assert_exactly(Count(number=1))
    stage.inbox("bert").assert_exactly(Count(number=2))


def test_an_actor_that_takes_over_from_a_probe_hears_what_comes_then(stage: Stage) -> None:
    stage.tell("player", Send(to=Role.PORTFOLIO, counts=3))

    portfolio = stage.cast(Player, Role.PORTFOLIO)
    stage.tell("player", Send(to=Role.PORTFOLIO, counts=1))

    assert portfolio.heard == [("player", Count(number=0))]


class Listener(BaseActor):
    def started(self) -> None:
        self.watch(LISTENED, lambda: None)


LISTENED = virtual_fd()


@pytest.mark.parametrize("look_every_s", [0.04, 0.5])
def test_no_frame_lies_in_a_socket_for_longer_than_between_two_looks(look_every_s: float) -> None:
    stage, looks = Stage(look_every_s=look_every_s), [0.0]
    stage.readables[LISTENED] = lambda: looks.append(stage.now_s())
    stage.cast(Listener, "listener")

    stage.advance(seconds=4)

    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert max(pauses) == pytest.approx(look_every_s, abs=1e-6)
