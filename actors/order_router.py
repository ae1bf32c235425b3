"""The life of every order. The decisions are the order manager's; this journals them before they leave."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from actors.components.market_reader import MarketReader
from actors.runtime.wiring_messages import ActorRebuilding
from domain.effects import Effect, Record, Role, Tell, WakeupKey, WakeupKind, venue_of
from domain.errors import Fatal
from domain.execution.order_manager import OrderManager
from domain.instant import SECOND_NS, Instant
from domain.ledger.unconfirmed import not_sent
from domain.messages.base import Message
from domain.messages.halts import HaltKind, ResumeTrading, TradingResumed
from domain.messages.journal import JournalEntry, JournalEvent, JournalExtended
from domain.messages.market import MarketBatch
from domain.messages.orders import SubmitOrder
from domain.messages.system import ProveJournal

log = logging.getLogger(__name__)

_FOLLOWERS = (Role.PORTFOLIO, Role.RECORDER)  # who follows the journal live
_TOLD_EVERY = 20_000  # entries: several times a second
_TEND_EVERY_NS = SECOND_NS // 2
_GATEWAYS = f"{Role.EXCHANGE_GATEWAY}:"


class RouterWakeup(WakeupKind):
    TEND = "tend"


_TEND = WakeupKey(RouterWakeup.TEND)


class OrderRouter(MarketReader):
    """Carries intents, venue events and prices to the order manager; the only writer of the journal."""

    min_interval_s = 0.05  # collars need a fresh, not every, touch

    def started(self) -> None:
        self.journal = self.toolbox.journal(partial(self._tell_progress, "checking"))
        self.published: list[JournalEntry] = []  # appended, not yet told to those who follow the journal
        self.unsent: list[SubmitOrder] = []  # nobody plays the gateway they were for
        self.has_lived_on_reserve = False  # the journal could not be written, and the order manager doesn't know yet
        self.holdup = ""  # why the journal cannot be written as it should, as far as the order manager knows
        self.manager = OrderManager(
            self.settings,
            self.toolbox.manager_facts(),
            instance=self.journal.instance,
            former_instances=self.journal.former_instances,
        )
        self.manager.replay(self._scan_with_progress())
        self.perform(self.manager.recover(self.clock.now()))
        self.perform(self._halt_without_reserve())
        if self.journal.trouble:
            self.alarm("journal", self.journal.trouble)
        self._tend(self.clock.now())
        self.subscribe()
        self.report()  # of halts from earlier runs, first of all

    def _scan_with_progress(self) -> Iterator[JournalEntry]:
        for entry in self.journal.scan():
            yield entry
            if entry.seq % _TOLD_EVERY == 0:
                self._tell_progress("replaying", entry.seq, self.journal.last_seq)

    def _tell_progress(self, step: str, done: int, total: int) -> None:
        self._tell_supervisor(ActorRebuilding(self.role, self.incarnation, step, done, total))

    def stopping(self) -> None:
        self.journal.close()

    def peer_appeared(self, role: str) -> None:
        super().peer_appeared(role)
        now = self.clock.now()
        if role == Role.PORTFOLIO:
            self.perform(self.manager.announce(now))
        elif role.startswith(_GATEWAYS):
            # What was on its way to the old gateway may or may not have reached the venue.
            self.perform(self.manager.gateway_restarted(venue_of(role), now))

    def survives_restart(self, role: str, message: Message) -> bool:
        """Nothing for a gateway is: an order may have left already, and the order manager asks anew about all of them."""
        return not role.startswith(_GATEWAYS)

    def on_market(self, batch: MarketBatch) -> None:
        self._apply(batch)

    def receiveMsg_Message(self, message: Message, sender: str) -> None:
        self._apply(message)

    def receiveMsg_ProveJournal(self, command: ProveJournal, sender: str) -> None:
        """End; the next router checks every entry before it believes one."""
        raise Fatal("a reader could not follow the journal", code="damaged")

    def receiveMsg_ResumeTrading(self, command: ResumeTrading, sender: str) -> None:
        """Resume, unless the disk is still full: then the next opening could take the room of the next cancel."""
        before, rebased = self.manager.halts, self.manager.books.rebased
        effects = self.manager.apply(command, self.clock.now())
        if command.still:
            effects += self.manager.halt("all", command.still_kind, command.still, self.clock.now())
        self.perform([*effects, *self._halt_without_reserve()])
        standing = self.manager.halts
        self.answer(
            TradingResumed(
                ts_event=self.clock.now().utc_ns,
                cleared=tuple(halt for halt in before if halt not in standing),
                standing=standing,
                is_rebased=self.manager.books.rebased != rebased,
            )
        )

    def _halt_without_reserve(self) -> list[Effect]:
        if self.journal.take_reserve():
            return []
        return self.manager.halt("all", HaltKind.DISK_FULL, "disk_full", self.clock.now())

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        if key != _TEND:
            return self.manager.tick(key, now)
        self._tend(now)
        return []

    def _tend(self, now: Instant) -> None:
        self.journal.tend()
        self._mind_holdup()
        self.wake_at(now.monotonic_ns + _TEND_EVERY_NS, _TEND)

    def _mind_holdup(self) -> None:
        """Take no openings while entries go beside the journal; reducing orders and cancels go on."""
        if self.journal.holdup != self.holdup:
            self.holdup = self.journal.holdup
            self.perform(self.manager.hold_up(self.holdup, self.clock.now()))

    def report(self) -> None:
        self.tell(Role.MONITOR, self.manager.report(self.clock.now()))

    def _apply(self, message: Message) -> None:
        self.perform(self.manager.apply(message, self.clock.now()))

    # ---- journal before send -----------------------------------------------------------------------------

    def perform(self, effects: Iterable[Effect]) -> None:
        """Journal what is recorded before what follows it leaves.

        Whoever follows the journal hears of it last, so that orders don't wait for that.
        """
        records: list[JournalEvent] = []
        for effect in effects:
            if isinstance(effect, Record):
                records.append(effect.event)
                continue
            self._append(records)
            self.perform_one(effect)
        self._append(records)
        self._publish()
        unsent, self.unsent = self.unsent, []
        for order in unsent:
            self._apply(not_sent(order, "gateway_down", self.clock.now().utc_ns))
        if self.has_lived_on_reserve:
            self.has_lived_on_reserve = False
            self.perform(self.manager.halt("all", HaltKind.JOURNAL_FAILED, "journal_failed", self.clock.now()))
        self._mind_holdup()

    def perform_one(self, effect: Effect) -> None:
        if isinstance(effect, Tell) and isinstance(effect.message, SubmitOrder) and effect.to not in self.peers:
            # The order manager hears of it after this list: so the journal keeps the order of its decisions.
            self.unsent.append(effect.message)
            return
        super().perform_one(effect)

    def refused(self, role: str, message: Message) -> None:
        """An order that a full queue gave back has certainly not left; everything else is asked for again."""
        if isinstance(message, SubmitOrder):
            self._apply(not_sent(message, "gateway_busy", self.clock.now().utc_ns))

    def _append(self, records: list[JournalEvent]) -> None:
        if records:
            self.published.extend(self._journaled(records))
            records.clear()

    def _journaled(self, records: list[JournalEvent]) -> Sequence[JournalEntry]:
        """Append; on a full disk give up the reserve, which is for reducing risk. Openings are halted next.

        A damaged journal ends this router: the next one recovers what is provable, as at any start.
        """
        utc_ns = self.clock.now().utc_ns
        try:
            return self.journal.append(records, utc_ns)
        except Fatal as error:
            log.error("journal_failed code=%s", error.code)
            if error.code == "damaged":
                raise
            self.has_lived_on_reserve = True
            self.journal.release_reserve()
            return self.journal.append(records, utc_ns)

    def _publish(self) -> None:
        if not self.published:
            return
        entries, self.published = tuple(self.published), []
        extended = JournalExtended(ts_event=entries[-1].recorded_at, entries=entries)
        for role in _FOLLOWERS:
            self.tell(role, extended)
