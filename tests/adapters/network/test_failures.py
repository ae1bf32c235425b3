"""The transports sort what failed by the class of the error, in one set of words."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from adapters.network.failures import failure_of


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (TimeoutError(), "timeout", "no answer in time"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "dns", "host not found"),
        (ssl.SSLError(1, "secret"), "tls", "TLS failed: None"),
        (ssl.SSLCertVerificationError(1, "secret"), "tls", "TLS failed: None"),
        (ConnectionRefusedError(), "refused", "connection refused"),
        (ConnectionResetError(), "reset", "connection reset"),
        (BrokenPipeError(), "reset", "connection reset"),
        (OSError(errno.ENETUNREACH, "secret"), "unreachable", "host unreachable: ENETUNREACH"),
        (OSError(errno.EMFILE, "secret"), "exhausted", "this machine has no room for a connection: EMFILE"),
        (OSError(errno.ENOBUFS, "secret"), "exhausted", "this machine has no room for a connection: ENOBUFS"),
        (
            OSError(errno.EADDRNOTAVAIL, "secret"),
            "exhausted",
            "this machine has no room for a connection: EADDRNOTAVAIL",
        ),
        (
            socket.gaierror(socket.EAI_MEMORY, "secret"),
            "exhausted",
            "this machine has no room for a connection: EAI_MEMORY",
        ),
        (OSError("secret"), "unreachable", "host unreachable: ?"),
    ],
)
def test_each_class_of_failure_has_one_word_and_a_text_without_secrets(error: OSError, code: str, text: str) -> None:
    assert failure_of(error) == (code, text)


def test_name_that_nobody_could_be_asked_for_is_no_unknown_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(socket, "socket", no_socket)

    failure = failure_of(socket.gaierror(socket.EAI_AGAIN, "unknown"))

    assert failure == ("exhausted", "this machine has no room for a connection: EMFILE")
