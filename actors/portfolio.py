"""The account and what may be risked of it: signals in, order intents out. A projection of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from actors.components.market_reader import MarketReader
from domain.effects import Effect, Role, WakeupKey
from domain.errors import Fatal
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Message
from domain.messages.journal import JournalExtended
from domain.messages.market import MarketBatch
from domain.messages.system import ProveJournal
from domain.portfolio.portfolio_manager import PortfolioManager
from domain.reports.status_board import DECISION

_RECORD_EVERY_NS = 10 * SECOND_NS


class Portfolio(MarketReader):
    """Carries signals, prices and journal entries to the portfolio manager."""

    min_interval_s = 0.05  # sizing and valuation need fresh, not every, price

    def started(self) -> None:
        self.record_at_ns = 0
        self.journal = self.toolbox.journal_reader()
        self.manager = PortfolioManager(self.settings)
        with self._asking_for_proof():
            self.perform(self.manager.replay(self.journal.scan(), self.clock.now()))
        self.subscribe()

    def stopping(self) -> None:
        self.journal.close()

    def peer_appeared(self, role: str) -> None:
        super().peer_appeared(role)
        if role == Role.ORDER_ROUTER:
            if self.journal.was_replaced():
                self.toolbox.die()  # what we know may be more than what can be proven: begin again
                return
            self._read_on()  # its predecessor may have died between journaling and telling

    def on_market(self, batch: MarketBatch) -> None:
        self._apply(batch)

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        return self.manager.tick(key, now)

    def receiveMsg_Message(self, message: Message, sender: str) -> None:
        self._apply(message)

    def receiveMsg_JournalExtended(self, extended: JournalExtended, sender: str) -> None:
        if extended.entries[0].seq > self.manager.last_seq + 1:
            self.counters["journal_rereads"] += 1
            self._read_on()
        else:
            self._apply(extended)

    def _read_on(self) -> None:
        with self._asking_for_proof():
            entries = tuple(self.journal.read(self.manager.last_seq))
            if entries:
                self._apply(JournalExtended(ts_event=entries[-1].recorded_at, entries=entries))

    @contextmanager
    def _asking_for_proof(self) -> Iterator[None]:
        """Over a damaged journal end, as over any error; but the router must hear of it, to recover what it can."""
        try:
            yield
        except (Fatal, ValueError):
            self.tell(Role.ORDER_ROUTER, ProveJournal())
            raise

    def _apply(self, message: Message) -> None:
        self.perform(self.manager.apply(message, self.clock.now()))

    def report(self) -> None:
        now = self.clock.now()
        for decision, count in self.manager.decisions.items():
            self.counters[f"{DECISION}{decision}"] = count
        report = self.manager.report(now)
        self.tell(Role.MONITOR, report)
        # The curve of equity, for people. What is not known yet is no point of it, least of all zero.
        if report.is_complete and now.monotonic_ns >= self.record_at_ns:
            self.record_at_ns = now.monotonic_ns + _RECORD_EVERY_NS
            self.tell(Role.RECORDER, report)
