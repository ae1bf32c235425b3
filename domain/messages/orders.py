"""The words of an order's life: intents, commands to gateways, and events that come back or are journaled.

Ids: `intent_id` names a decision (derived from the signal and the leg, so deciding twice is a duplicate);
`client_order_id` names one attempt at one venue, minted from the intent before anything is sent;
`venue_order_id` is the venue's.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from domain.instrument import Instrument, Side
from domain.messages.base import Command, Event, Lane
from domain.messages.listing import Unread


class OrderStatus(StrEnum):
    SUBMITTED = "SUBMITTED"  # journaled and handed over; nothing heard yet
    UNCONFIRMED = "UNCONFIRMED"  # it may rest at the venue: ask, never guess
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # refused by the venue, or proven never to have reached it


FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


class OrderType(StrEnum):
    LIMIT = "LIMIT"  # a market order is an IOC limit at the fresh touch plus a collar (docs/money.md 1)
    BRACKET = "BRACKET"  # take profit at `limit_price`, stop at `stop_price`, one order
    STOP = "STOP"  # waits until the price is at `stop_price` or worse, then trades down to `limit_price`
    TAKE_PROFIT = "TAKE_PROFIT"  # the same, once it is at `stop_price` or better


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class Purpose(StrEnum):
    OPEN = "OPEN"  # adds risk: every gate applies
    CLOSE = "CLOSE"  # reduces a position of ours: passes halts, open breakers and a full disk
    PROTECT = "PROTECT"  # a resting stop / target that covers a position of ours


class VenueMoment(Struct, frozen=True, kw_only=True):
    """A moment by a venue's own clock, in whichever of the two forms it reckons; 0 = not in that one."""

    utc_ns: int = 0
    height: int = 0  # of its chain's blocks


class Leg(StrEnum):
    """Which part of a position's protection an order is."""

    WHOLE = ""  # stop and target in one order, or no protection at all
    STOP = "stop"  # alone it is what protects
    TARGET = "target"


# ---- intents -------------------------------------------------------------------------------------------


class OrderIntent(Command, kw_only=True):
    """One decision to trade: Portfolio to OrderRouter. The router journals it or refuses it, once."""

    intent_id: str
    signal_id: str  # the signal or exit that caused it: "fast_scalping:coinbase:BTC-USD:1s:1700…", "stop_loss:…"
    venue: str
    instrument: str
    side: Side
    quantity: Decimal  # base units, on the lot grid
    purpose: Purpose
    reference_price: Decimal  # own mid when decided; price drift is measured from it
    expires_at: int  # UTC ns; not sent (again) after it
    expires_ns: int = 0  # the same moment on CLOCK_MONOTONIC, which decides; never journaled; 0 = not told
    limit_price: Decimal | None = None  # PROTECT: the target; otherwise the router prices from the touch
    stop_price: Decimal | None = None  # PROTECT: the trigger
    origin_read_ns: int = 0  # CLOCK_MONOTONIC of the frame that caused it; 0 = a timer did
    known_seq: int | None = None  # entry of the journal up to which the decision knew it
    leg: Leg = Leg.WHOLE  # of PROTECT; of STOP and TARGET `stop_price` is the trigger, `limit_price` the worst price
    reason: str = ""  # of what reduces: "signal", "protect", "uncovered", ...; in older journals `signal_id` begins so


class CancelProtection(Command, kw_only=True):
    """Portfolio to OrderRouter: the resting PROTECT orders have the wrong size; cancel them, new ones follow."""

    venue: str
    instrument: str
    reason: str
    leg: Leg | None = None  # these only
    # What is to follow: where the venue can change a bracket in one request, that becomes of it instead.
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


_LEGS = {OrderType.STOP: Leg.STOP, OrderType.TAKE_PROFIT: Leg.TARGET}

# ---- commands, OrderRouter to ExchangeGateway ----------------------------------------------------------


class SubmitOrder(Command, kw_only=True):
    """Send this order; OrderRouter has journaled it."""

    client_order_id: str
    intent_id: str
    venue: str
    instrument: str
    symbol: str
    side: Side
    purpose: Purpose
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal  # base units, always positive
    limit_price: Decimal  # quote currency per base unit
    stop_price: Decimal | None = None
    post_only: bool = False
    expires_at: int = 0  # UTC ns: for GTD; 0 = none
    leave_by: int = 0  # UTC ns: not sent after it, for it may be proven absent by then; 0 = none
    leave_by_ns: int = 0  # the same moment on CLOCK_MONOTONIC, which decides; never journaled; 0 = not told
    origin_read_ns: int = 0
    is_resubmission: bool = False  # same id and body again, at a venue that is idempotent by it
    venue_client_id: str = ""  # what the venue calls it for us, in its own form; empty: the client_order_id itself
    reduce_only: bool = False  # the venue lets it take nothing beyond the position
    accept_until: VenueMoment | None = None  # no send of it can be accepted later; None: nobody can tell
    live_until: VenueMoment | None = None  # it trades no later; None: as its time in force says

    @property
    def leg(self) -> Leg:
        return _LEGS.get(self.order_type, Leg.WHOLE)

    @property
    def wire_id(self) -> str:
        """Return our id of it in the venue's own form."""
        return self.venue_client_id or self.client_order_id

    @property
    def lane(self) -> Lane:
        """Reducing risk goes first; an opening waits its turn."""
        return Lane.NORMAL if self.purpose is Purpose.OPEN else Lane.URGENT


class CancelOrder(Command, kw_only=True):
    """Cancel this order; said again until its end is known."""

    usual_lane: ClassVar[Lane] = Lane.URGENT

    client_order_id: str
    venue: str
    venue_order_id: str  # empty: the venue has not named it, and is one that cancels by our id
    venue_client_id: str = ""  # as in SubmitOrder
    instrument: str = ""
    symbol: str = ""  # the venue's spelling
    live_until: VenueMoment | None = None  # of the order: a cancel must not die before it

    @property
    def wire_id(self) -> str:
        """Return our id of it in the venue's own form."""
        return self.venue_client_id or self.client_order_id


class QueryOrder(Command, kw_only=True):
    """Ask the venue what it holds under our id, or whose order `venue_order_id` is."""

    client_order_id: str  # empty: that is the question
    venue: str
    instrument: str
    sent_at: int  # UTC ns of the first send: how far back to look
    venue_order_id: str = ""  # empty while unknown
    venue_client_id: str = ""  # as in SubmitOrder
    symbol: str = ""  # the venue's spelling; empty while nobody knows the order

    @property
    def wire_id(self) -> str:
        """Return our id of it in the venue's own form."""
        return self.venue_client_id or self.client_order_id


class RequestTouch(Command, kw_only=True):
    """Ask the venue itself for the price of a product: the stream's can't be believed now."""

    venue: str
    instrument: str


# ---- events, ExchangeGateway to OrderRouter ------------------------------------------------------------


class OrderEvent(Event, kw_only=True):
    """Something that happened to one order: what all of them name it by."""

    client_order_id: str  # of a report, also of one that is not ours; empty: the venue knows it by its own id only


class OrderAccepted(OrderEvent, kw_only=True):
    venue: str
    venue_order_id: str


class OrderRejected(OrderEvent, kw_only=True):
    """The venue understood and refused: proof that nothing rests there."""

    venue: str
    code: str
    reason: str = ""


class OrderNotSent(OrderEvent, kw_only=True):
    """No request byte was written (or we refused locally): proof that nothing rests there."""

    venue: str
    reason: str


class OrderUnconfirmed(OrderEvent, kw_only=True):
    """Something about an order is in doubt, and its status is UNCONFIRMED or stays what it was. One of these:

    - it may have happened: timeout, 5xx, dropped socket, unreadable answer;
    - a second send of it came to nothing (`is_void`), which says nothing about the first;
    - it has ended (`ended`), the venue says, and not for certain how much of it had filled;
    - the same, and it is set aside: nothing waits for that proof any more (`may_have_filled`).

    `domain/ledger/unconfirmed.py` makes them.
    """

    venue: str
    reason: str
    raw: str = ""  # first 256 bytes of what came back
    # Of a second send, and proof of nothing about the first:
    is_void: bool = False  # it certainly rests nowhere
    is_refused: bool = False  # it is void because the venue understood it and said no
    # It has ended so, the venue says, and not for certain how much of it had filled.
    ended: OrderStatus | None = None
    # It is waited for no more: so much of the rest counts as filled until that is proven, and the others go on.
    may_have_filled: Decimal | None = None


class CancelAccepted(OrderEvent, kw_only=True):
    """The venue took the cancel request; a fill may still win the race."""

    venue: str


class CancelRejected(OrderEvent, kw_only=True):
    """The venue refused to cancel (already done, unknown): ask for the status."""

    venue: str
    code: str


class CancelUnconfirmed(OrderEvent, kw_only=True):
    venue: str
    reason: str


class OrderReported(OrderEvent, kw_only=True):
    """What the venue holds under an order now: totals, no single fills. From the private stream or a query."""

    venue: str
    venue_order_id: str
    instrument: str
    side: Side
    status: OrderStatus
    # None, here and below: the venue did not say. That is never zero.
    cumulative_quantity: Decimal | None
    average_price: Decimal | None  # of the cumulative quantity
    total_fees: Decimal | None  # quote currency, if `fee_currency` says no other
    reason: str = ""  # why it was canceled or rejected, in the venue's words
    is_read: bool = False  # the answer to a question, not what the private stream tells unasked
    created_at: int | None = None  # UTC ns, by the venue's clock
    order_type: OrderType | None = None
    quantity: Decimal | None = None  # base units, filled and not
    leaves_quantity: Decimal | None = None  # what may still fill
    limit_price: Decimal | None = None  # the worst it may fill at
    stop_price: Decimal | None = None  # it waits for that price, or has waited
    reduce_only: bool | None = None  # of perpetuals, where the venue has such orders
    fee_currency: str = ""  # of `total_fees`; empty: not told


class OrderNotFound(OrderEvent, kw_only=True):
    """A complete look at the venue's orders did not show it. Alone it proves nothing: reads lag."""

    venue: str
    listing_began_at: int  # UTC ns
    listing_began_ns: int = 0  # CLOCK_MONOTONIC: no step of the wall clock moves it; 0 = not told
    is_proof: bool = False  # the adapter knows that nothing can arrive any more (venue's rule in docs/money.md 1)
    # What it showed in that instrument without our name of it, so that one of them may be the order.
    unnamed: tuple[OrderReported, ...] = ()


class QueryFailed(OrderEvent, kw_only=True):
    """The venue did not answer; the order's fate is still unknown."""

    venue: str
    reason: str


class FillKind(StrEnum):
    FILL = "FILL"
    REVERSAL = "REVERSAL"  # takes a fill back
    CORRECTION = "CORRECTION"


class FillCause(StrEnum):
    """Who wanted a fill. Only a TRADE has an order behind it that somebody sent."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"  # the venue closed a position for want of margin
    DELEVERAGING = "DELEVERAGING"  # or gave it to the other side of somebody else's liquidation (ADL)


class Fill(Struct, frozen=True, kw_only=True):
    """One execution of ours as the venue books it, keyed by the venue's own id."""

    venue: str
    fill_id: str
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal  # base units, positive
    price: Decimal
    fee: Decimal  # positive when we pay
    fee_currency: str
    ts_event: int
    kind: FillKind = FillKind.FILL
    is_maker: bool = False
    cause: FillCause = FillCause.TRADE


class FillsReported(Event, kw_only=True):
    venue: str
    fills: tuple[Fill, ...]


class TouchReported(Event, kw_only=True):
    """The touch and the last trade as REST tells them: not crossed, and at least a price for either side."""

    venue: str
    instrument: str
    bid_price: Decimal | None  # None: nobody bids, or the book can't be believed
    ask_price: Decimal | None
    last_price: Decimal | None  # None only where both others are known


class InstrumentsLoaded(Event, kw_only=True):
    """A venue's products that we trade, with grid and limits, and our fee rates there."""

    venue: str
    instruments: tuple[Instrument, ...]
    taker_fee_ratio: Decimal
    maker_fee_ratio: Decimal
    is_fee_known: bool = True  # False: the venue did not tell; these are the last known, or its worst
    left_out: tuple[Unread, ...] = ()  # names that we would trade, and can't: not listed, or not as we read it


class VenueClockSeen(Event, kw_only=True):
    """What a venue's clock showed as its private side spoke: orders are accepted, and die, by that one."""

    venue: str
    utc_ns: int = 0  # 0: not told
    told_ns: int = 0  # CLOCK_MONOTONIC then
    height: int = 0  # newest block of its chain; 0: it has none


class PrivateStreamChanged(Event, kw_only=True):
    """No openings on a venue while its private stream is down."""

    venue: str
    is_live: bool
