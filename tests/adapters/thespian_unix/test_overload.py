"""Hung receivers, floods, and fair turns, on real processes."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

import pytest
from thespian.actors import ActorSystemFailure

from adapters.thespian_unix.lanes import BULK, LANES
from adapters.thespian_unix.outgoing import Limits
from tests.adapters.thespian_unix.cast import Flood, Forward, Hatch, Numbered, Sleep, Wakeups, Watch
from tests.adapters.thespian_unix.running import Running

pytestmark = pytest.mark.system


def test_hung_receiver_stops_nobody_else_and_its_sender_is_told(running: Running) -> None:
    sender, hung, healthy = running.worker(), running.worker(), running.worker()
    process = running.ask(hung, "pid")
    room = Limits().window + Limits().queued
    os.kill(process, signal.SIGSTOP)
    try:
        running.tell(sender, Flood(hung, room + 50))
        running.tell(sender, Flood(healthy, 100))

        running.wait_for(healthy, "numbers", lambda numbers: len(numbers) == 100)
        running.wait_for(sender, "busy", lambda busy: busy == list(range(room, room + 50)))
    finally:
        os.kill(process, signal.SIGCONT)
    running.wait_for(hung, "numbers", lambda numbers: numbers == list(range(room)))


def test_prices_to_a_hung_receiver_leave_room_for_orders(running: Running) -> None:
    sender, hung = running.worker(), running.worker()
    process = running.ask(hung, "pid")
    os.kill(process, signal.SIGSTOP)
    try:
        running.tell(sender, Flood(hung, 10_000, lane=2))
        running.tell(sender, Forward(hung, [Numbered(1_000_000), Numbered(1_000_001, lane=0)]))
        refused = 10_000 - Limits().window - Limits().queued
        running.wait_for(sender, "busy", lambda busy: len(busy) == refused)
    finally:
        os.kill(process, signal.SIGCONT)

    numbers = running.wait_for(hung, "numbers", lambda numbers: len(numbers) == 10_002 - refused)
    assert numbers[:2] == [1_000_000, 1_000_001]


def test_queue_to_a_hung_receiver_is_bounded_in_bytes(running: Running) -> None:
    sender, hung = running.worker(), running.worker()
    process = running.ask(hung, "pid")
    os.kill(process, signal.SIGSTOP)
    try:
        running.tell(sender, Flood(hung, 100, load=b"x" * (1 << 20)))
        refused = running.wait_for(sender, "busy", lambda busy: len(busy) > 20)
    finally:
        os.kill(process, signal.SIGCONT)

    assert len(refused) < 40
    running.wait_for(hung, "numbers", lambda numbers: len(numbers) == 100 - len(refused))


def test_flood_to_a_hung_receiver_takes_bounded_memory(running: Running) -> None:
    sender, hung = running.worker(), running.worker()
    process = running.ask(hung, "pid")
    load = b"x" * 500
    os.kill(process, signal.SIGSTOP)
    try:
        for lane in LANES:
            running.tell(sender, Flood(hung, 10_000, lane, load))
        resident = []
        for _ in range(12):
            running.tell(sender, Flood(hung, 2000, load=load))
            resident.append(running.ask(sender, "resident", 20))

        assert resident[-1] - resident[4] < 5 << 20, "for 14,000 messages of 500 bytes each"
        assert len(running.ask(sender, "busy")) == 54_000 - 3 * (Limits().window + Limits().queued)
    finally:
        os.kill(process, signal.SIGCONT)


def test_launcher_can_talk_to_others_while_one_hangs(running: Running) -> None:
    hung, healthy = running.worker(), running.worker()
    process = running.ask(hung, "pid")
    os.kill(process, signal.SIGSTOP)
    try:
        for number in range(300):  # more than a window
            running.tell(hung, Numbered(number))
        began_s = time.monotonic()
        for number in range(20):
            running.tell(healthy, Numbered(number))

        assert time.monotonic() - began_s < 0.5
        assert running.ask(healthy, "numbers") == list(range(20))
    finally:
        os.kill(process, signal.SIGCONT)


def test_launcher_is_refused_when_the_queue_is_full(running: Running) -> None:
    hung = running.worker()
    process = running.ask(hung, "pid")
    os.kill(process, signal.SIGSTOP)
    try:
        for _ in range(4):
            running.tell(hung, Numbered(1, load=b"x" * (16 << 20)))
        with pytest.raises(ActorSystemFailure, match="Error sending"):
            for _ in range(4):
                running.tell(hung, Numbered(1, load=b"x" * (16 << 20)))
    finally:
        os.kill(process, signal.SIGCONT)


def test_wakeups_that_came_due_while_the_actor_was_busy_arrive_in_order(running: Running) -> None:
    worker = running.worker()

    running.tell(worker, Wakeups([0.03, 0.01, 0.02]))

    running.wait_for(worker, "wakeups", lambda wakeups: wakeups == [0.01, 0.02, 0.03])


def test_prices_get_their_turn_while_orders_keep_coming(running: Running) -> None:
    feed, portfolio, receiver = running.worker(), running.worker(), running.worker()
    process = running.ask(receiver, "pid")
    os.kill(process, signal.SIGSTOP)
    try:
        running.tell(feed, Flood(receiver, 100, lane=BULK))
        running.tell(portfolio, Forward(receiver, [Numbered(1000 + number) for number in range(8000)]))
        for sender in (feed, portfolio):
            running.ask(sender, "busy")  # all is sent
    finally:
        os.kill(process, signal.SIGCONT)

    handled = running.wait_for(receiver, "numbers", lambda numbers: len(numbers) == 8100)

    turns = [position for position, number in enumerate(handled) if number < 1000]
    waits = [later - earlier for earlier, later in pairwise([-1, *turns])]
    assert max(waits) <= 65
    assert turns[-1] < 8099, "the orders went on until after the last price"


def test_new_actor_gets_to_work_before_its_parent_is_through_with_its_mail(running: Running) -> None:
    sender, parent, collector = running.worker(), running.worker(), running.worker()
    hatch = Hatch(Forward(collector, [Numbered(1)]))
    last = Forward(collector, [Numbered(2)])

    running.tell(sender, Forward(parent, [hatch, *[Sleep(0.05)] * 20, last]))

    assert running.wait_for(collector, "numbers", lambda numbers: len(numbers) == 2) == [1, 2]


def test_messages_and_watches_share_the_time(running: Running) -> None:
    sender, watcher = running.worker(), running.worker()
    running.tell(watcher, Watch(ready=2))
    before = running.wait_for(watcher, "watched", lambda watched: watched > 100)

    running.tell(sender, Flood(watcher, 5000))

    running.wait_for(watcher, "numbers", lambda numbers: len(numbers) == 5000)
    assert running.ask(watcher, "watched") - before >= 5000 / 8 - 1
