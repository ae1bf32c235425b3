"""The two ends of a connection, joined within this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.thespian_unix.connections import ReceivingEnd, SendingEnd, peer_user
from adapters.thespian_unix.framing import BrokenFrame
from adapters.thespian_unix.lanes import NORMAL
from adapters.thespian_unix.outgoing import Limits


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "receiver"))
        listener.listen()
        yield listener


@pytest.fixture
def ends(listener: socket.socket) -> Iterator[tuple[SendingEnd, ReceivingEnd]]:
    sending = SendingEnd(listener.getsockname(), "/sender", Limits(window=10))
    receiving = ReceivingEnd(listener.accept()[0])
    yield sending, receiving
    sending.close()
    receiving.close()


def send(sending: SendingEnd, *payloads: bytes) -> list[bytes]:
    for payload in payloads:
        assert sending.queue.offer(payload, payload, NORMAL, False)
    return sending.write()


def payloads(receiving: ReceivingEnd) -> list[bytes]:
    return [payload for tag, payload in receiving.read() if tag]


def test_sender_introduces_itself_before_its_first_message(ends: tuple[SendingEnd, ReceivingEnd]) -> None:
    sending, receiving = ends

    send(sending, b"first")

    (greeting, path), (tag, payload) = receiving.read()
    assert (greeting, path, payload) == (None, b"/sender", b"first")
    assert (tag.lane, tag.sequence) == (NORMAL, NORMAL)


def test_acknowledgement_opens_the_window(ends: tuple[SendingEnd, ReceivingEnd]) -> None:
    sending, receiving = ends
    numbers = [bytes([number]) for number in range(15)]
    assert send(sending, *numbers) == numbers[:10]
    assert payloads(receiving) == numbers[:10]

    receiving.handled[NORMAL] = 4
    assert receiving.acknowledge()
    assert sending.read()

    assert sending.write() == numbers[10:14]
    assert payloads(receiving) == numbers[10:14]
    assert sending.is_waiting


def test_message_larger_than_the_kernels_buffer_arrives_piece_by_piece(
    ends: tuple[SendingEnd, ReceivingEnd],
) -> None:
    sending, receiving = ends
    load = os.urandom(8 << 20)
    send(sending, load)
    arrived: list[bytes] = []

    while not arrived:
        sending.write()
        arrived = payloads(receiving)

    assert arrived == [load]
    assert not sending.is_waiting


def test_acknowledgement_that_the_kernel_cannot_take_is_reported(
    ends: tuple[SendingEnd, ReceivingEnd],
) -> None:
    sending, receiving = ends
    send(sending, b"x")
    receiving.handled[NORMAL] = 1

    while receiving.acknowledge():  # nobody reads them
        pass

    assert sending.read()
    assert sending.queue.unhandled == 0
    assert receiving.acknowledge(), "there is room again"


def test_end_of_the_receiver_is_seen_after_its_last_acknowledgement(
    ends: tuple[SendingEnd, ReceivingEnd],
) -> None:
    sending, receiving = ends
    send(sending, b"handled", b"unhandled")
    receiving.handled[NORMAL] = 1
    receiving.acknowledge()

    receiving.close()

    assert not sending.read()
    assert sending.queue.abandon() == ([b"unhandled"], [])
    with pytest.raises(OSError, match="Broken pipe"):
        send(sending, b"late")


def test_end_of_the_sender_is_seen_after_its_last_message(ends: tuple[SendingEnd, ReceivingEnd]) -> None:
    sending, receiving = ends
    send(sending, b"last")

    sending.close()

    assert payloads(receiving) == [b"last"]
    with pytest.raises(EOFError):
        receiving.read()


def test_stranger_who_speaks_something_else_is_recognised(listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(listener.getsockname())
        receiving = ReceivingEnd(listener.accept()[0])
        stranger.send(b"\0\0\0\0\x7f")

        with pytest.raises(BrokenFrame, match="tag 127"):
            receiving.read()
        receiving.close()


def test_nobody_listening_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        SendingEnd(str(tmp_path / "nobody"), "/sender", Limits())


def test_user_of_the_peer_is_known(listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(listener.getsockname())
        assert peer_user(peer) == os.geteuid()
