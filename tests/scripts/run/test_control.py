"""Questions to a running system over a real socket, server and client in this one process."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InvalidSetting
from scripts.run.control import MOST_CLIENTS, ControlServer, Conversation, NoAnswer, NotRunning, Request, ask
from scripts.run.data_directory import DataDirectory
from scripts.run.presence import instead


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory(tmp_path / "data") as directory:
        yield directory


@pytest.fixture
def server(directory: DataDirectory) -> Iterator[ControlServer]:
    server = ControlServer(directory)
    yield server
    server.close()


def connect(directory: DataDirectory) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(2)
    client.connect(str(directory.path / "control.sock"))
    return client


def next_requests(server: ControlServer) -> list[Request]:
    """Poll until somebody has asked: the first poll only sees a new client, the next its question."""
    for _ in range(100):
        if requests := server.poll(timeout_s=0.1):
            return requests
    raise AssertionError("nobody asked anything")


def answering(server: ControlServer, answer: Callable[[Request], None], client: Callable[[], Any]) -> Any:
    """Return what `client` got or raised, while `server` gives the next question to `answer`."""
    outcome: list[Any] = []

    def talk() -> None:
        try:
            outcome.append(client())
        except (NoAnswer, NotRunning) as error:
            outcome.append(error)

    thread = threading.Thread(target=talk)
    thread.start()
    for request in next_requests(server):
        answer(request)
    thread.join(timeout=5)
    return outcome[0]


def test_question_reaches_the_server_and_its_answer_comes_back(directory: DataDirectory, server: ControlServer) -> None:
    asked: list[str] = []

    def answer(request: Request) -> None:
        asked.append(request.verb)
        request.reply({"equity": "10000.00"})

    got = answering(server, answer, lambda: ask(directory.path, "status", timeout_s=2))

    assert asked == ["status"]
    assert got == {"equity": "10000.00"}


def test_what_is_no_text_is_spelled_out_both_ways(directory: DataDirectory, server: ControlServer) -> None:
    path = os.fsdecode(b"/data/caf\xe9")
    asked: list[str] = []

    def answer(request: Request) -> None:
        asked.append(request.role)
        request.reply({"simulator": {path: [path, (path, 1)]}, "left": None})

    got = answering(server, answer, lambda: ask(directory.path, "restart", timeout_s=2, role=path))

    assert asked == ["/data/caf\\udce9"]
    assert got == {"simulator": {asked[0]: [asked[0], [asked[0], 1]]}, "left": None}


def test_answer_may_come_much_later_than_the_question(directory: DataDirectory, server: ControlServer) -> None:
    client = connect(directory)
    client.sendall(b'{"verb": "stop"}\n')
    (request,) = next_requests(server)

    assert server.poll() == []
    request.reply({"status": 0})

    assert client.recv(100) == b'{"status":0}\n'


def test_poll_returns_at_once_when_nobody_asks(server: ControlServer) -> None:
    assert server.poll() == []


def test_question_may_arrive_in_pieces_and_two_in_one(directory: DataDirectory, server: ControlServer) -> None:
    client = connect(directory)
    client.sendall(b'{"verb": "sta')
    server.poll(), server.poll()
    client.sendall(b'tus"}\n{"verb": "stop"}\n')

    assert [request.verb for request in next_requests(server)] == ["status", "stop"]


@pytest.mark.parametrize("noise", [b"status", b"[]", b'{"verb": 1}', b"\xff\xfe", b"[" * 4000, b""])
def test_noise_is_answered_with_an_error_and_nothing_else_happens(
    noise: bytes, directory: DataDirectory, server: ControlServer
) -> None:
    client = connect(directory)
    client.sendall(noise + b"\n")

    assert server.poll() + server.poll() == []
    assert client.recv(100).startswith(b'{"error":')


def test_endless_line_is_hung_up_on(directory: DataDirectory, server: ControlServer) -> None:
    client = connect(directory)
    client.sendall(b"x" * 10_000)

    assert [server.poll() for _ in range(4)] == [[]] * 4
    with pytest.raises(ConnectionResetError):
        assert client.recv(1) == b""
        client.sendall(b"more"), client.recv(1)


def test_client_that_leaves_before_the_answer_hurts_nobody(directory: DataDirectory, server: ControlServer) -> None:
    client = connect(directory)
    client.sendall(b'{"verb": "status"}\n')
    (request,) = next_requests(server)
    client.close()

    server.poll()
    request.reply({"equity": "1"})

    assert len(server.filenos()) == 1


def test_answer_that_nobody_reads_drops_the_client_instead_of_blocking(
    directory: DataDirectory, server: ControlServer
) -> None:
    client = connect(directory)
    client.sendall(b'{"verb": "status"}\n')
    (request,) = next_requests(server)

    for _ in range(3):
        request.reply({"much": "x" * 1_000_000})
    server.poll()

    assert len(server.filenos()) == 1


def test_crowd_of_silent_clients_leaves_room_for_one_who_asks(directory: DataDirectory, server: ControlServer) -> None:
    crowd = []
    for _ in range(MOST_CLIENTS + 5):
        crowd.append(connect(directory))
        server.poll()

    crowd[-1].sendall(b'{"verb": "status"}\n')

    assert [request.verb for request in next_requests(server)] == ["status"]
    assert len(server.filenos()) == 1 + MOST_CLIENTS


def test_socket_is_for_the_owner_only(directory: DataDirectory, server: ControlServer) -> None:
    assert (directory.path / "control.sock").stat().st_mode & 0o777 == 0o600


def test_other_user_is_hung_up_on(
    directory: DataDirectory, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(directory)
    client.sendall(b'{"verb": "stop"}\n')

    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # our client is another user then

    assert server.poll() + server.poll() == []
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_directory_deeper_than_a_socket_address_is_long_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x" * 60] * 4)

    with DataDirectory(deep) as directory:
        server = ControlServer(directory)
        answer = answering(server, lambda request: request.reply({"ok": True}), lambda: ask(deep, "resume", 2))
        server.close()

    assert answer == {"ok": True}


def test_socket_file_of_a_dead_launcher_is_replaced(directory: DataDirectory) -> None:
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(directory.path / "control.sock"))
    dead.close()
    with pytest.raises(NotRunning):
        ask(directory.path, "status", timeout_s=1)

    server = ControlServer(directory)

    assert answering(server, lambda request: request.reply({}), lambda: ask(directory.path, "status", 2)) == {}
    server.close()


def test_socket_that_cannot_be_made_names_the_setting(directory: DataDirectory) -> None:
    (directory.path / "control.sock").mkdir()

    with pytest.raises(InvalidSetting, match=r"^system\.data_directory = .* must be able to hold a socket"):
        ControlServer(directory)


def test_without_a_system_the_client_says_so(tmp_path: Path, directory: DataDirectory) -> None:
    ControlServer(directory).close()

    for path in (directory.path, tmp_path, tmp_path / "missing"):
        with pytest.raises(NotRunning, match=f"no system is running in '{path}'"):
            ask(path, "status", timeout_s=1)


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def replace_by_file(path: Path) -> None:
    path.with_name("other").write_text("")
    path.with_name("other").rename(path)


def replace_by_socket(path: Path) -> None:
    path.unlink()
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    other.bind(str(path))
    other.close()


@pytest.mark.parametrize(
    ("take_away", "told"),
    [
        (Path.unlink, "removed from"),
        (replace_by_link, "replaced in"),
        (replace_by_file, "replaced in"),
        (replace_by_socket, "replaced in"),
    ],
)
def test_a_socket_that_was_taken_away_is_made_anew(
    directory: DataDirectory, server: ControlServer, take_away: Callable[[Path], None], told: str
) -> None:
    assert server.renew() == ""
    take_away(directory.path / "control.sock")

    assert server.renew() == f"'control.sock' was {told} the data directory, and has been made anew"

    got = answering(server, lambda request: request.reply({"ok": True}), lambda: ask(directory.path, "status", 2))
    assert got == {"ok": True}
    assert (directory.path / "control.sock").stat().st_mode & 0o777 == 0o600
    assert server.renew() == ""


def test_a_directory_in_the_place_of_the_socket_is_told_for_as_long_as_it_is_there(
    directory: DataDirectory, server: ControlServer
) -> None:
    place = directory.path / "control.sock"
    place.unlink()
    place.mkdir()

    for _ in range(2):
        assert "was replaced in the data directory: this system can't be found by it any more (" in server.renew()
    place.rmdir()

    assert "has been made anew" in server.renew()
    assert server.renew() == ""


def test_what_is_not_our_socket_is_left_there_at_the_end(directory: DataDirectory) -> None:
    server = ControlServer(directory)
    replace_by_socket(directory.path / "control.sock")

    server.close()

    assert (directory.path / "control.sock").exists()


def test_a_running_system_that_cannot_be_asked_is_ended_cleanly_first_of_all(directory: DataDirectory) -> None:
    advice = instead(directory.path)

    assert f"one with pid {os.getpid()} runs: `kill -TERM {os.getpid()}` ends it cleanly" in advice
    assert "process " not in advice and "stop --force" not in advice


def test_silence_is_reported_with_the_pid(directory: DataDirectory, server: ControlServer) -> None:
    with pytest.raises(NoAnswer, match=f"pid {os.getpid()} did not answer within 0.05 s"):
        ask(directory.path, "status", timeout_s=0.05)


def test_system_that_ends_without_a_word_is_reported(directory: DataDirectory, server: ControlServer) -> None:
    got = answering(server, lambda request: server.close(), lambda: ask(directory.path, "stop", timeout_s=2))

    assert "hung up without an answer" in str(got)


def test_error_in_the_answer_is_raised(directory: DataDirectory, server: ControlServer) -> None:
    got = answering(
        server,
        lambda request: request.reply({"error": f"unknown verb {request.verb!r}"}),
        lambda: ask(directory.path, "dance", timeout_s=2),
    )

    assert isinstance(got, NoAnswer)
    assert str(got).endswith("refused: unknown verb 'dance'")


def test_who_asks_for_a_stop_hears_at_once_and_at_the_end(directory: DataDirectory, server: ControlServer) -> None:
    def answer_twice(request: Request) -> None:
        request.reply({"within_s": 3.0})
        request.reply({"problems": []})
        server.close()

    def stop() -> list[dict[str, Any]]:
        with Conversation(directory.path) as conversation:
            return [conversation.ask("stop", timeout_s=2), conversation.hear(timeout_s=2)]

    assert answering(server, answer_twice, stop) == [{"within_s": 3.0}, {"problems": []}]


def test_client_notices_the_end_of_the_launcher(tmp_path: Path) -> None:
    ready_r, ready_w = os.pipe()
    leave_r, leave_w = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        _server = ControlServer(DataDirectory(tmp_path))
        os.write(ready_w, b".")
        os.read(leave_r, 1)
        os._exit(0)
    os.read(ready_r, 1)

    with Conversation(tmp_path) as conversation:
        before = conversation.has_ended_within(0.01)
        os.write(leave_w, b".")
        after = conversation.has_ended_within(5.0)

    assert (before, after) == (False, True)
    os.waitpid(launcher, 0)


def test_answers_of_another_user_are_not_believed(
    directory: DataDirectory, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr("scripts.run.control._peer", lambda connection: (os.getpid(), other))

    with pytest.raises(NoAnswer, match=rf"is another user's \(uid {other}\)"):
        ask(directory.path, "status", timeout_s=1)


def test_link_in_the_place_of_the_socket_is_not_followed(
    tmp_path: Path, directory: DataDirectory, server: ControlServer
) -> None:
    (tmp_path / "control.sock").symlink_to(directory.path / "control.sock")

    with pytest.raises(NotRunning):
        ask(tmp_path, "status", timeout_s=1)


def test_directory_that_was_moved_or_removed_hinders_no_end(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "data") as directory:
        server = ControlServer(directory)
        directory.path.rename(tmp_path / "moved")
        with Conversation(tmp_path / "moved"):
            server.close()
        assert not (tmp_path / "moved" / "control.sock").exists()

        server.close()  # again, for nothing


def test_directory_that_was_removed_hinders_no_end(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "data") as directory:
        server = ControlServer(directory)
        shutil.rmtree(directory.path)
        server.close()
