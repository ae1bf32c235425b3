"""What earlier runs left behind, where this one may send no order or would not look. Refuses to leave it to itself."""

from __future__ import annotations

from pathlib import Path

import msgspec

from adapters.storage.journal_reader import JournalReader
from domain.errors import InvalidSetting
from domain.ledger.account import Portfolio
from domain.numbers import plain
from domain.settings import Settings, VenueSettings


def cover_exposure(settings: Settings, journal_path: Path) -> Settings:
    """Return the settings under which everything that the journal says is ours is priced, guarded and closed.

    An instrument that is not configured any more is followed as long as something of ours is in it, for closes only.
    A venue without orders has no gateway: its positions would be neither protected nor compared with what the
    venue says, so that is refused.

    Raises:
        InvalidSetting: a position is open, or an order may live, at a venue that takes no orders.
    """
    journal, portfolio = JournalReader(journal_path), Portfolio()
    try:
        if journal.ever_traded() <= _guarded(settings):
            return settings  # without reading it all once more: the router and the portfolio are about to
        portfolio.replay(journal.scan())
    finally:
        journal.close()
    left = [
        (venue, f"a position of {plain(position.quantity)} {instrument}")
        for (venue, instrument), position in portfolio.positions.items()
    ]
    left += [(live.order.venue, f"order {order_id}") for order_id, live in portfolio.orders.items()]
    ours = [*portfolio.positions, *((live.order.venue, live.order.instrument) for live in portfolio.orders.values())]
    for venue, what in left:
        if venue not in settings.traded:
            raise InvalidSetting(f"venues.{venue}.takes_orders: must be true while something of ours is there: {what}")
    venues = {
        name: _following(venue, [instrument for at, instrument in ours if at == name])
        for name, venue in settings.venues.items()
    }
    return msgspec.structs.replace(settings, venues=venues)


def _guarded(settings: Settings) -> set[tuple[str, str]]:
    return {(name, instrument) for name, venue in settings.traded.items() for instrument in venue.instruments}


def _following(venue: VenueSettings, held: list[str]) -> VenueSettings:
    added = tuple(dict.fromkeys(name for name in held if name not in venue.instruments))
    return msgspec.structs.replace(venue, instruments=venue.instruments + added, closes_only=venue.closes_only + added)
