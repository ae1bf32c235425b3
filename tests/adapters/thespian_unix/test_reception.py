"""The receiving side of a process, joined to senders within this process."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorAddress
from thespian.system.transport import SendStatus, TransmitIntent

from adapters.thespian_unix import listener, socket_directory
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


def test_sender_learns_what_was_handled_when_told(reception: Reception, poller: Poller, sender: SendingEnd) -> None:
    send(sender, 1, 2, 3)
    assert receive(reception, poller) == [1, 2, 3]
    sender.read()
    assert sender.queue.unhandled == 3

    reception.acknowledge()

    sender.read()
    assert sender.queue.unhandled == 0


def test_mail_of_a_sender_that_is_gone_is_still_read(reception: Reception, poller: Poller, sender: SendingEnd) -> None:
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


# ---- its place is taken away -------------------------------------------------------------------------------


def wait_for_the_next_look(reception: Reception, monkeypatch: pytest.MonkeyPatch) -> None:
    later_s = reception.next_look_s()
    monkeypatch.setattr(listener, "_all_back_s", 0.0)  # to be as it was after the test
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: later_s)
        reception.look_after()


def test_process_whose_socket_was_removed_is_found_at_its_path_again(
    reception: Reception, poller: Poller, sender: SendingEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(sender, 1)  # waits to be let in
    (tmp_path / "here").unlink()

    wait_for_the_next_look(reception, monkeypatch)

    newcomer = SendingEnd(str(tmp_path / "here"), "/newcomer", Limits())
    send(newcomer, 2)
    assert receive(reception, poller) == [1, 2]
    send(sender, 3)
    assert receive(reception, poller) == [3], "who knew it goes on"
    assert reception.place() == (1, "")
    newcomer.close()


def test_removed_directory_is_made_anew_for_this_user_only(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "temporary" / "thespian-0" / "1900"
    reception = Reception(str(directory / "here"), poller)
    shutil.rmtree(tmp_path / "temporary")

    wait_for_the_next_look(reception, monkeypatch)

    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700, 0o700]
    SendingEnd(str(directory / "here"), "/newcomer", Limits()).close()
    reception.close()


def test_receiver_that_lost_its_place_with_us_is_waited_for(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "thespian-0" / "1900"
    monkeypatch.setattr(listener, "_all_back_s", 0.0)
    ours, theirs = (Reception(str(directory / name), poller) for name in ("ours", "theirs"))
    shutil.rmtree(directory)
    post = Post(str(directory / "ours"), poller, Limits(), pytest.fail, pytest.fail, ours.keep_place)
    intent = TransmitIntent(ActorAddress(UnixAddress(str(directory / "theirs"))), "order")
    monkeypatch.setattr(time, "sleep", lambda _: theirs.keep_place())  # it is their turn

    post.send(intent, str(directory / "theirs"), b"order")

    assert intent.result is SendStatus.Sent
    assert [each.place()[0] for each in (ours, theirs)] == [1, 1]
    for each in (ours, theirs):
        each.close()
    post.close()


def test_newcomer_to_a_process_that_lost_its_place_waits_for_the_others(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_all_back_s", 0.0)
    directory = tmp_path / "thespian-0" / "1900"
    ours = Reception(str(directory / "ours"), poller)
    shutil.rmtree(directory)
    assert not listener.may_come_back()

    newcomer = Reception(str(directory / "newcomer"), poller)

    assert listener.may_come_back()
    for each in (ours, newcomer):
        each.close()


def test_place_that_is_whole_is_left_alone(
    reception: Reception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / "here").stat().st_ino

    wait_for_the_next_look(reception, monkeypatch)

    assert ((tmp_path / "here").stat().st_ino, reception.place()) == (before, (0, ""))


def test_place_that_another_has_taken_is_left_to_it_until_it_goes(
    reception: Reception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "here"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        wait_for_the_next_look(reception, monkeypatch)
        renewals, trouble = reception.place()
        assert renewals == 0 and "in use" in trouble

    wait_for_the_next_look(reception, monkeypatch)

    assert reception.place() == (1, "")


def test_directory_of_others_is_not_listened_in(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "thespian-0" / "1900"
    reception = Reception(str(directory / "here"), poller)
    shutil.rmtree(directory)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "elsewhere")

    wait_for_the_next_look(reception, monkeypatch)

    assert "not a directory of this user alone" in reception.place()[1]
    assert not list(directory.iterdir())
    reception.close()


class Holder:
    """Of a launcher whose directory is `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hold_again(self) -> None: ...

    def opened_modes(self) -> list[str]:
        return socket_directory.opened_modes(self.path)


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o711, 0o500])
@pytest.mark.parametrize("which", ["itself", "parent"])
def test_directory_given_another_mode_is_ours_alone_again_and_the_launcher_knows(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str, mode: int
) -> None:
    directory = tmp_path / "thespian-0" / "1900"
    reception = Reception(str(directory / "here"), poller, hold=Holder(directory))
    (directory if which == "itself" else directory.parent).chmod(mode)

    wait_for_the_next_look(reception, monkeypatch)

    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700, 0o700]
    assert [reception.opened_modes() for _ in range(2)] == [[f"{mode:03o}"], []]
    assert reception.place() == (0, "")
    assert [path.name for path in directory.iterdir()] == ["here"]
    reception.close()


def test_newcomer_comes_in_though_the_directory_was_given_another_mode_and_the_launcher_knows(
    poller: Poller, tmp_path: Path
) -> None:
    """It is faster than the next look: an actor that took the place of one that died."""
    directory = tmp_path / "thespian-0" / "1900"
    launchers = Reception(str(directory / "launcher"), poller, hold=Holder(directory))
    directory.chmod(0o755)

    newcomer = Reception(str(directory / "newcomer"), poller)

    assert directory.stat().st_mode & 0o777 == 0o700
    assert (newcomer.opened_modes(), launchers.opened_modes()) == ([], ["755"])
    for each in (launchers, newcomer):
        each.close()


def test_note_of_another_mode_is_told_later_by_a_launcher_that_is_out_of_descriptors(tmp_path: Path) -> None:
    (tmp_path / "755.opened").touch()

    with no_descriptor_left():
        assert socket_directory.opened_modes(tmp_path) == []

    assert socket_directory.opened_modes(tmp_path) == ["755"]


def test_directory_whose_mode_cannot_be_taken_back_is_told_until_it_can(
    reception: Reception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(os, "chmod", refuse)
        patched.setattr(Path, "chmod", refuse)
        wait_for_the_next_look(reception, monkeypatch)
        assert "Operation not permitted" in reception.place()[1]

    wait_for_the_next_look(reception, monkeypatch)

    assert (reception.place(), tmp_path.stat().st_mode & 0o777) == ((0, ""), 0o700)


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def test_process_that_ends_does_not_take_its_place_again(
    poller: Poller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reception = Reception(str(tmp_path / "here"), poller, may_renew=lambda: False)
    (tmp_path / "here").unlink()

    wait_for_the_next_look(reception, monkeypatch)

    assert not (tmp_path / "here").exists()
    reception.close()
