"""Reads that are no state of our books while trading goes on (docs/money.md 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instrument import InstrumentId
from domain.messages.account import RequestSnapshot
from domain.messages.journal import BalanceCorrected, HaltRaised, IntentDenied
from domain.messages.orders import FillsReported, Purpose, SubmitOrder
from domain.messages.system import AlarmOver, AlarmRaised, VenueReadyChanged
from tests.builders import UTC
from tests.order_builders import CASH, TimedOrderManager, make_accepted, make_fill, make_intent

KEY = InstrumentId("coinbase", "BTC-USD")
Totals = tuple[Decimal, Decimal]  # USD, BTC


class Trading:
    """Buys, and sells what was bought, every 2 s, while the account is read every 5 s."""

    def __init__(self) -> None:
        self.desk = TimedOrderManager().ready()
        self.states: list[Totals] = [(CASH, Decimal(0))]  # after each trade
        self._answered = 1

    def trade(self, times: int, lost: int = 0, behind: int = 0) -> None:
        """Go on trading.

        Args:
            lost: the account has so many dollars less after each of the trades.
            behind: its reads show it as it was so many trades ago.
        """
        for number in range(1, times + 1):
            self.desk.advance(2)
            self._order()
            if len(self.desk.sent(RequestSnapshot)) > self._answered:
                usd, btc = self.states[max(0, len(self.states) - 1 - behind)]
                self.desk.snapshot(usd=usd - lost * number, btc=btc)
                self._answered += 1

    def _order(self) -> None:
        desk, number = self.desk, len(self.states)
        desk.quote()
        is_flat = desk.manager.books.position(KEY).is_flat
        expires_at = desk.now.utc_ns + 10**10
        intent = make_intent(Purpose.OPEN if is_flat else Purpose.CLOSE, f"t-{number}", expires_at=expires_at)
        desk.hear(intent)
        sent = [order for order in desk.sent(SubmitOrder) if order.intent_id == intent.intent_id]
        if sent:
            name = f"v-{number}"
            fill = make_fill("0.01", f"f-{number}", side=intent.side, venue_order_id=name, ts_event=desk.now.utc_ns)
            desk.hear(make_accepted(client_order_id=sent[0].client_order_id, venue_order_id=name))
            desk.hear(FillsReported(ts_event=UTC, venue="coinbase", fills=(fill,)))
        balances = desk.manager.books.balances
        self.states.append((balances["coinbase", "", "USD"], balances["coinbase", "", "BTC"]))

    @property
    def is_ready(self) -> bool:
        return bool(self.desk.sent(VenueReadyChanged)[-1].is_ready)


def test_reads_that_lack_more_each_time_stop_openings_and_are_told_with_their_size() -> None:
    trading = Trading()
    trading.trade(20, lost=7)
    assert trading.is_ready

    trading.trade(10, lost=7)

    desk = trading.desk
    assert not trading.is_ready
    report = desk.manager.report(desk.now)
    assert not report.is_reconciled
    assert [("USD -" in line.reason, line.scope) for line in report.waiting] == [(True, "coinbase")]
    assert ["USD -" in alarm.text for alarm in desk.sent(AlarmRaised)] == [True]
    assert {denied.reason for denied in desk.journaled(IntentDenied)} == {"venue_not_ready"}


def test_the_loss_is_corrected_once_trading_has_stopped_for_it() -> None:
    trading = Trading()
    trading.trade(30, lost=7)
    usd, btc = trading.states[-1]

    for seconds in range(0, 45, 5):
        trading.desk.advance(5)
        trading.desk.snapshot(usd=usd - 210 - seconds, btc=btc)  # and it goes on

    lost = sum(event.difference for event in trading.desk.journaled(BalanceCorrected))
    assert -255 < lost <= -210
    assert [halt.scope for halt in trading.desk.journaled(HaltRaised)] == ["coinbase"]


@pytest.mark.parametrize("behind", [0, 3, 7])
def test_reads_that_show_what_our_books_said_a_while_ago_keep_nothing_waiting(behind: int) -> None:
    trading = Trading()
    trading.trade(60, behind=behind)

    assert trading.is_ready
    assert trading.desk.sent(AlarmRaised) == []
    assert len(trading.desk.sent(SubmitOrder)) == 60


def test_a_read_that_agrees_again_ends_the_wait_and_the_alarm() -> None:
    trading = Trading()
    trading.trade(30, lost=7)
    trading.desk.advance(5)
    trading.desk.snapshot(*trading.states[-1])

    assert trading.is_ready
    assert [over.text for over in trading.desk.sent(AlarmOver)] == [
        alarm.text for alarm in trading.desk.sent(AlarmRaised)
    ]
