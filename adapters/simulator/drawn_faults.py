"""Faults by chance: what a bad day brings, in sizes that a system can be asked to outlive unharmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from adapters.simulator.faults import KINDS

_MOST = 4  # of one kind in a row
# A list without some of its rows can't be told from the truth: twice in a row it would be the venue's last word.
_ONCE = frozenset({"missing_rows"})


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
    most_s = (bounds or {}).get(kind, longest_s)
    return {
        "kind": kind,
        "where": random.choice((*KINDS[kind], "any")),
        "product": random.choice(("", "", *products)),
        "count": 1 if kind in _ONCE else random.randint(1, _MOST),
        "seconds": random.uniform(0.1, most_s) if most_s > 0.1 else most_s,
        "retry_after": random.uniform(0.1, longest_s),
    }
