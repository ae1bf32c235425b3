"""The beginning and the end of systems on the local base, and who may enter them."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from thespian.actors import ActorSystemFailure, ActorSystemStartupFailure

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.reception import LOOK_EVERY_S
from tests.adapters.thespian_unix.cast import Forward, Numbered, Sleep, Worker
from tests.adapters.thespian_unix.running import Running, is_alive, new_port, processes_of, start, wait_until
from tests.places import PROJECT

pytestmark = pytest.mark.system


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
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
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
    admin = listener_at(directory / "admin")
    processes = {pid for pid in processes_of(directory) if pid != process.pid} | {admin}
    assert len(processes) == 4  # admin, logger, an actor that sleeps in its handler, its child

    process.kill()
    process.wait()

    wait_until(lambda: not any(map(is_alive, processes)), 1)
    wait_until(lambda: not directory.exists(), 1)


def test_all_actors_end_when_the_admin_is_killed_and_the_launcher_is_told() -> None:
    port = new_port()
    directory = socket_directory.directory_of(port)
    system = start(port)
    worker = system.createActor(Worker)
    child = system.ask(worker, "make child", 5)
    system.ask(child, "pid", 5)
    system.tell(child, Sleep(60))
    processes = processes_of(directory) - {os.getpid()}
    assert len(processes) == 3  # both actors, one of them busy, and the logger

    os.kill(listener_at(directory / "admin"), signal.SIGKILL)

    wait_until(lambda: not any(map(is_alive, processes)), 2)
    began_s = time.monotonic()
    with pytest.raises(ActorSystemFailure):
        system.createActor(Worker)
    system.shutdown()
    assert time.monotonic() - began_s < 0.5
    del system
    gc.collect()
    assert not directory.exists()


def listener_at(path: Path) -> int:
    """Return the process that listens there."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        return int.from_bytes(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")


def test_two_systems_of_two_ports_know_nothing_of_each_other() -> None:
    systems = [start(port) for port in (new_port(), new_port())]
    try:
        workers = [system.createActor(Worker, globalName="the one") for system in systems]
        processes = [system.ask(worker, "pid", 5) for system, worker in zip(systems, workers, strict=True)]
        assert len(set(processes)) == 2

        systems[0].shutdown()

        assert not is_alive(processes[0])
        assert systems[1].ask(workers[1], "pid", 5) == processes[1]
    finally:
        for system in systems:
            system.shutdown()


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


def test_actors_are_made_and_found_after_the_directory_was_taken_away(running: Running) -> None:
    before = running.worker()
    shutil.rmtree(running.directory.parent)
    running.ask(before, "pid")  # who knows whom goes on
    wait_until(lambda: socket_directory.answers(before.addressDetails.path), 2 * LOOK_EVERY_S)
    wait_until(lambda: socket_directory.answers(running.directory / "admin"), 2 * LOOK_EVERY_S)

    child = running.ask(before, "make child")
    after = running.worker()
    running.tell(after, Forward(child, [Numbered(1)]))
    running.tell(child, Forward(before, [Numbered(2)]))

    assert running.wait_for(child, "numbers", bool) == [1]
    assert running.wait_for(before, "numbers", bool) == [2]
    assert running.directory.with_suffix(".lock").exists(), "and the launcher has its hold again"


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
