"""The account is what the journal says, to the last digit, and rebuilding it changes nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.definitions import defined, definition, is_as_defined
from domain.ledger.wallet import Wallet
from domain.messages.account import Balance
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    CancelRequested,
    ExternalFillSeen,
    HaltCleared,
    HaltRaised,
    IntentDenied,
    IntentDone,
    JournalEntry,
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderSubmitted,
)
from domain.messages.orders import (
    Fill,
    FillKind,
    OrderAccepted,
    OrderStatus,
    OrderType,
    OrderUnconfirmed,
    Purpose,
    SubmitOrder,
    TimeInForce,
)
from domain.numbers import use_exact_decimals
from tests.builders import UTC, make_instrument
from tests.domain.account_harness import accepted, make_intent

use_exact_decimals()

DOLLARS = Balance(currency="USD", total=Decimal("10000"), hold=Decimal(0))
OPENED = BalancesOpened(ts_event=UTC, venue="coinbase", balances=(DOLLARS,))


def submitted(client_order_id: str = "o1", intent_id: str = "s1:open", **changes) -> OrderSubmitted:
    fields = {
        "client_order_id": client_order_id,
        "intent_id": intent_id,
        "venue": "coinbase",
        "instrument": "BTC-USD",
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "purpose": Purpose.OPEN,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.IOC,
        "quantity": Decimal("0.01"),
        "limit_price": Decimal("50100"),
    }
    return OrderSubmitted(
        ts_event=UTC,
        order=SubmitOrder(**{**fields, **changes}),
        attempt=1,
        quote_bid=None,
        quote_ask=None,
        quote_ts_event=0,
        configuration_hash="",
        code_version="",
    )


def filled(quantity: str, price: str, fee: str = "0", order: str = "o1", **changes) -> OrderFilled:
    fields = {
        "venue": "coinbase",
        "fill_id": f"{order}/{quantity}@{price}",
        "venue_order_id": "",
        "instrument": "BTC-USD",
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "fee": Decimal(fee),
        "fee_currency": "USD",
        "ts_event": UTC,
    }
    return OrderFilled(
        ts_event=UTC,
        client_order_id=order,
        intent_id="s1:open",
        purpose=Purpose.OPEN,
        fill=Fill(**{**fields, **changes}),
    )


def provisional(quantity: str, price: str, fee: str = "0", order: str = "o1", side=Side.BUY):
    return OrderFilledProvisionally(
        ts_event=UTC,
        client_order_id=order,
        intent_id="s1:open",
        purpose=Purpose.OPEN,
        venue="coinbase",
        instrument="BTC-USD",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
    )


def closed(order: str = "o1", status: OrderStatus = OrderStatus.CANCELED) -> OrderClosed:
    return OrderClosed(
        ts_event=UTC,
        client_order_id=order,
        intent_id="s1:open",
        status=status,
        filled_quantity=Decimal(0),
        evidence="reported:stream",
    )


def portfolio_after(*events) -> Portfolio:
    portfolio = Portfolio()
    portfolio.replay(JournalEntry(seq=seq, recorded_at=UTC, event=event) for seq, event in enumerate(events, start=1))
    return portfolio


def money(portfolio: Portfolio) -> tuple:
    return dict(portfolio.balances), dict(portfolio.fees), portfolio.positions, portfolio.realized_pnl("USD")


# ---- money ---------------------------------------------------------------------------------------------


def test_a_round_trip_leaves_exactly_profit_minus_fees() -> None:
    portfolio = portfolio_after(
        OPENED, filled("0.01", "50000", "3"), filled("0.01", "51000", "3.06", order="o2", side=Side.SELL)
    )

    assert portfolio.balances["coinbase", "", "USD"] == Decimal("10003.94")
    assert portfolio.balances["coinbase", "", "BTC"] == 0
    assert portfolio.realized_pnl("USD") == Decimal("10")
    assert portfolio.fees["coinbase", "", "USD"] == Decimal("6.06")
    assert portfolio.positions == {}


def test_a_fee_is_taken_from_the_wallet_of_its_own_currency() -> None:
    portfolio = portfolio_after(OPENED, filled("0.01", "50000", "0.00001", fee_currency="BTC"))

    assert portfolio.balances["coinbase", "", "BTC"] == Decimal("0.00999")
    assert portfolio.balances["coinbase", "", "USD"] == Decimal("9500")


def test_a_fee_in_the_coins_themselves_leaves_fewer_of_them_at_their_price() -> None:
    portfolio = portfolio_after(OPENED, filled("0.01", "50000", "0.00001", fee_currency="BTC"))

    position = portfolio.position(InstrumentId("coinbase", "BTC-USD"))
    assert (position.quantity, position.average_price) == (Decimal("0.00999"), Decimal("50000"))
    assert dict(portfolio.fees) == {("coinbase", "", "USD"): Decimal("0.5")}  # what equity is less by, at that price


def test_a_fill_taken_back_gives_back_the_coins_of_its_fee() -> None:
    fill = filled("0.01", "50000", "0.00001", fee_currency="BTC")
    back = filled("0.01", "50000", "0.00001", fee_currency="BTC", kind=FillKind.REVERSAL)

    portfolio = portfolio_after(OPENED, fill, back)

    assert portfolio.positions == {}
    assert not any(portfolio.fees.values()) and portfolio.balances["coinbase", "", "BTC"] == 0


def test_two_fills_reported_as_one_total_and_then_as_rows_count_once_with_exact_fees() -> None:
    rows = filled("0.004", "50000", "1.2"), filled("0.006", "50001", "1.8")

    told_early = portfolio_after(OPENED, provisional("0.01", "50000.6", "3.1"), *rows)

    assert money(told_early) == money(portfolio_after(OPENED, *rows))


def test_a_reversal_takes_a_fill_back_with_its_fee() -> None:
    portfolio = portfolio_after(
        OPENED, filled("0.01", "50000", "3"), filled("0.01", "50000", "3", kind=FillKind.REVERSAL)
    )

    assert portfolio.balances["coinbase", "", "USD"] == Decimal("10000")
    assert portfolio.fees["coinbase", "", "USD"] == 0
    assert portfolio.positions == {}
    assert portfolio.realized_pnl("USD") == 0


def test_a_correction_adds_to_what_was_filled() -> None:
    portfolio = portfolio_after(OPENED, filled("0.01", "50000"), filled("0.002", "50000", kind=FillKind.CORRECTION))

    assert portfolio.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.012")


def test_a_correction_is_not_what_totals_announced() -> None:
    trace = (
        OPENED,
        provisional("0.01", "50000"),
        filled("0.002", "50000", kind=FillKind.CORRECTION),
        filled("0.01", "50000"),
    )

    before, after = portfolio_after(*trace[:3]), portfolio_after(*trace)

    for portfolio in before, after:
        assert portfolio.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.012")
        assert portfolio.balances["coinbase", "", "USD"] == Decimal("9400")


def test_a_foreign_fill_moves_the_wallet_and_no_position_of_ours() -> None:
    foreign = ExternalFillSeen(ts_event=UTC, fill=filled("0.01", "50000", "3").fill)

    portfolio = portfolio_after(OPENED, foreign)

    assert portfolio.balances["coinbase", "", "BTC"] == Decimal("0.01")
    assert portfolio.balances["coinbase", "", "USD"] == Decimal("9497")
    assert portfolio.positions == {}
    assert portfolio.fees["coinbase", "", "USD"] == 0


def test_a_correction_of_a_balance_is_a_transfer_not_a_profit() -> None:
    corrected = BalanceCorrected(
        ts_event=UTC, correction_id="c", venue="coinbase", currency="USD", difference=Decimal("-7"), reason=""
    )

    portfolio = portfolio_after(OPENED, corrected)

    assert portfolio.balances["coinbase", "", "USD"] == Decimal("9993")
    assert portfolio.transfers["coinbase", "", "USD"] == Decimal("-7")
    assert portfolio.realized_pnl("USD") == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.decimals(min_value="0.00000001", max_value="10", places=8),
        st.decimals(min_value="1", max_value="99999", places=2),
        st.decimals(min_value="0", max_value="9", places=18),
        st.booleans(),
    ),
    max_size=10,
)


@given(steps, st.randoms())
def test_wallet_and_positions_agree_and_provisional_reports_leave_no_trace(trades, shuffler) -> None:
    exact = [
        filled(str(quantity), str(price), str(fee), order=f"o{n}", side=side)
        for n, (side, quantity, price, fee, _) in enumerate(trades)
    ]
    live, late = [OPENED], []
    for fill, (side, quantity, _, _, is_told_early) in zip(exact, trades, strict=True):
        if is_told_early:
            live.append(provisional(str(quantity), "1234.5", "0.3", fill.client_order_id, side))
            late.append(fill)
        else:
            live.append(fill)
    shuffler.shuffle(late)

    portfolio = portfolio_after(*live, *late)

    assert money(portfolio) == money(portfolio_after(OPENED, *exact))
    position = portfolio.position(InstrumentId("coinbase", "BTC-USD"))
    assert portfolio.balances["coinbase", "", "BTC"] == position.quantity
    assert portfolio.balances["coinbase", "", "USD"] == (
        Decimal("10000") + position.realized_pnl - position.cost - portfolio.fees["coinbase", "", "USD"]
    )


# ---- perpetuals ------------------------------------------------------------------------------------------

BTC_PERPETUAL = InstrumentId("toy", "BTC-USD")
COLLATERAL = "toy", "perpetual", "USDC"
DEFINED = definition(
    make_instrument(venue="toy", kind=InstrumentKind.PERPETUAL, settlement="USDC", contract_size=Decimal("0.1")),
    UTC,
)


def on_margin(quantity: str, price: str, side: Side = Side.BUY, fee: str = "0", **changes) -> OrderFilled:
    fields = {"venue": "toy", "fee_currency": "USDC", "order": f"{side}{quantity}@{price}", **changes}
    return filled(quantity, price, fee, side=side, **fields)


def test_a_perpetual_moves_raw_cash_of_its_own_wallet_and_no_coins() -> None:
    portfolio = portfolio_after(DEFINED, on_margin("2", "50000", fee="3"))

    assert dict(portfolio.balances) == {COLLATERAL: Decimal("-10003")}  # 2 contracts of a tenth
    assert portfolio.derivatives == {BTC_PERPETUAL: Decimal(2)}
    assert dict(portfolio.fees) == {COLLATERAL: Decimal(3)}


def test_a_perpetual_that_is_sold_through_zero_is_short_at_the_price_of_that_sale() -> None:
    portfolio = portfolio_after(DEFINED, on_margin("2", "50000"), on_margin("3", "51000", Side.SELL))

    position = portfolio.position(BTC_PERPETUAL)
    assert (position.quantity, position.average_price) == (Decimal(-1), Decimal(51000))
    assert portfolio.realized_pnl("USDC") == 200
    assert portfolio.realized_pnl("USD") == 0


def test_a_fill_of_others_moves_what_there_is_of_a_perpetual_and_no_position_of_ours() -> None:
    foreign = ExternalFillSeen(ts_event=UTC, fill=on_margin("2", "50000", Side.SELL, "3").fill)

    portfolio = portfolio_after(DEFINED, foreign)

    assert (portfolio.balances[COLLATERAL], portfolio.derivatives[BTC_PERPETUAL]) == (Decimal("9997"), Decimal(-2))
    assert portfolio.positions == {} and not portfolio.fees


def test_a_definition_without_a_settlement_of_its_own_stays_as_it_was_read() -> None:
    instrument = make_instrument(venue="toy", kind=InstrumentKind.PERPETUAL, settlement="USD")

    assert is_as_defined(instrument, defined(definition(instrument, UTC)))


# ---- what may still trade ------------------------------------------------------------------------------


def test_cash_stays_reserved_until_filled_or_proven_over() -> None:
    cost_ratio = Decimal("0.01")
    trace = [
        OPENED,
        accepted(make_intent()),
        submitted(),
        OrderUnconfirmed(ts_event=UTC, client_order_id="o1", venue="coinbase", reason="timeout"),
        filled("0.004", "50000"),
        closed(),
        IntentDone(ts_event=UTC, intent_id="s1:open", filled_quantity=Decimal("0.004")),
    ]

    reserved = [
        portfolio_after(*trace[:length]).reserved_cash(Wallet("coinbase", "", "USD"), cost_ratio)
        for length in range(1, len(trace) + 1)
    ]

    whole = Decimal("0.01") * 50100 * Decimal("1.01")
    rest = Decimal("0.006") * 50100 * Decimal("1.01")
    assert reserved == [0, Decimal("505"), whole, whole, rest, rest, 0]


def test_an_order_lives_from_submission_to_evidence() -> None:
    portfolio = portfolio_after(accepted(make_intent()), submitted())
    order = portfolio.orders["o1"]
    assert (order.status, order.leaves_quantity) == (OrderStatus.SUBMITTED, Decimal("0.01"))

    portfolio.apply(OrderAccepted(ts_event=UTC, client_order_id="o1", venue="coinbase", venue_order_id="v1"))
    assert order.status is OrderStatus.OPEN

    portfolio.apply(provisional("0.004", "50000"))
    portfolio.apply(filled("0.004", "50000"))
    assert (order.status, order.leaves_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.006"))

    portfolio.apply(CancelRequested(ts_event=UTC, client_order_id="o1", reason="late"))
    assert portfolio.orders["o1"].leaves_quantity == Decimal("0.006")  # a wish is no evidence

    portfolio.apply(closed())
    assert portfolio.orders == {}


def test_a_fill_after_the_end_is_still_booked() -> None:
    done = IntentDone(ts_event=UTC, intent_id="s1:open", filled_quantity=Decimal(0))

    portfolio = portfolio_after(OPENED, accepted(make_intent()), submitted(), closed(), done, filled("0.01", "50000"))

    assert portfolio.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")


def test_cover_is_what_protective_orders_that_the_venue_has_would_close() -> None:
    protect = {"side": Side.SELL, "purpose": Purpose.PROTECT}
    portfolio = portfolio_after(
        accepted(make_intent("protect:1", **protect)),
        submitted("p1", "protect:1", **protect),
        submitted("o9"),
    )
    unknown = OrderUnconfirmed(ts_event=UTC, client_order_id="p1", venue="coinbase", reason="timeout")
    there = OrderAccepted(ts_event=UTC, client_order_id="p1", venue="coinbase", venue_order_id="v1")

    assert portfolio.covered_quantity("coinbase", "BTC-USD") == 0
    portfolio.apply(unknown)
    assert portfolio.covered_quantity("coinbase", "BTC-USD") == 0
    portfolio.apply(there)
    assert portfolio.covered_quantity("coinbase", "BTC-USD") == Decimal("0.01")
    (live,) = portfolio.orders_of("coinbase", "BTC-USD", Purpose.PROTECT)
    assert live.order.client_order_id == "p1"
    assert len(portfolio.plans_of("coinbase", "BTC-USD", Purpose.PROTECT)) == 1


def test_answers_of_the_router_are_known_by_intent_and_counted_by_purpose() -> None:
    denied = IntentDenied(
        ts_event=UTC,
        intent_id="x",
        venue="coinbase",
        instrument="BTC-USD",
        purpose=Purpose.OPEN,
        reason="expired",
    )

    portfolio = portfolio_after(accepted(make_intent("a")), denied)

    assert portfolio.intents == {"a": True, "x": False}
    assert portfolio.decided["coinbase", "BTC-USD", Purpose.OPEN] == 2
    assert list(portfolio.plans) == ["a"]


def test_halts_last_until_cleared() -> None:
    portfolio = portfolio_after(HaltRaised(ts_event=UTC, scope="all", reason="drawdown"))
    assert portfolio.halts.has("all", "drawdown")

    portfolio.apply(HaltCleared(ts_event=UTC, scope="all"))
    assert list(portfolio.halts) == []


# ---- the journal ---------------------------------------------------------------------------------------


def test_entries_already_applied_are_skipped_and_a_hole_is_our_bug() -> None:
    entries = [
        JournalEntry(seq=1, recorded_at=UTC, event=OPENED),
        JournalEntry(seq=2, recorded_at=UTC, event=filled("0.01", "50000")),
    ]
    portfolio = Portfolio()
    portfolio.replay(entries)

    portfolio.replay(entries)

    assert portfolio.last_seq == 2
    assert portfolio.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")
    with pytest.raises(ValueError, match="entry 4 follows 2"):
        portfolio.replay([JournalEntry(seq=4, recorded_at=UTC, event=OPENED)])
