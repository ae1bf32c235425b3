"""Faults on demand: what goes wrong next, where, and how often. Says nothing about how a front enacts it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import NzezaError

REQUESTS = ("submit", "cancel", "query", "list", "accounts", "fills")
STREAMS = ("market_stream", "private_stream")
PLACES = (*REQUESTS, *STREAMS, "any")

_ORDERS = ("submit", "cancel")
KINDS: dict[str, tuple[str, ...]] = {  # kind -> where it can happen, besides "any"
    "delay": REQUESTS,  # processed at once, answered `seconds` late
    "refuse": (*REQUESTS, *STREAMS),  # the connection closes before anything is read
    "timeout_before_accept": REQUESTS,  # never processed, never answered
    "timeout_after_accept": REQUESTS,  # processed, never answered
    "late_accept": ("submit",),  # never answered, and processed `seconds` later
    "5xx": REQUESTS,
    "5xx_after_accept": REQUESTS,
    "401": REQUESTS,  # as seen under throttling, with good credentials
    "429": REQUESTS,
    "malformed": (*REQUESTS, *STREAMS),  # an answer or frame that is no JSON
    "reject": _ORDERS,  # understood and refused
    "fail": ("submit",),  # accepted, then FAILED
    "close": STREAMS,  # a close frame with `code`; 1006 = no close frame
    "silence": STREAMS,  # open, but nothing for `seconds`
    "gap": STREAMS,  # one frame with its sequence number is lost
    "duplicate": STREAMS,  # one frame is sent twice
}


class InvalidFault(NzezaError):
    """An order for a fault that cannot be carried out; one line that names the allowed values."""


class Fault(Struct, forbid_unknown_fields=True, kw_only=True):
    """One kind of trouble at one place, for the next `count` occasions or each with probability `rate`."""

    kind: str
    where: str = "any"
    venue: str = "coinbase"
    count: int | None = None  # 1 when neither count nor rate is given
    rate: float | None = None  # 0..1, without end unless `count` is given too
    seed: int = 0  # of the rate
    seconds: float = 30.0
    code: int = 1011
    retry_after: float = 1.0  # seconds


class FaultPlan:
    """The faults that are still to happen."""

    def __init__(self, venues: Collection[str]) -> None:
        self._venues = venues
        self._pending: list[tuple[Fault, Random]] = []

    def inject(self, order: Mapping[str, Any]) -> None:
        """Add one fault.

        Raises:
            InvalidFault: an unknown name or a number out of bounds.
        """
        try:
            fault = msgspec.convert(order, Fault)
        except msgspec.ValidationError as error:
            raise InvalidFault(f"{error}; fields are {_names(Fault.__struct_fields__)}") from None
        self._check(fault)
        if fault.count is None and fault.rate is None:
            fault.count = 1
        self._pending.append((fault, Random(fault.seed)))

    def clear(self) -> None:
        self._pending.clear()

    def draw(self, where: str, is_connecting: bool = False) -> Fault | None:
        """Return the fault that strikes now at `where`, if any, and count it.

        A stream is refused only while it connects, and suffers everything else only afterwards.
        """
        for entry in self._pending:
            fault, random = entry
            if where not in KINDS[fault.kind] or fault.where not in (where, "any"):
                continue
            if where in STREAMS and is_connecting != (fault.kind == "refuse"):
                continue
            if fault.rate is not None and random.random() >= fault.rate:
                continue
            if fault.count is not None:
                fault.count -= 1
                if not fault.count:
                    self._pending.remove(entry)
            return fault
        return None

    def _check(self, fault: Fault) -> None:
        for name, value, allowed in (
            ("kind", fault.kind, tuple(KINDS)),
            ("where", fault.where, PLACES),
            ("venue", fault.venue, tuple(self._venues)),
        ):
            if value not in allowed:
                raise InvalidFault(f"{name} {value!r} is unknown; allowed are {_names(allowed)}")
        places = (*KINDS[fault.kind], "any")
        if fault.where not in places:
            raise InvalidFault(f"{fault.kind} cannot happen at {fault.where!r}; allowed are {_names(places)}")
        if fault.count is not None and fault.count < 1:
            raise InvalidFault(f"count {fault.count} is out of bounds; allowed are 1 and more")
        if fault.rate is not None and not 0 <= fault.rate <= 1:
            raise InvalidFault(f"rate {fault.rate} is out of bounds; allowed are 0 to 1")
        if fault.seconds < 0 or fault.retry_after < 0:
            raise InvalidFault("seconds and retry_after must not be negative")


def _names(names: Collection[str]) -> str:
    return ", ".join(names)
