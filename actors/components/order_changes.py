"""Changes of live orders on their way to the venue, and what their answers prove."""

from __future__ import annotations

from functools import partial
from typing import Any

from actors.components.venue_calls import Call, Urgency
from actors.components.venue_line import VenueLine
from actors.runtime.base_actor import BaseActor
from adapters.ports import TradingVenue
from domain.clocks import deadline
from domain.effects import Role
from domain.errors import Rejected, Retryable, VenueError
from domain.messages.base import Event
from domain.messages.replacements import ModifyOrder, ModifyRejected, ModifyUnconfirmed
from domain.resilience.access import TRADING
from domain.resilience.budgets import RequestKind
from domain.streams.venue_time import VenueTime


class OrderChanges:
    """Asks for each change once: a second request might change what the first has made."""

    def __init__(
        self, actor: BaseActor, client: TradingVenue, line: VenueLine, time: VenueTime, timeout_s: float
    ) -> None:
        self._actor = actor
        self._client = client
        self._line = line
        self._time = time
        self._timeout_s = timeout_s

    def ask(self, command: ModifyOrder) -> None:
        """Put a change in the line; one that has waited too long is not sent."""
        order = command.order
        late = Retryable("it has waited too long", code="waited_too_long")
        self._line.make(
            Call(
                partial(self._client.modify_order, command, self._timeout_s),
                partial(self._answered, command),
                Urgency.REDUCING,
                leave_by=deadline(order.leave_by, order.leave_by_ns, self._actor.clock.now()),
                given_up=partial(self._answered, command, late),
                proves=TRADING,
                kind=RequestKind.MODIFY,
                within_s=self._timeout_s,
            )
        )

    def _answered(self, command: ModifyOrder, result: Event | VenueError) -> None:
        about: dict[str, Any] = {
            "ts_event": self._time.utc_ns(self._actor.clock.now()),
            "client_order_id": command.client_order_id,
            "venue": command.venue,
        }
        match result:
            case Event():
                event = result
            case Rejected() | Retryable():  # it did not happen, either way
                event = ModifyRejected(**about, code=result.code)
            case _:
                event = ModifyUnconfirmed(**about, reason=result.code)
        self._actor.tell(Role.ORDER_ROUTER, event)
