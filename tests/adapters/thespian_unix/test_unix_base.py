"""The promises of the local base, on real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import (
    ActorExitRequest,
    ActorSystem,
    ActorSystemFailure,
    ActorSystemStartupFailure,
)

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.messages import Undecodable
from adapters.thespian_unix.outgoing import Limits
from adapters.thespian_unix.register import register
from tests.adapters.thespian_unix.cast import (
    Alarms,
    Flood,
    Forward,
    FromThreads,
    Numbered,
    Sleep,
    Unpicklable,
    Watch,
    Worker,
)

pytestmark = pytest.mark.system

register()
_ports = count()


def new_port() -> str:
    return f"t{os.getpid()}-{next(_ports)}"


def start(port: str, method: str = "fork") -> Any:
    return ActorSystem(
        "multiprocUnixBase", {"Admin Port": port, "Process Startup Method": method}, transientUnique=True
    )


class Running:
    """A system and its processes."""

    def __init__(self, system: Any, directory: Path) -> None:
        self.system, self.directory = system, directory

    def worker(self) -> Any:
        worker = self.system.createActor(Worker)
        self.ask(worker, "pid")
        return worker

    def ask(self, worker: Any, question: Any, timeout_s: float = 5) -> Any:
        with self.system.private() as context:
            return context.ask(worker, question, timeout_s)

    def tell(self, worker: Any, message: Any) -> None:
        self.system.tell(worker, message)

    def wait_for(self, worker: Any, question: str, is_enough: Callable[[Any], bool]) -> Any:
        give_up_s = time.monotonic() + 5
        while not is_enough(answer := self.ask(worker, question)):
            assert time.monotonic() < give_up_s, f"{question}: {answer}"
            time.sleep(0.01)
        return answer


@pytest.fixture
def running() -> Iterator[Running]:
    port = new_port()
    directory = socket_directory.directory_of(port)
    system = start(port)
    yield Running(system, directory)
    system.shutdown()
    assert not directory.exists()


def processes_of(directory: Path) -> set[int]:
    """Return who listens in this directory, by the names of the sockets and the admin's credentials."""
    return {int(path.name.split(".")[0], 16) for path in directory.iterdir() if path.name != "admin"}


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(is_true: Callable[[], bool], within_s: float) -> float:
    """Return how long it took."""
    began_s = time.monotonic()
    while not is_true():
        assert time.monotonic() - began_s < within_s
        time.sleep(0.002)
    return time.monotonic() - began_s


# ---- delivery ----------------------------------------------------------------------------------------------


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


# ---- crashes -----------------------------------------------------------------------------------------------


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
    running.tell(sender, Forward(receiver, [Sleep(30), Numbered(2)]))
    time.sleep(0.2)  # it sleeps now

    os.kill(process, signal.SIGKILL)

    letters = running.wait_for(collector, "letters", lambda letters: len(letters) >= 2)
    assert [type(letter) for _, letter in letters] == [Sleep, Numbered]
    assert letters[1][1].number == 2


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


# ---- overload ----------------------------------------------------------------------------------------------


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


# ---- turns -------------------------------------------------------------------------------------------------


def test_alarms_that_came_due_while_the_actor_was_busy_arrive_in_order(running: Running) -> None:
    worker = running.worker()

    running.tell(worker, Alarms([0.03, 0.01, 0.02]))

    running.wait_for(worker, "alarms", lambda alarms: alarms == [0.01, 0.02, 0.03])


def test_messages_and_watches_share_the_time(running: Running) -> None:
    sender, watcher = running.worker(), running.worker()
    running.tell(watcher, Watch(ready=2))
    before = running.wait_for(watcher, "watched", lambda watched: watched > 100)

    running.tell(sender, Flood(watcher, 5000))

    running.wait_for(watcher, "numbers", lambda numbers: len(numbers) == 5000)
    assert running.ask(watcher, "watched") - before >= 5000 / 8 - 1


# ---- descriptors and users ---------------------------------------------------------------------------------


def test_child_inherits_no_socket_of_its_parent(running: Running) -> None:
    parent = running.worker()
    running.ask(parent, "open socket")
    child = running.ask(parent, "make child")
    running.ask(child, "pid")

    assert running.ask(parent, "close socket") == b"", "the peer sees the end although the child lives"


def test_late_child_holds_no_more_sockets_than_an_early_one(running: Running) -> None:
    early = running.ask(running.worker(), "descriptors")
    for _ in range(10):
        late = running.ask(running.worker(), "descriptors")

    for kind in ("socket:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]"):
        assert sum(kind in name for name in late) == sum(kind in name for name in early)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_even_if_the_directory_is_open(running: Running) -> None:
    worker = running.worker()
    path = worker.addressDetails.path

    assert as_nobody(path) == "PermissionError"
    for directory in (running.directory, running.directory.parent):
        directory.chmod(0o711)
    os.chmod(path, 0o777)
    try:
        assert as_nobody(path) == "closed"
    finally:
        for directory in (running.directory, running.directory.parent):
            directory.chmod(0o700)
    assert running.ask(worker, b"fine") == b"fine"


def as_nobody(path: str) -> str:
    """Return what happens to user nobody who connects and asks."""
    attempt = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(3)
try:
    peer.connect(sys.argv[1])
    print("open" if peer.recv(1) else "closed")
except (PermissionError, TimeoutError) as error:
    print(type(error).__name__)
"""
    found = subprocess.run([sys.executable, "-c", attempt, path], capture_output=True, text=True, timeout=10)
    return found.stdout.strip() or found.stderr


# ---- beginning and end -------------------------------------------------------------------------------------


def test_shutdown_leaves_no_process_and_no_file(running: Running) -> None:
    parent = running.worker()
    running.ask(parent, "make child")
    processes = processes_of(running.directory) - {os.getpid()}
    assert len(processes) == 3  # both, and the logger

    running.system.shutdown()

    assert not running.directory.exists()
    wait_until(lambda: not any(map(is_alive, processes)), 0.5)


LAUNCHER = """
import sys, time
from adapters.thespian_unix.register import register
from tests.adapters.thespian_unix.cast import Sleep, Worker
from thespian.actors import ActorSystem
register()
if __name__ == "__main__":
    system = ActorSystem("multiprocUnixBase", {"Admin Port": sys.argv[1]}, transientUnique=True)
    worker = system.createActor(Worker)
    system.ask(system.ask(worker, "make child", 5), "pid", 5)
    system.tell(worker, Sleep(60))
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """Another launcher, with a busy actor and its child, and the port of its admin."""
    port = new_port()
    program = tmp_path / "launcher.py"
    program.write_text(LAUNCHER, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, program, port],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process, port
    process.kill()
    process.wait()
    wait_until(lambda: not socket_directory.directory_of(port).exists(), 2)


def test_all_processes_end_when_the_launcher_is_killed(launcher: tuple[subprocess.Popen, str]) -> None:
    process, port = launcher
    directory = socket_directory.directory_of(port)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(directory / "admin"))
        processes = {pid for pid in processes_of(directory) if pid != process.pid} | {credentials(peer)}
    assert len(processes) == 4  # admin, logger, an actor that sleeps in its handler, its child

    process.kill()
    process.wait()

    wait_until(lambda: not any(map(is_alive, processes)), 1)
    wait_until(lambda: not directory.exists(), 1)


def credentials(peer: socket.socket) -> int:
    return int.from_bytes(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")


def test_second_launcher_is_refused_and_disturbs_nobody(launcher: tuple[subprocess.Popen, str]) -> None:
    process, port = launcher

    with pytest.raises(ActorSystemStartupFailure, match="another process runs the actor system"):
        start(port)

    assert process.poll() is None
    assert socket_directory.answers(socket_directory.directory_of(port) / "admin")


def test_next_launcher_starts_afresh_right_after_a_killed_one(launcher: tuple[subprocess.Popen, str]) -> None:
    process, port = launcher
    process.kill()
    process.wait()

    system = start(port)

    try:
        assert system.ask(system.createActor(Worker), b"hello", 5) == b"hello"
    finally:
        system.shutdown()
