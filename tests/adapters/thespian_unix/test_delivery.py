"""Delivery between real processes: whole, in order, each once, and in the order of its lane."""

from __future__ import annotations

import os

import pytest

from adapters.thespian_unix import socket_directory
from tests.adapters.thespian_unix.cast import Flood, Forward, FromThreads, Numbered, Sleep, Worker
from tests.adapters.thespian_unix.running import Running, new_port, start

pytestmark = pytest.mark.system


def test_numbered_messages_arrive_in_order_each_once(running: Running) -> None:
    sender, receiver = running.worker(), running.worker()

    running.tell(sender, Flood(receiver, 5000))

    running.wait_for(receiver, "numbers", lambda numbers: numbers == list(range(5000)))
    assert running.ask(sender, "busy") == []


def test_message_of_64_megabytes_comes_back_whole(running: Running) -> None:
    worker = running.worker()
    load = os.urandom(1 << 20) * 64

    assert running.ask(worker, load, 30) == load


def test_threads_of_an_actor_may_send(running: Running) -> None:
    sender, receiver = running.worker(), running.worker()

    running.tell(sender, FromThreads(receiver, threads=4, each=250))

    numbers = running.wait_for(receiver, "numbers", lambda numbers: len(numbers) == 1000)
    assert sorted(numbers) == list(range(1000))
    for first in range(0, 1000, 250):
        mine = [number for number in numbers if first <= number < first + 250]
        assert mine == sorted(mine)


def test_cancel_passes_500_prices_and_never_its_own_order(running: Running) -> None:
    sender, receiver = running.worker(), running.worker()
    prices = [Numbered(number, lane=2) for number in range(500)]
    order, cancel = Numbered(1000), Numbered(1001, lane=0)

    running.tell(receiver, Sleep(0.3))
    running.tell(sender, Forward(receiver, [*prices, order, cancel]))

    numbers = running.wait_for(receiver, "numbers", lambda numbers: len(numbers) == 502)
    assert numbers[:2] == [1000, 1001]
    assert numbers[2:] == list(range(500))


def test_several_senders_keep_their_order_in_each_lane(running: Running) -> None:
    receiver = running.worker()
    senders = [running.worker() for _ in range(3)]
    running.tell(receiver, Sleep(0.3))

    for sender, worker in enumerate(senders):
        mixed = [Numbered(sender * 10_000 + number, lane=number % 3) for number in range(2000)]
        running.tell(worker, Forward(receiver, mixed))

    handled = running.wait_for(receiver, "numbers", lambda numbers: len(numbers) == 6000)
    for sender in range(3):
        for lane in range(3):
            sent = list(range(sender * 10_000 + lane, sender * 10_000 + 2000, 3))
            assert [number for number in handled if number in set(sent)] == sent


def test_message_to_oneself_is_a_copy_like_any_other(running: Running) -> None:
    worker = running.worker()

    running.tell(worker, "change what was sent to yourself")

    running.wait_for(worker, "numbers", bool)
    assert running.ask(worker, "numbers") == [1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_actors_start_by_fork_and_by_spawn(method: str) -> None:
    port = new_port()
    system = start(port, method)
    try:
        parent = system.createActor(Worker)
        child = system.ask(parent, "make child", 10)

        assert system.ask(child, b"hello", 10) == b"hello"
    finally:
        system.shutdown()
    assert not socket_directory.directory_of(port).exists()
