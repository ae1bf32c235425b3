"""Live orders that are not ours count in exposure and in cash, and are left alone (docs/money.md 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.account import RequestSnapshot
from domain.messages.journal import IntentDenied
from domain.messages.orders import (
    CancelProtection,
    Fill,
    FillsReported,
    OrderAccepted,
    OrderIntent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    Purpose,
    SubmitOrder,
)
from domain.messages.system import ExternalOrder, ExternalOrdersSeen
from domain.numbers import plain
from tests.builders import UTC
from tests.domain.account_harness import FEE_RATIO, Account, accepted, make_signal, submitted
from tests.domain.portfolio.test_risk_checks import opening
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

BID, ASK = "49999", "50001"


def resting(side: Side = Side.BUY, quantity: str = "0.01", price: str | None = "50000", **changes):
    fields = {
        "venue_order_id": "v-x",
        "instrument": "BTC-USD",
        "side": side,
        "leaves_quantity": Decimal(quantity),
        "limit_price": None if price is None else Decimal(price),
    }
    return ExternalOrder(**{**fields, **changes})


def seen(*orders: ExternalOrder) -> ExternalOrdersSeen:
    return ExternalOrdersSeen(ts_event=UTC, venue="coinbase", orders=orders)


@pytest.fixture
def account() -> Account:
    return Account()


def decisions_with(account: Account, *orders: ExternalOrder) -> dict[str, int]:
    account.hear(seen(*orders))
    account.hear(make_signal())
    return dict(account.manager.decisions)


def test_a_foreign_purchase_counts_towards_the_limits_of_its_asset(account: Account) -> None:
    """F26"""
    assert decisions_with(account, resting(quantity="0.0599")) == {"asset_limit": 1}


def test_it_counts_until_it_is_gone(account: Account) -> None:
    account.hear(seen(resting(quantity="0.0599")))

    assert decisions_with(account) == {"opened": 1}


@pytest.mark.parametrize("instrument", ["BTC-PERP-INTX", "BTC"])
@pytest.mark.parametrize("side", Side)
def test_of_what_is_no_spot_pair_both_sides_count(account: Account, instrument: str, side: Side) -> None:
    assert decisions_with(account, resting(side, "0.0599", instrument=instrument)) == {"asset_limit": 1}


@pytest.mark.parametrize("side", Side)
def test_what_only_reduces_a_position_adds_nothing(account: Account, side: Side) -> None:
    order = resting(side, "0.0599", instrument="BTC-PERP-INTX", reduce_only=True)

    assert decisions_with(account, order) == {"opened": 1}


def test_what_waits_for_a_price_counts_at_that_price(account: Account) -> None:
    stop = {"instrument": "BTC-PERP-INTX", "stop_price": Decimal(60000)}

    assert decisions_with(account, resting(quantity="0.0499", price=None, **stop)) == {"asset_limit": 1}
    assert decisions_with(Account(), resting(quantity="0.0499", price=None, instrument="BTC-PERP-INTX")) == {
        "opened": 1
    }


def test_a_foreign_sale_of_coins_adds_nothing(account: Account) -> None:
    assert decisions_with(account, resting(Side.SELL, "10")) == {"opened": 1}


def test_without_a_price_it_counts_at_the_market(account: Account) -> None:
    assert decisions_with(account, resting(quantity="0.0599", price=None)) == {"asset_limit": 1}


def test_the_cash_that_it_holds_is_not_ours_to_spend(account: Account) -> None:
    before = opening(account).available_cash

    account.hear(seen(resting(quantity="0.1", price="10000", instrument="DOGE-USD")))

    assert before - opening(account).available_cash == Decimal(1000) * (1 + FEE_RATIO + Decimal("0.01"))


def test_the_desk_tells_of_them_when_they_change_and_to_whoever_is_new() -> None:
    manager = TimedOrderManager().ready()
    theirs = make_report(
        OrderStatus.OPEN,
        client_order_id="by-hand",
        venue_order_id="v-x",
        leaves_quantity=Decimal("0.01"),
        limit_price=Decimal(50000),
    )
    for _ in range(3):
        manager.advance(5)
        manager.snapshot(open_orders=[theirs])
    assert [event.orders for event in manager.sent(ExternalOrdersSeen)] == [(resting(),)]

    manager._perform(manager.manager.announce(manager.now))
    assert [event.orders for event in manager.sent(ExternalOrdersSeen)] == 2 * [(resting(),)]

    manager.advance(5)
    manager.snapshot()
    assert manager.sent(ExternalOrdersSeen)[-1].orders == ()


# ---- coins that their sales hold -------------------------------------------------------------------------


def sale(quantity: str = "0.004", **changes) -> OrderReported:
    """What the venue lists of a person's resting sale."""
    fields = {
        "client_order_id": "by-hand",
        "venue_order_id": "v-x",
        "side": Side.SELL,
        "leaves_quantity": Decimal(quantity),
        "limit_price": Decimal(80000),
    }
    return replace(make_report(OrderStatus.OPEN, **{**fields, **changes}), quantity=Decimal(quantity))


@pytest.fixture
def holding() -> TimedOrderManager:
    """A position of 0.01, without a stop."""
    manager = TimedOrderManager().ready()
    manager.hold()
    order = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(OrderStatus.FILLED, "0.01", client_order_id=order, venue_order_id="v-held", fees="1"))
    manager.advance(20)  # longer than reads may lag
    manager.quote()
    return manager


def reads(manager: TimedOrderManager, held: str, *orders: OrderReported, btc: str = "0.01") -> None:
    """Let the venue answer what it holds and lists."""
    manager.advance(5)
    manager.quote()
    manager.snapshot(usd="9359", btc=btc, held=held, open_orders=orders)


def sent_for(manager: TimedOrderManager, purpose: Purpose, name: str = "reduce") -> list[str]:
    until = manager.now.utc_ns + 60 * SECOND_NS
    manager.hear(make_intent(purpose, name, expires_at=until))
    return [plain(it.quantity) for it in manager.sent(SubmitOrder) if it.intent_id == name]


REDUCING = (Purpose.PROTECT, Purpose.CLOSE)


@pytest.mark.parametrize("purpose", REDUCING)
def test_what_reduces_takes_no_coins_that_a_persons_sale_holds(holding: TimedOrderManager, purpose: Purpose) -> None:
    reads(holding, "0.004", sale())

    assert sent_for(holding, purpose) == ["0.006"]


@pytest.mark.parametrize("purpose", REDUCING)
def test_nor_what_is_held_for_nothing_that_anybody_lists(holding: TimedOrderManager, purpose: Purpose) -> None:
    reads(holding, "0.004")

    assert sent_for(holding, purpose) == ["0.006"]


@pytest.mark.parametrize("purpose", REDUCING)
def test_a_sale_of_coins_that_are_not_ours_takes_nothing_from_us(holding: TimedOrderManager, purpose: Purpose) -> None:
    holding.hear(FillsReported(ts_event=holding.now.utc_ns, venue="coinbase", fills=(bought_by_hand(),)))
    holding.hear(sale("1", venue_order_id="v-hand", client_order_id="other", side=Side.BUY))
    assert holding.manager.books.balances["coinbase", "", "BTC"] == Decimal("1.01")
    reads(holding, "1", sale("1"), btc="1.01")

    assert sent_for(holding, purpose) == ["0.01"]


def bought_by_hand() -> Fill:
    return make_fill("1", "f-hand", "1000", venue_order_id="v-hand", ts_event=UTC + 30 * SECOND_NS)


def test_the_hold_of_a_stop_of_ours_that_has_just_ended_takes_nothing_from_the_close(
    holding: TimedOrderManager,
) -> None:
    assert sent_for(holding, Purpose.PROTECT, "stop") == ["0.01"]
    stop = holding.order("stop").id
    names = {"client_order_id": stop, "venue_order_id": "v-stop", "side": Side.SELL}
    names["ts_event"] = holding.now.utc_ns
    holding.hear(make_accepted(client_order_id=stop, venue_order_id="v-stop"))
    holding.hear(CancelProtection(venue="coinbase", instrument=BTC, reason="resized"))
    holding.hear(make_report(OrderStatus.CANCELED, **names))
    reads(holding, "0.01")  # as old as reads may be

    assert sent_for(holding, Purpose.CLOSE) == ["0.01"]


def test_fills_of_a_sale_are_counted_though_its_listing_is_older(holding: TimedOrderManager) -> None:
    reads(holding, "0.004", sale())
    fill = make_fill("0.003", "f-x", venue_order_id="v-x", side=Side.SELL, ts_event=holding.now.utc_ns, price="80000")
    holding.fills(fill)
    holding.hear(sale())  # names the owner

    assert holding.manager.books.balances["coinbase", "", "BTC"] == Decimal("0.007")
    assert sent_for(holding, Purpose.CLOSE) == ["0.006"]


def test_a_refused_stop_asks_at_once_what_else_holds_the_coins(holding: TimedOrderManager) -> None:
    assert sent_for(holding, Purpose.PROTECT) == ["0.01"]
    asked = len(holding.sent(RequestSnapshot))
    order = holding.sent(SubmitOrder)[-1].client_order_id

    holding.hear(OrderRejected(ts_event=UTC, client_order_id=order, venue="coinbase", code="INSUFFICIENT_FUND"))
    assert len(holding.sent(RequestSnapshot)) == asked + 1
    holding.snapshot(usd="9359", btc="0.01", held="0.004", open_orders=[sale()])
    holding.advance(0.3)

    assert [plain(it.quantity) for it in holding.sent(SubmitOrder)][-2:] == ["0.01", "0.006"]


HALF = resting(Side.SELL, "0.0019", "80000")


@pytest.fixture
def long() -> Account:
    """A position of 0.0039 BTC, bought at 50,000."""
    account = Account()
    account.hear(make_signal())
    account.execute(account.last_intent, "50000")
    return account


def test_the_stop_covers_what_a_persons_sale_leaves_and_a_person_is_told(long: Account) -> None:
    long.hear(seen(HALF))

    told = long.journal(denied(long.last_intent)) + long.advance(1, BID, ASK)

    assert told[-1].purpose is Purpose.PROTECT
    assert told[-1].quantity == Decimal("0.0020")
    assert [(it.subject, it.text) for it in long.alarms] == [
        (
            "coinbase:BTC-USD",
            "0.0019 of the position are held for an order that is not ours: no stop of ours covers that",
        )
    ]
    long.rest(told[-1])
    assert long.advance(20, BID, ASK) == []  # that is all the cover there can be
    assert len(long.alarms) == 1


def test_when_the_sale_is_gone_the_whole_position_is_covered(long: Account) -> None:
    whole = long.last_intent
    order = submitted(whole, Decimal("0.0020"))  # all that the router could send of it
    name = order.order.client_order_id
    long.hear(seen(HALF))
    long.journal(
        accepted(whole),
        order,
        OrderAccepted(ts_event=UTC, client_order_id=name, venue="coinbase", venue_order_id="v"),
    )
    assert long.advance(8, BID, ASK) == []

    long.hear(seen())

    assert [(type(it), it.reason) for it in long.advance(1, BID, ASK)] == 2 * [(CancelProtection, "resized")]


def test_a_position_that_is_all_up_for_sale_is_neither_bare_nor_closed(long: Account) -> None:
    long.hear(seen(resting(Side.SELL, "0.0039", "80000")))
    long.journal(denied(long.last_intent))

    assert long.advance(20, BID, ASK) == []
    long.hear(make_signal(Side.SELL, "exit", expires_at=long.now.utc_ns + 5 * SECOND_NS))
    assert long.manager.decisions["not_free"] == 1
    assert [it.purpose for it in long.intents].count(Purpose.CLOSE) == 0


def test_an_exit_sells_what_a_persons_sale_leaves(long: Account) -> None:
    long.rest(long.last_intent)
    long.hear(seen(HALF))

    long.hear(make_signal(Side.SELL, "exit", expires_at=long.now.utc_ns + 5 * SECOND_NS))

    assert (long.last_intent.purpose, long.last_intent.quantity) == (Purpose.CLOSE, Decimal("0.0020"))


def denied(intent: OrderIntent) -> IntentDenied:
    return IntentDenied(
        ts_event=UTC,
        intent_id=intent.intent_id,
        venue=intent.venue,
        instrument=intent.instrument,
        purpose=intent.purpose,
        reason="no_price",
    )
