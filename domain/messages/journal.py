"""What the order journal holds: decisions about intents, orders and the account, beside the venues' own reports."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from domain.instrument import InstrumentKind, Side
from domain.messages.account import Balance
from domain.messages.base import Event
from domain.messages.orders import (
    CancelAccepted,
    CancelRejected,
    CancelUnconfirmed,
    Fill,
    OrderAccepted,
    OrderEvent,
    OrderIntent,
    OrderNotSent,
    OrderRejected,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    SubmitOrder,
    VenueMoment,
)
from domain.messages.positions import VenuePosition
from domain.messages.replacements import (
    ModifyAccepted,
    ModifyRejected,
    ModifyRequested,
    ModifyUnconfirmed,
    OrderReplaced,
)


class IntentAccepted(Event, kw_only=True):
    """Journaled: the intent exists from here on, whatever crashes."""

    intent: OrderIntent


class IntentDenied(Event, kw_only=True):
    """Journaled: refused locally, nothing was or will be sent."""

    intent_id: str
    venue: str
    instrument: str
    purpose: Purpose
    reason: str  # which limit, e.g. "stale_quote", "expired", "unconfirmed_order"


class IntentDone(Event, kw_only=True):
    """Journaled: no order of the plan may still trade, and nothing more will be sent for it."""

    intent_id: str
    filled_quantity: Decimal
    reason: str = ""  # why it ended before its time: says nothing about the venue


class LegRouted(Event, kw_only=True):
    """Where one part of an opening goes, or goes instead, and what is reserved for it there; before its order."""

    intent_id: str
    leg: int  # from 0
    venue: str
    quantity: Decimal  # base units
    worst_price: Decimal  # quote currency


class OrderSubmitted(Event, kw_only=True):
    """An attempt, journaled before it is sent: the request and what was seen when it was made."""

    order: SubmitOrder
    attempt: int  # 1, 2, ...
    quote_bid: Decimal | None
    quote_ask: Decimal | None
    quote_ts_event: int
    configuration_hash: str
    code_version: str
    venue_time: int = 0  # UTC ns by the venue's clock as far as known: how far back its lists are asked; 0 = by ours


class InstrumentDefined(Event, kw_only=True):
    """What an instrument is, journaled before the first order in it and when it has changed since.

    It is what a restart reduces positions by while the venue doesn't list its products.
    """

    venue: str
    instrument: str
    symbol: str  # the venue's spelling
    kind: InstrumentKind
    base: str
    quote: str
    settlement: str  # currency that profit is paid in; of spot the quote
    tick_size: Decimal  # quote currency
    lot_size: Decimal  # base units, as all quantities
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal  # quote currency
    max_significant_digits: int | None = None  # of prices; None: the tick is all
    contract_size: Decimal = Decimal(1)  # base units per unit of quantity
    max_leverage: Decimal | None = None  # of perpetuals, as the venue told it
    maintenance_ratio: Decimal | None = None


class OrderResubmitted(OrderEvent, kw_only=True):
    """The same id and body is sent again, at a venue where that cannot make a second order."""

    accept_until: VenueMoment | None = None  # of this send, as of an order's first


class CancelRequested(OrderEvent, kw_only=True):
    """We want the order gone; it is live until the venue, or evidence, says otherwise."""

    reason: str


class CancelWithdrawn(OrderEvent, kw_only=True):
    """Nobody wants the end of that order any more: a stop whose close is over guards its position again."""


class OrderFilled(OrderEvent, kw_only=True):
    """An exact execution, once per fill_id. It replaces provisional quantity of the same order first."""

    intent_id: str
    purpose: Purpose
    fill: Fill


class OrderFilledProvisionally(OrderEvent, kw_only=True):
    """Derived from totals of the private stream; exact fills will replace it (quantity counts once)."""

    intent_id: str
    purpose: Purpose
    venue: str
    instrument: str
    side: Side
    quantity: Decimal  # of this step
    price: Decimal
    fee: Decimal  # quote currency
    is_price_guessed: bool = False  # the venue told none: it is the worst that the order allowed
    venue_order_id: str = ""  # under which name it filled, where the venue has changed that; empty: the first


class OrderClosed(OrderEvent, kw_only=True):
    """A final status, with the evidence for it."""

    intent_id: str
    status: OrderStatus
    filled_quantity: Decimal
    evidence: str  # "reported:stream", "not_found:proof", "rejected:INSUFFICIENT_FUND", ...


class OrderAdopted(OrderEvent, kw_only=True):
    """An order of ours that the journal had lost: what stands before this was written after the venue's word."""

    venue: str
    evidence: str


class OrderReopened(Event, kw_only=True):
    """An order that was called dead is at the venue: it is live again in every sense."""

    order: SubmitOrder
    intent: OrderIntent
    filled_quantity: Decimal
    was: OrderStatus  # the final status that proved wrong
    evidence: str  # "reported OPEN although absent:...", ...

    @property
    def client_order_id(self) -> str:
        return self.order.client_order_id


class BalancesOpened(Event, kw_only=True):
    """What a venue's wallet held when this journal first met it.

    Once more, with the time of the first, for currencies that nobody could read then, or read amid a trade.
    """

    venue: str
    balances: tuple[Balance, ...]
    unknown: tuple[str, ...] = ()  # currencies that could not be read; "" = one that nobody could name
    surely_with: int | None = None  # UTC ns: later fills, up to `ts_event`, may be missing; None: nobody noted it
    positions: tuple[VenuePosition, ...] = ()  # of derivatives: what was there before us is not ours


class ExternalFillSeen(Event, kw_only=True):
    """A fill of an order that is not ours: moves balances, never our positions."""

    fill: Fill


class PositionForced(Event, kw_only=True):
    """A fill that nobody ordered: a liquidation or deleveraging. It moves our position and our cash."""

    fill: Fill


class FundingPaid(Event, kw_only=True):
    """Funding of one position at one time, booked once: its key is (venue, instrument, paid_at)."""

    venue: str
    instrument: str
    paid_at: int  # UTC ns by the venue's clock
    amount: Decimal  # positive when received
    currency: str
    wallet: str = ""
    rate: Decimal | None = None
    quantity: Decimal | None = None  # signed position that it was reckoned on


class FillsCovered(Event, kw_only=True):
    """Every fill of a venue up to here is known: a restart need look no further back, but for reads that lag."""

    venue: str
    until: int  # UTC ns; held back by fills whose order is not known yet
    forget_before: int  # UTC ns: older fills can't be listed again and need not be remembered


class FillContradicted(Event, kw_only=True):
    """A venue told of a fill a second time with other numbers. The first telling stands."""

    first: Fill
    other: Fill


class TotalsStand(OrderEvent, kw_only=True):
    """The venue never listed the fills behind these totals: what was booked from them stands."""

    venue: str
    instrument: str
    quantity: Decimal  # base units that no fill explains


class BalanceCorrected(Event, kw_only=True):
    """What was left after fills explained all they could. A healthy run has none."""

    correction_id: str  # deterministic: a second reconciliation finds nothing
    venue: str
    currency: str
    difference: Decimal  # venue minus ours
    reason: str
    wallet: str = ""
    worth: Decimal | None = None  # USD, signed as the difference, then; None: nobody knew a price, or an older journal


class TransferValued(Event, kw_only=True):
    """What came or went without a trade before anybody told its price, at the first price since."""

    venue: str
    currency: str
    quantity: Decimal  # signed: all of that currency that had no worth yet
    worth: Decimal  # USD, signed alike
    wallet: str = ""


class PositionCorrected(Event, kw_only=True):
    """A position that is not what our books say: sold or moved by somebody else. A healthy run has none.

    It moves no cash: what that differs by is a BalanceCorrected of its own.
    """

    correction_id: str  # deterministic: a second reconciliation finds nothing
    venue: str
    instrument: str
    quantity: Decimal  # base units, never negative: what is ours no more
    reason: str
    difference: Decimal = Decimal(0)  # signed, of a derivative: what the venue keeps minus what our books say
    price: Decimal | None = None  # of the difference: the venue's entry or mark; None: what is gone leaves at cost
    # USD, signed, then: what no BalanceCorrected beside it counts already. None: unknown, or an older journal.
    worth: Decimal | None = None


class VenueReconciled(Event, kw_only=True):
    """Venue truth equalled the journal at this point (not journaled on every pass: only when it changes)."""

    venue: str
    is_equal: bool
    differences: tuple[str, ...] = ()


class HaltRaised(Event, kw_only=True):
    """No new risk in `scope` until a person resumes; for several reasons at once, if need be."""

    scope: str  # "all", "coinbase" or "coinbase:BTC-USD"
    reason: str  # for people
    kind: str = ""  # what it is known by, a HaltKind; empty in older journals: `domain/ledger/halts.py` derives it


class HaltCleared(Event, kw_only=True):
    """A person resumed, or the cause of one halt is over."""

    scope: str
    reason: str = ""  # of the one that is over; empty: all of the scope
    kind: str = ""  # of the one that is over; empty in older journals


class ExitWished(Event, kw_only=True):
    """A position shall go, though there may be nothing to close yet: an opening that may still fill."""

    venue: str
    instrument: str
    signal_id: str  # of the exit signal


class ExitEnded(Event, kw_only=True):
    """That exit is wanted no more: the position is gone, a newer signal wants it, or its time is over."""

    venue: str
    instrument: str


class EquityMarked(Event, kw_only=True):
    """What drawdown and daily loss are measured from: survives restarts, is only ever replaced."""

    peak: Decimal  # USD, highest so far; transfers left out
    day_start: Decimal  # USD, first complete reading of the UTC day of `ts_event`


OrderUpdate = (  # what happens to one order after its submission
    OrderResubmitted
    | OrderAccepted
    | OrderRejected
    | OrderNotSent
    | OrderUnconfirmed
    | CancelRequested
    | CancelWithdrawn
    | CancelAccepted
    | CancelRejected
    | CancelUnconfirmed
    | OrderFilled
    | OrderFilledProvisionally
    | OrderClosed
    | OrderReopened
    | OrderAdopted
    | ModifyRequested
    | ModifyAccepted
    | ModifyRejected
    | ModifyUnconfirmed
    | OrderReplaced
)

JournalEvent = (
    IntentAccepted
    | IntentDenied
    | IntentDone
    | LegRouted
    | OrderSubmitted
    | OrderUpdate
    | BalancesOpened
    | ExternalFillSeen
    | PositionForced
    | FundingPaid
    | FillsCovered
    | FillContradicted
    | TotalsStand
    | BalanceCorrected
    | TransferValued
    | PositionCorrected
    | VenueReconciled
    | HaltRaised
    | HaltCleared
    | EquityMarked
    | ExitWished
    | ExitEnded
    | InstrumentDefined
)


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One line of the journal. `seq` rises by one, without holes."""

    seq: int
    recorded_at: int  # UTC ns
    event: JournalEvent


class JournalExtended(Event, kw_only=True):
    """OrderRouter to everybody who projects the journal: the entries just appended, in order."""

    entries: tuple[JournalEntry, ...]
