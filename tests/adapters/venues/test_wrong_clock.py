"""Our wall clock is wrong, or is set while we trade: the venue's own time signs, so nothing is refused for it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.network.http import Response
from adapters.simulator.in_memory import MemoryTransport
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.fields import rfc3339
from adapters.venues.venue_client import http_date_ns
from domain.errors import Fatal
from domain.instant import SECOND_NS, Instant
from domain.messages.orders import CancelOrder, OrderReported, QueryOrder
from tests.simulated_coinbase import VENUE_SETTINGS, ManualClock, SimulatedCoinbase, order

WRONG_S = (-3600, -180, 180, 3600)


class WrongClock:
    """Ours: it goes as the venue's, and shows another time."""

    def __init__(self, right: ManualClock, ahead_s: float) -> None:
        self.right, self.ahead_s = right, ahead_s

    def now(self) -> Instant:
        now = self.right.now()
        return now._replace(utc_ns=now.utc_ns + round(self.ahead_s * SECOND_NS))


class Play:
    def __init__(self, ahead_s: float) -> None:
        self.venue = venue = SimulatedCoinbase()
        self.clock = WrongClock(venue.clock, ahead_s)
        self.transport = MemoryTransport(venue.world, venue.clock, venue.clock.advance)
        self.client = CoinbaseClient(VENUE_SETTINGS, venue.signer, self.transport, self.clock)
        self.client.load_instruments(("BTC-USD",), 5)


@pytest.mark.parametrize("ahead_s", WRONG_S)
def test_an_account_is_read_and_traded_whatever_our_clock_shows(ahead_s: float) -> None:
    """F42"""
    play = Play(ahead_s)

    balances = {balance.currency: balance.total for balance in play.client.list_balances(5)}
    accepted = play.client.submit_order(order(), 5)
    cancel = {"client_order_id": accepted.client_order_id, "venue_order_id": accepted.venue_order_id}
    play.client.cancel_order(CancelOrder(venue="coinbase", **cancel), 5)

    assert balances["USD"] == Decimal(10000)
    assert accepted.ts_event == pytest.approx(play.venue.clock.now().utc_ns, abs=2 * SECOND_NS)


@pytest.mark.parametrize("step_s", WRONG_S)
def test_a_step_in_the_middle_costs_one_refused_token_at_most(step_s: float) -> None:
    play = Play(ahead_s=0)

    play.clock.ahead_s = step_s
    before = len(play.transport.requests)
    play.client.submit_order(order(), 5)
    play.client.list_open_orders(5)

    assert len(play.transport.requests) - before <= 5  # one of them asks for the time


@pytest.mark.parametrize("ahead_s", WRONG_S)
def test_an_order_is_found_though_its_send_was_stamped_by_a_wrong_clock(ahead_s: float) -> None:
    play = Play(ahead_s)
    sent_at = play.clock.now().utc_ns
    play.client.submit_order(order(), 5)
    play.clock.ahead_s = 0

    name = {"client_order_id": order().client_order_id, "instrument": "BTC-USD"}
    found = play.client.find_order(QueryOrder(venue="coinbase", sent_at=sent_at, **name), 5)

    assert isinstance(found, OrderReported)


def test_credentials_that_are_bad_are_still_refused_twice_and_for_good() -> None:
    play = Play(ahead_s=-180)
    play.venue.inject("401", "accounts", count=2)

    with pytest.raises(Fatal):
        play.client.list_balances(5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Mon, 99 Nov 2026 00:00:00 GMT",
        "\x00",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 11 Apr 2262 23:47:16 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ],
)
def test_a_date_that_cannot_be_read_is_none(text: str) -> None:
    assert http_date_ns(text) == 0


def test_a_date_is_read_to_the_second() -> None:
    assert http_date_ns("Thu, 28 May 2026 20:26:40 GMT") == 1_780_000_000 * SECOND_NS


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -1200", "Wed, 01 Jan 2076 00:00:00 GMT"])
def test_the_date_of_a_refusal_is_never_itself_the_clock(date: str) -> None:
    play = Play(ahead_s=0)
    refusal = Response(401, {"date": date}, b"{}", 0)
    send, answers = play.transport.send, [refusal]
    play.transport.send = lambda *request: answers.pop() if answers else send(*request)

    accepted = play.client.submit_order(order(), 5)

    assert accepted.ts_event == pytest.approx(play.venue.clock.now().utc_ns, abs=2 * SECOND_NS)


def test_a_clock_that_does_not_answer_after_a_refusal_changes_nothing() -> None:
    play = Play(ahead_s=0)
    lying = {"date": "Wed, 01 Jan 2076 00:00:00 GMT"}
    send, answers = play.transport.send, [Response(503, {}, b"", 0), Response(401, lying, b"{}", 0)]
    play.transport.send = lambda *request: answers.pop() if answers else send(*request)

    assert play.client.list_balances(5)


@pytest.mark.parametrize("time_ns", [-(2**70), -1, 2**63, 2**70])
def test_what_can_be_no_time_is_written_as_one_that_can(time_ns: int) -> None:
    assert rfc3339(time_ns)[:4] in ("1970", "2200")
