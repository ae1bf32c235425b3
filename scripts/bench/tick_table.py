"""The arithmetic of `tick_to_order`: orders matched to what triggered them, percentiles, the table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any, NamedTuple

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
COUNTS = ("lost", "twice", "strangers", "unsigned")


class Arrival(NamedTuple):
    """An order as the venue read it."""

    client_order_id: str
    read_ns: int  # CLOCK_MONOTONIC
    is_signed: bool = True


class Matched(NamedTuple):
    """What became of the triggers of one round."""

    latencies_us: tuple[float, ...]  # one for each trigger that was answered by its own, signed order
    lost: int = 0  # triggers that no such order answered
    twice: int = 0  # orders whose id had been there before
    strangers: int = 0  # orders that no trigger called for, or not yet
    unsigned: int = 0  # orders without a valid token; they answer nothing


class Window(NamedTuple):
    """What was triggered from the first moment on, and before the second: all else counts nowhere. CLOCK_MONOTONIC."""

    from_ns: float = 0
    until_ns: float = inf

    def __contains__(self, sent_ns: object) -> bool:
        return isinstance(sent_ns, int) and self.from_ns <= sent_ns < self.until_ns


ALWAYS = Window()


def match(sent: Mapping[str, int], arrivals: Iterable[Arrival], counted: Window = ALWAYS) -> Matched:
    """Give each trigger its order, one to one, by the id.

    Args:
        sent: id of the order that must follow -> when the trigger was written, CLOCK_MONOTONIC.
    """
    answered: dict[str, float] = {}
    twice = strangers = unsigned = 0
    for order in arrivals:
        sent_ns = sent.get(order.client_order_id)
        if sent_ns is not None and sent_ns not in counted:
            continue
        if not order.is_signed:
            unsigned += 1
        elif sent_ns is None or order.read_ns < sent_ns:
            strangers += 1
        elif order.client_order_id in answered:
            twice += 1
        else:
            answered[order.client_order_id] = (order.read_ns - sent_ns) / 1e3
    triggers = sum(sent_ns in counted for sent_ns in sent.values())
    return Matched(tuple(answered.values()), triggers - len(answered), twice, strangers, unsigned)


def percentile(values: Sequence[float], ratio: float) -> float:
    """Return the smallest value that at least `ratio` of all do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(ceil(ratio * len(values)), 1) - 1]


@dataclass
class Peer:
    """One that was measured, and its rounds so far."""

    name: str
    title: str
    rounds: list[Matched] = field(default_factory=list)
    skipped: str = ""  # why it was not measured, or not to the end
    remarks: list[str] = field(default_factory=list)  # what was not as it should be

    def pooled(self) -> list[float]:
        return [latency for one in self.rounds for latency in one.latencies_us]


def figures(peer: Peer, floor: Peer | None) -> dict[str, Any]:
    """Return what is told of a peer, its percentiles over the orders of all rounds.

    Args:
        floor: whose percentiles the ratios are to; None, or one without orders, leaves them out.
    """
    told: dict[str, Any] = {"name": peer.name, "title": peer.title, "orders": len(peer.pooled())}
    told |= {name: sum(getattr(one, name) for one in peer.rounds) for name in COUNTS}
    told |= _percentiles("_us", peer)
    if floor is not None and floor.pooled():
        least = _percentiles("", floor)
        told |= {f"{name}_ratio": round(value / least[name], 2) for name, value in _percentiles("", peer).items()}
    told["rounds_p50_us"] = [round(percentile(one.latencies_us, 0.5)) for one in peer.rounds if one.latencies_us]
    return told | {"skipped": peer.skipped, "remarks": peer.remarks}


def _percentiles(unit: str, peer: Peer) -> dict[str, float]:
    pooled = peer.pooled()
    if not pooled:
        return {}
    return {f"{name}{unit}": round(percentile(pooled, ratio), 1) for name, ratio in PERCENTILES.items()}


def table(told: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures of all peers as lines for a person: microseconds, each with its ratio to the floor."""
    width = max((len(one["title"]) for one in told), default=0)
    heads = "".join(f"{name:>10}{'ratio':>7}" for name in PERCENTILES)
    lines = [f"{'':<{width}}{'orders':>8}{'lost':>6}{heads}  p50 of rounds"]
    for one in told:
        lines.append(f"{one['title']:<{width}}" + (_cells(one) if one["orders"] else f"  skipped: {one['skipped']}"))
    for one in told:
        odd = [f"{one[name]} {name}" for name in COUNTS[1:] if one[name]]
        odd += one["remarks"]
        if one["skipped"] and one["orders"]:
            odd.append(f"skipped later: {one['skipped']}")
        lines += [f"{one['title']}: {text}" for text in odd]
    return "\n".join(lines)


def _cells(one: Mapping[str, Any]) -> str:
    cells = f"{one['orders']:>8}{one['lost']:>6}"
    for name in PERCENTILES:
        ratio = one.get(f"{name}_ratio")
        cells += f"{one[f'{name}_us']:>10,.0f}" + (f"{ratio:>7.2f}" if ratio is not None else f"{'-':>7}")
    lowest, highest = min(one["rounds_p50_us"]), max(one["rounds_p50_us"])
    return f"{cells}  {lowest:,} - {highest:,}"
