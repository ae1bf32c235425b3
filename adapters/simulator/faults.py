"""Faults on demand: what goes wrong next, where, and how often. Says nothing about how it is enacted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from domain.errors import NzezaError

REQUESTS = ("submit", "cancel", "query", "list", "accounts", "fills", "market_data")
MARKET_STREAM = "market_stream"
PRIVATE_STREAM = "private_stream"
STREAMS = (MARKET_STREAM, PRIVATE_STREAM)
ORDER_TYPES = ("market", "limit", "stop_limit", "bracket")
PLACES = (*REQUESTS, *STREAMS, "any")

_ORDERS = ("submit", "cancel")
_LISTS = ("list", "accounts", "fills")
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
    "retry_after": REQUESTS,  # a 429 whose Retry-After says `says`, whatever that means
    "echo": REQUESTS,  # not processed; answered `status` with all that was sent, the token too, in `size` bytes
    "informational": REQUESTS,  # processed; an interim answer with status `interim` comes first, then `stray`
    "drip": REQUESTS,  # processed; the answer comes byte by byte, and takes `seconds`
    "malformed": (*REQUESTS, *STREAMS),  # an answer or frame that is no JSON
    "lag": ("query", *_LISTS),  # answered as of `seconds` ago: balances, orders, fills
    "missing_rows": _LISTS,  # the rows of `product` are left out, all of them if none is given
    # one row can't be read: of `product`; without one, an answer has one row more, of what nobody trades
    "odd_row": (*_LISTS, "market_data", *STREAMS),
    "epoch_time": ("list", "fills", "market_data", *STREAMS),  # the times in its rows are unset: 1970-01-01
    "reject": _ORDERS,  # understood and refused
    "fail": ("submit",),  # accepted, then FAILED
    "hold": ("submit",),  # an order that should end at once is PENDING for `seconds`, or until it is cancelled
    # a stream that opens
    "refuse_upgrade": STREAMS,  # answered with HTTP `status`
    "slow_handshake": STREAMS,  # answered `seconds` late
    # a stream that is open
    "close": STREAMS,  # a close frame with `code`; 1006 = no close frame
    "drop": STREAMS,  # the connection ends without a close frame
    "half_open": STREAMS,  # nothing is sent, read or answered, not even pings; dropped after `seconds`
    "silence": STREAMS,  # nothing is said for `seconds`, but pings are answered
    "stall": STREAMS,  # one channel says nothing for `seconds`: `channel`, or the one whose turn it is
    "late": (MARKET_STREAM,),  # for `seconds`, all that is said arrives `late_by` seconds later
    # one frame of an open stream, of `channel` if it is given
    "gap": STREAMS,  # lost, with its sequence number
    "duplicate": STREAMS,  # sent twice
    "reorder": STREAMS,  # sent after the one behind it
    "wrong_sequence": STREAMS,  # its sequence number is out of line
    "crossed_book": STREAMS,  # its best bid is above its best ask
    "no_snapshot": STREAMS,  # the snapshot (of `product`, if one is given) that it is comes as a mere update
    "bad_utf8": STREAMS,  # a text that is none
    "bad_frame": STREAMS,  # before it comes one that the websocket protocol doesn't know
    "binary": STREAMS,  # sent as a binary frame
    "empty": STREAMS,  # nothing is in it
    "oversize": STREAMS,  # padded to more than 10 MiB
    # a whole venue, at once
    "down": (),  # nothing listens for `seconds`, and what was open is dropped
    "halt": (),  # trading of `product` rests for `seconds`, of all products if none is given
}
MOST_BYTES = 64 * 1024 * 1024  # of an echo
MOST_LETTERS = 1_000  # of a header
FRAME_FAULTS = frozenset(
    "malformed gap duplicate reorder wrong_sequence crossed_book".split()
    + "bad_utf8 bad_frame binary empty oversize odd_row epoch_time no_snapshot".split()
)
_OPENING = ("refuse", "refuse_upgrade", "slow_handshake")


LONGEST_S = 864_000.0  # of any fault: ten days
LONGEST_LAG_S = 120.0  # for so long the past is kept


class InvalidFault(NzezaError):
    """An order for a fault that cannot be carried out; one line that names the allowed values."""


class Fault(Struct, forbid_unknown_fields=True, kw_only=True):
    """One kind of trouble at one place, for the next `count` occasions or each with probability `rate`."""

    kind: str
    where: str = "any"
    venue: str = "coinbase"
    channel: str = ""  # of a stream; "" = whichever
    order_type: str = ""  # of a submit: only that of such an order; "" = whichever
    product: str = ""  # in the venue's spelling; "" = all of them
    count: int | None = None  # 1 when neither count nor rate is given
    rate: float | None = None  # 0..1, without end unless `count` is given too
    seed: int = 0  # of the rate
    seconds: float = 30.0
    late_by: float = 5.0  # seconds
    code: int = 1011  # of a close frame
    status: int = 503  # of a refused upgrade, and of an echo
    retry_after: float = 1.0  # seconds
    says: str = "86400"  # a whole Retry-After
    size: int = 0  # of an echo, at least
    interim: int = 103  # status of an interim answer
    stray: str = ""  # what follows it though nothing may


class Suffering(NamedTuple):
    """What can go wrong at a venue."""

    channels: Collection[str]  # of its streams
    products: Collection[str]
    unfit: Collection[str] = ()  # kinds that its protocol has no place for


def read_fault(order: Mapping[str, Any], venues: Mapping[str, Suffering]) -> Fault:
    """Decode and check one order.

    Raises:
        InvalidFault: an unknown name or a number out of bounds.
    """
    try:
        fault = msgspec.convert(order, Fault)
    except msgspec.ValidationError as error:
        raise InvalidFault(f"{error}; fields are {_names(Fault.__struct_fields__)}") from None
    for name, value, allowed in (
        ("kind", fault.kind, tuple(KINDS)),
        ("where", fault.where, PLACES),
        ("venue", fault.venue, tuple(venues)),
    ):
        if value not in allowed:
            raise InvalidFault(f"{name} {value!r} is unknown; allowed are {_names(allowed)}")
    _check_place(fault, venues[fault.venue])
    _check_numbers(fault)
    if fault.count is None and fault.rate is None:
        fault.count = 1
    return fault


def _check_place(fault: Fault, venue: Suffering) -> None:
    places = (*KINDS[fault.kind], "any")
    if fault.where not in places:
        raise InvalidFault(f"{fault.kind} cannot happen at {fault.where!r}; allowed are {_names(places)}")
    if fault.kind in venue.unfit:
        fit = [kind for kind in KINDS if kind not in venue.unfit]
        raise InvalidFault(f"{fault.kind} cannot happen at {fault.venue}; allowed are {_names(fit)}")
    if fault.channel and fault.channel not in venue.channels:
        allowed = _names(venue.channels)
        raise InvalidFault(f"channel {fault.channel!r} of {fault.venue} is unknown; allowed are {allowed}")
    if fault.order_type and fault.order_type not in ORDER_TYPES:
        allowed = _names(ORDER_TYPES)
        raise InvalidFault(f"order_type {fault.order_type!r} is unknown; allowed are {allowed}")
    if fault.order_type and ("submit" not in places or fault.where not in ("submit", "any")):
        raise InvalidFault("an order_type belongs to faults at submit; leave it out elsewhere")
    if fault.product and fault.product not in venue.products:
        allowed = _names(venue.products)
        raise InvalidFault(f"product {fault.product!r} of {fault.venue} is unknown; allowed are {allowed}")


def _check_numbers(fault: Fault) -> None:
    if fault.count is not None and fault.count < 1:
        raise InvalidFault(f"count {fault.count} is out of bounds; allowed are 1 and more")
    if fault.rate is not None and not 0 <= fault.rate <= 1:
        raise InvalidFault(f"rate {fault.rate} is out of bounds; allowed are 0 to 1")
    if not 1000 <= fault.code <= 4999:
        raise InvalidFault(f"code {fault.code} is out of bounds; allowed are 1000 to 4999")
    if not 400 <= fault.status <= 599:
        raise InvalidFault(f"status {fault.status} is out of bounds; allowed are 400 to 599")
    if not 100 <= fault.interim <= 199 or fault.interim == 101:
        raise InvalidFault(f"interim {fault.interim} is out of bounds; allowed are 100 and 102 to 199")
    if not 0 <= fault.size <= MOST_BYTES:
        raise InvalidFault(f"size {fault.size} is out of bounds; allowed are 0 to {MOST_BYTES}")
    if not (fault.says.isascii() and fault.says.isprintable() and len(fault.says) <= MOST_LETTERS):
        raise InvalidFault(f"says is no header; allowed are up to {MOST_LETTERS} printable letters")
    for name, seconds in (("seconds", fault.seconds), ("late_by", fault.late_by), ("retry_after", fault.retry_after)):
        if not 0 <= seconds <= LONGEST_S:  # nor NaN
            raise InvalidFault(f"{name} {seconds} is out of bounds; allowed are 0 to {LONGEST_S:g}")
    if fault.kind == "lag" and fault.seconds > LONGEST_LAG_S:
        raise InvalidFault(f"seconds {fault.seconds} is out of bounds; allowed are 0 to {LONGEST_LAG_S:g}")


class FaultPlan:
    """The faults that are still to happen at one venue."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, Random]] = []

    def add(self, fault: Fault) -> None:
        self._pending.append((fault, Random(fault.seed)))

    def clear(self) -> None:
        self._pending.clear()

    def draw(
        self, where: str, is_opening: bool = False, suits: Callable[[Fault], bool] = lambda fault: True
    ) -> Fault | None:
        """Return the fault that strikes now at `where`, if any, and count it.

        A stream suffers some faults while it opens, and all others only afterwards.
        """
        for entry in self._pending:
            fault, random = entry
            if where not in KINDS[fault.kind] or fault.where not in (where, "any"):
                continue
            if where in STREAMS and is_opening != (fault.kind in _OPENING):
                continue
            if not suits(fault):
                continue
            if fault.rate is not None and random.random() >= fault.rate:
                continue
            if fault.count is not None:
                fault.count -= 1
                if not fault.count:
                    self._pending.remove(entry)
            return fault
        return None


def _names(names: Collection[str]) -> str:
    return ", ".join(names)
