"""What must rest at the venue for each position of ours, and when a position must go because it does not.

One bracket covers exactly the filled position. Refuses to trust itself as the only guard: watching the price is
the second line, for a stop at the venue that should have fired and didn't.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.effects import Instant
from domain.instrument import Instrument, Side
from domain.marks import Marks
from domain.numbers import from_ratio
from domain.order_messages import CancelProtection, OrderIntent, Purpose
from domain.portfolio import Portfolio
from domain.position import Position, is_dust
from domain.risk import close_quantity
from domain.settings import SECOND_NS, Settings

JUMPED_NS = 2 * SECOND_NS  # a price beyond the stop for this long has jumped it
AGAIN_AFTER_NS = SECOND_NS // 2  # between two requests about the same position


class Levels(NamedTuple):
    """Where a position is given up and where its profit is taken, on the tick grid."""

    stop: Decimal
    target: Decimal


class Protection:
    """Remembers since when each position lacks cover or is beyond its stop. Times are monotonic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._uncovered_ns: dict[tuple[str, str], int] = {}  # (venue, instrument) -> since when
        self._beyond_ns: dict[tuple[str, str], int] = {}
        self._asked_ns: dict[tuple[str, str], int] = {}

    def levels(self, instrument: Instrument, position: Position) -> Levels:
        """Return stop and target of a position that is not flat."""
        protection, sign = self._settings.protection, 1 if position.quantity > 0 else -1
        exit_side = Side.SELL if sign > 0 else Side.BUY
        entry = position.average_price
        stop = entry * (1 - sign * from_ratio(protection.stop_loss_ratio))
        target = entry * (1 + sign * from_ratio(protection.take_profit_ratio))
        return Levels(instrument.round_price(stop, exit_side), instrument.round_price(target, exit_side))

    def review(
        self,
        instrument: Instrument,
        portfolio: Portfolio,
        marks: Marks,
        pending: tuple[OrderIntent, ...],
        now: Instant,
        exit_reason: str = "",
    ) -> OrderIntent | CancelProtection | None:
        """Return the one request that the state of this position calls for now, if any.

        Args:
            pending: intents told and not journaled yet.
            exit_reason: why the position must be closed whatever its cover, e.g. "flatten".
        """
        key = instrument.venue, instrument.name
        position = portfolio.position(*key)
        plans = portfolio.plans_of(*key, Purpose.PROTECT)
        mark = marks.price(*key) or position.average_price
        quantity = close_quantity(portfolio, instrument)
        if is_dust(instrument, quantity, mark):
            self._forget(key)
            return self._withdraw(instrument, "flat", now) if plans else None

        # An accepted plan is no cover yet: the clock runs until its order is out.
        uncovered_ns = self._track_cover(key, portfolio.covered_quantity(*key) == quantity, now)
        planned = sum(plan.leaves_quantity for plan in plans)
        is_beyond = self._is_beyond_stop(instrument, position, marks, now)
        if self._is_under_way(key, portfolio, pending, Purpose.CLOSE):
            return None
        if is_beyond:
            exit_reason = exit_reason or "stop_jumped"
        elif uncovered_ns > self._settings.protection.within_s * SECOND_NS:
            exit_reason = exit_reason or "uncovered"
        if exit_reason:
            return self._close(instrument, position, portfolio, mark, quantity, exit_reason, now)
        if planned == quantity or any(intent.purpose is Purpose.PROTECT for intent in _of(key, pending)):
            return None
        if plans:
            return self._withdraw(instrument, "resized", now)
        is_filling = self._is_under_way(key, portfolio, pending, Purpose.OPEN)
        if is_filling and uncovered_ns < self._settings.protection.within_s * SECOND_NS / 2:
            return None  # one bracket for the whole entry instead of one per partial fill
        return self._protect(instrument, position, portfolio, mark, quantity, now)

    def _close(
        self,
        instrument: Instrument,
        position: Position,
        portfolio: Portfolio,
        mark: Decimal,
        quantity: Decimal,
        reason: str,
        now: Instant,
    ) -> OrderIntent | None:
        if not self._may_ask(instrument, now):
            return None
        return self._intent(
            instrument,
            position,
            portfolio,
            Purpose.CLOSE,
            now,
            signal_id=f"{reason}:{instrument.key}",
            quantity=quantity,
            reference_price=mark,
        )

    def _protect(
        self,
        instrument: Instrument,
        position: Position,
        portfolio: Portfolio,
        mark: Decimal,
        quantity: Decimal,
        now: Instant,
    ) -> OrderIntent | None:
        if not self._may_ask(instrument, now):
            return None
        levels = self.levels(instrument, position)
        return self._intent(
            instrument,
            position,
            portfolio,
            Purpose.PROTECT,
            now,
            signal_id=f"protect:{instrument.key}",
            quantity=quantity,
            reference_price=mark,
            limit_price=levels.target,
            stop_price=levels.stop,
        )

    def _intent(
        self,
        instrument: Instrument,
        position: Position,
        portfolio: Portfolio,
        purpose: Purpose,
        now: Instant,
        **fields,
    ) -> OrderIntent:
        # The journal's count makes the id: the same state asks under the same name, a new try under a new one.
        count = portfolio.decided[instrument.venue, instrument.name, purpose]
        return OrderIntent(
            intent_id=f"{purpose.lower()}:{instrument.key}:{count + 1}",
            venue=instrument.venue,
            instrument=instrument.name,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            purpose=purpose,
            expires_at=now.utc_ns + int(self._settings.orders.intent_expire_after_s * SECOND_NS),
            **fields,
        )

    def _withdraw(self, instrument: Instrument, reason: str, now: Instant) -> CancelProtection | None:
        if not self._may_ask(instrument, now):
            return None
        return CancelProtection(venue=instrument.venue, instrument=instrument.name, reason=reason)

    def _may_ask(self, instrument: Instrument, now: Instant) -> bool:
        key = instrument.venue, instrument.name
        asked_ns = self._asked_ns.get(key)
        if asked_ns is not None and now.monotonic_ns - asked_ns < AGAIN_AFTER_NS:
            return False
        self._asked_ns[key] = now.monotonic_ns
        return True

    def _track_cover(self, key: tuple[str, str], is_covered: bool, now: Instant) -> int:
        """Return for how long the position has lacked exact cover, in nanoseconds."""
        if is_covered:
            self._uncovered_ns.pop(key, None)
            return 0
        return now.monotonic_ns - self._uncovered_ns.setdefault(key, now.monotonic_ns)

    def _is_beyond_stop(self, instrument: Instrument, position: Position, marks: Marks, now: Instant) -> bool:
        """Tell whether a believable price has been beyond the stop for longer than the venue may take."""
        key = instrument.venue, instrument.name
        if marks.trouble(*key, now):
            return False  # keeps the start: silence is no recovery
        quote, stop = marks.quote(*key), self.levels(instrument, position).stop
        margin = stop * from_ratio(self._settings.orders.collar_ratio)
        is_beyond = (
            quote.bid_price < stop - margin if position.quantity > 0 else quote.ask_price > stop + margin
        )
        if not is_beyond:
            self._beyond_ns.pop(key, None)
            return False
        return now.monotonic_ns - self._beyond_ns.setdefault(key, now.monotonic_ns) >= JUMPED_NS

    def _is_under_way(
        self, key: tuple[str, str], portfolio: Portfolio, pending: tuple[OrderIntent, ...], purpose: Purpose
    ) -> bool:
        return bool(portfolio.plans_of(*key, purpose)) or any(
            intent.purpose is purpose for intent in _of(key, pending)
        )

    def _forget(self, key: tuple[str, str]) -> None:
        self._uncovered_ns.pop(key, None)
        self._beyond_ns.pop(key, None)


def _of(key: tuple[str, str], intents: tuple[OrderIntent, ...]) -> list[OrderIntent]:
    return [intent for intent in intents if (intent.venue, intent.instrument) == key]
