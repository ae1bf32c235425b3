"""What one account holds, has resting and has filled, read on a worker; blocks, and raises the venue's errors."""

from __future__ import annotations

from collections.abc import Callable

from adapters.ports import TradingVenue
from domain.messages.account import RequestSnapshot, VenueSnapshot
from domain.messages.listing import Listing
from domain.messages.orders import Fill
from domain.streams.venue_time import Stamps


def read_account(
    client: TradingVenue, command: RequestSnapshot, timeout_s: float, stamps: Callable[[], Stamps]
) -> VenueSnapshot:
    """Read it all. Fills and funding come last, so that they explain what balances and positions show.

    Args:
        stamps: tells `ts_event` and `told_ns` of what is told now.
    """
    open_orders = client.list_open_orders(timeout_s)
    balances = client.list_balances(timeout_s)
    positions = client.list_positions(timeout_s)
    fills = read_fills(client, command, timeout_s)
    funding = client.list_funding(command.fills_since, timeout_s)
    return VenueSnapshot(
        **stamps(),
        request_id=command.request_id,
        venue=command.venue,
        balances=tuple(balances),
        open_orders=tuple(open_orders),
        fills=tuple(fills),
        unspendable=balances.unspendable,
        positions=None if positions is None else tuple(positions),
        funding=tuple(funding),
        unread=(
            *balances.unread,
            *open_orders.unread,
            *(() if positions is None else positions.unread),
            *fills.unread,
            *funding.unread,
        ),
    )


def read_fills(client: TradingVenue, command: RequestSnapshot, timeout_s: float) -> Listing[Fill]:
    """List what is new, and all of the orders that are named."""
    fills = client.list_fills(command.fills_since, timeout_s)
    if not command.fills_of:
        return fills
    more = client.list_fills(0, timeout_s, command.fills_of)
    return Listing.of((*fills, *more), (*fills.unread, *more.unread))
