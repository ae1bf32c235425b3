"""What a fault makes of a REST request, at whatever venue; the venue's own words for trouble are given by its front."""

from __future__ import annotations

import msgspec

from adapters.simulator import strange_rows
from adapters.simulator.faults import Fault
from adapters.simulator.wire import Request, Response, dropped

_TEXT = {"content-type": "application/json; charset=utf-8"}


def instead(fault: Fault, request: Request, unavailable: Response, too_many: Response) -> Response | None:
    """Return what is answered without the request being processed at all; None when it is processed."""
    match fault.kind:
        case "refuse":
            return dropped(0.0)
        case "timeout_before_accept":
            return dropped(fault.seconds)
        case "5xx":
            return unavailable
        case "429":
            return too_many
        case "retry_after":
            headers = {name: value for name, value in too_many.headers.items() if name.lower() != "retry-after"}
            return too_many._replace(headers={**headers, "retry-after": fault.says})
        case "echo":
            return Response(fault.status, _TEXT, _echo(request, fault.size))
    return None


def _echo(request: Request, size: int) -> bytes:
    """Return an error that repeats the request, as debugging proxies do."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    body = request.body.decode("utf-8", "replace")
    said = f"bad request: {request.method} {request.path}\r\n{headers}\r\n{body}".ljust(size, "x")
    return msgspec.json.encode({"error": said})


def spoiled(answer: Response, fault: Fault, broken: Response) -> Response:
    """Return what becomes of the answer to a request that was processed."""
    match fault.kind:
        case "timeout_after_accept":
            return dropped(fault.seconds)
        case "5xx_after_accept":
            return broken
        case "malformed":
            return answer._replace(body=answer.body[: len(answer.body) // 2])
        case "informational":
            stray = fault.stray.encode()
            head = f"HTTP/1.1 {fault.interim} Wait\r\n\r\n".encode()
            return answer._replace(interim=head + stray, is_shifted=bool(stray))
        case "drip":
            return answer._replace(drip_s=fault.seconds)
        case "delay":
            return answer._replace(delay_s=fault.seconds)
        case "missing_rows":
            return _strange(answer, strange_rows.missing_rows(answer.body, fault.product))
        case "odd_row":
            return _strange(answer, strange_rows.odd_row(answer.body, fault.product, may_add=True))
        case "epoch_time":
            return _strange(answer, strange_rows.epoch_time(answer.body))
    return answer


def _strange(answer: Response, body: bytes | None) -> Response:
    return answer if body is None else answer._replace(body=body)
