"""The running system that the tests on real processes share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.thespian_unix import socket_directory
from tests.adapters.thespian_unix.running import Running, new_port, start


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary directory for these systems alone: some of them lose theirs, with what real ones have beside it."""
    place = Path(tempfile.mkdtemp(prefix="nz-", dir="/tmp"))  # short, for it is a part of sockets' paths
    place.chmod(0o711)  # as the usual one, others may pass it
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    shutil.rmtree(place)


@pytest.fixture
def running(apart: None) -> Iterator[Running]:
    port = new_port()
    directory = socket_directory.directory_of(port)
    system = start(port)
    yield Running(system, directory)
    system.shutdown()
    assert not directory.exists()
