"""Whose fills must be read."""

from __future__ import annotations

from actors.components.fills_due import FillsDue
from domain.messages.orders import OrderStatus
from tests.order_builders import make_report


def test_what_it_remembers_of_orders_is_bounded() -> None:
    due = FillsDue()
    told = [make_report(OrderStatus.FILLED, "0.01", venue_order_id=f"v-{number}", fees="1") for number in range(1_500)]

    assert all(due.is_due(report) for report in told)

    assert not due.is_due(told[-1]), "a total told again costs no read"
    assert not due.is_due(told[500]), "the newest 1,000 are remembered"
    assert due.is_due(told[499]), "what was forgotten costs one"


def test_an_order_is_wanted_until_it_is_taken() -> None:
    due = FillsDue()
    due.want(("v-1", "v-2"))
    due.want(("v-1",))

    assert due.take() == ("v-1", "v-2")
    assert due.take() == ()
