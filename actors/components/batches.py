"""Several orders in one request: which may share it, and what its answer says of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import Ambiguous, Rejected, VenueError


@dataclass(eq=False)
class Batch:
    """How calls that wait beside each other share one request."""

    key: str  # of those that may
    item: Any  # what one of them is about
    most: int  # in one request
    run: Callable[[Sequence[Any]], Sequence[Any]]  # items -> what came of each, in their order


def shared(most: int, ask: Callable[..., Sequence[Any]], command: Any, timeout_s: float) -> Batch | None:
    """Return how a command shares a request with others of its kind; None where the venue takes `most` of one.

    Args:
        ask: takes commands and `timeout_s`.
    """
    key = f"{type(command).__name__} {timeout_s}"
    return Batch(key, command, most, lambda commands: ask(commands, timeout_s)) if most > 1 else None


def fates(result: Any, calls: int) -> Sequence[Any]:
    """Return what came of each of the calls that shared a request.

    What is said of the request as a whole is no word about one of them: its refusal least of all.
    """
    if calls == 1:
        return [result]
    if isinstance(result, Rejected):
        result = Ambiguous(f"refused as a whole: {result}", venue=result.venue, code=result.code, raw=result.raw)
    if isinstance(result, VenueError):
        return [result] * calls
    if len(result) != calls:
        return [Ambiguous("fates of other orders", code="unreadable")] * calls
    return list(result)
