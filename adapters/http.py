"""HTTP requests: bytes out, bytes back, one deadline, and the truth about what left this machine.

No retry, no redirect, no proxy or credentials from the environment. A failure before the first request byte
was handed to the socket is Retryable: it certainly did not happen. Any later failure is Ambiguous, and so is
a connection that was reset while it idled. What a status means is for the venue's client to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import NamedTuple, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from domain.errors import Ambiguous, Retryable, VenueError

_MAX_BODY_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024

# urllib3 hands out no connection when a request fails, so the stamp travels by thread.
_sending = threading.local()


class Response(NamedTuple):
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    sent_ns: int  # CLOCK_MONOTONIC when the request was handed to the socket


class Transport(Protocol):
    """What a venue's client needs of HTTP; the simulator has one in memory."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Response:
        """Send one request and return its whole answer.

        Raises:
            Retryable: no request byte was written; `code` is dns, refused, timeout, tls or reset.
            Ambiguous: it may have been received; `code` is timeout, reset or unreadable.
        """
        ...

    def close(self) -> None: ...


class _Stamped:
    """Notes the moment at which the first byte of a request goes to a connected socket."""

    def send(self, data) -> None:
        if self.sock is None:
            self.connect()
        if not _sending.sent_ns:
            _sending.sent_ns = time.monotonic_ns()
        super().send(data)


class _HttpConnection(_Stamped, HTTPConnection):
    pass


class _HttpsConnection(_Stamped, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class HttpTransport:
    """Kept-alive connections, shared by the threads of one process."""

    def __init__(self, connections: int, connect_timeout_s: float) -> None:
        self._adapter = _Adapter(pool_connections=2, pool_maxsize=connections, max_retries=0)
        self._connect_timeout_s = connect_timeout_s

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Response:
        # Built by hand: requests' own preparation costs a third of a loopback round trip.
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body or None
        request.headers = CaseInsensitiveDict(headers)
        request.headers["Accept-Encoding"] = "identity"
        request.headers["Content-Length"] = str(len(body))
        deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        _sending.sent_ns = 0
        try:
            answer = self._adapter.send(
                request, stream=True, timeout=(min(self._connect_timeout_s, timeout_s), timeout_s)
            )
            content = _read(answer.raw, deadline_ns)
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise _fate(error, was_sent=bool(_sending.sent_ns)) from None
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, lowered, content, _sending.sent_ns)

    def close(self) -> None:
        self._adapter.close()


def _read(raw: urllib3.HTTPResponse, deadline_ns: int) -> bytes:
    """Return the whole body and give the connection back; drop it when the body drips past the deadline."""
    chunks, size = [], 0
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_BODY_BYTES:
            raw.close()
            raise HTTPException("body too big")
        if time.monotonic_ns() > deadline_ns:
            raw.close()
            raise TimeoutError
    raw.release_conn()
    return b"".join(chunks)


def _fate(error: Exception, was_sent: bool) -> VenueError:
    """Decide by what was sent. The texts name neither address nor header."""
    code = _code(error)
    if was_sent:
        return Ambiguous(f"request sent, no usable answer: {code}", code=code)
    return Retryable(f"request not sent: {code}", code=code)


def _code(error: Exception) -> str:
    """Return one transport word for the cause, which urllib3 and requests wrap several deep."""
    text = repr(error)
    if isinstance(error, (requests.Timeout, TimeoutError)) or "Timeout" in text or "timed out" in text:
        return "timeout"
    if "NameResolutionError" in text:
        return "dns"
    if isinstance(error, requests.exceptions.SSLError) or "SSLError" in text:
        return "tls"
    if "NewConnectionError" in text:
        return "refused"
    if "Reset" in text or "Aborted" in text or "RemoteDisconnected" in text or "BrokenPipe" in text:
        return "reset"
    return "unreadable"
