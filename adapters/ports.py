"""What actors may ask of the world. Product code and the in-process stage implement the same ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from adapters.clock import Clock
from adapters.storage_ports import FrameRecorder, History, JournalReader, OrderJournal, Progress
from adapters.tickets import SharedBudget
from domain.errors import VenueError
from domain.execution.manager_facts import ManagerFacts
from domain.execution.order_rules import OrderRulesFactory, PlainOrders
from domain.instant import Instant
from domain.market.order_book import Level
from domain.messages.account import Balance
from domain.messages.base import Event
from domain.messages.listing import Listing
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    Fill,
    InstrumentsLoaded,
    OrderAccepted,
    OrderNotFound,
    OrderReported,
    QueryOrder,
    SubmitOrder,
    TouchReported,
)
from domain.messages.positions import FundingPayment, VenuePosition
from domain.messages.replacements import ModifyAccepted, ModifyOrder
from domain.reconciliation.evidence import EvidenceFactory, NoEvidence
from domain.resilience.budgets import BucketTerms, RequestBudget, one_budget
from domain.settings import HistorySettings, RecordingSettings, Settings, VenueSettings
from domain.signals.bench import Watch
from domain.streams.channel_watch import ChannelWatch
from domain.streams.venue_time import VenueTime


class TradingVenue(Protocol):
    """Where orders go. Every call blocks, ends within `timeout_s` seconds, and may run on any thread.

    Errors are the four fates of `domain.errors`. There is no retry and no redirect below this port.
    """

    @property
    def venue(self) -> str: ...

    @property
    def resubmits_safely(self) -> bool:
        """Whether the same id and body again can never make a second order."""
        ...

    def follow(self, time: VenueTime) -> None:
        """Sign, stamp and look back by this reckoning of the venue's time from now on."""
        ...

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> InstrumentsLoaded:
        """Return the products of these names; those that are not listed are left out, by name.

        Raises:
            Fatal: not one of them is listed.
        """
        ...

    def submit_order(self, command: SubmitOrder, timeout_s: float) -> OrderAccepted:
        """Place one order, at most once. What is raised about a resubmission is about this send alone.

        Raises:
            Retryable: no request byte was written, or the venue said it did not happen (429).
            Rejected: the venue said no; `code` is the venue's own word for why.
            Ambiguous: it may be resting there; call `find_order` before anything else.
            Fatal: bad credentials.
        """
        ...

    def sent_ns(self, client_order_id: str) -> int | None:
        """Return when an order's answered request was handed to the socket (CLOCK_MONOTONIC); None: not known."""
        ...

    def cancel_order(self, command: CancelOrder, timeout_s: float) -> CancelAccepted:
        """Ask to cancel. Raises Rejected when the venue says it cannot, Ambiguous when unanswered."""
        ...

    def submit_many(self, commands: Sequence[SubmitOrder], timeout_s: float) -> Sequence[OrderAccepted | VenueError]:
        """Place several orders in one request, and return each one's fate, in their order.

        Asked of at most `Capabilities.most_submits`, where that is more than one.

        Raises:
            Retryable: not one was placed.
            Ambiguous, Rejected: of the request as a whole, which proves nothing about any of the orders.
            Fatal: bad credentials.
        """
        ...

    def cancel_many(self, commands: Sequence[CancelOrder], timeout_s: float) -> Sequence[CancelAccepted | VenueError]:
        """Ask to cancel at most `Capabilities.most_cancels` orders in one request; fates and errors as of submits."""
        ...

    def modify_order(self, command: ModifyOrder, timeout_s: float) -> ModifyAccepted:
        """Change a live order in one request; asked only of a venue whose `Capabilities` say that it `replaces`.

        Raises:
            Retryable, Rejected: it has not been changed, nor will it be.
            Ambiguous: it may have been changed.
        """
        ...

    def find_order(self, query: QueryOrder, timeout_s: float) -> OrderReported | OrderNotFound:
        """Report what the venue holds under our id, or that a complete look did not show it.

        Without a `client_order_id` the question is whose order `venue_order_id` is. No look is complete where a
        row that may be the order can't be read.

        Raises:
            Retryable: the venue did not answer, or not yet, or not so that it can be read; the order's fate is
                still unknown.
        """
        ...

    def read_touch(self, instrument: str, timeout_s: float) -> TouchReported:
        """Return the best bid and ask of this moment, where there are any."""
        ...

    def list_balances(self, timeout_s: float) -> Listing[Balance]: ...

    def list_positions(self, timeout_s: float) -> Listing[VenuePosition] | None:
        """Return the derivatives that the venue keeps for us; None where it keeps none.

        Where the venue tells leverage and margin mode of an instrument without a position, a flat one is among them.
        """
        ...

    def list_funding(self, since: int, timeout_s: float) -> Listing[FundingPayment]:
        """Return what was paid or charged at `since` (UTC ns) or later, oldest first, all pages."""
        ...

    def list_open_orders(self, timeout_s: float) -> Listing[OrderReported]: ...

    def list_fills(self, since: int, timeout_s: float, venue_order_ids: Sequence[str] = ()) -> Listing[Fill]:
        """Return our fills with ts_event >= `since` (UTC ns), oldest first, all pages.

        One that is told twice with other numbers is there twice, as first told first.
        """
        ...

    def close(self) -> None: ...


class Fault(NamedTuple):
    """Something on the wire that is no message for a codec."""

    category: str  # "binary", "empty", "utf8", "oversize" or "protocol"
    raw: bytes  # its first 256 bytes


class Frames(NamedTuple):
    """What one read of a pipe brought."""

    frames: Sequence[bytes]  # whole text messages, in order
    read_ns: int  # CLOCK_MONOTONIC right after the read
    closed: str  # why the peer is gone, e.g. "1006"; empty while open
    faults: Sequence[Fault] = ()


class Pipe(Protocol):
    """An open websocket. Never blocks once open, but for `await_close`."""

    def fileno(self) -> int: ...

    def read(self) -> Frames:
        """Return everything that has arrived, also what TLS or the frame splitter buffered."""
        ...

    def send(self, text: str) -> None: ...

    def goodbye(self) -> None:
        """Send what still waits, then a close frame (1000). The peer's answer ends `read` with "1000"."""
        ...

    def await_close(self, timeout_s: float) -> str:
        """Block until the peer has gone, dropping what it still says. Return why, or "" when it hasn't."""
        ...

    def close(self) -> None:
        """Hang up at once, with a goodbye if the kernel takes it."""
        ...


class Dialer(Protocol):
    """Opens pipes. `open` blocks (DNS, connect, TLS, upgrade) and so runs on an Executor."""

    def open(self, url: str, timeout_s: float) -> Pipe:
        """Open a pipe, or fail within `timeout_s` in all.

        Raises:
            Retryable: with `code` one of refused, reset, timeout, dns, unreachable, tls, rejected, handshake.
            Fatal: the venue refused our credentials (`code` its status), or the address is none ("scheme").
        """
        ...


class StreamCodec(Protocol):
    """One venue's websocket protocol as a pure machine over frames: bytes in, domain events out."""

    url: str
    # What the venue owes us on each connection. `decode` tells it what was heard; the driver starts it anew
    # with each connection, and when a channel is silent, gives the connection up.
    watch: ChannelWatch

    def follow(self, time: VenueTime) -> None:
        """Refuse what is stamped later than the venue's clock can show, by this reckoning of it, from now on."""
        ...

    def hello(self, now: Instant) -> tuple[str, ...]:
        """Return the frames to send right after connecting (subscriptions, freshly signed)."""
        ...

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        """Return what a frame says. Never raises on anything a venue or an attacker sends.

        A `HeartbeatSeen` proves the whole stream alive and moves the age of all its prices. A `StreamGap`
        makes them void until `StreamWhole`, and costs the connection; if it `is_healing`, neither.
        `FillsReported` of a private stream holds exact fills, under the ids that REST gives them;
        `FundingReported` payments under the keys that REST gives them.
        """
        ...

    def tick(self, now: Instant) -> tuple[str, ...]:
        """Return frames that are due by now: venue pings, resubscriptions, answers to what was just decoded.

        Asked after each read and every second, while connected.
        """
        ...


class MarketCodec(StreamCodec, Protocol):
    """The codec of a public stream, which keeps the books that it tells of. No instrument holds up another."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Instruments of which no price is to be expected, e.g. not listed there."""
        ...

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return up to `most` bids and asks, best first; none of a book that is unknown or not whole."""
        ...


class VenueClock(Protocol):
    """What tells the time by which a venue stamps its market stream. Calls block: they are for an Executor."""

    @property
    def lags_ns(self) -> int:
        """By so much what it tells may be behind the newest stamps."""
        ...

    def read_time(self, timeout_s: float) -> int:
        """Return a time (UTC ns) that the stamps of a stream on time have reached; never one ahead of them.

        Raises:
            VenueError: the venue did not tell.
        """
        ...

    def close(self) -> None: ...


class Executor(Protocol):
    """Runs blocking calls away from the mailbox; `fileno` becomes readable when answers wait."""

    def submit(self, key: str, call: Callable[[], Any]) -> None: ...

    def replace(self, key: str) -> None:
        """Wait no more for a call that hangs: its answer is never collected, and another worker takes its place."""
        ...

    def fileno(self) -> int: ...

    def collect(self) -> list[tuple[str, Any]]:
        """Return (key, result or exception) of what finished since the last call."""
        ...

    def close(self) -> None: ...


class VenueKit(NamedTuple):
    """Everything that one venue adds, as module-level factories (those pickle by name).

    Each takes the venue's settings (`domain.settings.VenueSettings`).
    """

    trading: Callable[..., TradingVenue] | None  # None: market data only
    market_stream: Callable[..., MarketCodec]
    private_stream: Callable[..., StreamCodec] | None
    dialer: Callable[..., Dialer]
    venue_clock: Callable[..., VenueClock]
    resubmits_safely: bool  # the same id and body again can never make a second order
    evidence: EvidenceFactory = NoEvidence  # what proves what there
    order_rules: OrderRulesFactory = PlainOrders  # what orders it takes, and until when one can be accepted
    budgets: Callable[[VenueSettings], Sequence[BucketTerms]] = one_budget  # its limits, and what counts there
    request_budget: Callable[..., RequestBudget] = SharedBudget  # of budgets, a clock and a pause


class Toolbox(Protocol):
    """The toolbox that an actor gets with its role: everything that touches the world.

    The launcher hands out real tools, the in-process stage virtual ones; an actor can't tell which. It travels
    in the first message, so it pickles as a reference or as plain data.
    """

    def settle(self, role: str) -> None:
        """Give up what a process that plays `role` has no business with: signals that are the launcher's, and keys,
        unless it signs or makes signers."""
        ...

    def clock(self) -> Clock: ...

    def executor(self, workers: int) -> Executor: ...

    def venue_kit(self, venue: str) -> VenueKit: ...

    def manager_facts(self) -> ManagerFacts:
        """Return what the order manager must know besides settings: each venue's rules, and what runs."""
        ...

    def journal(self, progress: Progress) -> OrderJournal:
        """Open it, which checks every entry; `progress` hears how far that is."""
        ...

    def journal_reader(self) -> JournalReader: ...

    def history(self, settings: HistorySettings) -> History: ...

    def frame_recorder(self, venue: str, settings: RecordingSettings) -> FrameRecorder: ...

    def strategy_watch(self, settings: Settings) -> Watch:
        """Return what ends strategies that hang, and knows those that an earlier process ended over."""
        ...

    def pause(self, seconds: float) -> None:
        """Block a worker for so long; never an actor's own thread."""
        ...

    def uniform(self) -> float:
        """Return a random number in [0, 1), for jitter; seeded on the stage."""
        ...

    def orphaned_fd(self) -> int | None:
        """Return a descriptor that becomes readable when the launcher is gone, or None."""
        ...

    def cpu_ns(self, pid: int) -> int:
        """Return the processor time that a process has used so far; 0 when it is gone."""
        ...

    def children(self) -> frozenset[int]:
        """Return the pids of our child processes; none where this can't be told, or where no death goes unreported."""
        ...

    def exit_fd(self, pid: int) -> int | None:
        """Return a descriptor that becomes readable when that process ends; None when it is gone already."""
        ...

    def close_fd(self, fd: int) -> None: ...

    def kill(self, pid: int) -> None:
        """End another actor's process at once (SIGKILL); it may be gone already."""
        ...

    def pid(self) -> int: ...

    def die(self) -> None:
        """End this actor's process at once: the way to ask for a restart."""
        ...
