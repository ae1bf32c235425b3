"""The contract of a trading venue where it has a wire: what its bytes can be, told of the simulated Coinbase."""

import pytest

from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import SubmitOrder
from tests.simulated_coinbase import SimulatedCoinbase, order


@pytest.fixture
def venue() -> SimulatedCoinbase:
    return SimulatedCoinbase()


def fate(venue: SimulatedCoinbase, command: SubmitOrder, timeout_s: float = 5) -> VenueError:
    with pytest.raises(VenueError) as raised:
        venue.client.submit_order(command, timeout_s)
    return raised.value


def test_one_401_is_answered_with_a_fresh_token(venue: SimulatedCoinbase) -> None:
    venue.inject("401", "submit")

    venue.client.submit_order(order(), 5)

    tokens = [request.headers["Authorization"] for request in venue.transport.requests]
    assert len(set(tokens)) == 2
    assert len(venue.orders) == 1


def test_a_second_401_is_fatal(venue: SimulatedCoinbase) -> None:
    venue.inject("401", "submit", count=2)

    assert type(fate(venue, order())) is Fatal


def test_one_odd_row_of_the_account_hides_no_other(venue: SimulatedCoinbase) -> None:
    venue.client.submit_order(order(limit_price=venue.touch(Side.BUY) + 100), 5)
    venue.clock.advance(20)
    for where, ask in (
        ("fills", lambda: venue.client.list_fills(0, 5)),
        ("accounts", lambda: venue.client.list_balances(5)),
        ("list", lambda: venue.client.list_open_orders(5)),
    ):
        before = ask()
        venue.inject("odd_row", where)

        listed = ask()

        assert (tuple(listed), len(listed.unread)) == (tuple(before), 1), where


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("size", [0, 1_000_000])
def test_a_venue_that_echoes_all_that_we_sent_gives_no_token_away(
    venue: SimulatedCoinbase, status: int, size: int
) -> None:
    venue.inject("echo", "submit", status=status, size=size)

    error = fate(venue, order())

    assert type(error) is (Rejected if status == 400 else Ambiguous)
    sent = next(iter(venue.transport.requests)).headers["Authorization"].removeprefix("Bearer ")
    told = f"{error} {error.code} {error.raw.decode()}"
    assert not any(part in told for part in sent.split("."))
    assert "[secret]" in told or size
    assert max(len(str(error)), len(error.code)) <= 200
    assert len(error.raw) <= 256


def test_a_refusal_of_twenty_megabytes_is_not_read_and_proves_nothing(venue: SimulatedCoinbase) -> None:
    venue.inject("echo", "submit", status=400, size=20_000_000)

    error = fate(venue, order())

    assert (type(error), error.code, error.raw) == (Ambiguous, "unreadable", b"")


@pytest.mark.parametrize(("says", "asked_s"), [("86400", 86_400), ("0", None), ("soon", None), ("2.5", 2.5)])
def test_a_pause_is_told_as_the_venue_says_it(venue: SimulatedCoinbase, says: str, asked_s) -> None:
    venue.inject("retry_after", "submit", says=says)

    error = fate(venue, order())

    asked_ns = None if asked_s is None else int(asked_s * SECOND_NS)
    assert (type(error), error.is_throttled, error.retry_after_ns) == (Retryable, True, asked_ns)


def test_an_answer_that_drips_on_is_ambiguous_and_its_order_found(venue: SimulatedCoinbase) -> None:
    venue.inject("drip", "submit", seconds=30.0)

    error = fate(venue, order())

    assert (type(error), error.code) == (Ambiguous, "timeout")
    assert len(venue.orders) == 1


@pytest.mark.parametrize(("stray", "is_accepted"), [("", True), ("{}", False)])
def test_an_interim_answer_is_skipped_unless_it_shifts_what_follows(
    venue: SimulatedCoinbase, stray: str, is_accepted: bool
) -> None:
    venue.inject("informational", "submit", interim=102, stray=stray)

    if is_accepted:
        assert venue.client.submit_order(order(), 5).venue_order_id
    else:
        assert fate(venue, order()).code == "unreadable"
    assert len(venue.orders) == 1
