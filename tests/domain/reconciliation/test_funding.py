"""Funding moves cash once for each time, however often a venue lists it, and is a line of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import HOUR_NS
from domain.messages.account import FundingReported
from domain.messages.journal import BalanceCorrected, FundingPaid
from domain.messages.system import AlarmRaised
from domain.numbers import use_exact_decimals
from tests.builders import UTC
from tests.domain.perpetual_desk import COLLATERAL, PerpetualDesk, funding
from tests.order_builders import CASH

use_exact_decimals()

AT = UTC + 3 * 1_000_000_000


@pytest.fixture
def desk() -> PerpetualDesk:
    return PerpetualDesk().ready()


def test_funding_is_booked_once_and_is_no_difference(desk: PerpetualDesk) -> None:
    desk.look(3, cash=CASH - Decimal("6.25"), positions={}, funding=[funding("-6.25", AT)])

    books = desk.manager.books
    assert desk.cash == CASH - Decimal("6.25")
    assert dict(books.funding) == {COLLATERAL: Decimal("-6.25")}
    assert len(desk.journaled(FundingPaid)) == 1 and not desk.journaled(BalanceCorrected)
    assert not books.fees and not books.realized_pnl("USDC")


def test_what_a_stream_tells_is_booked_at_once_and_known_when_it_is_listed(desk: PerpetualDesk) -> None:
    told = FundingReported(ts_event=AT, venue="toy", payments=(funding("-6.25", AT),))

    desk.hear(told, told)
    assert desk.cash == CASH - Decimal("6.25")

    desk.look(3, cash=CASH - Decimal("6.25"), funding=[funding("-6.25", AT)])
    again = desk.restarted().ready(cash=desk.cash)
    again.hear(told)
    again.look(2, funding=[funding("-6.25", AT)])
    assert len(desk.journaled(FundingPaid)) == 1
    assert again.cash == CASH - Decimal("6.25") and not again.journaled(FundingPaid)
    assert not desk.journaled(BalanceCorrected) and not again.journaled(BalanceCorrected)


def test_what_a_stream_tells_before_the_books_are_opened_is_left_to_the_lists() -> None:
    desk = PerpetualDesk()
    desk.hear(FundingReported(ts_event=AT, venue="toy", payments=(funding("-6.25", UTC - 1),)))

    desk.ready()

    assert not desk.journaled(FundingPaid)


def test_each_time_is_a_payment_of_its_own(desk: PerpetualDesk) -> None:
    desk.look(1, cash=CASH, funding=[funding("1", AT), funding("1", AT + 1)])

    assert desk.cash == CASH + 2


def test_a_restart_books_nothing_twice(desk: PerpetualDesk) -> None:
    desk.look(2, cash=CASH + 1, funding=[funding("1", AT)])

    again = desk.restarted().ready(cash=CASH + 1)
    again.look(2, cash=CASH + 1, funding=[funding("1", AT)])

    assert again.cash == CASH + 1 and not again.journaled(FundingPaid, BalanceCorrected)


def test_what_was_paid_before_the_books_were_opened_is_in_the_opening_balance(desk: PerpetualDesk) -> None:
    desk.look(2, cash=CASH, funding=[funding("1", UTC - HOUR_NS)])

    assert desk.cash == CASH and not desk.journaled(FundingPaid)


def test_one_that_is_told_again_with_another_amount_is_told_of_once_and_the_first_stands(desk: PerpetualDesk) -> None:
    desk.look(1, cash=CASH + 1, funding=[funding("1", AT)])
    desk.look(2, cash=CASH + 1, funding=[replace(funding("1", AT), amount=Decimal(2))])

    [alarm] = [told for told in desk.sent(AlarmRaised) if "funding" in told.text]
    assert alarm.text == f"funding of {AT} told again as 2, first as 1"
    assert desk.cash == CASH + 1
