"""What becomes of messages when real processes die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from thespian.actors import ActorExitRequest

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.messages import Undecodable
from adapters.thespian_unix.transport import TURN_MESSAGES
from tests.adapters.thespian_unix.cast import Flood, Forward, Numbered, Sleep, Unpicklable
from tests.adapters.thespian_unix.running import Running, is_alive, processes_of, wait_until

pytestmark = pytest.mark.system


def test_what_a_killed_actor_had_not_handled_becomes_dead_letters(running: Running) -> None:
    sender, receiver, collector = running.worker(), running.worker(), running.worker()
    running.ask(collector, "collect dead letters")
    process = running.ask(receiver, "pid")
    running.tell(sender, Flood(receiver, 100))
    running.wait_for(receiver, "numbers", lambda numbers: len(numbers) == 100)
    running.ask(receiver, "pid")  # idle before this, it has acknowledged
    os.kill(process, signal.SIGSTOP)
    running.tell(sender, Forward(receiver, [Numbered(number) for number in range(100, 600)]))
    running.ask(sender, "busy")  # they are sent

    os.kill(process, signal.SIGKILL)

    letters = running.wait_for(collector, "letters", lambda letters: len(letters) >= 500)
    numbers = [letter.number for _, letter in letters]
    assert numbers == list(range(100, 600)), "all that was unhandled, nothing that was handled"
    assert {str(address) for address, _ in letters} == {str(receiver)}


def test_message_that_kills_its_receiver_is_a_dead_letter(running: Running) -> None:
    receiver, collector = running.worker(), running.worker()
    running.ask(collector, "collect dead letters")
    process = running.ask(receiver, "pid")
    sender = running.worker()
    running.tell(sender, Forward(receiver, [Numbered(1)]))
    running.wait_for(receiver, "numbers", bool)
    running.tell(sender, Forward(receiver, [Sleep(30, tell=collector), Numbered(2)]))
    running.wait_for(collector, "numbers", bool)  # it sleeps now

    os.kill(process, signal.SIGKILL)

    letters = running.wait_for(collector, "letters", lambda letters: len(letters) >= 2)
    assert [type(letter) for _, letter in letters] == [Sleep, Numbered]
    assert letters[1][1].number == 2


def test_few_letters_about_a_killed_actor_are_false(running: Running) -> None:
    receiver, collector, sender = running.worker(), running.worker(), running.worker()
    running.ask(collector, "collect dead letters")
    process = running.ask(receiver, "pid")
    numbers = [Numbered(number) for number in range(202)]
    os.kill(process, signal.SIGSTOP)  # so that all of the following waits for it at once
    running.tell(sender, Forward(receiver, [*numbers[:201], Sleep(30, tell=collector), numbers[201]]))
    running.ask(sender, "busy")  # all is sent
    os.kill(process, signal.SIGCONT)
    running.wait_for(collector, "numbers", bool)  # it sleeps now

    os.kill(process, signal.SIGKILL)

    letters = running.wait_for(collector, "letters", lambda letters: letters and letters[-1][1].number == 201)
    false = [message.number for _, message in letters[:-2]]
    assert false == list(range(201 - len(false), 201)), "only of what it handled last"
    assert len(false) < TURN_MESSAGES


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_mail_written_by_an_actor_that_is_gone_is_handled(running: Running, end: str) -> None:
    sender, receiver = running.worker(), running.worker()
    receiving, sending = running.ask(receiver, "pid"), running.ask(sender, "pid")
    os.kill(receiving, signal.SIGSTOP)
    try:
        running.tell(sender, Flood(receiver, 200))
        running.ask(sender, "busy")  # they are written, over a connection that nobody has accepted yet
        if end == "exit":
            running.tell(sender, ActorExitRequest())
        else:
            os.kill(sending, signal.SIGKILL)
        wait_until(lambda: not is_alive(sending), 3)
    finally:
        os.kill(receiving, signal.SIGCONT)

    running.wait_for(receiver, "numbers", lambda numbers: numbers == list(range(200)))


def test_actor_that_exits_delivers_all_it_sent_first(running: Running) -> None:
    sender, receiver = running.worker(), running.worker()

    running.tell(sender, Flood(receiver, 5000))
    running.tell(sender, ActorExitRequest())

    running.wait_for(receiver, "numbers", lambda numbers: numbers == list(range(5000)))


def test_message_to_a_dead_actor_is_a_dead_letter(running: Running) -> None:
    receiver, collector = running.worker(), running.worker()
    running.ask(collector, "collect dead letters")
    os.kill(running.ask(receiver, "pid"), signal.SIGKILL)
    wait_until(lambda: not socket_directory.answers(receiver.addressDetails.path), 2)

    running.tell(running.worker(), Forward(receiver, [Numbered(7)]))

    letters = running.wait_for(collector, "letters", bool)
    assert [letter.number for _, letter in letters] == [7]


def test_orderly_exit_makes_no_dead_letters_of_what_was_handled(running: Running) -> None:
    receiver, collector = running.worker(), running.worker()
    running.ask(collector, "collect dead letters")
    sender = running.worker()

    numbers = [Numbered(number) for number in range(300)]
    running.tell(sender, Forward(receiver, [*numbers, ActorExitRequest(), Numbered(300)]))

    letters = running.wait_for(collector, "letters", bool)
    assert [letter.number for _, letter in letters] == [300]


def test_message_that_cannot_be_unpickled_is_a_dead_letter(running: Running) -> None:
    receiver, collector = running.worker(), running.worker()
    running.ask(collector, "collect dead letters")

    running.tell(receiver, Unpicklable())

    (letter,) = (message for _, message in running.wait_for(collector, "letters", bool))
    assert isinstance(letter, Undecodable)
    assert "RuntimeError: not here" in letter.reason
    assert running.ask(receiver, b"fine") == b"fine"


def test_parent_hears_of_a_killed_child(running: Running) -> None:
    parent = running.worker()
    child = running.ask(parent, "make child")

    os.kill(running.ask(child, "pid"), signal.SIGKILL)

    running.wait_for(parent, "exited", lambda exited: exited == 1)
    assert not Path(child.addressDetails.path).exists()


def test_system_outlives_its_logger(running: Running) -> None:
    worker = running.worker()
    ours = {os.getpid(), running.ask(worker, "pid")}
    (logger,) = processes_of(running.directory) - ours

    os.kill(logger, signal.SIGKILL)

    wait_until(lambda: len(processes_of(running.directory) - ours - {logger}) == 1, 3)
    assert running.ask(running.worker(), b"fine") == b"fine"


def test_what_cannot_be_pickled_comes_back_to_its_sender_as_poison(running: Running) -> None:
    sender = running.worker()

    running.tell(sender, "tell yourself what can't be pickled")

    running.wait_for(sender, "poison", bool)
