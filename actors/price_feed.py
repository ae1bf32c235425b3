"""One venue's market data: keeps the stream going, says how far it can be trusted, and passes it on by credit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from actors.links import CreditPublisher
from actors.shell import Shell
from actors.stream import StreamDriver
from domain.circuit_breaker import Gate
from domain.effects import Instant, Role
from domain.market_data import (
    DecodeFailed,
    HeartbeatSeen,
    MarketBatch,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    VenueComplained,
)
from domain.messages import Event, Message
from domain.numbers import plain
from domain.session import Session
from domain.stream_health import StreamHealth
from domain.system_messages import (
    BreakerChanged,
    GrantCredit,
    Operation,
    OperationEnded,
    SubscribeMarketData,
    VenueReported,
)

_FLUSH = "feed:flush"


class PriceFeed(Shell):
    """Quotes and trades of one venue, to whoever granted credit."""

    def started(self) -> None:
        self.venue = self.role.split(":", 1)[1]
        settings = self.settings.venues[self.venue]
        kit = self.parts.venue_kit(self.venue)
        self.quotes: dict[str, Quote] = {}  # instrument -> newest
        self.remembered: dict[str, deque[Trade]] = {}  # instrument -> newest trades
        self.read_ns = 0
        self.health = StreamHealth(self.venue)
        self.gate = Gate(Operation.DATA)
        self.publisher = CreditPublisher(self.venue, self.settings.market_data.trades_per_batch)
        self.stream = StreamDriver(
            self,
            Session(self.role, self.settings.session, settings.heartbeat_timeout_s, self.parts.uniform),
            kit.market_stream(settings),
            kit.dialer(settings),
            settings.connect_timeout_s,
            self._hear,
            self._stream_changed,
            self.gate,
            self._dialed,
        )
        self.stream.connect()

    def tick(self, key: str, now: Instant) -> list:
        if self.stream.owns(key):
            self.stream.tick(key, now)
        elif key == _FLUSH:
            self._flush(now)
        return []

    # ---- from the venue ----------------------------------------------------------------------------------

    def _hear(self, events: Iterable[Event], read_ns: int) -> None:
        now = self.clock.now()
        self.read_ns = read_ns
        quotes: list[Quote] = []
        trades: list[Trade] = []
        for event in events:
            match event:
                case Quote():
                    quotes.append(event)
                    self.health.stamped(event.ts_event, now)
                case Trade():
                    trades.append(event)
                case HeartbeatSeen():
                    self.health.proven_alive(event.read_ns)
                case StreamWhole():
                    self.health.is_whole = True
                case StreamGap():
                    self.health.gap()
                    self.counters["gaps"] += 1
                case DecodeFailed():
                    self.counters["decode_errors"] += 1
                case VenueComplained():
                    self.alarm(f"{self.venue} market stream", event.text)
                case _:
                    self.counters[type(event).__name__] += 1
        self.counters["quotes"] += len(quotes)
        self.counters["trades"] += sum(not trade.is_history for trade in trades)
        for quote in quotes:
            self.quotes[quote.instrument] = quote
        for trade in trades:
            self._remember(trade)
        self.publisher.publish(quotes, trades, self.health.state(now))
        self._flush(now)

    def _remember(self, trade: Trade) -> None:
        if trade.instrument not in self.remembered:
            newest = deque(maxlen=self.settings.market_data.trades_remembered)
            self.remembered[trade.instrument] = newest
        self.remembered[trade.instrument].append(trade)

    def _history(self) -> list[Trade]:
        """Return the remembered trades in the order they happened, as news to nobody."""
        trades = [trade for newest in self.remembered.values() for trade in newest]
        trades.sort(key=lambda trade: trade.ts_event)
        return [msgspec.structs.replace(trade, is_history=True) for trade in trades]

    def _stream_changed(self, is_open: bool) -> None:
        now = self.clock.now()
        if is_open:
            self.health.connected()
        else:
            self.health.broken()
        self.health.reconnects = self.stream.session.reconnects
        self.publisher.publish((), (), self.health.state(now))
        self._flush(now)

    def _dialed(self, succeeded: bool, reason: str) -> None:
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
        self.gate.heard(event)

    # ---- to the readers ----------------------------------------------------------------------------------

    def peer_appeared(self, role: str) -> None:
        self.publisher.renew(role)
        self._flush(self.clock.now())

    def receiveMsg_SubscribeMarketData(self, command: SubscribeMarketData, sender: str) -> None:
        now = self.clock.now()
        self.publisher.subscribe(
            sender,
            command.credit,
            command.min_interval_ns,
            tuple(self.quotes.values()),
            self._history() if command.wants_history else (),
        )
        self.publisher.publish((), (), self.health.state(now))
        self._flush(now)

    def receiveMsg_GrantCredit(self, command: GrantCredit, sender: str) -> None:
        self.publisher.grant(sender, command.batches)
        self._flush(self.clock.now())

    def refused(self, role: str, message: Message) -> None:
        """Give the credit of a batch back that a full queue refused: its reader gets fresher news instead."""
        if isinstance(message, MarketBatch):
            self.publisher.grant(role, 1)

    def _flush(self, now: Instant) -> None:
        for role, batch in self.publisher.take_due(now.monotonic_ns, self.peers):
            self.counters["batches"] += 1
            self.tell(role, batch)
        due_ns = self.publisher.next_due_ns(self.peers)
        if due_ns is not None:
            self.wake_at(max(due_ns, now.monotonic_ns), _FLUSH)

    def report(self) -> None:
        self.counters["reconnects"] = self.stream.session.reconnects
        self.counters["conflated"] = self.publisher.conflated
        self.counters["folded"] = self.publisher.folded
        self.tell(
            Role.MONITOR,
            VenueReported(
                ts_event=self.clock.now().utc_ns,
                venue=self.venue,
                state=self.stream.session.state.value,
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
