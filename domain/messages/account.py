"""What is asked and told of a whole account: what it holds, what is open, what has traded, as one venue reads it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from domain.messages.base import Command, Event
from domain.messages.listing import Unread, Unspendable
from domain.messages.orders import Fill, OrderReported
from domain.messages.positions import FundingPayment, VenuePosition


class RequestSnapshot(Command, kw_only=True):
    """Ask for balances, open orders and fills, for reconciliation."""

    request_id: int
    venue: str
    fills_since: int  # UTC ns
    fills_of: tuple[str, ...] = ()  # venue_order_ids whose fills are asked for however old they are


class Balance(Struct, frozen=True, kw_only=True):
    """One currency of one venue's wallet."""

    currency: str
    total: Decimal  # available + hold
    hold: Decimal
    wallet: str = ""  # empty: the venue's only one; collateral of perpetuals is in "perpetual"


class VenueSnapshot(Event, kw_only=True):
    """One venue's account as its REST API tells it; the reads are moments apart, so never atomic.

    `fills` were read last, so that what balances already show is explained. With `told_ns`, `ts_event` is what the
    venue's clock showed then; without, ours stood in for it.
    """

    request_id: int
    venue: str
    balances: tuple[Balance, ...]
    open_orders: tuple[OrderReported, ...]  # foreign ones have a client_order_id that is not ours
    fills: tuple[Fill, ...]
    unread: tuple[Unread, ...] = ()  # rows of any of the three that nobody could read
    told_ns: int = 0  # CLOCK_MONOTONIC at `ts_event`; 0 = the venue has not told its time
    unspendable: tuple[Unspendable, ...] = ()  # what is in none of the balances: no order can spend it
    positions: tuple[VenuePosition, ...] | None = None  # of derivatives; None: it keeps none
    funding: tuple[FundingPayment, ...] = ()  # since `fills_since`, as the fills are


class FundingReported(Event, kw_only=True):
    """What a private stream tells of funding as it is paid; snapshots list the same under the same keys."""

    venue: str
    payments: tuple[FundingPayment, ...]


class VenuePositionsSeen(Event, kw_only=True):
    """OrderRouter to Portfolio: the derivatives that a venue keeps, as it told them last, whoever opened them."""

    venue: str
    positions: tuple[VenuePosition, ...]


class RowsUnread(Event, kw_only=True):
    """A venue told of orders or fills, outside of a snapshot, in a way that nobody could read."""

    venue: str
    rows: tuple[Unread, ...]


class ValueTransfer(Command, kw_only=True):
    """Portfolio to OrderRouter: journal TransferValued with these numbers. Told again until seen.

    Of another quantity than the books have without a worth, it is a duplicate.
    """

    venue: str
    wallet: str
    currency: str
    quantity: Decimal
    worth: Decimal  # USD


class SnapshotFailed(Event, kw_only=True):
    """Answer to a RequestSnapshot: a part of the account could not be read, so nothing of it is told."""

    request_id: int
    venue: str
    reason: str
