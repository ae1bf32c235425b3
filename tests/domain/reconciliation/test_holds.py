"""What is held back is looked at wallet by wallet: collateral of perpetuals explains no coins, nor the other way round."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.execution.order_rules import PlainOrders
from domain.instrument import InstrumentKind, Side
from domain.ledger.wallet import PERPETUAL_WALLET, Wallet
from domain.messages.account import Balance
from domain.messages.journal import BalanceCorrected, OrderFilled
from domain.messages.listing import Unread
from domain.messages.orders import InstrumentsLoaded, Purpose, SubmitOrder
from domain.messages.system import ExternalOrder, ExternalOrdersSeen
from domain.portfolio.foreign_orders import ForeignOrders
from tests.builders import UTC, make_instrument
from tests.domain.perpetual_desk import PERPETUAL, TOY, PerpetualDesk
from tests.order_builders import BTC, make_accepted, make_fill, make_intent

HYPE = make_instrument("HYPE-USDC", venue=TOY, kind=InstrumentKind.SPOT)
SPOT, COINS = Wallet(TOY, "", "USDC"), Wallet(TOY, "", "HYPE")


def held(currency: str, hold: str, wallet: str = "", total: str = "1000") -> Balance:
    return Balance(currency=currency, total=Decimal(total), hold=Decimal(hold), wallet=wallet)


@pytest.fixture
def desk() -> PerpetualDesk:
    desk = PerpetualDesk(order_rules=PlainOrders).ready()
    fees = {"taker_fee_ratio": Decimal(0), "maker_fee_ratio": Decimal(0)}
    desk.hear(InstrumentsLoaded(ts_event=UTC, venue=TOY, instruments=(PERPETUAL, HYPE), **fees))
    return desk


def read(desk: PerpetualDesk, *balances: Balance) -> None:
    desk.manager._holds.read(TOY, balances, (), desk.now.monotonic_ns)


def test_the_same_currency_in_two_wallets_is_two_totals(desk: PerpetualDesk) -> None:
    read(desk, held("USDC", "0", total="7"), held("USDC", "0", PERPETUAL_WALLET, total="11"))

    totals = [desk.manager._holds.total(Wallet(TOY, wallet, "USDC")) for wallet in ("", PERPETUAL_WALLET)]
    assert totals == [Decimal(7), Decimal(11)]


@pytest.mark.parametrize("side", Side)
def test_an_order_of_a_perpetual_may_hold_collateral_on_either_side_and_never_coins(
    desk: PerpetualDesk, side: Side
) -> None:
    desk.quote(venue=TOY)
    desk.hear(make_intent(intent_id="o", venue=TOY, side=side, purpose=Purpose.OPEN))
    command = desk.sent(SubmitOrder)[-1]
    order = desk.manager.ledger.orders[command.client_order_id]
    holds = desk.manager._holds

    read(desk, held("USDC", "500"), held("BTC", "1"), held("USDC", "0", PERPETUAL_WALLET))
    assert not holds.may_show(order, Decimal(0))

    read(desk, held("USDC", "0", PERPETUAL_WALLET), held("USDC", "1", PERPETUAL_WALLET, "0"))
    assert holds.may_show(order, Decimal(0))


def test_a_live_order_of_a_perpetual_explains_no_coins_that_are_held(desk: PerpetualDesk) -> None:
    """Coins of that name may well be in the spot wallet beside it."""
    desk.quote(venue=TOY)
    desk.hear(make_intent(intent_id="o", venue=TOY, side=Side.SELL, purpose=Purpose.OPEN))
    desk.hear(make_accepted(client_order_id=desk.sent(SubmitOrder)[-1].client_order_id, venue=TOY))
    own(desk)
    read(desk, held("HYPE", "3"), held("BTC", "0.01"))

    assert desk.manager._holds.unlisted_coins(TOY, desk.now) == {"HYPE": Decimal(3)}


def own(desk: PerpetualDesk) -> None:
    """Let our books have coins and a perpetual."""
    for name in ("HYPE-USDC", BTC):
        fill = make_fill("5", f"own-{name}", venue=TOY, instrument=name, price="10", fee_currency="USDC")
        desk.manager.books.apply(
            OrderFilled(ts_event=UTC, client_order_id="", intent_id="", purpose=Purpose.OPEN, fill=fill)
        )


def theirs(instrument: str, side: Side, quantity: str = "0.5") -> ExternalOrder:
    return ExternalOrder(
        venue_order_id="x",
        instrument=instrument,
        side=side,
        leaves_quantity=Decimal(quantity),
        limit_price=Decimal(100),
    )


@pytest.mark.parametrize(
    ("order", "of_spot", "of_collateral"),
    [
        (theirs("HYPE-USDC", Side.BUY), "50", "0"),
        (theirs("HYPE-USDC", Side.SELL), "0", "0"),
        (theirs(BTC, Side.BUY), "0", "50"),
        (theirs(BTC, Side.SELL), "0", "0"),  # closes some of what is held
        (theirs(BTC, Side.SELL, "6"), "0", "600"),  # crosses zero
    ],
)
def test_others_orders_take_of_the_wallet_that_they_are_paid_from(
    desk: PerpetualDesk, order: ExternalOrder, of_spot: str, of_collateral: str
) -> None:
    desk.manager._execution.define_held((PERPETUAL, HYPE), desk.now)
    own(desk)
    foreign = ForeignOrders(desk.manager._quotes, desk.manager.books)
    foreign.hear(ExternalOrdersSeen(ts_event=UTC, venue=TOY, orders=(order,)))

    taken = [foreign.cash(wallet) for wallet in (SPOT, Wallet(TOY, PERPETUAL_WALLET, "USDC"))]

    assert taken == [Decimal(of_spot), Decimal(of_collateral)]


def test_a_wallet_that_may_be_the_row_nobody_can_read_is_unknown_whatever_else_has_that_currency(
    desk: PerpetualDesk,
) -> None:
    row = Unread(kind="balance", reason="?")
    books, unread = desk.manager.books, desk.manager._unread
    assert Wallet(TOY, PERPETUAL_WALLET, "USDC") in books.balances

    desk.look(4, cash=desk.cash - 500, unread=[row])

    assert unread.unknown_names(TOY, (held("USDC", "0"),)) == {"USDC"}
    assert unread.unknown_names(TOY, (held("USDC", "0", PERPETUAL_WALLET),)) == frozenset()
    assert len(desk.journaled(BalanceCorrected)) == 1  # that one is listed
