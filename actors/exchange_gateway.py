"""The only caller of one venue's trading API: its requests, its private stream, its rate budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from actors.components.account_reading import read_account, read_fills
from actors.components.batches import shared
from actors.components.clock_check import ClockCheck
from actors.components.fill_reads import FillReads
from actors.components.fills_due import READ_FILLS
from actors.components.listings import LOAD, Listings
from actors.components.order_changes import OrderChanges
from actors.components.stream_driver import StreamDriver
from actors.components.venue_calls import Call, Urgency
from actors.components.venue_line import ACCESS, SEND, VenueLine
from actors.runtime.base_actor import BaseActor
from domain.clocks import deadline
from domain.effects import Effect, Role, WakeupKey, venue_of
from domain.errors import Rejected, Retryable, VenueError
from domain.instant import Instant
from domain.ledger.unconfirmed import in_doubt, not_sent, resend_refused
from domain.messages.account import FundingReported, RequestSnapshot, RowsUnread, SnapshotFailed, VenueSnapshot
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    InstrumentStatus,
    LateFrame,
    StreamGap,
    StreamWhole,
    VenueComplained,
)
from domain.messages.orders import (
    CancelOrder,
    CancelRejected,
    CancelUnconfirmed,
    FillsReported,
    InstrumentsLoaded,
    OrderRejected,
    OrderReported,
    PrivateStreamChanged,
    Purpose,
    QueryFailed,
    QueryOrder,
    RequestTouch,
    SubmitOrder,
    VenueClockSeen,
)
from domain.messages.replacements import ModifyOrder
from domain.messages.system import BreakerChanged, Operation, OperationEnded
from domain.resilience.access import TRADING
from domain.resilience.budgets import RequestKind
from domain.resilience.circuit_breaker import BreakerGate
from domain.streams.session import Session
from domain.streams.venue_time import Stamps, VenueTime
from domain.text import bounded

_SNAPSHOT_READS, _SNAPSHOT_REQUESTS = 3, 4  # open orders, in two lists; balances; fills


class ExchangeGateway(BaseActor):
    """Turns commands into calls on worker threads, and answers and stream frames into events for the router."""

    def started(self) -> None:
        self.venue = venue_of(self.role)
        self.venue_settings = settings = self.settings.venues[self.venue]
        self.timeout_s = settings.request_timeout_s
        self.reducing_timeout_s = self.settings.create_timeout_s(self.venue, is_reducing=True)
        kit = self.toolbox.venue_kit(self.venue)
        if kit.trading is None or kit.private_stream is None:
            raise ValueError(f"nothing is traded at {self.venue}")
        self.able = kit.order_rules(settings).capabilities
        self.client = kit.trading(settings)
        self.venue_time = VenueTime()
        self.client.follow(self.venue_time)
        self.line = VenueLine(self, self.venue, settings, kit)
        self.queried: set[str] = set()  # orders that are being asked about
        self.touched: set[tuple[str, str]] = set()  # (who asks, instrument) for a price
        self.canceling: set[str] = set()  # orders whose cancel waits or is under way
        self.breaker_gate = BreakerGate(Operation.SUBMIT)
        self.is_live = False
        self.fill_reads = FillReads(self, self.venue, self.client, self.line, self.venue_time, self.timeout_s)
        kinds = kit.order_rules(settings).capabilities.kinds
        self.changes = OrderChanges(self, self.client, self.line, self.venue_time, self.reducing_timeout_s)
        self.listings = Listings(self, self.venue, kinds, self._load_instruments)
        self.stream = StreamDriver(
            self,
            session=Session(
                self.role,
                self.incarnation,
                self.settings.session,
                settings.heartbeat_timeout_s,
                self.toolbox.uniform,
            ),
            codec=kit.private_stream(settings),
            dialer=kit.dialer(settings),
            connect_timeout_s=settings.connect_timeout_s,
            venue_time=self.venue_time,
        )
        self.clock_check = ClockCheck(self, kit.venue_clock(settings), self.venue_time)
        self.clock_check.start()
        self.stream.connect()
        self.listings.load()
        self.line.announce_access()  # what an earlier gateway was refused, it has not been

    def stopping(self) -> None:
        self.stream.stop()
        self.clock_check.stop()
        self.client.close()

    def report(self) -> None:
        self.line.report()

    def peer_appeared(self, role: str) -> None:
        self.listings.announce(role)
        if role == Role.ORDER_ROUTER:
            self._announce_stream()
            self.line.announce_access()

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        if self.stream.owns(key):
            self.stream.tick(key, now)
        elif self.clock_check.owns(key):
            self.clock_check.tick(now)
        elif key == LOAD:
            self.listings.look(now.monotonic_ns)
        elif key == SEND:
            self.line.send()
        elif key == ACCESS:
            self.line.look_at_access()
        elif key == READ_FILLS:
            self.fill_reads.read()
        return []

    def _stamps(self) -> Stamps:
        return self.venue_time.stamps(self.clock.now())

    def _stamp(self) -> int:
        return self.venue_time.utc_ns(self.clock.now())  # as all that the venue stamps

    def _load_instruments(self, answered: Callable[[InstrumentsLoaded | VenueError], None], urgency: Urgency) -> None:
        load = partial(self.client.load_instruments, self.venue_settings.instruments, self.timeout_s)
        self.line.make(Call(load, answered, urgency, requests=2, proves="", within_s=self.timeout_s))

    def _ended(self, operation: Operation, result: Event | VenueError) -> None:
        """Tell the breaker how a call ended: a venue that says no has answered."""
        has_failed = isinstance(result, VenueError) and not isinstance(result, Rejected)
        self.tell(
            Role.CIRCUIT_BREAKER.at(self.venue),
            OperationEnded(
                ts_event=self._stamp(),
                venue=self.venue,
                operation=operation,
                succeeded=not has_failed,
                reason=result.code if isinstance(result, VenueError) and has_failed else "",
            ),
        )

    def receiveMsg_BreakerChanged(self, event: BreakerChanged, sender: str) -> None:
        if event.operation is Operation.SUBMIT:
            self.breaker_gate.heard(event)

    def receiveMsg_InstrumentStatus(self, event: InstrumentStatus, sender: str) -> None:
        self.listings.compare(event)

    # ---- orders ------------------------------------------------------------------------------------------

    def receiveMsg_SubmitOrder(self, command: SubmitOrder, sender: str) -> None:
        is_opening = command.purpose is Purpose.OPEN
        if is_opening and not command.is_resubmission and not self.breaker_gate.enter(command.client_order_id):
            self._tell_router(not_sent(command, "breaker_open", self._stamp()))
            return
        self._submit(command, may_retry=True)

    def _submit(self, command: SubmitOrder, may_retry: bool) -> None:
        is_opening = command.purpose is Purpose.OPEN
        leave_by = deadline(command.leave_by, command.leave_by_ns, self.clock.now())
        timeout_s = self.timeout_s if is_opening else self.reducing_timeout_s
        run = partial(self.client.submit_order, command, timeout_s)
        self.line.make(
            Call(
                run,
                partial(self._submitted, command, may_retry),
                Urgency.OPENING if is_opening else Urgency.REDUCING,
                leave_by=leave_by if command.leave_by else None,
                within_s=timeout_s,
                proves=TRADING,
                given_up=partial(self._gave_up, command),
                kind=RequestKind.SUBMIT,
                batch=shared(self.able.most_submits, self.client.submit_many, command, timeout_s),
            )
        )

    def _gave_up(self, command: SubmitOrder) -> None:
        """An order that has waited too long is not sent: the router may count it as dead before it lands."""
        self.breaker_gate.ended(command.client_order_id)
        self._tell_router(not_sent(command, "waited_too_long", self._stamp()))

    def _submitted(self, command: SubmitOrder, may_retry: bool, result: Event | VenueError) -> None:
        sent_ns = self.client.sent_ns(command.client_order_id)
        if sent_ns and command.origin_read_ns and not command.is_resubmission:
            self.latency.record(sent_ns - command.origin_read_ns)
        if isinstance(result, Retryable) and may_retry:
            self._ended(Operation.SUBMIT, result)
            self._submit(command, may_retry=False)  # it never got there: once more under the same id
            return
        self.breaker_gate.ended(command.client_order_id)
        self.listings.heed(result)
        self._ended(Operation.SUBMIT, result)
        event: Event
        match result:
            case Event():
                event = result
            case Retryable():
                event = not_sent(command, result.code, self._stamp())
            case Rejected() if command.is_resubmission:
                event = resend_refused(command, result.code, self._stamp())
            case Rejected():
                event = OrderRejected(**self._about(command), code=result.code, reason=str(result))
            case _:
                # Fatal or Ambiguous. A fatal answer proves nothing about an earlier try of the same id: ask.
                raw = bounded(result.raw.decode("utf-8", "replace"))
                event = in_doubt(command, result.code, self._stamp(), raw)
        self._tell_router(event)

    def _about(self, command: SubmitOrder | CancelOrder | QueryOrder) -> dict[str, Any]:
        """Return what each answer to `command` begins with."""
        return {
            "ts_event": self._stamp(),
            "client_order_id": command.client_order_id,
            "venue": self.venue,
        }

    def receiveMsg_CancelOrder(self, command: CancelOrder, sender: str) -> None:
        if command.client_order_id in self.canceling:
            return  # the router repeats it whether or not a slow venue has answered
        self.canceling.add(command.client_order_id)
        run = partial(self.client.cancel_order, command, self.reducing_timeout_s)
        answered = partial(self._canceled, command)
        within_s = self.reducing_timeout_s
        batch = shared(self.able.most_cancels, self.client.cancel_many, command, within_s)
        kind = RequestKind.CANCEL
        self.line.make(Call(run, answered, Urgency.REDUCING, proves=TRADING, within_s=within_s, kind=kind, batch=batch))

    def _canceled(self, command: CancelOrder, result: Event | VenueError) -> None:
        self.canceling.discard(command.client_order_id)
        self._ended(Operation.CANCEL, result)
        match result:
            case Event():
                self._tell_router(result)
            case Rejected():
                self._tell_router(CancelRejected(**self._about(command), code=result.code))
            case _:
                self._tell_router(CancelUnconfirmed(**self._about(command), reason=result.code))

    def receiveMsg_ModifyOrder(self, command: ModifyOrder, sender: str) -> None:
        self.changes.ask(command)

    def receiveMsg_QueryOrder(self, query: QueryOrder, sender: str) -> None:
        if _subject(query) in self.queried:
            return  # the router asks faster than a slow venue answers
        self.queried.add(_subject(query))
        run = partial(self.client.find_order, query, self.timeout_s)
        requests = 2 if query.venue_order_id else 1
        answered = partial(self._found, query)
        self.line.make(Call(run, answered, Urgency.ASKING, requests=requests, within_s=self.timeout_s))

    def _found(self, query: QueryOrder, result: Event | VenueError) -> None:
        self.queried.discard(_subject(query))
        if isinstance(result, VenueError):
            self._tell_router(QueryFailed(**self._about(query), reason=result.code))
        else:
            self._on_totals(result)
            self._tell_router(result)

    def receiveMsg_RequestTouch(self, command: RequestTouch, sender: str) -> None:
        is_valuing = sender == Role.PORTFOLIO  # else the router has something to close
        asked = sender if is_valuing else str(Role.ORDER_ROUTER), command.instrument
        if asked in self.touched:
            return
        self.touched.add(asked)
        run = partial(self.client.read_touch, command.instrument, self.reducing_timeout_s)
        urgency = Urgency.READING if is_valuing else Urgency.REDUCING
        answered = partial(self._touch_read, asked)
        self.line.make(Call(run, answered, urgency, proves="", within_s=self.timeout_s))

    def _touch_read(self, asked: tuple[str, str], result: Event | VenueError) -> None:
        self.touched.discard(asked)
        if isinstance(result, Event):
            self.tell(asked[0], result)
        else:
            self.counters["touch_failures"] += 1  # the router asks again, and has a bound without it

    def _tell_router(self, event: Event) -> None:
        self.tell(Role.ORDER_ROUTER, event)

    # ---- fills and snapshots -----------------------------------------------------------------------------

    def _on_totals(self, event: Event) -> None:
        self.listings.heed(event)
        if isinstance(event, OrderReported):
            self.fill_reads.on_totals(event)

    def receiveMsg_RequestSnapshot(self, command: RequestSnapshot, sender: str) -> None:
        more = bool(command.fills_of)
        self.line.make(
            Call(
                partial(read_account, self.client, command, self.timeout_s, self._stamps),
                partial(self._snapshot_read, command),
                requests=_SNAPSHOT_REQUESTS + more,
                replaces="snapshot",
                within_s=(_SNAPSHOT_READS + more) * self.timeout_s,
            )
        )

    def _snapshot_read(self, command: RequestSnapshot, result: VenueSnapshot | VenueError) -> None:
        if not isinstance(result, VenueError):
            self._tell_router(result)
            return
        self.counters["snapshot_failures"] += 1
        # What has filled must be known even where the rest can't be read: a position may need its stop.
        run, more = partial(read_fills, self.client, command, self.timeout_s), bool(command.fills_of)
        self.line.make(Call(run, self.fill_reads.tell, requests=1 + more, within_s=(1 + more) * self.timeout_s))
        self._tell_router(
            SnapshotFailed(
                ts_event=self._stamp(),
                request_id=command.request_id,
                venue=self.venue,
                reason=result.code,
            )
        )

    # ---- the private stream ------------------------------------------------------------------------------

    def on_stream_events(self, events: Sequence[Event], read_ns: int) -> None:
        for event in events:
            match event:
                case OrderReported():
                    self._on_totals(event)
                    self._tell_router(event)
                case FillsReported():
                    self.fill_reads.on_stream(event)
                case FundingReported() | RowsUnread() | VenueClockSeen():
                    self._tell_router(event)
                case StreamWhole():
                    self._set_live(True)
                case StreamGap():
                    self.counters["private_gaps"] += 1
                    self._set_live(False)
                case LateFrame():
                    self.counters["late_frames"] += 1
                case DecodeFailed():
                    self.counters["decode_errors"] += 1
                case VenueComplained() if self.line.refusal:
                    self.counters["complaints"] += 1  # about credentials that it refuses, as has been told
                case VenueComplained():
                    self.alarm(f"{self.venue} private stream", event.text, is_theirs=True)
                case _:
                    self.counters[type(event).__name__] += 1

    def on_stream_changed(self, is_open: bool) -> None:
        if not is_open:
            self._set_live(False)

    def on_dialed(self, succeeded: bool, reason: str) -> None:
        """No breaker guards this stream: trading goes on without it, by questions."""

    def _set_live(self, is_live: bool) -> None:
        if is_live != self.is_live:
            self.is_live = is_live
            self._announce_stream()
            if not is_live:
                self.fill_reads.stream_is_gone()

    def _announce_stream(self) -> None:
        self._tell_router(PrivateStreamChanged(ts_event=self._stamp(), venue=self.venue, is_live=self.is_live))


def _subject(query: QueryOrder) -> str:
    """Return the name under which an order is asked about."""
    return query.client_order_id or query.venue_order_id
