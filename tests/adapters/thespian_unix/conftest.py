"""The running system that the tests on real processes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.thespian_unix import socket_directory
from tests.adapters.thespian_unix.running import Running, new_port, start


@pytest.fixture
def running() -> Iterator[Running]:
    port = new_port()
    directory = socket_directory.directory_of(port)
    system = start(port)
    yield Running(system, directory)
    system.shutdown()
    assert not directory.exists()
