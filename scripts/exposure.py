"""What earlier runs left at venues where this one may send no order. Refuses to leave it to itself."""

from __future__ import annotations

from pathlib import Path

from adapters.journal_reader import JournalReader
from domain.errors import InvalidSetting
from domain.numbers import plain
from domain.portfolio import Portfolio
from domain.settings import Settings


def check_exposure(settings: Settings, journal_path: Path) -> None:
    """Refuse settings under which nobody would guard or close what the journal says is ours.

    A venue without orders has no gateway: its positions would be neither protected nor compared with what the
    venue says.

    Raises:
        InvalidSetting: a position is open, or an order may live, at a venue that takes no orders.
    """
    journal, portfolio = JournalReader(journal_path), Portfolio()
    try:
        portfolio.replay(journal.scan())
    finally:
        journal.close()
    left = [
        (venue, f"a position of {plain(position.quantity)} {instrument}")
        for (venue, instrument), position in portfolio.positions.items()
    ]
    left += [(live.order.venue, f"order {order_id}") for order_id, live in portfolio.orders.items()]
    for venue, what in left:
        if venue not in settings.traded:
            raise InvalidSetting(
                f"venues.{venue}.takes_orders: must be true while something of ours is there: {what}"
            )
