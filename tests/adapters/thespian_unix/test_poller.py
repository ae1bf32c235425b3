"""What an actor watches, whatever it does to the descriptors meanwhile."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.thespian_unix.poller import Poller


@pytest.fixture
def poller() -> Iterator[Poller]:
    poller = Poller()
    yield poller
    poller.close()


@pytest.fixture
def readable() -> Iterator[socket.socket]:
    here, there = socket.socketpair()
    there.send(b"never read")
    with here, there:
        yield here


def watched(poller: Poller) -> list[int]:
    own, ready, _ = poller.poll(0)
    assert own == []
    return ready


def test_descriptor_named_twice_is_told_once(poller: Poller, readable: socket.socket) -> None:
    poller.watch([readable.fileno(), readable.fileno()])

    assert watched(poller) == [readable.fileno()]


def test_descriptor_no_longer_named_is_not_told(poller: Poller, readable: socket.socket) -> None:
    poller.watch([readable.fileno()])
    poller.watch([])

    assert watched(poller) == []


def test_closed_descriptors_and_plain_files_are_passed_over(
    poller: Poller, readable: socket.socket, tmp_path: Path
) -> None:
    with socket.socket() as other, (tmp_path / "file").open("w") as file:
        closed = other.fileno()
        other.close()

        poller.watch([closed, file.fileno(), -1, readable.fileno()])

    assert watched(poller) == [readable.fileno()]


def test_descriptor_closed_while_watched_is_not_told(poller: Poller, readable: socket.socket) -> None:
    poller.watch([readable.fileno()])
    readable.close()

    assert watched(poller) == []
    poller.watch([])


def test_number_that_came_back_as_another_socket_is_watched_anew(poller: Poller) -> None:
    old, peer = socket.socketpair()
    number = old.fileno()
    poller.watch([number])
    old.close()
    new, other_peer = socket.socketpair()
    assert new.fileno() == number, "the lowest free one"
    with peer, new, other_peer:
        poller.watch([number])
        other_peer.send(b"news")

        assert watched(poller) == [number]


def test_number_that_came_back_as_our_own_socket_is_ours(poller: Poller) -> None:
    actors, peer = socket.socketpair()
    number = actors.fileno()
    poller.watch([number])
    actors.close()
    ours, sender = socket.socketpair()
    assert ours.fileno() == number, "the lowest free one"
    with peer, ours, sender:
        poller.add(number, select.EPOLLIN)
        poller.watch([number])  # the actor has not noticed yet
        sender.send(b"mail")

        assert poller.poll(0) == ([(number, select.EPOLLIN)], [], False)


def test_bell_ends_a_wait_once_however_often_it_rang(poller: Poller) -> None:
    poller.ring()
    poller.ring()

    assert poller.poll(5) == ([], [], True)
    assert poller.poll(0) == ([], [], False)
