"""The socket in the data directory by which `nzeza status`, `stop` and `resume` reach a running system.

One JSON object per line each way: `{"verb": "status"}` in, one object out, or `{"error": "..."}`. Only the
user who runs the system is answered. The server has no thread and never blocks: the launcher's loop polls it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from adapters.storage.own_files import identity, is_gone
from domain.errors import InvalidSetting, NzezaError
from scripts.run.data_directory import SOCKET_NAME, DataDirectory

LONGEST_REQUEST = 4096  # bytes
LONGEST_ANSWER = 4 * 1024 * 1024  # bytes
MOST_CLIENTS = 32  # the longest silent one makes room
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class NotRunning(NzezaError):
    """No system listens in this data directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"no system is running in {str(directory)!r}")
        self.directory = directory


class NoAnswer(NzezaError):
    """A system listens, but what came back is no answer, or an error; the text is one line for a person."""


class _Question(msgspec.Struct):
    verb: str
    role: str = ""


class Request:
    """One question from a person, to be answered now or later (a stop at both times)."""

    def __init__(self, verb: str, role: str, connection: socket.socket) -> None:
        self.verb = verb
        self.role = role  # whom it is about, for "restart"; for "resume" the scope of halts
        self._connection = connection

    def reply(self, answer: dict[str, Any]) -> None:
        """Send `answer` as one line; a client that has gone, or reads nothing, is dropped."""
        _send_line(self._connection, answer)


class ControlServer:
    """Listens from construction until `close`."""

    def __init__(self, directory: DataDirectory) -> None:
        """Raises InvalidSetting when the directory's file system can't hold a socket."""
        self._directory = _open(directory.path)  # which we find again wherever it is moved to
        self._received: dict[socket.socket, bytes] = {}  # client -> its unfinished line
        try:
            self._listener = self._listen()
        except OSError as error:
            os.close(self._directory)
            setting = f"system.data_directory = {str(directory.path)!r}"
            raise InvalidSetting(f"{setting}: must be able to hold a socket ({error.strerror})") from None

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            address = _address(self._directory)
            # We hold the directory's lock, so a socket file is what a dead launcher left behind.
            Path(address).unlink(missing_ok=True)
            listener.bind(address)
            os.chmod(address, 0o600)  # before listen, so there is no moment in which others get in
            self._file, _ = identity(Path(address))
        except OSError:
            listener.close()
            raise
        listener.listen()
        return listener

    def renew(self) -> str:
        """Take the socket's place back where somebody removed its file, or put something else there.

        Returns:
            What to tell: that it was so, or for as long as it cannot be undone that it is so; empty otherwise.
        """
        address = Path(_address(self._directory))
        try:
            found, _ = identity(address)
        except OSError:
            return ""  # the directory is shut to us: whoever looks after it tells that
        if found == self._file or is_gone(address.parent):
            return ""
        what = f"{SOCKET_NAME!r} was {'replaced in' if found else 'removed from'} the data directory"
        try:
            listener = self._listen()
        except OSError as error:
            return f"{what}: this system can't be found by it any more ({error.strerror})"
        self._listener, before = listener, self._listener
        _hang_up(before)
        return f"{what}, and has been made anew"

    def filenos(self) -> list[int]:
        """Return what to wait on: any of them readable means that `poll` has work."""
        return [self._listener.fileno(), *(client.fileno() for client in self._received)]

    def poll(self, timeout_s: float = 0.0) -> list[Request]:
        """Wait at most `timeout_s` for somebody to say something, and return the whole questions."""
        waiting = select.poll()
        for fileno in self.filenos():
            waiting.register(fileno, select.POLLIN)
        ready = {fileno for fileno, _ in waiting.poll(timeout_s * 1000)}
        requests: list[Request] = []
        for client in [client for client in self._received if client.fileno() in ready]:
            requests += self._read(client)
        if self._listener.fileno() in ready:
            self._accept()
        return requests

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # it hung up before we looked, or we are out of descriptors: the next poll tries again
        client.setblocking(False)
        if _peer(client)[1] != os.geteuid():
            client.close()
            return
        if len(self._received) >= MOST_CLIENTS:
            self._drop(next(iter(self._received)))
        self._received[client] = b""

    def _read(self, client: socket.socket) -> Iterator[Request]:
        try:
            chunk = client.recv(LONGEST_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        *lines, rest = (self._received[client] + chunk).split(b"\n")
        self._received[client] = rest
        for line in lines:
            try:
                question = msgspec.json.decode(line, type=_Question)
                yield Request(question.verb, question.role, client)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                _send_line(client, {"error": 'not a question: say {"verb": "status"}'})
        if not chunk or len(rest) > LONGEST_REQUEST:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        del self._received[client]
        _hang_up(client)

    def close(self) -> None:
        """Stop listening and hang up on everybody; replies given before have left."""
        for client in list(self._received):
            self._drop(client)
        _hang_up(self._listener)
        if self._directory >= 0:
            address = Path(_address(self._directory))
            with contextlib.suppress(OSError):  # the directory is gone, or shut to us by now
                if identity(address)[0] == self._file:
                    address.unlink()
            os.close(self._directory)
            self._directory = -1


class Conversation:
    """A client's connection to the running system, by a context manager."""

    def __init__(self, data_directory: Path) -> None:
        """
        Raises:
            NotRunning: no system listens there.
            NoAnswer: somebody else does.
        """
        self._received = b""
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _connect(self._connection, data_directory)
            self.pid, uid = _peer(self._connection)  # of the launcher
            self._launcher = os.pidfd_open(self.pid)
        except (OSError, ValueError):
            self._connection.close()
            raise NotRunning(data_directory) from None
        if uid != os.geteuid():
            self.__exit__()
            raise NoAnswer(f"what answers in {str(data_directory)!r} is another user's (uid {uid}): not believed")

    def ask(self, verb: str, timeout_s: float, role: str = "") -> dict[str, Any]:
        """Return the answer. Raises NoAnswer as `hear` does."""
        _send_line(self._connection, {"verb": verb, "role": role})
        return self.hear(timeout_s)

    def hear(self, timeout_s: float) -> dict[str, Any]:
        """Return the next answer; who asks for a stop hears twice, at once and at the end.

        Raises:
            NoAnswer: nothing came within `timeout_s`, it hung up, or answered with an error.
        """
        give_up_at = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            self._connection.settimeout(max(give_up_at - time.monotonic(), 0.001))
            try:
                chunk = self._connection.recv(65536)
            except TimeoutError:
                raise NoAnswer(f"the system with pid {self.pid} did not answer within {timeout_s:g} s") from None
            except ConnectionError:
                chunk = b""
            self._received += chunk
            if not chunk or len(self._received) > LONGEST_ANSWER:
                raise NoAnswer(f"the system with pid {self.pid} hung up without an answer")
        line, _, self._received = self._received.partition(b"\n")
        try:
            answer = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise NoAnswer(f"the system with pid {self.pid} answered something unreadable") from None
        if "error" in answer:
            raise NoAnswer(f"the system with pid {self.pid} refused: {answer['error']}")
        return answer

    def has_ended_within(self, timeout_s: float) -> bool:
        """Wait until the launcher's process is gone; False when it is still there."""
        waiting = select.poll()
        waiting.register(self._launcher, select.POLLIN)
        return bool(waiting.poll(timeout_s * 1000))

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        os.close(self._launcher)


def ask(data_directory: Path, verb: str, timeout_s: float, role: str = "") -> dict[str, Any]:
    """Ask the running system one thing. Raises NotRunning or NoAnswer."""
    with Conversation(data_directory) as conversation:
        return conversation.ask(verb, timeout_s, role)


def _connect(connection: socket.socket, data_directory: Path) -> None:
    directory = _open(data_directory)
    try:
        address = _address(directory)
        if not stat.S_ISSOCK(os.lstat(address).st_mode):
            raise ConnectionRefusedError  # a link may lead anywhere
        connection.connect(address)
    finally:
        os.close(directory)


def _open(directory: Path) -> int:
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _address(directory: int) -> str:
    """Return a path to the socket short enough for the kernel's 108 bytes, however deep the directory lies."""
    return f"/proc/self/fd/{directory}/{SOCKET_NAME}"


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Return pid and uid of the other side, as the kernel saw them at connect or listen."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid


def _send_line(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send in one go or not at all: whoever lets 200 KB pile up in the socket isn't reading."""
    line = _line(message)
    with contextlib.suppress(OSError):
        if connection.send(line) < len(line):
            connection.shutdown(socket.SHUT_RDWR)  # seen as the end by both sides, who then close


def _line(message: dict[str, Any]) -> bytes:
    """Return one line of JSON. What is no text, such as the name of a file in another encoding, is spelled out."""
    try:
        return msgspec.json.encode(message) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_spelled(message)) + b"\n"


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_spelled(key): _spelled(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(each) for each in value]
    return value


def _hang_up(connection: socket.socket) -> None:
    # Forked actors may hold a copy of the descriptor: only a shutdown is seen by the other side.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
