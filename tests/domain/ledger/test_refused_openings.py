"""Openings that the venue refuses are tried ever more rarely, until it takes one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.ledger.asked import Asked
from domain.ledger.live_orders import LiveOrder
from domain.ledger.refused_openings import RefusedOpenings
from domain.messages.journal import OrderClosed
from domain.messages.orders import OrderIntent, OrderRejected, OrderStatus, SubmitOrder
from tests.builders import UTC
from tests.domain.account_harness import Account, accepted, ended, make_signal, submitted
from tests.order_builders import TimedOrderManager, make_intent, make_order

BID, ASK = "49999", "50001"


def closed(intent: OrderIntent, account: Account, evidence: str, status: OrderStatus) -> OrderClosed:
    return OrderClosed(
        ts_event=account.now.utc_ns,
        client_order_id=f"order:{intent.intent_id}",
        intent_id=intent.intent_id,
        status=status,
        filled_quantity=Decimal(0),
        evidence=evidence,
    )


def tries(account: Account, seconds: int, answer: str, status: OrderStatus = OrderStatus.REJECTED) -> list[int]:
    """Signal each second, answer each opening so; return when one was told, in seconds from now."""
    began, told = account.now.utc_ns, []
    for _second in range(seconds):
        account.price(BID, ASK)
        utc_ns = account.now.utc_ns
        name = f"{utc_ns}"
        expiry = {"expires_at": utc_ns + 5 * SECOND_NS, "ts_event": utc_ns}
        for intent in account.hear(make_signal(Side.BUY, name, **expiry)):
            told.append((utc_ns - began) // SECOND_NS)
            _, *rest = ended(intent, Decimal(0))
            account.journal(accepted(intent), submitted(intent), closed(intent, account, answer, status), *rest)
        account.advance(1)
    return told


@pytest.mark.parametrize("answer", ["rejected:INSUFFICIENT_FUND", "reported:stream"])
def test_a_refused_opening_is_tried_after_growing_pauses(answer: str) -> None:
    account = Account()

    assert tries(account, 130, answer) == [0, 2, 6, 14, 30, 62, 126]
    assert account.manager.decisions["refused_lately"] == 123


def test_one_that_the_venue_takes_ends_the_pauses() -> None:
    account = Account()
    tries(account, 6, "rejected:INSUFFICIENT_FUND")
    account.advance(20, BID, ASK)

    assert tries(account, 3, "reported:stream", OrderStatus.EXPIRED) == [0, 1, 2]
    assert tries(account, 3, "rejected:INSUFFICIENT_FUND") == [0, 2]


def test_what_was_never_sent_pauses_nothing() -> None:
    assert tries(Account(), 4, "not_sent:gateway_busy") == [0, 1, 2, 3]


def test_the_pause_goes_on_after_a_restart() -> None:
    account = Account()
    tries(account, 7, "rejected:INSUFFICIENT_FUND")

    assert tries(account.restarted(), 8, "rejected:INSUFFICIENT_FUND") == [7]


def test_the_report_says_what_openings_wait_for() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(make_intent())
    name = manager.sent(SubmitOrder)[-1].client_order_id
    refusal = {"client_order_id": name, "venue": "coinbase", "code": "INSUFFICIENT_FUND"}

    manager.hear(OrderRejected(ts_event=manager.now.utc_ns, **refusal))

    [line] = manager.manager.report(manager.now).waiting
    text = "an opening was refused once, the next try comes later: rejected:INSUFFICIENT_FUND"
    assert (line.scope, line.reason) == ("coinbase:BTC-USD", text)
    manager.advance(3)
    assert manager.manager.report(manager.now).waiting == ()


def test_one_reason_in_two_instruments_pauses_the_whole_venue() -> None:
    books, refused = Portfolio(), RefusedOpenings()

    def refuse(name: str) -> None:
        order = make_order(client_order_id=name, instrument=name)
        books.orders[name] = LiveOrder(Asked(order))
        about = {"client_order_id": name, "intent_id": "i", "filled_quantity": Decimal(0)}
        evidence = "rejected:INSUFFICIENT_FUND"
        refused.hear(OrderClosed(ts_event=UTC, status=OrderStatus.REJECTED, evidence=evidence, **about), books)

    refuse("BTC-USD")
    assert [refused.stop("coinbase", name, UTC) for name in ("BTC-USD", "SOL-USD")] == ["refused_lately", ""]
    refuse("ETH-USD")
    assert refused.stop("coinbase", "SOL-USD", UTC) == "refused_lately"
    assert refused.stop("dydx", "SOL-USD", UTC) == ""
    assert [scope for scope, _ in refused.pauses("coinbase", UTC)] == ["coinbase"]
