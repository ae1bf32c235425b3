import json
from decimal import Decimal

import msgspec
import pytest

from adapters.decoding.answers import UnreadableAnswer
from adapters.venues.coinbase import answers
from domain.instrument import InstrumentKind, Side
from domain.messages.account import Balance
from domain.messages.listing import Unspendable
from domain.messages.orders import FillKind, OrderStatus, OrderType
from tests.builders import make_instrument
from tests.places import WIRE

SAMPLES = WIRE / "coinbase"
recorded = pytest.mark.skipif(not SAMPLES.exists(), reason="wire samples are not here")

FILL = {
    "entry_id": "entry-1",
    "trade_id": "trade-1",
    "order_id": "venue-1",
    "trade_time": "2026-04-07T14:30:00.5Z",
    "trade_type": "FILL",
    "price": "100",
    "size": "0.5",
    "commission": "0.3",
    "product_id": "BTC-USD",
    "liquidity_indicator": "MAKER",
    "size_in_quote": False,
    "side": "SELL",
}
PRODUCT = {
    "product_id": "BTC-USD",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "price_increment": "0.05",
    "base_min_size": "0.0001",
    "base_max_size": "3400",
    "quote_min_size": "1",
    "product_type": "SPOT",
    "status": "online",
}


def fill(instruments=None, **changes):
    row = answers.read(json.dumps({**FILL, **changes}).encode(), answers.FillRow)
    return answers.converted(answers.fill, row, instruments or {})


def product(**changes):
    row = answers.read(json.dumps({**PRODUCT, **changes}).encode(), answers.ProductRow)
    return answers.converted(answers.instrument, row)


def account(currency: str, available: object, hold: object, **changes: object) -> msgspec.Raw:
    row = {"currency": currency, "available_balance": {"value": available}, "hold": {"value": hold}, **changes}
    return msgspec.Raw(json.dumps(row).encode())


def test_a_fill_is_keyed_by_its_entry_and_paid_in_quote_currency() -> None:
    found = fill()

    assert (found.fill_id, found.fee, found.fee_currency) == ("entry-1", Decimal("0.3"), "USD")
    assert (found.side, found.quantity, found.is_maker) == (Side.SELL, Decimal("0.5"), True)
    assert found.ts_event == 1_775_572_200_500_000_000


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("FILL", FillKind.FILL),
        ("SYNTHETIC", FillKind.FILL),
        ("REVERSAL", FillKind.REVERSAL),
        ("CORRECTION", FillKind.CORRECTION),
    ],
)
def test_reversals_and_corrections_stay_what_they_are(word: str, kind: FillKind) -> None:
    assert fill(trade_type=word).kind is kind


def test_an_unknown_trade_type_is_not_booked_as_something() -> None:
    with pytest.raises(UnreadableAnswer, match="unknown trade type"):
        fill(trade_type="GIFT")


def test_a_size_in_quote_currency_becomes_whole_lots() -> None:
    lots = {"BTC-USD": make_instrument(lot_size=Decimal("0.001"))}

    assert fill(lots, size_in_quote=True, size="10", price="3").quantity == Decimal("3.333")


def test_the_wallets_of_one_currency_are_summed() -> None:
    rows = [account("USD", "10", "1"), account("BTC", "2", "0"), account("USD", "5", "0.5")]

    assert answers.balances(rows) == (
        Balance(currency="BTC", total=Decimal("2"), hold=Decimal("0")),
        Balance(currency="USD", total=Decimal("16.5"), hold=Decimal("1.5")),
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "ACCOUNT_TYPE_VAULT"}, "ACCOUNT_TYPE_VAULT"),
        ({"type": "STAKED_FUNDS"}, "STAKED_FUNDS"),
        ({"platform": "ACCOUNT_PLATFORM_CFM_CONSUMER"}, "ACCOUNT_PLATFORM_CFM_CONSUMER"),
        ({"active": False}, "not active"),
        ({"ready": False}, "not ready"),
    ],
)
def test_money_that_no_order_can_spend_is_told_apart(said: dict, why: str) -> None:
    barred = [account("USD", "90000", "0", **said), account("BTC", "0", "0", **said)]

    listed = answers.balances([account("USD", "10", "1"), *barred])

    assert listed == (Balance(currency="USD", total=Decimal("11"), hold=Decimal("1")),)
    assert listed.unspendable == (Unspendable("USD", why, Decimal("90000")),)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"type": None, "active": None, "ready": None, "platform": None},
        {"type": "FIAT", "active": True, "ready": True},
        {"type": "ACCOUNT_TYPE_FIAT", "platform": "ACCOUNT_PLATFORM_CONSUMER"},
        {"type": "ACCOUNT_TYPE_UNSPECIFIED", "platform": "ACCOUNT_PLATFORM_UNSPECIFIED"},
    ],
)
def test_what_is_not_said_of_a_wallet_bars_nothing(said: dict) -> None:
    listed = answers.balances([account("USD", "10", "1", **said)])

    assert (listed[0].total, listed.unspendable) == (Decimal("11"), ())


def test_prices_step_by_the_price_increment() -> None:
    found = product()

    assert (found.tick_size, found.lot_size) == (Decimal("0.05"), Decimal("0.00000001"))
    assert (found.min_quantity, found.min_notional) == (Decimal("0.0001"), Decimal("1"))
    assert (found.kind, found.is_tradable) == (InstrumentKind.SPOT, True)


@pytest.mark.parametrize(
    "changes",
    [{"trading_disabled": True}, {"cancel_only": True}, {"view_only": True}, {"status": "offline"}],
)
def test_a_barred_product_is_not_tradable(changes: dict) -> None:
    assert not product(**changes).is_tradable


def test_empty_numbers_of_an_order_are_not_said_and_its_placeholder_reason_is_none() -> None:
    row = answers.OrderRow(
        order_id="venue-1",
        product_id="BTC-USD",
        side="BUY",
        status="OPEN",
        reject_reason="REJECT_REASON_UNSPECIFIED",
    )

    report = answers.order_reported(row, now_ns=5)

    assert (report.cumulative_quantity, report.average_price, report.reason) == (None, None, "")
    assert report.status is OrderStatus.OPEN


def test_what_was_asked_for_is_told_so_that_a_lost_order_is_known_again() -> None:
    body = {"base_size": "0.5", "limit_price": "70000", "stop_trigger_price": "61000"}
    row = answers.OrderRow(
        order_id="venue-1",
        product_id="BTC-USD",
        side="SELL",
        status="OPEN",
        filled_size="0.2",
        order_type="BRACKET",
        order_configuration={"trigger_bracket_gtc": body},
        created_time="2026-04-07T14:00:00Z",
    )

    report = answers.order_reported(row, now_ns=5)

    assert (report.order_type, report.created_at) == (OrderType.BRACKET, 1_775_570_400_000_000_000)
    assert (report.quantity, report.leaves_quantity) == (Decimal("0.5"), Decimal("0.3"))
    assert (report.limit_price, report.stop_price) == (70000, 61000)


@pytest.mark.parametrize("odd", [None, [], "x", {}, {"limit": None}, {"limit": {"base_size": {}}}])
def test_a_configuration_that_cannot_be_read_refuses_no_order(odd) -> None:
    row = answers.OrderRow(
        order_id="v", product_id="BTC-USD", side="BUY", status="OPEN", order_configuration=odd, order_type=odd
    )

    report = answers.order_reported(row, now_ns=5)

    assert (report.order_type, report.quantity, report.leaves_quantity) == (None, None, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"new_order_failure_reason": "INSUFFICIENT_FUND", "error": "X"}, "INSUFFICIENT_FUND"),
        ({"new_order_failure_reason": "UNKNOWN_FAILURE_REASON", "error": "INVALID_SIDE"}, "INVALID_SIDE"),
        ({"error": "", "preview_failure_reason": "PREVIEW_INVALID_SIDE"}, "PREVIEW_INVALID_SIDE"),
        ({}, "UNKNOWN"),
    ],
)
def test_the_reason_of_a_refusal_is_the_first_word_that_says_something(error: dict, reason: str) -> None:
    assert answers.CreateError(**error).reason == reason


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"orders": 5}', b"[" * 100_000, b"\xff"])
def test_what_is_no_answer_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        answers.read(body, answers.OrdersPage)


@recorded
def test_recorded_answers_are_read() -> None:
    def body(name: str) -> bytes:
        return (SAMPLES / name).read_bytes()

    order = answers.read(body("http_order.json"), answers.OrderAnswer).order
    raws = answers.read(body("http_fills.json"), answers.FillsPage).fills
    fills = [answers.read(raw, answers.FillRow) for raw in raws]
    accounts = answers.read(body("http_accounts.json"), answers.AccountsPage).accounts
    bitcoin = answers.read(body("http_product.json"), answers.ProductRow)

    assert answers.order_reported(order, 0).status is OrderStatus.PARTIALLY_FILLED
    assert [answers.fill(row, {}).side for row in fills] == [Side.BUY, Side.SELL]
    assert answers.balances(accounts)[0].total == Decimal("1.23956789")
    assert answers.instrument(bitcoin).is_tradable
