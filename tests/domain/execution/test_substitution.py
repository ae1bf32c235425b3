"""An opening moves to another venue only where the portfolio's gate would let it, and its reservation moves along."""

from decimal import Decimal

import pytest

from domain.ledger.account import Portfolio
from domain.ledger.wallet import Wallet
from domain.messages.journal import IntentDenied, IntentDone
from domain.messages.market import MarketBatch
from domain.messages.orders import OrderAccepted, OrderRejected, OrderStatus, Purpose, SubmitOrder
from domain.messages.system import WishExit
from domain.settings import RiskSettings, Settings, VenueSettings
from tests.builders import make_instrument, make_quote, make_stream_state
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
RISK = {"max_positions": 5, "min_edge_cost_ratio": 0.0}


def venues(other_usd: str = "10000", **risk) -> TimedOrderManager:
    settings = Settings(
        venues={name: VenueSettings(instruments=(BTC,)) for name in ("coinbase", "other")},
        risk=RiskSettings(**{**RISK, **risk}),
    )
    return TimedOrderManager(settings).ready("coinbase").ready("other", usd=other_usd)


def refuse_the_first(manager: TimedOrderManager) -> None:
    """Decide on 0.01 BTC (641 dollars) at coinbase, which refuses."""
    manager.hear(make_intent())
    order = manager.sent(SubmitOrder)[-1]
    assert order.venue == "coinbase"
    manager.hear(
        OrderRejected(ts_event=manager.now.utc_ns, client_order_id=order.client_order_id, venue="coinbase", code="NO")
    )


def hold_at_other(manager: TimedOrderManager, protect: bool = True) -> None:
    manager.hear(make_intent(intent_id="at-other", venue="other", quantity=Decimal("0.001")))
    order = manager.sent(SubmitOrder)[-1].client_order_id
    about = {"client_order_id": order, "venue": "other", "venue_order_id": "v-o"}
    manager.hear(make_accepted(**about))
    manager.fills(make_fill("0.001", "f-o", venue="other", venue_order_id="v-o"))
    manager.hear(make_report(S.FILLED, "0.001", fees="1", **about))
    if protect:
        manager.hear(make_intent(Purpose.PROTECT, "guard", venue="other", quantity=Decimal("0.001")))
        guard = manager.sent(SubmitOrder)[-1].client_order_id
        manager.hear(
            OrderAccepted(ts_event=manager.now.utc_ns, client_order_id=guard, venue="other", venue_order_id="v-g")
        )


def moved(manager: TimedOrderManager) -> bool:
    """Tell whether the opening went to the other venue; else its plan must be over."""
    orders = [order for order in manager.sent(SubmitOrder) if order.intent_id == "i-1"]
    has_moved = [order.venue for order in orders] == ["coinbase", "other"]
    done = [event.intent_id for event in manager.journaled(IntentDone)]
    assert has_moved is not ("i-1" in done)
    return has_moved


def test_an_opening_whose_exit_is_wanted_moves_nowhere() -> None:
    manager = venues()
    manager.hear(make_intent())
    order = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(WishExit(venue="coinbase", instrument=BTC, signal_id="exit"))

    manager.hear(OrderRejected(ts_event=manager.now.utc_ns, client_order_id=order, venue="coinbase", code="NO"))

    assert not moved(manager)


@pytest.mark.parametrize(
    "risk",
    [
        {},
        {"max_positions": 1},  # it is one position, wherever it lands
        {"max_exposure_ratio": 0.05},  # 1,000 dollars: the same order is not counted twice
        {"max_asset_ratio": 0.05},
        {"orders_per_hour": 1},
    ],
)
def test_an_opening_moves_where_every_limit_allows_it(risk: dict) -> None:
    manager = venues(**risk)

    refuse_the_first(manager)

    assert moved(manager)


@pytest.mark.parametrize(
    ("other_usd", "risk"),
    [
        ("100", {}),
        ("645", {"reserve_ratio": 0.0}),  # enough for the order, not for its fee
        ("1000", {"reserve_ratio": 0.05}),  # what would be left is below the reserve
        ("10000", {"max_order_notional": Decimal("600")}),
        ("10000", {"max_position_ratio": 0.03}),
        ("10000", {"max_asset_ratio": 0.03}),
        ("10000", {"max_exposure_ratio": 0.03}),
        ("10000", {"min_edge_cost_ratio": 10.0}),
    ],
)
def test_it_moves_nowhere_where_a_limit_forbids_it(other_usd: str, risk: dict) -> None:
    manager = venues(other_usd, **risk)

    refuse_the_first(manager)

    assert not moved(manager)


@pytest.mark.parametrize("protect", [True, False])
def test_it_adds_to_no_position_there(protect: bool) -> None:
    manager = venues(**({} if protect else {"max_positions_per_instrument": 2}))
    hold_at_other(manager, protect)

    refuse_the_first(manager)

    assert not moved(manager)


def test_cash_and_limits_are_reserved_where_the_order_is() -> None:
    manager = venues()
    refuse_the_first(manager)

    for books in (manager.manager.books, replayed(manager)):
        assert books.reserved_cash(Wallet("coinbase", "", "USD"), Decimal(0)) == 0
        assert books.reserved_cash(Wallet("other", "", "USD"), Decimal(0)) == Decimal("641.281")
        assert [plan.intent.intent_id for plan in books.plans_of("other", BTC, Purpose.OPEN)] == ["i-1"]
        assert books.plans_of("coinbase", BTC, Purpose.OPEN) == []


def replayed(manager: TimedOrderManager) -> Portfolio:
    books = Portfolio()
    books.replay(manager.journal)
    return books


def test_a_decision_made_unaware_of_what_has_moved_there_is_denied() -> None:
    manager = venues()
    seen = manager.manager.ledger.last_seq
    refuse_the_first(manager)

    manager.hear(make_intent(intent_id="i-2", venue="other", known_seq=seen))

    (denied,) = manager.journaled(IntentDenied)
    assert denied.reason == "outdated"


def test_a_decision_made_unaware_of_what_has_moved_beside_it_overdraws_nothing() -> None:
    manager = venues("700", reserve_ratio=0.0)
    seen = offer_ether_at_other(manager)
    refuse_the_first(manager)  # its 641 dollars are taken from the other venue now

    manager.hear(make_intent(intent_id="i-2", **ETHER, known_seq=seen))

    (denied,) = manager.journaled(IntentDenied)
    assert denied.reason == "insufficient_balance"


def test_a_decision_made_by_a_portfolio_that_knew_less_keeps_the_limits() -> None:
    manager = venues(max_positions=1)
    seen = offer_ether_at_other(manager)
    manager.hear(make_intent(known_seq=seen))  # of the portfolio that died

    manager.hear(make_intent(intent_id="i-2", **ETHER, known_seq=seen))

    (denied,) = manager.journaled(IntentDenied)
    assert denied.reason == "max_positions"


def test_decisions_that_share_what_there_is_pass_together() -> None:
    manager = venues("1300", reserve_ratio=0.0)
    seen = offer_ether_at_other(manager)
    refuse_the_first(manager)

    manager.hear(make_intent(intent_id="i-2", **ETHER, known_seq=seen))

    assert [order.venue for order in manager.sent(SubmitOrder)] == ["coinbase", "other", "other"]


ETHER = {
    "venue": "other",
    "instrument": "ETH-USD",
    "quantity": Decimal("0.25"),  # 626 dollars at its limit
    "reference_price": Decimal("2500.05"),
}


def offer_ether_at_other(manager: TimedOrderManager) -> int:
    """Let the other venue trade ETH-USD, too; return how far the journal is."""
    manager.load(make_instrument("ETH-USD", venue="other"))
    manager.hear(
        MarketBatch(
            venue="other",
            quotes=(make_quote("2500.00", "2500.10", "ETH-USD", venue="other"),),
            trades=(),
            bars=(),
            state=make_stream_state(venue="other", alive_ns=manager.now.monotonic_ns),
        )
    )
    return manager.manager.ledger.last_seq
