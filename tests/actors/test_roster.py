"""Who plays, for a given configuration."""

from actors.roster import roles_of
from domain.settings import Settings, VenueSettings


def test_a_venue_that_takes_no_orders_has_a_feed_and_no_gateway() -> None:
    settings = Settings(venues={"coinbase": VenueSettings(), "dydx": VenueSettings(takes_orders=False)})

    roles = roles_of(settings)

    assert {"price_feed:coinbase", "price_feed:dydx", "circuit_breaker:dydx"} < set(roles)
    assert [role for role in roles if role.startswith("exchange_gateway")] == ["exchange_gateway:coinbase"]
