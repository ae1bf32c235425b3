"""A venue's limits on requests as named buckets, each with what a request of a kind costs there.

One request may count in several: by weight for an address, by orders for an account, cancels apart, orders for a block. It
leaves when all of them can pay. Venues differ in their buckets and costs only; the adapter says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from domain.messages.budgets import BudgetLine
from domain.resilience.rate_limit import TokenBucket
from domain.settings import VenueSettings


class RequestKind(StrEnum):
    """What is asked of a venue, as far as its limits tell kinds apart."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    MODIFY = "modify"
    READ = "read"


class Cost(NamedTuple):
    """What a request takes from a bucket, in its units."""

    request: int = 1  # whatever is in it
    order: int = 0  # besides, for each `per` orders in it, the last ones that are fewer left out
    per: int = 1

    def of(self, requests: int, orders: int) -> int:
        return requests * self.request + orders // self.per * self.order


class BucketTerms(Struct, frozen=True, kw_only=True):
    """One limit of a venue."""

    name: str
    per_second: float  # units that come back
    burst: int  # units at most
    reserved: int = 0  # of them, for what reduces risk alone
    most_in_a_second: int | None = None
    costs: Mapping[RequestKind, Cost] = {}  # a kind that is not here costs one for each request
    only: frozenset[RequestKind] = frozenset(RequestKind)  # what counts there at all

    def cost(self, kind: RequestKind, requests: int, orders: int) -> int:
        """Return what so many requests about so many orders cost there, in units."""
        return self.costs.get(kind, Cost()).of(requests, orders) if kind in self.only else 0


class Budgets:
    """All limits of one venue. Not safe for threads; monotonic nanoseconds."""

    def __init__(self, terms: Sequence[BucketTerms], now_ns: int) -> None:
        self._buckets = [
            (it, TokenBucket(it.per_second, it.burst, it.reserved, now_ns, it.most_in_a_second)) for it in terms
        ]

    def take(
        self,
        now_ns: int,
        is_reducing: bool = False,
        longest_pause_ns: int | None = None,
        requests: int = 1,
        kind: RequestKind = RequestKind.READ,
        orders: int = 1,
    ) -> int:
        """Take what it costs from every bucket and return 0, or nothing and return how long to wait.

        Args:
            longest_pause_ns, requests: as of `TokenBucket.take`.
            orders: that all of the requests are about.
        """
        prices = [(bucket, it.cost(kind, requests, orders)) for it, bucket in self._buckets]
        waits = [bucket.wait_ns(now_ns, is_reducing, longest_pause_ns, price) for bucket, price in prices if price]
        if wait_ns := max(waits, default=0):
            return wait_ns
        for bucket, price in prices:
            if price:
                bucket.take(now_ns, is_reducing, longest_pause_ns, price)
        return 0

    def charge(self, requests: int, kind: RequestKind = RequestKind.READ) -> None:
        """Pay for requests that were sent without asking; fewer than none: some were paid for and not sent."""
        for it, bucket in self._buckets:
            if price := it.cost(kind, requests, 0):
                bucket.charge(price)

    def hold(self, now_ns: int, wait_ns: int | None = None) -> None:
        """Give nothing for a while: which limit a 429 is about, no venue tells."""
        for _, bucket in self._buckets:
            bucket.hold(now_ns, wait_ns)

    def let_go(self, now_ns: int) -> None:
        for _, bucket in self._buckets:
            bucket.let_go(now_ns)

    def lines(self, now_ns: int) -> tuple[BudgetLine, ...]:
        """Return what is left of each."""
        return tuple(
            BudgetLine(name=it.name, left=bucket.left(now_ns), burst=it.burst, per_second=it.per_second)
            for it, bucket in self._buckets
        )


def one_budget(settings: VenueSettings) -> tuple[BucketTerms, ...]:
    """Return the limits of a venue that counts requests, and nothing else."""
    burst = max(2, int(settings.requests_per_second))
    return (
        BucketTerms(
            name="requests",
            per_second=settings.requests_per_second,
            burst=burst,
            reserved=burst // 4,
            most_in_a_second=burst,
        ),
    )


class Ticket(Protocol):
    """What one call may send."""

    def run(self, call: Callable[[], Any]) -> Any:
        """Run the call on this thread. It waits its turn before each request beyond those that were paid for."""
        ...

    def settle(self) -> None:
        """Pay what is owed when it has ended, or get back what was not used."""
        ...


class RequestBudget(Protocol):
    """What a venue may be sent: its `Budgets`, which threads share."""

    def take(
        self,
        now_ns: int,
        is_reducing: bool,
        longest_pause_ns: int | None,
        requests: int,
        kind: RequestKind,
        orders: int,
    ) -> int: ...

    def ticket(self, paid: int, is_reducing: bool, longest_pause_ns: int | None, kind: RequestKind) -> Ticket: ...

    def hold(self, now_ns: int, wait_ns: int | None) -> None: ...

    def let_go(self, now_ns: int) -> None: ...

    def lines(self, now_ns: int) -> tuple[BudgetLine, ...]: ...
