"""Market data by credit: a reader grants batches, a feed never has more than that in flight to it.

What arrives while a reader has no credit left is conflated for it: quotes, marks and rates are replaced by the newer
one, trades queue up to a bound and then fold, oldest first, into exact bars. So every queue is bounded, a slow reader sees
fewer but fresher quotes, and a burst becomes a bigger batch instead of more messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from domain.messages.market import Figure, MarketBatch, Quote, StreamState, Trade, TradeBar

_FigureKey = tuple[type[Figure], str]  # kind, instrument


@dataclass
class _Reader:
    """What one reader has coming."""

    granted: int  # at the start of its subscription
    credit: int
    min_interval_ns: int
    sent_ns: int = 0  # of the last batch; CLOCK_MONOTONIC
    quotes: dict[str, Quote] = field(default_factory=dict)  # instrument -> newest
    figures: dict[_FigureKey, Figure] = field(default_factory=dict)  # newest
    trades: deque[Trade] = field(default_factory=deque)
    bars: dict[str, TradeBar] = field(default_factory=dict)  # instrument -> trades that did not fit
    conflated: int = 0
    state: StreamState | None = None
    history: tuple[Trade, ...] = ()  # what was printed before it came; in its first batch, whatever the bound


class CreditPublisher:
    """The feed's side of the market-data links, for all its readers."""

    def __init__(self, venue: str, trades_per_batch: int) -> None:
        self.venue = venue
        self.conflated = 0  # quotes replaced before they were read, over all readers
        self.folded = 0  # trades folded into bars
        self._trades_per_batch = trades_per_batch
        self._figures: dict[_FigureKey, Figure] = {}  # newest
        self._readers: dict[str, _Reader] = {}  # role -> reader

    def subscribe(
        self,
        role: str,
        credit: int,
        min_interval_ns: int,
        quotes: Sequence[Quote],
        history: Sequence[Trade] = (),
    ) -> None:
        """Begin with `role`, or begin again with its new incarnation.

        Args:
            quotes: the newest known.
            history: trades printed before, marked as history.
        """
        self._readers[role] = _Reader(
            credit,
            credit,
            min_interval_ns,
            quotes={quote.instrument: quote for quote in quotes},
            figures=dict(self._figures),
            history=tuple(history),
        )

    def renew(self, role: str) -> None:
        """Begin again with a reader whose address changed: what was in flight to the old one is gone."""
        reader = self._readers.get(role)
        if reader is not None:
            reader.credit = reader.granted

    def grant(self, role: str, batches: int) -> None:
        reader = self._readers.get(role)
        if reader is not None:
            reader.credit += batches

    def publish(
        self, quotes: Sequence[Quote], trades: Sequence[Trade], state: StreamState, figures: Sequence[Figure] = ()
    ) -> None:
        """Add to what every reader has coming. Figures are remembered for whoever subscribes later."""
        told: dict[_FigureKey, Figure] = {(type(figure), figure.instrument): figure for figure in figures}
        self._figures |= told
        newest = {quote.instrument: quote for quote in quotes}  # once for all readers: a read may bring hundreds
        for reader in self._readers.values():
            reader.state = state
            replaced = len(quotes) - len(newest) + len(newest.keys() & reader.quotes.keys())
            reader.conflated += replaced
            self.conflated += replaced
            reader.quotes.update(newest)
            reader.figures.update(told)
            reader.trades.extend(trades)
            while len(reader.trades) > self._trades_per_batch:
                self._fold(reader, reader.trades.popleft())

    def take_due(self, now_ns: int, reachable: Container[str]) -> list[tuple[str, MarketBatch]]:
        """Return the batches that may leave now for reachable roles, and charge them to the readers' credit."""
        due = []
        for role, reader in self._readers.items():
            state = reader.state
            if state is None or not reader.credit or role not in reachable:
                continue
            if now_ns - reader.sent_ns < reader.min_interval_ns:
                continue
            due.append((role, self._batch(reader, state)))
            reader.credit -= 1
            reader.sent_ns = now_ns
        return due

    def next_due_ns(self, reachable: Container[str]) -> int | None:
        """Return when a reader held back only by its interval may have its batch."""
        waiting = (
            reader
            for role, reader in self._readers.items()
            if reader.state is not None and reader.credit and role in reachable
        )
        return min((reader.sent_ns + reader.min_interval_ns for reader in waiting), default=None)

    def _batch(self, reader: _Reader, state: StreamState) -> MarketBatch:
        batch = MarketBatch(
            venue=self.venue,
            quotes=tuple(reader.quotes.values()),
            trades=(*reader.history, *reader.trades),
            bars=tuple(reader.bars.values()),
            state=state,
            conflated=reader.conflated,
            figures=tuple(reader.figures.values()),
        )
        reader.quotes.clear()
        reader.figures.clear()
        reader.history = ()
        reader.trades.clear()
        reader.bars.clear()
        reader.conflated = 0
        reader.state = None
        return batch

    def _fold(self, reader: _Reader, trade: Trade) -> None:
        self.folded += 1
        bar = reader.bars.get(trade.instrument)
        reader.bars[trade.instrument] = TradeBar(
            venue=trade.venue,
            instrument=trade.instrument,
            first_ts_event=bar.first_ts_event if bar else trade.ts_event,
            last_ts_event=trade.ts_event,
            open=bar.open if bar else trade.price,
            high=max(bar.high, trade.price) if bar else trade.price,
            low=min(bar.low, trade.price) if bar else trade.price,
            close=trade.price,
            volume=(bar.volume if bar else 0) + trade.quantity,
            count=(bar.count if bar else 0) + 1,
        )
