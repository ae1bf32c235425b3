"""Turns signals into intents: target positions, the gate, protection, the kill switch.

The Portfolio actor's machine. It owns what is decided but not journaled yet; everything else it knows is a
projection of the journal or the newest market data. It refuses to call anything done before the journal says
so: it tells the router again instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.clocks import deadline, is_past, is_void
from domain.dispatch import on
from domain.effects import Effect, Role, Tell, WakeAt, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.ledger.exit_wishes import close_id
from domain.ledger.refused_openings import RefusedOpenings
from domain.market.latest_quotes import DOLLARS, LatestQuotes
from domain.messages.account import VenuePositionsSeen
from domain.messages.base import Message
from domain.messages.denials import Denial, DenialReason
from domain.messages.halts import RaiseHalt
from domain.messages.journal import JournalEntry, JournalExtended
from domain.messages.market import MarketBatch
from domain.messages.orders import InstrumentsLoaded, OrderIntent, Purpose, TouchReported
from domain.messages.signals import Signal
from domain.messages.system import (
    AlarmRaised,
    BreakerChanged,
    BreakerState,
    ExternalOrdersSeen,
    MarkEquity,
    Operation,
    PortfolioReported,
    VenueReadyChanged,
    WindDown,
)
from domain.numbers import ZERO, plain, shown
from domain.portfolio.account_alarms import AccountAlarms
from domain.portfolio.decisions import Decisions
from domain.portfolio.directions import direction, held_side, is_exit, may_be_short
from domain.portfolio.exits import Exits
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.kill_switch import KillSwitch
from domain.portfolio.last_call import last_call_ns
from domain.portfolio.opening import Opening, opening_id
from domain.portfolio.opening_rate import OpeningRate
from domain.portfolio.position_lines import funding_lines, position_lines, wallet_totals
from domain.portfolio.protection import Protection
from domain.portfolio.risk_checks import BESIDES_SIZE, judge
from domain.portfolio.shared_checks import Refused
from domain.portfolio.sizing import judged_for_account
from domain.portfolio.stuck_positions import stuck_positions
from domain.portfolio.transfer_worths import transfers_to_value
from domain.portfolio.valuation import Valuation, value
from domain.portfolio.venue_positions import VenuePositions
from domain.settings import Settings

BEAT_NS = SECOND_NS // 2  # how often the untold is told again, and positions and losses are looked at
GRACE_NS = SECOND_NS  # after an intent's expiry, for an answer under way


class PortfolioWakeup(WakeupKind):
    BEAT = "beat"
    LAST_CALL = "last_call"


BEAT = WakeupKey(PortfolioWakeup.BEAT)
LAST_CALL = WakeupKey(PortfolioWakeup.LAST_CALL)


@dataclass
class Pending:
    """One intent told to the router and not seen in the journal yet."""

    intent: OrderIntent
    told_ns: int


class PortfolioManager:
    """Decides once per signal; one position per instrument."""

    def __init__(self, settings: Settings) -> None:
        self.portfolio = Portfolio()
        self.quotes = LatestQuotes(settings, self.portfolio.definitions)
        self.decisions = Decisions()
        self._settings = settings
        self._foreign = ForeignOrders(self.quotes, self.portfolio)
        self._venue_positions = VenuePositions(self.portfolio)
        self._protection = Protection(settings)
        self._exits = Exits(settings, self.portfolio, self.quotes, self._foreign)
        self._kill_switch = KillSwitch(settings.risk)
        self._pending: dict[str, Pending] = {}  # intent_id ->
        self._signals: dict[str, int] = {}  # signal_id decided -> monotonic ns when it may be forgotten
        self._openings = OpeningRate()
        self._refused = RefusedOpenings()
        self._ready: dict[str, VenueReadyChanged] = {}  # venue -> newest
        self._submit_breakers: dict[str, BreakerState] = {}  # venue -> newest
        self._is_winding_down = False
        self._alarms = AccountAlarms(settings.protection.within_s)
        self._handlers = dict(
            (
                on(MarketBatch, self._on_market),
                on(InstrumentsLoaded, self._on_market),
                on(TouchReported, self._on_touch),
                on(ExternalOrdersSeen, self._on_foreign_orders),
                on(VenuePositionsSeen, self._venue_positions.hear),
                on(VenueReadyChanged, self._on_venue_ready),
                on(BreakerChanged, self._on_breaker),
                on(JournalExtended, self._on_journal),
                on(WindDown, self._wind_down),
                on(Signal, self._on_signal),
            )
        )

    @property
    def last_seq(self) -> int:
        return self.portfolio.last_seq

    @property
    def pending(self) -> tuple[OrderIntent, ...]:
        return tuple(pending.intent for pending in self._pending.values())

    # ---- inputs -----------------------------------------------------------------------------------------

    def replay(self, entries: Iterable[JournalEntry], now: Instant) -> list[Effect]:
        """Begin with what the journal holds. Nothing is decided before this, nor here."""
        self._take(entries, now)
        if self.portfolio.equity_mark:
            self._kill_switch.restore(self.portfolio.equity_mark)
        self._exits.restore(now)
        return [WakeAt(now.monotonic_ns + BEAT_NS, BEAT)]

    def apply(self, message: Message, now: Instant) -> list[Effect]:
        """Return what one message calls for. Raises TypeError for one that is not ours to hear."""
        handler = self._handlers.get(type(message))
        if handler is None:
            raise TypeError(f"the portfolio manager takes no {type(message).__name__}")
        return handler(message, now)

    def _on_market(self, message: MarketBatch | InstrumentsLoaded, now: Instant) -> list[Effect]:
        self.quotes.apply(message)
        return []

    def _on_touch(self, message: TouchReported, now: Instant) -> list[Effect]:
        self.quotes.asked.hear(message, now)
        return []

    def _on_foreign_orders(self, message: ExternalOrdersSeen, now: Instant) -> list[Effect]:
        self._foreign.hear(message)
        return []

    def _on_venue_ready(self, message: VenueReadyChanged, now: Instant) -> list[Effect]:
        self._ready[message.venue] = message
        return []

    def _on_breaker(self, message: BreakerChanged, now: Instant) -> list[Effect]:
        if message.operation is Operation.SUBMIT:
            self._submit_breakers[message.venue] = message.state
        return []

    def _on_journal(self, message: JournalExtended, now: Instant) -> list[Effect]:
        rebased = self.portfolio.rebased
        self._take(message.entries, now)
        if self.portfolio.rebased != rebased:
            self._kill_switch.forget()
        for intent_id in self._pending.keys() & self.portfolio.intents.keys():
            del self._pending[intent_id]
        return self._pursue_exits(now) + self._look_after_positions(now)

    def _wind_down(self, message: WindDown, now: Instant) -> list[Effect]:
        self._is_winding_down = True
        for intent in self.pending:
            if intent.purpose is Purpose.OPEN:
                del self._pending[intent.intent_id]  # if it arrived, the journal will show it
        call_ns = last_call_ns(message.deadline_ns, now, self._settings)
        self._protection.end_at(call_ns)
        return [*self._look_after_positions(now), WakeAt(call_ns, LAST_CALL)]

    def _on_signal(self, signal: Signal, now: Instant) -> list[Effect]:
        if signal.signal_id in self._signals or self._is_journaled(signal):
            return []
        expiry = deadline(signal.expires_at, signal.expires_ns, now)
        self._signals[signal.signal_id] = expiry.monotonic_ns
        if signal.venue not in self._settings.traded:
            return self._count(DenialReason.PRICES_ONLY)
        calls_for_end = self._is_exit(signal)
        # An exit of before a step is still one; an entry is as old as nobody knows.
        if is_past(expiry, now) or (not calls_for_end and is_void(expiry, now)):
            return self._count(DenialReason.EXPIRED)
        return self._close(signal, now) if calls_for_end else self._open(signal, now)

    def _take(self, entries: Iterable[JournalEntry], now: Instant) -> None:
        """Apply the entries one by one. What else follows the journal hears each new one before the books have it."""
        for entry in entries:
            if entry.seq > self.last_seq:
                self._openings.hear(entry.event, now)
                self._refused.hear(entry.event, self.portfolio)
                self._protection.hear(entry.event, self.portfolio, now)
            self.portfolio.replay((entry,))

    # ---- decisions --------------------------------------------------------------------------------------

    def _open(self, signal: Signal, now: Instant) -> list[Effect]:
        key = InstrumentId.of(signal)
        held = held_side(self.portfolio, self.quotes, key)
        if self._is_under_way(key) or held:
            already = "already_long" if held is Side.BUY else "already_short"
            return self._count("pending" if self._is_under_way(key) else already) + self._withdraw_exit(signal, now)
        whole = judged_for_account(self._case(signal, now))
        if isinstance(whole, Refused):
            self.decisions.refuse(key, whole)
            return []
        return self._count("opened") + self._withdraw_exit(signal, now) + self._tell(whole.intent, now)

    def _withdraw_exit(self, signal: Signal, now: Instant) -> list[Effect]:
        """Let an exit go for a newer signal that wants the position; one that would be refused does not count."""
        key = InstrumentId.of(signal)
        if not self._exits.is_wanted(key) or isinstance(judge(self._case(signal, now), BESIDES_SIZE), Refused):
            return []
        return [Tell(Role.ORDER_ROUTER, self._exits.withdraw(key))]

    def _close(self, signal: Signal, now: Instant) -> list[Effect]:
        decision, intents = self._exits.hear(signal, self.pending, now)
        closes = [effect for intent in intents for effect in self._tell(intent, now)]
        return self._count(decision) + closes + ([] if intents else self._tell_exits())

    def _tell_exits(self) -> list[Effect]:
        return [Tell(Role.ORDER_ROUTER, told) for told in self._exits.unjournaled()]

    def _pursue_exits(self, now: Instant) -> list[Effect]:
        """Ask for the closes that exits still call for; tell a person of one that is too old to go on."""
        effects: list[Effect] = []
        due = [] if self._protection.is_last_call(now) else list(self._exits.review(self.pending, now))
        for intent in due:
            effects += self._count("closed") + self._tell(intent, now)
        for subject in self._exits.expired(self.pending, now):
            text = "an exit did not happen in time and is given up: the stop stays"
            effects += self._count("exit_expired")
            effects.append(Tell(Role.MONITOR, AlarmRaised(ts_event=now.utc_ns, subject=subject, text=text)))
        return effects

    def _is_journaled(self, signal: Signal) -> bool:
        """Tell whether the router knows this decision from before a restart of ours."""
        known, name = self.portfolio.intents, signal.signal_id
        return opening_id(name) in known or close_id(name) in known

    def _is_exit(self, signal: Signal) -> bool:
        key = InstrumentId.of(signal)
        heading = direction(self.portfolio, self.quotes, self.pending, key)
        return is_exit(signal.side, heading, may_be_short(self.portfolio, key, self._settings.risk))

    def _is_under_way(self, key: InstrumentId) -> bool:
        """Tell whether an entry or an exit of this instrument is decided and not proven over."""
        plans = [(plan.key, plan.intent.purpose) for plan in self.portfolio.plans.values()]
        told = [(InstrumentId.of(intent), intent.purpose) for intent in self.pending]
        return any(where == key and purpose is not Purpose.PROTECT for where, purpose in [*plans, *told])

    def _case(self, signal: Signal, now: Instant) -> Opening:
        valuation = self._value(now)
        return Opening(
            signal=signal,
            instrument=self.quotes.instrument(signal.venue, signal.instrument),
            quote=self.quotes.quote(signal.venue, signal.instrument),
            now=now,
            settings=self._settings,
            portfolio=self.portfolio,
            quotes=self.quotes,
            valuation=valuation,
            pending=self.pending,
            openings=self._openings,
            foreign=self._foreign,
            unready=self._unready(signal.venue, signal.instrument, now),
            breach=self._kill_switch.breach(valuation),
        )

    def _unready(self, venue: str, instrument: str, now: Instant) -> Denial:
        if self._is_winding_down:
            return DenialReason.WINDING_DOWN
        if venue not in self._ready or not self._ready[venue].is_ready:
            return DenialReason.VENUE_NOT_READY
        if self._submit_breakers.get(venue) is BreakerState.OPEN:
            return DenialReason.BREAKER_OPEN
        if self._protection.overdue(venue, now):
            return DenialReason.UNPROTECTED
        return self._refused.stop(venue, instrument, self.quotes.venue_now(venue, now).utc_ns)

    # ---- the beat ---------------------------------------------------------------------------------------

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        if key == LAST_CALL:
            return self._look_after_positions(now)
        if key != BEAT:
            return []
        self._signals = {name: until for name, until in self._signals.items() if until > now.monotonic_ns}
        return [
            *self._tell_again(now),
            *self._pursue_exits(now),
            *self._tell_exits(),
            *self._look_after_positions(now),
            *self._watch_losses(now),
            *self._alarm(now),
            *(Tell(Role.ORDER_ROUTER, it) for it in transfers_to_value(self.portfolio.wallets, self.quotes, now)),
            *self.quotes.asked.review(self.portfolio.wallets.to_price, now),
            WakeAt(now.monotonic_ns + BEAT_NS, BEAT),
        ]

    def _tell_again(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for intent_id, pending in list(self._pending.items()):
            if now.monotonic_ns > pending.intent.expires_ns + GRACE_NS:
                del self._pending[intent_id]
                self.decisions["unanswered"] += 1
            elif now.monotonic_ns - pending.told_ns >= BEAT_NS:
                effects += self._tell(pending.intent, now)
        return effects

    def _look_after_positions(self, now: Instant) -> list[Effect]:
        """Ask for what protects or ends each position that we ever held."""
        effects: list[Effect] = []
        is_flattening = self._is_winding_down and self._settings.protection.on_exit == "flatten"
        exit_reason = "flatten" if is_flattening else ""
        for key in self.portfolio.ledgers:
            instrument = self.quotes.instrument(*key)
            if instrument is None:
                continue  # without a grid nothing can be asked; the venue is not ready either
            request = self._protection.review(
                instrument, self.portfolio, self.quotes, self.pending, self._foreign, now, exit_reason
            )
            if isinstance(request, OrderIntent):
                self.decisions["protected" if request.purpose is Purpose.PROTECT else "exited"] += 1
                effects += self._tell(request, now)
            elif request:
                effects.append(Tell(Role.ORDER_ROUTER, request))
        return effects

    def _alarm(self, now: Instant) -> list[Effect]:
        bare = [
            InstrumentId(venue, instrument)
            for venue in self._settings.traded
            for instrument in self._protection.overdue(venue, now)
        ]
        stuck = stuck_positions(self.portfolio, self.quotes, self._settings.orders.correction_halts_above)
        return self._alarms.review(bare, self._foreign.held_back(), stuck, self._value(now), now)

    def _watch_losses(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        switch = self._kill_switch
        for reason in switch.observe(self._value(now), now):
            if not self.portfolio.halts.has("all", reason):
                effects.append(Tell(Role.ORDER_ROUTER, RaiseHalt(scope="all", reason=reason, kind=reason)))
        if switch.is_mark_due(self.portfolio.equity_mark, now):
            switch.marked(now)
            mark = MarkEquity(peak=switch.peak, day_start=switch.day_start, marked_at=now.utc_ns)
            effects.append(Tell(Role.ORDER_ROUTER, mark))
        return effects

    # ---- what is told ------------------------------------------------------------------------------------

    def _tell(self, intent: OrderIntent, now: Instant) -> list[Effect]:
        self._pending[intent.intent_id] = Pending(intent, now.monotonic_ns)
        return [Tell(Role.ORDER_ROUTER, intent)]

    def _count(self, decision: str) -> list[Effect]:
        self.decisions[decision] += 1
        return []

    def _value(self, now: Instant) -> Valuation:
        foreign = self._foreign.exposure()
        return value(self.portfolio, self.quotes, self.pending, self._settings.traded, now, foreign)

    def report(self, now: Instant) -> PortfolioReported:
        valuation = self._value(now)
        return PortfolioReported(
            ts_event=now.utc_ns,
            positions=position_lines(self.portfolio, self.quotes, self._venue_positions, self._settings.risk, now),
            net={base: plain(quantity) for base, quantity in sorted(valuation.net.items()) if quantity},
            equity=shown(valuation.equity, 2),
            cash=shown(valuation.cash, 2),
            realized_pnl=shown(self._realized_pnl(), 8),
            unrealized_pnl=shown(valuation.unrealized_pnl, 8),
            fees=shown(valuation.fees, 8),
            funding=shown(valuation.funding, 8),
            funding_lines=funding_lines(self.portfolio),
            wallets=wallet_totals(self.portfolio),
            is_complete=valuation.is_complete,
            missing=valuation.missing,
            **self.quotes.asked.fields(),
            journal_seq=self.last_seq,
            declined=dict(self.decisions.declined),
        )

    def _realized_pnl(self) -> Decimal:
        return sum((self.portfolio.realized_pnl(dollar) for dollar in DOLLARS), ZERO)
