"""The receiving side of a process, joined to senders within this process."""

from __future__ import annotations

import os
import pickle
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorAddress
from thespian.system.transport import SendStatus, TransmitIntent

from adapters.thespian_unix.address import UnixAddress
from adapters.thespian_unix.connections import SendingEnd
from adapters.thespian_unix.lanes import NORMAL
from adapters.thespian_unix.outgoing import Limits
from adapters.thespian_unix.poller import Poller
from adapters.thespian_unix.post import Post
from adapters.thespian_unix.reception import Reception


@pytest.fixture
def poller() -> Iterator[Poller]:
    poller = Poller()
    yield poller
    poller.close()


@pytest.fixture
def reception(tmp_path: Path, poller: Poller) -> Iterator[Reception]:
    reception = Reception(str(tmp_path / "here"), poller)
    yield reception
    reception.close()


@pytest.fixture
def sender(tmp_path: Path, reception: Reception) -> Iterator[SendingEnd]:
    sender = SendingEnd(str(tmp_path / "here"), "/sender", Limits())
    yield sender
    sender.close()


def send(sender: SendingEnd, *numbers: int) -> None:
    for number in numbers:
        assert sender.queue.offer(number, pickle.dumps(number), NORMAL, False)
    sender.write()


def receive(reception: Reception, poller: Poller) -> list[int]:
    """Let everything in that waits outside, and return it, handled and not yet acknowledged."""
    for _ in range(100):
        for event in poller.poll(0)[0]:
            assert reception.handle(*event)
    messages = []
    while entry := reception.mailbox.take():
        messages.append(reception.open(entry).message)
        reception.settle(entry)
    return messages


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_sender_learns_what_was_handled_when_told(
    reception: Reception, poller: Poller, sender: SendingEnd
) -> None:
    send(sender, 1, 2, 3)
    assert receive(reception, poller) == [1, 2, 3]
    sender.read()
    assert sender.queue.unhandled == 3

    reception.acknowledge()

    sender.read()
    assert sender.queue.unhandled == 0


def test_mail_of_a_sender_that_is_gone_is_still_read(
    reception: Reception, poller: Poller, sender: SendingEnd
) -> None:
    send(sender, *range(100))
    sender.close()

    assert receive(reception, poller) == list(range(100))


def test_process_without_descriptors_looks_at_new_connections_only_now_and_then(
    reception: Reception, poller: Poller, sender: SendingEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(sender, 1, 2)

    with no_descriptor_left():
        assert receive(reception, poller) == []
        assert poller.poll(0) == ([], [], False), "the waiting connection doesn't keep it awake"
        reception.accept_again()
        assert poller.poll(0) == ([], [], False), "nor is it looked at before its time"
    again_s = reception.accepts_again_s
    assert again_s is not None
    monkeypatch.setattr(time, "monotonic", lambda: again_s)
    reception.accept_again()

    assert receive(reception, poller) == [1, 2]
    assert reception.accepts_again_s is None


def test_message_that_finds_no_descriptor_is_refused_and_not_declared_dead(
    reception: Reception, poller: Poller, tmp_path: Path
) -> None:
    refused: list[Any] = []
    post = Post("/sender", poller, Limits(), refused.append, refused.append)
    path = str(tmp_path / "here")
    intent = TransmitIntent(ActorAddress(UnixAddress(path)), "order")

    with no_descriptor_left():
        post.send(intent, path, b"order")

    assert refused == [intent]
    assert intent.result is SendStatus.Failed


def test_message_to_nobody_finds_its_target_dead(poller: Poller, tmp_path: Path) -> None:
    post = Post("/sender", poller, Limits(), pytest.fail, pytest.fail)
    path = str(tmp_path / "nobody")
    intent = TransmitIntent(ActorAddress(UnixAddress(path)), "order")

    post.send(intent, path, b"order")

    assert intent.result is SendStatus.DeadTarget
