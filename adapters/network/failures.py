"""What kept bytes from going through, by the class of the error: one transport word, and one for a person."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import NamedTuple


class Failure(NamedTuple):
    code: str  # timeout, dns, tls, refused, reset or unreachable
    text: str  # names neither address nor header


def failure_of(error: OSError) -> Failure:
    """Sort an error of a socket, of looking a name up, or of TLS."""
    match error:
        case TimeoutError():
            return Failure("timeout", "no answer in time")
        case socket.gaierror():
            return Failure("dns", "host not found")
        case ssl.SSLError():
            return Failure("tls", f"TLS failed: {getattr(error, 'reason', None)}")
        case ConnectionRefusedError():
            return Failure("refused", "connection refused")
        case ConnectionError():
            return Failure("reset", "connection reset")
        case _:
            return Failure("unreachable", f"host unreachable: {errno.errorcode.get(error.errno or 0, '?')}")
