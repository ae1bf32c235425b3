"""An order manager at a venue of perpetuals: cash in its own wallet, positions that the venue keeps, funding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.wallet import PERPETUAL_WALLET, Wallet
from domain.messages.account import Balance, RequestSnapshot, VenueSnapshot
from domain.messages.listing import Unread
from domain.messages.orders import Fill, FillCause, PrivateStreamChanged
from domain.messages.positions import FundingPayment, VenuePosition
from domain.settings import Settings, VenueSettings
from tests.builders import make_instrument
from tests.order_builders import BTC, CASH, TimedOrderManager, make_fill

TOY = "toy"
KEY = InstrumentId(TOY, BTC)
COLLATERAL = Wallet(TOY, PERPETUAL_WALLET, "USDC")
PERPETUAL = make_instrument(BTC, venue=TOY, kind=InstrumentKind.PERPETUAL, settlement="USDC")
SETTINGS = Settings(venues={TOY: VenueSettings(instruments=(BTC,))})


class PerpetualDesk(TimedOrderManager):
    """The venue's account is what the test says; by default, what our books say."""

    def __init__(self, *args, **changes) -> None:
        super().__init__(*(args or (SETTINGS,)), **changes)

    def account(
        self,
        cash: Decimal | str | None = None,
        positions: Mapping[str, Decimal | str] | Sequence[VenuePosition] | None = None,
        fills: Sequence[Fill] = (),
        funding: Sequence[FundingPayment] = (),
        unread: Sequence[Unread] = (),
    ) -> None:
        """Answer the newest question about the account."""
        books = self.manager.books
        if cash is None:
            cash = books.balances[COLLATERAL]
        if positions is None:
            positions = {key.name: quantity for key, quantity in books.derivatives.items() if quantity}
        if isinstance(positions, Mapping):
            positions = [VenuePosition(instrument=name, quantity=Decimal(it)) for name, it in positions.items()]
        self.hear(
            VenueSnapshot(
                ts_event=self.now.utc_ns,
                request_id=self.sent(RequestSnapshot)[-1].request_id,
                venue=TOY,
                balances=(Balance(currency="USDC", total=Decimal(cash), hold=Decimal(0), wallet=PERPETUAL_WALLET),),
                open_orders=(),
                fills=tuple(fills),
                positions=tuple(positions),
                funding=tuple(funding),
                unread=tuple(unread),
            )
        )

    def look(self, times: int = 1, **account) -> None:
        """Let questions about the account be answered, for longer than reads may lag each."""
        for _ in range(times):
            self.advance(20)
            self.account(**account)

    def ready(
        self, cash: Decimal | str = CASH, positions: Mapping[str, str] | Sequence[VenuePosition] | None = None
    ) -> PerpetualDesk:
        self.load(PERPETUAL, "0.0005")
        self.hear(PrivateStreamChanged(ts_event=0, venue=TOY, is_live=True))
        self.quote(venue=TOY)
        self.advance(1)
        self.account(cash, positions or {})
        return self

    @property
    def cash(self) -> Decimal:
        return self.manager.books.balances[COLLATERAL]

    @property
    def quantity(self) -> Decimal:
        """Return the position of ours."""
        return self.manager.books.position(KEY).quantity


def toy_fill(quantity: str, fill_id: str = "f-1", side: Side = Side.BUY, price: str = "64000", **changes) -> Fill:
    fields = {"venue": TOY, "fee_currency": "USDC", "fee": Decimal(0), **changes}
    return make_fill(quantity, fill_id, side=side, price=price, **fields)


def liquidation(quantity: str, fill_id: str = "l-1", side: Side = Side.SELL, **changes) -> Fill:
    fields = {"cause": FillCause.LIQUIDATION, "venue_order_id": "liq", **changes}
    return toy_fill(quantity, fill_id, side, **fields)


def funding(amount: str, paid_at: int) -> FundingPayment:
    return FundingPayment(
        instrument=BTC, paid_at=paid_at, amount=Decimal(amount), currency="USDC", wallet=PERPETUAL_WALLET
    )
