"""One venue's market data: keeps the stream going, judges how far to trust it, passes it on by credit."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import TypeGuard, TypeVar

import msgspec

from actors.components.clock_check import ClockCheck
from actors.components.credit_publisher import CreditPublisher
from actors.components.stream_driver import StreamDriver
from actors.runtime.base_actor import BaseActor
from domain.clocks import describe_error
from domain.effects import Effect, Role, WakeupKey, WakeupKind, venue_of
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Event, Message
from domain.messages.market import (
    DecodeFailed,
    DepthReported,
    Figure,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    InstrumentStatus,
    LateFrame,
    MarketBatch,
    MarkPrice,
    Quote,
    RequestDepth,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueComplained,
    stream_trouble,
)
from domain.messages.system import (
    BreakerChanged,
    BreakerState,
    GrantCredit,
    Operation,
    OperationEnded,
    SubscribeMarketData,
    VenueReported,
)
from domain.numbers import plain
from domain.resilience.circuit_breaker import BreakerGate
from domain.streams.health import StreamHealth
from domain.streams.session import Session
from domain.streams.venue_time import VenueTime

_MOST_FRUITLESS = 3
_FAULTS_KEPT = 100  # between two reports

_PRICES = (Quote, Trade)
_FIGURES = (MarkPrice, IndexPrice, FundingRate)
_ONLY_QUOTES = {Quote}
_when = attrgetter("ts_event")
_Price = TypeVar("_Price", Quote, Trade, Figure)


def _are_quotes(events: Sequence[Event]) -> TypeGuard[Sequence[Quote]]:
    return set(map(type, events)) == _ONLY_QUOTES


class FeedWakeup(WakeupKind):
    FLUSH = "flush"


_FLUSH = WakeupKey(FeedWakeup.FLUSH)


class PriceFeed(BaseActor):
    """Quotes and trades of one venue, to whoever granted credit."""

    def started(self) -> None:
        self.venue = venue_of(self.role)
        settings = self.settings.venues[self.venue]
        recording = self.settings.recording
        kit = self.toolbox.venue_kit(self.venue)
        self.quotes: dict[str, Quote] = {}  # instrument -> newest
        self.remembered: dict[str, deque[Trade]] = {}  # instrument -> newest trades
        self.read_ns = 0
        self.faults: deque[DecodeFailed] = deque()  # what could not be read, until the recorder has it
        self.late_after_ns = self.settings.risk.late_after_s * SECOND_NS
        self.status_alarms: dict[str, str] = {}  # instrument -> what the person was told of it, while that is so
        self.clock_alarm = ""  # what the person was told of it, while that is so
        self.fruitless = 0  # connections in a row that ended before all prices were there
        self.health = StreamHealth(self.venue)
        self.breaker_gate = BreakerGate(Operation.DATA)
        self.publisher = CreditPublisher(self.venue, self.settings.market_data.trades_per_batch)
        self.venue_time = VenueTime()
        self.codec = kit.market_stream(settings)
        self.stream = StreamDriver(
            self,
            session=Session(
                self.role,
                self.incarnation,
                self.settings.session,
                settings.heartbeat_timeout_s,
                self.toolbox.uniform,
                settings.connect_timeout_s,
            ),
            codec=self.codec,
            dialer=kit.dialer(settings),
            connect_timeout_s=settings.connect_timeout_s,
            venue_time=self.venue_time,
            breaker_gate=self.breaker_gate,
            recorder=self.toolbox.frame_recorder(self.venue, recording) if recording.enabled else None,
        )
        self.clock_check = ClockCheck(
            self, kit.venue_clock(settings), self.health, self.venue_time, checked=self._publish_state
        )
        self.stream.connect()
        self.clock_check.start()

    def stopping(self) -> None:
        self.stream.stop()
        self.clock_check.stop()

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        if self.stream.owns(key):
            self.stream.tick(key, now)
        elif self.clock_check.owns(key):
            self.clock_check.tick(now)
        elif key == _FLUSH:
            self._flush(now)
        return []

    # ---- from the venue ----------------------------------------------------------------------------------

    def on_stream_events(self, events: Sequence[Event], read_ns: int) -> None:
        now = self.clock.now()
        self.read_ns = read_ns
        quotes: Sequence[Quote]
        trades: Sequence[Trade] = ()
        figures: Sequence[Figure] = ()
        if _are_quotes(events):
            quotes = events
        else:
            quotes = [event for event in events if type(event) is Quote]
            trades = [event for event in events if type(event) is Trade]
            figures = self._possible([event for event in events if isinstance(event, _FIGURES)], now)
            for event in events:
                if type(event) not in _PRICES:
                    self._on_other(event)
        quotes, trades = self._possible(quotes, now), self._possible(trades, now)
        live = [trade for trade in trades if not trade.is_history]
        if live:
            self._learn_clock(live, now)
        if quotes:
            quotes = self._judge(quotes, now)
            self.quotes |= {quote.instrument: quote for quote in quotes}
        for trade in trades:
            self._remember(trade)
        self.counters["quotes"] += len(quotes)
        self.counters["trades"] += len(live)
        self.publisher.publish(quotes, trades, self.health.state(now), figures)
        self._flush(now)

    def _learn_clock(self, trades: Sequence[Trade], now: Instant) -> None:
        """Learn the venue's clock from trades, too: some venues stamp those sooner than their quotes."""
        newest_ts = max(map(_when, trades))
        if not self.health.is_from_future(newest_ts, now):
            self.health.learn_clock(newest_ts, now)

    def _judge(self, quotes: Sequence[Quote], now: Instant) -> Sequence[Quote]:
        """Learn the venue's clock from the newest stamp, and mark what it cannot have stamped."""
        newest_ts = max(map(_when, quotes))
        if not self.health.is_from_future(newest_ts, now):
            self.health.stamped(newest_ts, now)
            if self.health.lag_ns > self.late_after_ns:
                self.counters["late_quotes"] += len(quotes)
            return quotes
        is_future = [self.health.is_from_future(quote.ts_event, now) for quote in quotes]
        self.counters["future_quotes"] += sum(is_future)
        self.health.forget_clock()
        return [
            msgspec.structs.replace(quote, is_whole=False) if is_wrong else quote
            for quote, is_wrong in zip(quotes, is_future)
        ]

    def _possible(self, prices: Sequence[_Price], now: Instant) -> Sequence[_Price]:
        """Leave out what the venue's clock cannot have stamped: it is wrong, or that was set. A reading will tell."""
        latest_ns = self.venue_time.latest_ns(now)
        if max(map(_when, prices), default=0) <= latest_ns:
            if prices and self.venue_time.is_doubted:
                self.venue_time.believed()
            return prices
        possible = [price for price in prices if price.ts_event <= latest_ns]
        self.counters["future_prices"] += len(prices) - len(possible)
        self.venue_time.refused(max(map(_when, prices)), now)
        self.clock_check.look(now)
        return possible

    def _on_other(self, event: Event) -> None:
        """Take what is neither a quote nor a trade."""
        match event:
            case HeartbeatSeen():
                self.health.proven_alive(event.read_ns)
                if self.breaker_gate.state is BreakerState.HALF_OPEN:
                    self.on_dialed(True, "")  # a dial that went well is not repeated: what comes over it counts
            case StreamWhole():
                self.health.is_whole = True
            case StreamGap():
                self.health.gap(event.is_healing)
                self.counters["gaps"] += 1
            case DecodeFailed():
                self._keep_fault(event)
                self.clock_check.look(self.clock.now())  # it may be about a stamp that our clocks refuse
            case LateFrame():
                self.counters["late_frames"] += 1
            case InstrumentStatus():
                self.counters["InstrumentStatus"] += 1
                self.health.on_status(event)
                self._tell_status(event)
                if (gateway := Role.EXCHANGE_GATEWAY.at(self.venue)) in self.peers:
                    self.tell(gateway, event)  # another one reads the listing when it starts
            case VenueComplained():
                self.alarm(f"{self.venue} market stream", event.text, is_theirs=True)
            case _:
                self.counters[type(event).__name__] += 1

    def _tell_status(self, event: InstrumentStatus) -> None:
        """Tell the person of a market that is not open, and when it is again."""
        subject, told = f"{self.venue} {event.instrument}", self.status_alarms.pop(event.instrument, "")
        text = "" if event.status is TradingStatus.TRADING else f"trading there is {event.status}"
        if told != text:
            self.alarm_over(subject, told)
        if text:
            self.status_alarms[event.instrument] = text
            self.alarm(subject, text, is_theirs=True)

    def _keep_fault(self, fault: DecodeFailed) -> None:
        """Count what could not be read, and keep it for the recorder: in order, never more than people read."""
        self.counters["decode_errors"] += 1
        self.counters[f"faults_{fault.category}"] += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)
        else:
            self.counters["faults_dropped"] += 1

    def _remember(self, trade: Trade) -> None:
        if trade.instrument not in self.remembered:
            self.remembered[trade.instrument] = deque(maxlen=self.settings.market_data.trades_remembered)
        self.remembered[trade.instrument].append(trade)

    def _history(self) -> list[Trade]:
        """Return the remembered trades in the order they happened, as news to nobody."""
        trades = [trade for newest in self.remembered.values() for trade in newest]
        trades.sort(key=lambda trade: trade.ts_event)
        return [msgspec.structs.replace(trade, is_history=True) for trade in trades]

    def on_stream_changed(self, is_open: bool) -> None:
        if is_open:
            self.health.connected()
        else:
            self._note_end(self.stream.session.last_failure)
            self.health.broken()
        self.health.reconnects = self.stream.session.reconnects
        self._publish_state()

    def _note_end(self, reason: str) -> None:
        """Count how a connection ended; tell the person when none ever brings prices of everything."""
        self.fruitless = 0 if self.health.is_whole else self.fruitless + 1
        if self.fruitless == _MOST_FRUITLESS:
            names = ", ".join(self.settings.venues[self.venue].instruments)
            self.alarm(
                f"{self.venue} market stream",
                f"no connection brings all prices ({reason}); are these listed there: {names}?",
            )
        if reason.startswith("silent"):
            self.counters["silences"] += 1
            self.alarm(f"{self.venue} market stream", f"{reason}: connecting anew", is_theirs=True)

    def on_dialed(self, succeeded: bool, reason: str) -> None:
        self.tell(
            Role.CIRCUIT_BREAKER.at(self.venue),
            OperationEnded(
                ts_event=self.clock.now().utc_ns,
                venue=self.venue,
                operation=Operation.DATA,
                succeeded=succeeded,
                reason=reason,
            ),
        )

    def receiveMsg_BreakerChanged(self, event: BreakerChanged, sender: str) -> None:
        self.breaker_gate.heard(event)
        self.stream.tell_if_held_back()

    # ---- to the readers ----------------------------------------------------------------------------------

    def peer_appeared(self, role: str) -> None:
        self.publisher.renew(role)
        self._flush(self.clock.now())

    def receiveMsg_SubscribeMarketData(self, command: SubscribeMarketData, sender: str) -> None:
        self.publisher.subscribe(
            sender,
            command.credit,
            command.min_interval_ns,
            tuple(self.quotes.values()),
            self._history() if command.wants_history else (),
        )
        self._publish_state()

    def receiveMsg_GrantCredit(self, command: GrantCredit, sender: str) -> None:
        self.publisher.grant(sender, command.batches)
        self._flush(self.clock.now())

    def receiveMsg_RequestDepth(self, request: RequestDepth, sender: str) -> None:
        is_believed = self.health.is_whole
        bids, asks = self.codec.levels(request.instrument, request.levels) if is_believed else ((), ())
        self.answer(
            DepthReported(
                ts_event=self.clock.now().utc_ns,
                venue=self.venue,
                instrument=request.instrument,
                bids=tuple((level.price, level.quantity) for level in bids),
                asks=tuple((level.price, level.quantity) for level in asks),
                alive_ns=self.health.alive_ns,
                is_whole=bool(is_believed and bids and asks),
            )
        )

    def refused(self, role: str, message: Message) -> None:
        """Give the credit of a batch back that a full queue refused: its reader gets fresher news instead."""
        if isinstance(message, MarketBatch):
            self.publisher.grant(role, 1)

    def _publish_state(self) -> None:
        now = self.clock.now()
        self.publisher.publish((), (), self.health.state(now))
        self._flush(now)

    def _flush(self, now: Instant) -> None:
        for role, batch in self.publisher.take_due(now.monotonic_ns, self.peers):
            self.counters["batches"] += 1
            self.tell(role, batch)
        due_ns = self.publisher.next_due_ns(self.peers)
        if due_ns is not None:
            self.wake_at(max(due_ns, now.monotonic_ns), _FLUSH)

    def _judge_clock(self, error_ns: int) -> None:
        """Tell the person, once each time, that our clock is not the venue's: somebody has to set it."""
        subject = f"{self.venue} clock"
        if abs(error_ns) <= self.settings.risk.max_clock_error_s * SECOND_NS:
            self.alarm_over(subject, self.clock_alarm)
            self.clock_alarm = ""
        elif not self.clock_alarm:
            self.clock_alarm = f"{describe_error(error_ns, self.venue)}: no openings there"
            self.alarm(subject, self.clock_alarm)

    def report(self) -> None:
        now = self.clock.now()
        state = self.health.state(now)
        self._judge_clock(state.clock_error_ns)
        session = self.stream.session
        silent_after_s = self.settings.venues[self.venue].heartbeat_timeout_s
        late_after_s = self.settings.risk.late_after_s
        while self.faults:
            self.tell(Role.RECORDER, self.faults.popleft())
        self.counters["reconnects"] = session.reconnects
        self.counters["breaker_refusals"] = self.breaker_gate.refusals
        self.counters["downtime_ms"] = session.downtime_ns // 1_000_000
        for name, count in session.counters.items():
            self.counters[f"session_{name}"] = count
        self.counters["conflated"] = self.publisher.conflated
        self.counters["folded"] = self.publisher.folded
        self.tell(
            Role.MONITOR,
            VenueReported(
                ts_event=now.utc_ns,
                venue=self.venue,
                state=session.state.value,
                trouble=stream_trouble(state, now, silent_after_s, late_after_s),
                left_out=self.codec.left_out,
                clock_error_s=round(state.clock_error_ns / SECOND_NS, 3),
                stream_quality=session.quality(now),
                quotes=self.counters["quotes"],
                trades=self.counters["trades"],
                reconnects=self.counters["reconnects"],
                gaps=self.counters["gaps"],
                decode_errors=self.counters["decode_errors"],
                last_prices={name: plain(quote.mid_price) for name, quote in self.quotes.items()},
                last_read_ns=self.read_ns,
                alive_ns=self.health.alive_ns,
            ),
        )
