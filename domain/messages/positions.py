"""What a venue tells of derivatives: the positions that it keeps, and what holding them pays or costs."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class VenuePosition(Struct, frozen=True, kw_only=True):
    """One position of an account, whoever opened it. What the venue did not say is None.

    A flat one (quantity 0) tells with what leverage and margin mode an opening there would begin.
    """

    instrument: str
    quantity: Decimal  # signed: negative when short
    entry_price: Decimal | None = None
    mark_price: Decimal | None = None
    margin: Decimal | None = None  # settlement currency allotted to it; of an isolated one a view, no second cash
    leverage: Decimal | None = None  # that is set there: notional over initial margin
    liquidation_price: Decimal | None = None
    is_isolated: bool | None = None  # the margin mode that is set there; False: the whole account stands behind it


class FundingPayment(Struct, frozen=True, kw_only=True):
    """What one position was paid or charged at one funding time, which is its key within the venue."""

    instrument: str
    paid_at: int  # UTC ns by the venue's clock
    amount: Decimal  # positive when we receive
    currency: str
    wallet: str = ""
    rate: Decimal | None = None  # share of the notional; positive: longs pay shorts
    quantity: Decimal | None = None  # signed position that it was reckoned on
