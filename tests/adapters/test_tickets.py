"""A call pays for each of its requests: pages, second tries, other ways to the same answer."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from actors.components.venue_calls import Call, Urgency, VenueCalls
from adapters.network.http import Response
from adapters.tickets import SharedBudget
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.sign import Signer
from domain.errors import Retryable
from domain.instant import SECOND_NS
from domain.messages.orders import QueryOrder
from domain.resilience.budgets import BucketTerms, Budgets
from domain.settings import VenueSettings
from tests.adapters.venues.coinbase.test_client import SEED
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock

PER_S = 20


class Pages:
    """A venue whose lists have many pages, and which notes when it was asked."""

    def __init__(self, clock: ManualClock, pages: int) -> None:
        self.asked: Counter[int] = Counter()  # second -> requests
        self._clock = clock
        self._pages = pages

    def send(self, method: str, url: str, headers: Any, body: bytes, timeout_s: float) -> Response:
        self.asked[self._clock.elapsed_ns // SECOND_NS] += 1
        self._clock.advance(0.001)
        if "cursor" not in url and "/batch" not in url:
            return Response(404, {}, b"", 1)
        number = int(url.partition("cursor=")[2] or 0) + 1
        more = f'"has_next":true,"cursor":"{number}"' if number < self._pages else '"has_next":false'
        return Response(200, {}, f'{{"orders":[],{more}}}'.encode(), 1)

    def close(self) -> None:
        """Nothing is open."""


class AtOnce:
    """An executor that runs a call as it comes."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    def submit(self, key: str, call: Any) -> None:
        try:
            self.done.append((key, call()))
        except Exception as error:
            self.done.append((key, error))

    def collect(self) -> list[tuple[str, Any]]:
        done, self.done = self.done, []
        return done


class Rig:
    def __init__(self, pages: int) -> None:
        self.clock = ManualClock()
        self.venue = Pages(self.clock, pages)
        self.client = CoinbaseClient(VenueSettings(), Signer("key", SEED), self.venue, self.clock)
        terms = BucketTerms(name="requests", per_second=PER_S, burst=PER_S)
        budgets = Budgets([terms], self.clock.now().monotonic_ns)
        budget = SharedBudget(budgets, self.clock, self.clock.advance)
        self.calls = VenueCalls(AtOnce(), budget, 8)
        self.results: list[Any] = []

    def ask(self, number: int, timeout_s: float = 60) -> None:
        query = QueryOrder(
            client_order_id=f"order {number}",
            venue="coinbase",
            instrument="BTC-USD",
            sent_at=UTC,
            venue_order_id="venue-1",
        )
        run = partial(self.client.find_order, query, timeout_s)
        self.calls.add(Call(run, self.results.append, urgency=Urgency.ASKING))

    def work(self, seconds: float) -> None:
        until_ns = self.clock.elapsed_ns + int(seconds * SECOND_NS)
        while self.clock.elapsed_ns < until_ns:
            self.calls.send(self.clock.now())
            for call, result in self.calls.collect(self.clock.now()):
                call.answered(result)
            self.clock.advance(0.01)

    def most_at_once(self) -> int:
        """Return the most requests in two seconds next to each other."""
        asked = self.venue.asked
        return max(asked[second] + asked[second + 1] for second in range(max(asked) + 1))


@pytest.mark.parametrize("pages", [1, 3, 30])
def test_the_venue_gets_no_more_requests_than_the_budget_has_however_many_a_call_makes(pages: int) -> None:
    rig = Rig(pages)
    for number in range(15):
        rig.ask(number)

    rig.work(seconds=3)

    assert sum(rig.venue.asked.values()) > PER_S
    assert rig.most_at_once() <= 3 * PER_S + 1  # one burst, and what two seconds bring


def test_a_call_that_has_no_time_to_wait_for_its_turn_was_not_answered() -> None:
    rig = Rig(pages=1_000)
    rig.ask(1, timeout_s=2)

    rig.work(seconds=1)

    (result,) = rig.results
    assert (type(result), result.code) == (Retryable, "timeout")
    assert rig.clock.elapsed_ns < 3 * SECOND_NS


def test_what_was_paid_for_and_not_sent_is_given_back() -> None:
    rig = Rig(pages=1)
    for _ in range(3):
        rig.calls.add(Call(lambda: None, rig.results.append, requests=PER_S - 4))

    rig.work(seconds=0.03)

    assert rig.results == [None] * 3  # each counts for one
