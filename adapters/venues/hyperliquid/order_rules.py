"""What orders Hyperliquid takes, what it calls ours, and until when it may accept one (docs/money.md 1). Pure."""

from __future__ import annotations

from uuid import UUID

from adapters.venues.hyperliquid.actions import MOST_PER_ACTION
from domain.execution.order_rules import Capabilities, Lifetime
from domain.instant import SECOND_NS
from domain.messages.orders import OrderType, SubmitOrder, TimeInForce, VenueMoment
from domain.settings import VenueSettings

ACCEPTED_WITHIN_NS = 5 * SECOND_NS  # after its last byte has left; the order says so itself


class HyperliquidOrders:
    """The `OrderRules` of Hyperliquid: by a cloid, triggers on the mark, accepted for as long as the order says."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(
            order_types=frozenset({OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}),
            times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
            has_post_only=True,
            has_reduce_only=True,
            cancels_by_client_id=True,
            replaces=True,
            most_submits=MOST_PER_ACTION,
            most_cancels=MOST_PER_ACTION,
        )

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        """Return 0x and the digits of our UUID, which begin with our tag."""
        return f"0x{UUID(client_order_id).hex}"

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        return Lifetime(accept_until=VenueMoment(utc_ns=sent_by.utc_ns + ACCEPTED_WITHIN_NS))
