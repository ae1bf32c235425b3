"""What this machine has no room for is told as that, and leaves nothing behind that fails later."""

from __future__ import annotations

import errno
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from adapters.network import sockets


@pytest.fixture
def anew() -> Iterator[None]:
    sockets._tls.cache_clear()
    yield
    sockets._tls.cache_clear()


def _raising(error: Exception) -> Callable[..., int]:
    def fail(*_: object, **__: object) -> int:
        raise error

    return fail


@pytest.mark.usefixtures("anew")
def test_certificates_that_no_descriptor_was_left_to_read_are_not_missing_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as full:
        full.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        full.setattr(os, "open", _raising(OSError(errno.EMFILE, "too many open files")))
        with pytest.raises(OSError, match="too many open files"):
            sockets._tls()
    roomy = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda: roomy)

    assert sockets._tls() is roomy


def test_lookup_without_room_for_a_thread_is_no_lookup_that_others_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _raising(RuntimeError("can't start new thread")))
        for _ in range(2):
            with pytest.raises(OSError, match="no room") as failed:
                sockets.connect("host.invalid", 443, time.monotonic() + 1)
            assert failed.value.errno == errno.EAGAIN
    monkeypatch.setattr("socket.getaddrinfo", _raising(OSError("asked")))

    with pytest.raises(OSError, match="asked"):
        sockets.connect("host.invalid", 443, time.monotonic() + 1)
