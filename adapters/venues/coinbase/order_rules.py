"""What orders Coinbase takes, and until when it may accept one (docs/money.md 1). Pure."""

from __future__ import annotations

from domain.execution.order_rules import Capabilities, Lifetime
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.messages.orders import OrderType, Purpose, SubmitOrder, TimeInForce, VenueMoment
from domain.settings import VenueSettings

MOST_CANCELS = 100  # order_ids of one batch_cancel


class CoinbaseOrders:
    """The `OrderRules` of Coinbase: spot, by our own UUID, accepted as long as its token lives."""

    def __init__(self, settings: VenueSettings) -> None:
        self._settings = settings
        self.capabilities = Capabilities(
            kinds=frozenset({InstrumentKind.SPOT}),
            order_types=frozenset({OrderType.LIMIT, OrderType.BRACKET}),
            times_in_force=frozenset(TimeInForce),
            has_post_only=True,
            most_cancels=MOST_CANCELS,
        )

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        return client_order_id

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        ttl_s = self._settings.create_ttl_s(order.purpose is not Purpose.OPEN)
        return Lifetime(accept_until=VenueMoment(utc_ns=sent_by.utc_ns + round(ttl_s * SECOND_NS)))
