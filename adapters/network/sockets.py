"""Connections that are there by a deadline or not at all: looking the name up, connecting and TLS together."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from functools import lru_cache


def left_s(give_up_at: float) -> float:
    """Return how many seconds are left until `give_up_at` (time.monotonic). Raises TimeoutError when none are."""
    left = give_up_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]  # of version 4; of 6; of 6 without it
# As `socket.getaddrinfo` returns it: family, kind, protocol, canonical name, address.
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]


def connect(host: str, port: int, give_up_at: float) -> socket.socket:
    """Return a socket that is connected to the first address of `host` that answers.

    Raises:
        socket.gaierror: there is no such host.
        OSError: nobody answers, in time or at all; or this machine has no room for a connection.
    """
    addresses = _Lookup.of(host, port, give_up_at)
    for number, (family, kind, protocol, _, place) in enumerate(addresses):
        reached = socket.socket(family, kind, protocol)
        try:
            reached.settimeout(left_s(give_up_at) / (len(addresses) - number))  # each gets its share
            reached.connect(place)
            reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return reached
        except OSError:
            reached.close()
            if number == len(addresses) - 1:
                raise
    raise socket.gaierror("no address")


def secured(plain: socket.socket, host: str, give_up_at: float) -> ssl.SSLSocket:
    """Return the socket with TLS on it, the peer's certificate checked. The timeout spans the whole handshake."""
    plain.settimeout(left_s(give_up_at))
    return _tls().wrap_socket(plain, server_hostname=host)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()  # reads all certificates of the system: once is enough
    if not context.get_ca_certs():
        os.close(os.open(os.devnull, os.O_RDONLY))  # without a descriptor none was read, in silence: not kept so
    return context


class _Lookup:
    """One question to the resolver, which may be silent for minutes and can't be interrupted.

    So it is asked on a thread of its own, at most one per name; whoever wants the same meanwhile waits for that one.
    """

    _running: dict[tuple[str, int], _Lookup] = {}
    _lock = threading.Lock()

    def __init__(self, host: str, port: int) -> None:
        self._key = host, port
        self._is_over = threading.Event()
        self._found: Sequence[AddressInfo] = ()
        self._error: OSError | None = None

    @classmethod
    def of(cls, host: str, port: int, give_up_at: float) -> Sequence[AddressInfo]:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        with cls._lock:
            lookup = cls._running.get((host, port))
            if lookup is None:
                lookup = cls._running[host, port] = cls(host, port)
                try:
                    threading.Thread(target=lookup._ask, name=f"lookup-{host}", daemon=True).start()
                except RuntimeError:
                    del cls._running[host, port]  # nobody is asked: whoever wants it next must not wait for that
                    raise OSError(errno.EAGAIN, "no room for a thread") from None
        if not lookup._is_over.wait(left_s(give_up_at)):
            raise TimeoutError
        if lookup._error is not None:
            raise lookup._error
        return lookup._found

    def _ask(self) -> None:
        host, port = self._key
        try:
            self._found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._error = error
        except UnicodeError:  # a name that the domain name system can't have
            self._error = socket.gaierror(socket.EAI_NONAME, "no name of a host")
        finally:
            with self._lock:
                del self._running[self._key]
            self._is_over.set()
