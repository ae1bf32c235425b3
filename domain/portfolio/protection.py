"""What must rest at the venue for each position of ours, and when a position must go because it does not.

Of spot one bracket covers exactly the filled position; of a perpetual a stop and a target, which take nothing beyond
it. Refuses to trust itself as the only guard: watching the price
is the second line, for a stop at the venue that should have fired and didn't.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.bare_closes import STOP_JUMPED, TARGET_REACHED, UNCOVERED
from domain.ledger.position import Position, is_dust
from domain.market.latest_quotes import LatestQuotes
from domain.messages.base import Event
from domain.messages.orders import CancelProtection, Leg, OrderIntent, Purpose
from domain.numbers import ZERO, from_ratio
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.risk_checks import close_quantity, is_small
from domain.portfolio.stop_turns import StopTurns
from domain.settings import Settings

JUMPED_NS = 2 * SECOND_NS  # a price beyond the stop for this long has jumped it
AGAIN_AFTER_NS = SECOND_NS // 2  # between two requests about the same position


class Levels(NamedTuple):
    """Where a position is given up and where its profit is taken, on the tick grid."""

    stop: Decimal
    target: Decimal


class Protective(NamedTuple):
    """One order that protects."""

    leg: Leg
    quantity: Decimal
    trigger: Decimal
    limit: Decimal  # its worst price once triggered; of a bracket the target


class Holding(NamedTuple):
    """One position worth protecting."""

    instrument: Instrument
    position: Position
    quantity: Decimal  # that can be sold: on the lot, and held
    mark: Decimal

    @property
    def has_legs(self) -> bool:
        """Tell whether stop and target are orders of their own: where nothing holds what they would sell."""
        return self.instrument.kind is InstrumentKind.PERPETUAL

    @property
    def exit_side(self) -> Side:
        return Side.SELL if self.position.quantity > 0 else Side.BUY


class Protection:
    """Remembers since when each position lacks cover or is beyond its stop. Times are monotonic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._uncovered_ns: dict[InstrumentId, int] = {}  # since when
        self._beyond_ns: dict[InstrumentId, int] = {}
        self._asked_ns: dict[InstrumentId, int] = {}
        self._turns = StopTurns(round(settings.protection.within_s * SECOND_NS))
        self._last_call_ns: int | None = None
        self._called: set[InstrumentId] = set()  # whose stop has had its turn since then

    def hear(self, event: Event, portfolio: Portfolio, now: Instant) -> None:
        """Take in what the journal says, before it is booked."""
        self._turns.hear(event, portfolio, now)

    def end_at(self, last_call_ns: int) -> None:
        """Withdraw no stop from then on, whatever is to be closed: it may be the last that is done."""
        self._last_call_ns = last_call_ns
        self._called.clear()

    def is_last_call(self, now: Instant) -> bool:
        return self._last_call_ns is not None and now.monotonic_ns >= self._last_call_ns

    def levels(self, holding: Holding) -> Levels:
        protection, sign = self._settings.protection, holding.exit_side.opposite.sign
        entry = holding.position.average_price
        stop = entry * (1 - sign * from_ratio(protection.stop_loss_ratio))
        target = entry * (1 + sign * from_ratio(protection.take_profit_ratio))
        round_price = holding.instrument.round_price
        return Levels(round_price(stop, holding.exit_side), round_price(target, holding.exit_side))

    def review(
        self,
        instrument: Instrument,
        portfolio: Portfolio,
        quotes: LatestQuotes,
        pending: tuple[OrderIntent, ...],
        foreign: ForeignOrders,
        now: Instant,
        exit_reason: str = "",
    ) -> OrderIntent | CancelProtection | None:
        """Return the one request that the state of this position calls for now, if any.

        Args:
            pending: intents told and not journaled yet.
            exit_reason: why the position must be closed whatever its cover, e.g. "flatten".
        """
        key = instrument.id
        position = portfolio.position(key)
        mark = quotes.price(*key) or position.average_price
        holding = Holding(instrument, position, close_quantity(portfolio, instrument, foreign), mark)
        plans = portfolio.plans_of(*key, Purpose.PROTECT)
        owned = instrument.round_quantity(abs(position.quantity))
        is_oversold = position.quantity < 0 and instrument.kind is InstrumentKind.SPOT
        if is_oversold or position.is_flat:
            self._forget(key)
            return self._cancel(instrument, "flat", now) if plans else None
        if is_small(quotes, key, owned, mark):
            self._forget(key)
            return self._excess(holding, portfolio, now) if plans else None
        if is_small(quotes, key, holding.quantity, mark):
            if foreign.coins(instrument.venue, instrument.base) or portfolio.in_doubt(key):
                self._forget(key)  # others' orders hold it, or it may be sold: nobody can guard it, or need
            return None  # or a balance says that nothing is there: it may lag, so what guards the position stays

        # Neither a plan nor an order on its way is cover: the clock runs until the venue has it.
        covered = portfolio.covered_quantity(*key)
        is_covered = covered >= owned if holding.has_legs else _covers(covered, holding, owned)
        uncovered_ns = self._track_cover(key, is_covered, now)
        within_ns = self._settings.protection.within_s * SECOND_NS
        is_beyond = self._is_beyond_stop(holding, quotes, covered > 0, now)
        is_stops_turn = self._is_stops_turn(key, covered > 0, now) and not is_beyond
        if self._is_under_way(key, portfolio, pending, Purpose.CLOSE):
            is_waiting = not is_beyond and self._is_close_waiting(key, portfolio, pending)
            if not (is_waiting and (is_stops_turn or uncovered_ns >= within_ns / 2)):
                return None
            exit_reason = ""
        elif is_stops_turn:
            exit_reason = ""
        elif is_beyond:
            exit_reason = exit_reason or STOP_JUMPED
        elif uncovered_ns > within_ns:
            exit_reason = exit_reason or UNCOVERED
        if self.is_last_call(now) and covered > 0:
            exit_reason = ""
        if exit_reason:
            return self._request(holding, portfolio, Purpose.CLOSE, exit_reason, now)
        if any(intent.purpose is Purpose.PROTECT for intent in _of(key, pending)):
            return None
        is_filling = self._is_under_way(key, portfolio, pending, Purpose.OPEN) and uncovered_ns < within_ns / 2
        if holding.has_legs:
            return self._missing_leg(holding, portfolio, quotes, owned, is_filling, now)
        planned = _planned(portfolio, key)
        if _covers(planned, holding, owned):
            return None
        levels = self.levels(holding)
        whole = Protective(Leg.WHOLE, holding.quantity, levels.stop, levels.target)
        if plans:
            return self._cancel(instrument, "resized", now, whole)
        if is_filling:
            return None  # one bracket for the whole entry instead of one per partial fill
        return self._request(holding, portfolio, Purpose.PROTECT, "protect", now, whole)

    def _excess(self, holding: Holding, portfolio: Portfolio, now: Instant) -> CancelProtection | None:
        """Withdraw from dust only what might take more than is held of it.

        The venue would take no other stop in its place: it may have raised its minimum since this one.
        """
        key = holding.instrument.id
        plans = portfolio.plans_of(*key, Purpose.PROTECT)
        is_of_another = any(plan.intent.side is not holding.exit_side for plan in plans)
        if is_of_another or (not holding.has_legs and _planned(portfolio, key) > abs(holding.position.quantity)):
            return self._cancel(holding.instrument, "flat", now)
        return None

    def _missing_leg(
        self,
        holding: Holding,
        portfolio: Portfolio,
        quotes: LatestQuotes,
        owned: Decimal,
        is_filling: bool,
        now: Instant,
    ) -> OrderIntent | CancelProtection | None:
        """Return what is missing of the stop, then of the target: no one of them takes more than the position.

        So several add up, and none must make way for another, nor for a close. A venue takes no target that is reached
        already: then the profit is taken at once.
        """
        instrument, levels = holding.instrument, self.levels(holding)
        plans = portfolio.plans_of(*instrument.id, Purpose.PROTECT)
        if any(plan.intent.side is not holding.exit_side for plan in plans):
            return self._cancel(instrument, "of a position that is over", now)
        for leg, trigger in ((Leg.STOP, levels.stop), (Leg.TARGET, levels.target)):
            if leg is Leg.TARGET and not _rests(portfolio, instrument.id, leg):
                if self._is_reached(holding, trigger, quotes, now):
                    return self._request(holding, portfolio, Purpose.CLOSE, TARGET_REACHED, now)
            missing = owned - _planned(portfolio, instrument.id, leg)
            if missing <= 0 or is_filling:
                continue  # one stop for the whole entry instead of one per partial fill
            if is_dust(instrument, missing, trigger):
                missing = owned  # the venue takes no smaller one, and takes nothing beyond the position
            collar = holding.exit_side.sign * from_ratio(self._settings.protection.trigger_collar_ratio)
            worst = instrument.round_price(trigger * (1 + collar), holding.exit_side)
            part = Protective(leg, instrument.round_quantity(missing), trigger, worst)
            return self._request(holding, portfolio, Purpose.PROTECT, "protect", now, part)
        return None

    def _is_reached(self, holding: Holding, target: Decimal, quotes: LatestQuotes, now: Instant) -> bool:
        """Tell whether the price by which the venue pulls triggers is at the target or beyond."""
        mark, is_fresh = quotes.mark(*holding.instrument.id, now)
        if mark is None or not is_fresh:
            return False
        return mark >= target if holding.exit_side is Side.SELL else mark <= target

    def overdue(self, venue: str, now: Instant) -> list[str]:
        """Return the instruments there whose positions have lacked cover for longer than is allowed."""
        within_ns = self._settings.protection.within_s * SECOND_NS
        return [
            instrument
            for (where, instrument), since_ns in self._uncovered_ns.items()
            if where == venue and now.monotonic_ns - since_ns > within_ns
        ]

    def _request(
        self,
        holding: Holding,
        portfolio: Portfolio,
        purpose: Purpose,
        reason: str,
        now: Instant,
        part: Protective | None = None,
    ) -> OrderIntent | None:
        instrument = holding.instrument
        if not self._may_ask(instrument, now):
            return None
        # The journal's count makes the id: the same state asks under the same name, a new try under a new.
        count = portfolio.decided[instrument.venue, instrument.name, purpose]
        left_ns = int(self._settings.orders.reducing_expire_after_s * SECOND_NS)
        return OrderIntent(
            intent_id=f"{purpose.lower()}:{instrument.key}:{count + 1}",
            signal_id=f"{reason}:{instrument.key}",
            venue=instrument.venue,
            instrument=instrument.name,
            side=holding.exit_side,
            quantity=part.quantity if part else holding.quantity,
            purpose=purpose,
            reference_price=holding.mark,
            expires_at=now.utc_ns + left_ns,
            expires_ns=now.monotonic_ns + left_ns,
            limit_price=part.limit if part else None,
            stop_price=part.trigger if part else None,
            leg=part.leg if part else Leg.WHOLE,
            reason=reason,
        )

    def _cancel(
        self, instrument: Instrument, reason: str, now: Instant, instead: Protective | None = None
    ) -> CancelProtection | None:
        if not self._may_ask(instrument, now):
            return None
        return CancelProtection(
            venue=instrument.venue,
            instrument=instrument.name,
            reason=reason,
            quantity=instead.quantity if instead else None,
            limit_price=instead.limit if instead else None,
            stop_price=instead.trigger if instead else None,
        )

    def _may_ask(self, instrument: Instrument, now: Instant) -> bool:
        key = instrument.id
        asked_ns = self._asked_ns.get(key)
        if asked_ns is not None and now.monotonic_ns - asked_ns < AGAIN_AFTER_NS:
            return False
        self._asked_ns[key] = now.monotonic_ns
        return True

    def _track_cover(self, key: InstrumentId, is_covered: bool, now: Instant) -> int:
        """Return for how long the position has lacked exact cover, in nanoseconds."""
        if is_covered:
            self._uncovered_ns.pop(key, None)
            self._turns.end(key)
            return 0
        return now.monotonic_ns - self._uncovered_ns.setdefault(key, now.monotonic_ns)

    def _is_beyond_stop(self, holding: Holding, quotes: LatestQuotes, has_stop: bool, now: Instant) -> bool:
        """Tell whether a believable price has been beyond the stop for longer than the venue may take.

        Where nothing rests at the venue there is nothing to wait for: it would refuse a stop already passed.
        """
        key = holding.instrument.id
        quote, stop = quotes.quote(*key), self.levels(holding).stop
        if quote is None or quotes.trouble(*key, now):
            return False  # keeps the start: silence is no recovery
        margin = stop * from_ratio(self._settings.orders.collar_ratio) if has_stop else ZERO
        is_long = holding.exit_side is Side.SELL
        if not (quote.bid_price < stop - margin if is_long else quote.ask_price > stop + margin):
            self._beyond_ns.pop(key, None)
            return False
        since_ns = self._beyond_ns.setdefault(key, now.monotonic_ns)
        return not has_stop or now.monotonic_ns - since_ns >= JUMPED_NS

    def _is_stops_turn(self, key: InstrumentId, has_stop: bool, now: Instant) -> bool:
        """Tell whether a stop comes before a close, whatever calls for one; at the last call it does once more."""
        if self.is_last_call(now) and key not in self._called:
            self._called.add(key)
            if not has_stop:
                self._turns.give(key, now)
        return self._turns.is_on(key, now)

    def _is_close_waiting(self, key: InstrumentId, portfolio: Portfolio, pending: tuple[OrderIntent, ...]) -> bool:
        """Tell whether all of a close is a plan in the router that has nothing at the venue: it may be pausing."""
        is_told = any(intent.purpose is Purpose.CLOSE for intent in _of(key, pending))
        return not is_told and not portfolio.orders_of(*key, Purpose.CLOSE)

    def _is_under_way(
        self, key: InstrumentId, portfolio: Portfolio, pending: tuple[OrderIntent, ...], purpose: Purpose
    ) -> bool:
        return bool(portfolio.plans_of(*key, purpose)) or any(intent.purpose is purpose for intent in _of(key, pending))

    def _forget(self, key: InstrumentId) -> None:
        self._uncovered_ns.pop(key, None)
        self._beyond_ns.pop(key, None)
        self._turns.end(key)


def _covers(quantity: Decimal, holding: Holding, owned: Decimal) -> bool:
    """Tell whether stops over `quantity` are exact cover, of all that is owned or of what can be sold now.

    A balance may lag behind our own fills: it withdraws no stop. Nor does a lot that has grown since one was placed,
    as long as it sells no more than is held.
    """
    if quantity in (holding.quantity, owned):
        return True
    is_held = quantity <= abs(holding.position.quantity)
    return is_held and holding.instrument.round_quantity(quantity) == owned


def _planned(portfolio: Portfolio, key: InstrumentId, leg: Leg = Leg.WHOLE) -> Decimal:
    """Return how much the orders of that leg would close that are sent, and those that are not sent yet shall.

    A bracket is of either.
    """
    sent = {live.order.intent_id: live.leaves_quantity for live in portfolio.orders_of(*key, Purpose.PROTECT)}
    plans = (plan for plan in portfolio.plans_of(*key, Purpose.PROTECT) if plan.intent.leg in (leg, Leg.WHOLE))
    return sum((sent.get(plan.intent.intent_id, plan.leaves_quantity) for plan in plans), ZERO)


def _rests(portfolio: Portfolio, key: InstrumentId, leg: Leg) -> bool:
    """Tell whether the venue has an order of that leg there."""
    orders = portfolio.orders_of(*key, Purpose.PROTECT)
    return any(live.order.leg is leg and not live.is_unproven for live in orders)


def _of(key: InstrumentId, intents: tuple[OrderIntent, ...]) -> list[OrderIntent]:
    return [intent for intent in intents if (intent.venue, intent.instrument) == key]
