"""Faults by chance: what a bad day brings, in sizes that a system can be asked to outlive unharmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from adapters.simulator.faults import KINDS, ORDER_TYPES

_MOST = 4  # of one kind in a row
# A list without some of its rows can't be told from the truth: twice in a row it would be the venue's last word.
_ONCE = frozenset({"missing_rows"})
_PAUSES = ("0", "-1", "soon", "2.5", "86400", "1000000000")
_ECHOED = (400, 403, 500, 502)


def draw_fault(
    random: Random, longest_s: float, products: Sequence[str], bounds: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Return an order for one fault of any kind that there is, at any place where it can happen.

    Args:
        longest_s: how long it may last, or hold things up.
        products: what it may be about, besides all of them.
        bounds: kind -> how long that may last instead.
    """
    kind = random.choice(list(KINDS))
    where = random.choice((*KINDS[kind], "any"))
    most_s = (bounds or {}).get(kind, longest_s)
    fault = {
        "kind": kind,
        "where": where,
        "product": random.choice(("", "", *products)),
        "count": 1 if kind in _ONCE else random.randint(1, _MOST),
        "seconds": random.uniform(min(0.1, most_s), most_s),
        "retry_after": random.uniform(0.1, longest_s),
    }
    if where == "submit" and random.random() < 0.3:
        fault["order_type"] = random.choice(ORDER_TYPES)
    match kind:
        case "retry_after":
            fault["says"] = random.choice(_PAUSES)
        case "echo":
            fault |= {"status": random.choice(_ECHOED), "size": random.choice((0, 0, 1_000_000))}
        case "informational":
            fault |= {"interim": random.choice((102, 103)), "stray": random.choice(("", "", "{}"))}
    return fault
