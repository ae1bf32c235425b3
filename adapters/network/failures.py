"""What kept bytes from going through, by the class of the error: one transport word, and one for a person."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import NamedTuple

from domain.resilience.outage import EXHAUSTED

# What this machine has run out of: descriptors, buffers, memory, threads, ports of its own. No peer has part in it.
_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.EADDRINUSE}
)

_ROOM = "this machine has no room for a connection"


class Failure(NamedTuple):
    code: str  # timeout, dns, tls, refused, reset, unreachable or exhausted
    text: str  # names neither address nor header


def failure_of(error: OSError) -> Failure:
    """Sort an error of a socket, of looking a name up, or of TLS."""
    name = errno.errorcode.get(error.errno or 0, "?")
    match error:
        case TimeoutError():
            return Failure("timeout", "no answer in time")
        case socket.gaierror(errno=socket.EAI_MEMORY):
            return Failure(EXHAUSTED, f"{_ROOM}: EAI_MEMORY")
        case socket.gaierror():
            # Without a descriptor no name server can be asked, and the resolver calls that a name it doesn't know.
            if ours := _lacks_descriptors():
                return Failure(EXHAUSTED, f"{_ROOM}: {ours}")
            return Failure("dns", "host not found")
        case ssl.SSLError():
            return Failure("tls", f"TLS failed: {getattr(error, 'reason', None)}")
        case ConnectionRefusedError():
            return Failure("refused", "connection refused")
        case ConnectionError():
            return Failure("reset", "connection reset")
        case OSError(errno=number) if number in _OURS:
            return Failure(EXHAUSTED, f"{_ROOM}: {name}")
        case _:
            return Failure("unreachable", f"host unreachable: {name}")


def _lacks_descriptors() -> str:
    """Return the name of the error if no socket can be made now; else nothing."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return ""
