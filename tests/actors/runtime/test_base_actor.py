"""What the base actor makes of Thespian's rules, on the stage."""

from typing import ClassVar

import pytest
from thespian.actors import PoisonMessage

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import ActorFailed, Envelope
from actors.stage.stage import Stage
from domain.effects import Role, Tell, WakeAt, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Command, Lane
from domain.messages.system import AlarmRaised


class Ring(Command, kw_only=True):
    after_s: float
    name: str


class Break(Command):
    """A message whose handler raises."""


class Echo(Command, kw_only=True):
    name: str


class Bulk(Command):
    lane: ClassVar[Lane] = Lane.BULK


class Unheard(Command):
    """A message that nobody handles."""


class Complain(Command, kw_only=True):
    text: str


class BellWakeup(WakeupKind):
    RING = "ring"


class OtherWakeup(WakeupKind):
    RING = "ring"


class Bell(BaseActor):
    """Rings back to the monitor."""

    def receiveMsg_Complain(self, command: Complain, sender: str) -> None:
        self.alarm("venue", command.text)
        alarm = AlarmRaised(ts_event=1, subject="machine", text=command.text)
        self.perform([Tell(Role.MONITOR, alarm)])

    def receiveMsg_Ring(self, command: Ring, sender: str) -> None:
        self.wake_at(
            self.clock.now().monotonic_ns + int(command.after_s * SECOND_NS), WakeupKey(BellWakeup.RING, command.name)
        )

    def receiveMsg_Echo(self, command: Echo, sender: str) -> None:
        self.tell(Role.PORTFOLIO, command)

    def receiveMsg_Break(self, command: Break, sender: str) -> None:
        self.tell(Role.PORTFOLIO, Echo(name="half done"))
        raise ValueError("broken")

    def tick(self, key: WakeupKey, now: Instant) -> list:
        return [Tell(Role.PORTFOLIO, Echo(name=key.name))]


def rung(stage: Stage) -> list[str]:
    return [echo.name for echo in stage.received[Role.PORTFOLIO]]


def test_wakeups_come_in_due_order_whatever_order_they_were_asked_for_in() -> None:
    stage = Stage()
    stage.cast(Bell, "bell")
    for after_s, name in ((3, "third"), (1, "first"), (2, "second")):
        stage.tell("bell", Ring(after_s=after_s, name=name))

    stage.advance(seconds=2.5)
    assert rung(stage) == ["first", "second"]

    stage.advance(seconds=1)
    assert rung(stage) == ["first", "second", "third"]


def test_the_same_wakeup_asked_for_twice_comes_once() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")
    due_ns = stage.clock.now().monotonic_ns + SECOND_NS

    once = WakeupKey(BellWakeup.RING, "once")
    bell.perform([WakeAt(due_ns, once), WakeAt(due_ns, once)])
    stage.advance(seconds=2)

    assert rung(stage) == ["once"]


def test_equal_words_of_two_owners_are_two_wakeups() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")
    due_ns = stage.clock.now().monotonic_ns + SECOND_NS

    bell.perform([WakeAt(due_ns, WakeupKey(owner.RING, "same")) for owner in (BellWakeup, OtherWakeup)])
    stage.advance(seconds=2)

    assert rung(stage) == ["same", "same"]


def test_a_handler_that_raises_is_not_run_again_and_the_actor_asks_to_be_replaced() -> None:
    stage = Stage()
    stage.cast(Bell, "bell")

    stage.tell("bell", Break())
    stage.tell("bell", Echo(name="after"))

    assert rung(stage) == ["half done"]
    [failure] = [message for message in stage.overheard if isinstance(message, ActorFailed)]
    assert (failure.role, failure.incarnation) == ("bell", 1)
    assert "broken" in failure.error


def test_an_actor_whose_message_cannot_be_encoded_fails_aloud() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")

    bell.receiveMessage(PoisonMessage(Echo(name="lost"), "OverflowError: can't serialize ints"), None)
    stage.settle()

    [failure] = [message for message in stage.overheard if isinstance(message, ActorFailed)]
    assert "unsendable: Echo: OverflowError" in failure.error


def test_a_failed_actor_ends_its_process_even_when_nobody_kills_it() -> None:
    stage = Stage()
    stage.cast(Bell, "bell")

    stage.tell("bell", Break())
    stage.advance(seconds=0.3)

    assert not stage.is_played("bell")


def test_a_message_for_another_incarnation_is_dropped_and_counted() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")
    address = stage._who_plays("bell").address

    stage.post(stage._outside, address, Envelope("bell", 7, "test", 1, 0, Echo(name="old")))
    stage.settle()

    assert rung(stage) == []
    assert bell.counters["misdelivered"] == 1


def test_an_unknown_message_is_counted_and_harms_nobody() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")

    stage.tell("bell", Unheard())
    stage.tell("bell", Echo(name="still here"))

    assert bell.counters["unhandled"] == 1
    assert rung(stage) == ["still here"]


def test_bulk_for_a_role_that_nobody_plays_is_counted_not_raised() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")

    assert bell.tell("nobody", Bulk()) is False
    assert bell.counters["unwired"] == 1


def test_what_matters_is_kept_for_a_role_until_somebody_plays_it() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")

    assert bell.tell("late", Echo(name="kept")) is True
    stage.cast(Bell, "late")

    assert rung(stage) == ["kept"]


def test_what_an_actor_sends_is_a_copy() -> None:
    stage = Stage()
    stage.cast(Bell, "bell")
    sent = Echo(name="copy")

    stage.tell("bell", sent)

    [heard] = stage.received[Role.PORTFOLIO]
    assert heard == sent and heard is not sent


def test_a_descriptor_is_closed_only_after_the_watch_list_without_it_was_handed_over() -> None:
    stage = Stage()
    bell = stage.cast(Bell, "bell")
    closed = []
    bell.watch(5, lambda: None)

    bell.discard(5, lambda: closed.append(5))
    assert closed == []
    stage.tell("bell", Echo(name="next"))

    assert closed == [5]


def test_alarms_are_bounded_in_length_and_number_whoever_raises_them() -> None:
    stage = Stage()
    stage.cast(Bell, Role.SIGNAL_ENGINE)

    for number in range(100):
        stage.tell(Role.SIGNAL_ENGINE, Complain(text=f"{number}" + "\x1b" * 100_000))
    stage.advance(seconds=1)

    told = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert [alarm.subject for alarm in told] == ["venue", "machine"] * 10
    assert {len(alarm.text) for alarm in told} == {200}
    assert stage.actor(Role.SIGNAL_ENGINE).counters["alarms_held_back"] == 2 * 90


def test_alarms_that_were_too_many_are_told_later_and_how_many_they_were() -> None:
    stage = Stage()
    bell = stage.cast(Bell, Role.SIGNAL_ENGINE)
    for number in range(12):
        bell.alarm("coinbase:BTC-USD", f"halted: {number}")
    for number in range(1_000):
        bell.alarm("coinbase order rows", f"strange: {number}", is_theirs=True)

    stage.advance(seconds=11)

    told = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert [m.text for m in told if m.subject == "coinbase:BTC-USD"] == [f"halted: {number}" for number in range(12)]
    assert [(m.subject, m.text) for m in told if m.is_total] == [
        ("signal_engine alarms", "2 alarms held back"),
        ("signal_engine alarms of what venues say", "990 alarms held back"),
    ]


def test_decoders_are_built_before_an_actor_starts_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr("actors.runtime.base_actor.build_decoders", lambda: happened.append("decoders"))

    class Starter(BaseActor):
        def started(self) -> None:
            happened.append("started")

    stage = Stage()
    stage.cast(Starter, Role.RECORDER)
    stage.advance(seconds=0.1)

    assert happened[:2] == ["decoders", "started"]
