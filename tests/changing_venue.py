"""A flaky venue that changes orders as some do: it ends the old one and makes another of the rest, under a new name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from domain.instant import Instant
from domain.messages.base import Event
from domain.messages.orders import CancelOrder, CancelRejected, OrderReported, OrderStatus, QueryOrder
from domain.messages.replacements import ModifyAccepted, ModifyOrder, ModifyRejected, ModifyUnconfirmed
from domain.numbers import ZERO, divide
from tests.flaky_venue import LANDS_WITHIN_NS, Command, FlakyVenue, TrueOrder


@dataclass
class Named:
    """What fills under one name."""

    began: int  # so many fills came before
    size: Decimal


class ChangingVenue(FlakyVenue):
    def __init__(self) -> None:
        super().__init__()
        self.named: dict[str, Named] = {}  # venue_order_id -> of the newest names
        self.older: dict[str, OrderReported] = {}  # venue_order_id -> how it ended
        self.changing: list[tuple[int, ModifyOrder]] = []  # (sent monotonic, command): may still arrive

    def answer(self, command: Command | ModifyOrder, luck: int, now: Instant) -> list[Event]:
        if isinstance(command, ModifyOrder):
            return self._modify(command, luck % 5, now)
        return super().answer(command, luck, now)

    def _modify(self, command: ModifyOrder, luck: int, now: Instant) -> list[Event]:
        about = {"ts_event": now.utc_ns, "client_order_id": command.client_order_id, "venue": "coinbase"}
        timeout = ModifyUnconfirmed(**about, reason="timeout")
        if luck == 2:
            return [timeout]
        if luck == 3:
            self.changing.append((now.monotonic_ns, command))
            return [timeout]
        words = None if luck == 4 else self.change(command, now)
        if words is None:
            return [ModifyRejected(**about, code="no")]
        if luck == 1:
            return [timeout, *words]
        return [*words, ModifyAccepted(**about, venue_order_id=self.orders[command.client_order_id].venue_order_id)]

    def change(self, command: ModifyOrder, now: Instant) -> list[Event] | None:
        """End the old order, begin a new one with the size that was asked for; None where that can't be."""
        order, size = self.orders[command.client_order_id], command.remaining_quantity
        if not order.is_live or order.venue_order_id != command.venue_order_id or size > self.coins:
            return None
        ended = replace(self.report(order, now), status=OrderStatus.CANCELED, leaves_quantity=ZERO)
        self.older[order.venue_order_id] = ended
        order.venue_order_id = f"{order.venue_order_id}+"
        order.order = replace(command.order, quantity=order.filled + size, leave_by_ns=0)
        self.named[order.venue_order_id] = Named(len(order.fills), size)
        return [ended, self.report(order, now)]

    def land(self, now: Instant) -> None:
        super().land(now)
        for sent_ns, command in self.changing:
            if now.monotonic_ns - sent_ns < LANDS_WITHIN_NS:
                self.change(command, now)
        self.changing.clear()

    def _cancel(self, command: CancelOrder, luck: int, now: Instant) -> list[Event]:
        if command.venue_order_id in self.older:
            about = {"ts_event": now.utc_ns, "client_order_id": command.client_order_id, "venue": "coinbase"}
            return [CancelRejected(**about, code="UNKNOWN_CANCEL_ORDER")]
        return super()._cancel(command, luck, now)

    def _find(self, query: QueryOrder, luck: int, now: Instant) -> Event:
        event = self.older.get(query.venue_order_id) if luck != 2 else None
        event = event or super()._find(query, luck, now)
        return replace(event, ts_event=now.utc_ns, is_read=True) if isinstance(event, OrderReported) else event

    def report(self, order: TrueOrder, now: Instant) -> OrderReported:
        """Tell of its newest name only."""
        told, named = super().report(order, now), self.named.get(order.venue_order_id)
        if named is None:
            return told
        fills = order.fills[named.began :]
        filled = sum((fill.quantity for fill in fills), ZERO)
        value = sum((fill.quantity * fill.price for fill in fills), ZERO)
        return replace(
            told,
            quantity=named.size,
            cumulative_quantity=filled,
            average_price=divide(value, filled) if fills else ZERO,
            total_fees=sum((fill.fee for fill in fills), ZERO),
        )
