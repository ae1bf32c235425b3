"""Whatever a venue of perpetuals does, and however late reads are: its lists explain it, and nothing is corrected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.instrument import Side
from domain.messages.journal import BalanceCorrected, FundingPaid, PositionCorrected, PositionForced
from domain.messages.orders import Fill, PrivateStreamChanged
from domain.messages.positions import FundingPayment
from domain.numbers import use_exact_decimals
from tests.domain.perpetual_desk import KEY, PERPETUAL, TOY, PerpetualDesk, funding, liquidation
from tests.order_builders import BTC, CASH

use_exact_decimals()


class Venue:
    """One account with a position, and its lists from the beginning on."""

    def __init__(self) -> None:
        self.cash, self.quantity = CASH, Decimal(5)
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.desk = PerpetualDesk().ready(positions={BTC: "5"})
        self.before = self.account

    @property
    def account(self) -> dict[str, Any]:
        return {
            "cash": self.cash,
            "positions": {BTC: str(self.quantity)},
            "fills": tuple(self.fills),
            "funding": tuple(self.payments),
        }

    def liquidate(self) -> None:
        side = Side.SELL if self.quantity > 0 else Side.BUY
        self.before = self.account
        self.desk.advance(0.1)
        fill = liquidation("0.75", f"l-{len(self.fills)}", side, fee=Decimal(2), ts_event=self.desk.now.utc_ns)
        self.fills.append(fill)
        self.quantity += side.sign * fill.quantity
        self.cash -= side.sign * fill.quantity * fill.price + fill.fee

    def pay(self) -> None:
        self.before = self.account
        self.desk.advance(0.1)
        payment = funding("-1.25" if len(self.payments) % 2 else "3", self.desk.now.utc_ns)
        self.payments.append(payment)
        self.cash += payment.amount

    def look(self) -> None:
        self.desk.advance(5)
        self.desk.account(**self.account)

    def look_late(self) -> None:
        """All of the answer is from before the last movement."""
        self.desk.advance(5)
        self.desk.account(**self.before)

    def look_half(self) -> None:
        """The lists show what the numbers do not yet."""
        self.desk.advance(5)
        self.desk.account(**{**self.before, "fills": tuple(self.fills), "funding": tuple(self.payments)})

    def restart(self) -> None:
        self.desk = self.desk.restarted()
        self.desk.load(PERPETUAL, "0.0005")
        self.desk.hear(PrivateStreamChanged(ts_event=0, venue=TOY, is_live=True))
        self.desk.advance(1)
        self.desk.account(**self.account)


ACTS = (Venue.liquidate, Venue.pay, Venue.look, Venue.look_late, Venue.look_half, Venue.restart)


@given(st.lists(st.sampled_from(ACTS), max_size=12))
def test_lists_explain_every_number_once_over_late_reads_and_restarts(acts: list) -> None:
    venue = Venue()
    for act in acts:
        act(venue)
    for _ in range(6):
        venue.look()

    desk = venue.desk
    events = [entry.event for entry in desk.journal]
    assert desk.cash == venue.cash and desk.manager.books.derivatives[KEY] == venue.quantity
    assert not [event for event in events if isinstance(event, BalanceCorrected | PositionCorrected)]
    assert [event.fill for event in events if isinstance(event, PositionForced)] == venue.fills
    assert len([event for event in events if isinstance(event, FundingPaid)]) == len(venue.payments)
    assert desk.manager.ledger.verdicts[TOY].is_equal
