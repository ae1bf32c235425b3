"""How the system talks about itself: readiness, breakers, winding down, reports for the monitor."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from domain.instrument import Side
from domain.messages.base import Command, Event, Lane, Message
from domain.messages.halts import HaltLine


class BreakerState(StrEnum):
    """CLOSED lets every call through, OPEN no opening, HALF_OPEN one probe at a time."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Operation(StrEnum):
    """What a breaker guards; each has one caller, which holds the gate and the single probe."""

    DATA = "data"  # the price feed's connects
    SUBMIT = "submit"  # the gateway's creates
    CANCEL = "cancel"  # counted, never gated: cancels reduce risk


class OperationEnded(Event, kw_only=True):
    """One guarded call ended. Business rejections are successes: the venue answered."""

    venue: str
    operation: Operation
    succeeded: bool
    reason: str = ""


class BreakerChanged(Event, kw_only=True):
    """Feeds, gateways and routers keep the last one they heard."""

    venue: str
    operation: Operation
    state: BreakerState


class BreakerReported(Event, kw_only=True):
    """CircuitBreaker to Monitor: what one breaker has seen since it was made or its metrics were last reset."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    venue: str
    operation: Operation
    state: BreakerState
    since: int  # UTC ns of that moment
    successes: int
    failures: int
    transitions: int
    in_state_ns: dict[str, int]  # state -> time spent there; they add up to the time passed


class ResetBreakerMetrics(Command):
    """A person zeroes what the breakers have counted; what they have judged stays judged."""


class ExternalOrder(Struct, frozen=True, kw_only=True):
    """One live order at a venue that is not ours. What the venue did not say is None."""

    venue_order_id: str
    instrument: str
    side: Side
    leaves_quantity: Decimal | None
    limit_price: Decimal | None
    quantity: Decimal | None = None  # base units, filled and not
    is_tagged: bool = False  # it bears our tag, though the journal doesn't know it
    stop_price: Decimal | None = None
    reduce_only: bool = False  # it adds nothing to a position


class ExternalOrdersSeen(Event, kw_only=True):
    """OrderRouter to Portfolio: what rests at a venue besides ours. Counts in exposure, is never canceled by us."""

    venue: str
    orders: tuple[ExternalOrder, ...]
    held: dict[str, Decimal] = {}  # base asset -> what the venue holds back that no order of anybody explains


class VenueAccessChanged(Event, kw_only=True):
    """ExchangeGateway to OrderRouter: whether the venue takes our credentials."""

    venue: str
    refusal: str  # in words; empty while it does


class VenueReadyChanged(Event, kw_only=True):
    """OrderRouter to Portfolio: openings are possible (private stream live, instruments known, reconciled)."""

    venue: str
    is_ready: bool
    reason: str = ""  # what is missing


class WindDown(Command, kw_only=True):
    """Supervisor to Portfolio and OrderRouter: no new entries, cancel resting entries, keep protection, prove the rest."""

    usual_lane: ClassVar[Lane] = Lane.URGENT

    deadline_ns: int  # CLOCK_MONOTONIC


class WindDownCompleted(Event, kw_only=True):
    """OrderRouter to Supervisor: nothing is in flight any more, or the deadline came first."""

    is_reconciled: bool
    unconfirmed: tuple[str, ...]  # client_order_ids
    protective: tuple[str, ...]  # stops left in place, as the venue has confirmed them, in words for a person
    differences: tuple[str, ...]  # what reconciliation could not explain, or which venue did not answer
    journal_seq: int  # the last entry
    unproven: tuple[str, ...] = ()  # the unconfirmed orders, in words for a person
    external: tuple[str, ...] = ()  # live orders there that are not ours, in words
    bare: tuple[str, ...] = ()  # positions that no stop covers, or that should have been closed, in words


class AlarmRaised(Event, kw_only=True):
    """Any actor to Monitor: a person should look; trading goes on unless a halt says otherwise."""

    subject: str  # "client_order_id=…", "coinbase:BTC-USD"
    text: str
    is_theirs: bool = False  # a venue's own words or rows made it, and may make ever more: it is in no other's way
    is_total: bool = False  # it takes the place of the earlier one of its subject


class AlarmOver(Event, kw_only=True):
    """Any actor to Monitor: what an alarm told of has ended; nothing when there was none."""

    subject: str
    text: str  # as it was raised


class AlarmLine(Message):
    """One alarm as people see it: the same words about the same thing are one line."""

    subject: str
    text: str
    first: int  # UTC ns
    last: int  # UTC ns
    count: int
    over: int = 0  # UTC ns since when that is no more; 0 = it may be yet, or nobody tells
    is_theirs: bool = False  # as it was raised
    is_total: bool = False


class WaitLine(Message, kw_only=True):
    """Why openings wait somewhere, though nothing is halted: what ends by itself."""

    scope: str  # "coinbase" or "coinbase:BTC-USD"
    reason: str


class ProveJournal(Command):
    """Portfolio to OrderRouter: the journal cannot be read as it should; only its writer may say what is provable."""

    usual_lane: ClassVar[Lane] = Lane.URGENT


class MarkEquity(Command, kw_only=True):
    """Portfolio to OrderRouter: journal EquityMarked with these numbers. Told again until seen."""

    peak: Decimal
    day_start: Decimal
    marked_at: int  # UTC ns, becomes `ts_event`; the same stamp again is a duplicate


class WishExit(Command, kw_only=True):
    """Portfolio to OrderRouter: journal ExitWished. Told again until seen; a wish already known is a duplicate."""

    venue: str
    instrument: str
    signal_id: str


class EndExit(Command, kw_only=True):
    """Portfolio to OrderRouter: journal ExitEnded. Told again until seen; where nothing is wished it is a duplicate."""

    venue: str
    instrument: str


class OpenOrderLine(Message, kw_only=True):
    """One live order as the screen shows it. Numbers are canonical text."""

    client_order_id: str
    venue: str
    instrument: str
    side: str
    purpose: str
    quantity: str
    filled_quantity: str
    limit_price: str
    status: str
    stop_price: str = ""  # of a bracket


class OrdersReported(Event, kw_only=True):
    """OrderRouter to Monitor: counts since the start of this run, from the journal."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    counts: dict[str, int]  # submitted, accepted, filled, canceled, rejected, denied, expired, unconfirmed, open
    by_venue: dict[str, dict[str, int]]  # venue -> {"orders": n, "fills": n}
    open_orders: tuple[OpenOrderLine, ...]
    corrections: int
    is_reconciled: bool  # every venue equalled the journal at its last comparison
    reconciled_at: int  # UTC ns, 0 = never
    halts: tuple[HaltLine, ...]
    journal_seq: int
    external_orders: int = 0  # live orders at the venues that are not ours
    refused: dict[str, int] = {}  # a venue and its reason -> orders that it refused for it in this run
    waiting: tuple[WaitLine, ...] = ()


class PositionLine(Message, kw_only=True):
    """One position as the screen shows it. Numbers are canonical text."""

    key: str  # "coinbase:BTC-USD"
    quantity: str
    average_price: str
    mark_price: str
    unrealized_pnl: str
    liquidation_price: str = ""  # of a perpetual; empty: of none, or none that is known
    liquidation_distance: str = ""  # share of the mark; empty as above
    liquidation_by: str = ""  # who reckoned it: "venue", or "us" where the venue told none of this very position
    # As the venue tells them; empty: it did not.
    margin: str = ""  # settlement currency allotted to it
    leverage: str = ""
    margin_mode: str = ""  # "isolated" or "cross"


class FundingLine(Message, kw_only=True):
    """What one perpetual has paid or cost so far, over all runs. Numbers are canonical text."""

    key: str  # "hyperliquid:BTC-USD"
    currency: str
    amount: str  # received less paid
    rate: str  # of the newest payment, share of the notional; empty: the venue did not tell
    quantity: str  # signed position that it was reckoned on; empty as above
    paid_at: int  # UTC ns


class PortfolioReported(Event, kw_only=True):
    """Portfolio to Monitor: the account as the journal tells it, marked at the newest whole quotes."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    positions: tuple[PositionLine, ...]
    net: dict[str, str]  # base asset -> signed quantity over venues
    equity: str
    cash: str
    realized_pnl: str
    unrealized_pnl: str
    fees: str
    is_complete: bool  # False: an asset is unpriced, a balance unknown or a fill's price a guess
    journal_seq: int
    missing: tuple[str, ...] = ()  # why it is incomplete: "SOL-USD", "dydx balances", "BTC-USD fill price"
    asked_prices: dict[str, str] = {}  # "coinbase:DOGE-USD" -> mid, of what is held and no stream tells
    asked_ns: dict[str, int] = {}  # the same keys -> CLOCK_MONOTONIC of the answer
    funding: str = "0"  # received less paid
    funding_lines: tuple[FundingLine, ...] = ()  # the same by instrument
    wallets: dict[str, str] = {}  # "coinbase:USD", "hyperliquid:USDC (perpetual)" -> total
    declined: dict[str, str] = {}  # why openings were refused -> instrument and numbers of the newest


class VenueReported(Event, kw_only=True):
    """PriceFeed to Monitor: what the screen shows of one venue."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    venue: str
    state: str  # of the session
    trouble: str  # why no price of it may be traded on; empty when they may
    quotes: int
    trades: int
    reconnects: int
    gaps: int
    decode_errors: int
    last_prices: dict[str, str]  # instrument -> mid
    last_read_ns: int  # CLOCK_MONOTONIC of the newest frame
    alive_ns: int  # CLOCK_MONOTONIC of the newest proof of life
    clock_error_s: float = 0.0  # our clock less the venue's; 0 while unknown
    stream_quality: float = 1.0  # 1 = steady; a tenth less with each connection lost in the last minute
    left_out: tuple[str, ...] = ()  # instruments of which the venue tells no prices; the others go on


class ActorReported(Event, kw_only=True):
    """Any actor to Monitor: totals since this incarnation began."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    role: str
    incarnation: int
    counters: dict[str, int]
    lag_ns: int  # how late its newest alarm was served
    hops: HistogramSnapshot  # from a peer's send to its handler
    latency: HistogramSnapshot  # from a frame read to the order request handed to the socket


class Unanswered(Event, kw_only=True):
    """In the place of an answer: whoever was asked was silent until the deadline, or failed over the question."""

    role: str  # who was asked
    request: int  # the asker's number of the question
    reason: str  # "timeout", or the error that ended the one who was asked


class ReportNow(Command):
    """Supervisor to everybody: do not wait for the interval."""


class ActorLine(Message, kw_only=True):
    """How one actor stands, as the supervisor sees it."""

    pid: int
    incarnation: int
    restarts: int
    state: str  # "starting", "up", "down" or "given_up"


class RosterReported(Event, kw_only=True):
    """Supervisor to Monitor."""

    usual_lane: ClassVar[Lane] = Lane.BULK

    actors: dict[str, ActorLine]  # role -> line


class SubscribeMarketData(Command, kw_only=True):
    """A reader grants a feed its first `credit` batches, at most one each `min_interval_ns`."""

    credit: int
    min_interval_ns: int = 0
    wants_history: bool = False  # the newest trades printed before, marked as history, in the first batch


class GrantCredit(Command, kw_only=True):
    """A reader has handled this many batches and takes as many more."""

    batches: int


class RequestStatus(Command):
    """Supervisor asks Monitor, for the launcher."""

    with_metrics: bool = False


class StatusReported(Event, kw_only=True):
    """Monitor answers Supervisor: the object that `nzeza status --json` prints, and what the view shows besides."""

    status: bytes
    journal_seq: int  # the older of what router and portfolio have reported up to


class LetterDied(Event, kw_only=True):
    """A message reached nobody."""

    to: str  # role, empty for a message of the actor system itself
    sender: str
    kind: str  # class of the message
    is_money: bool  # an order, its fate or a fill was in it
    is_rerouted: bool = False  # its sender lives, and keeps it until it is acknowledged or proven


class TotalsKept(Event, kw_only=True):
    """What incarnations that are gone had counted. Monitor leaves it with Supervisor, who gives it to the next Monitor."""

    totals: dict[str, dict[str, int]]  # role -> counter -> count
    alarms: tuple[AlarmLine, ...] = ()  # newest first
    alarms_raised: int = 0


class HistogramSnapshot(Message):
    """The non-empty buckets of a histogram."""

    buckets: dict[int, int]  # bucket index -> count
