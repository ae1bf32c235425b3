import pytest

from domain.effects import Role, role_of, venue_of


def test_an_address_says_who_plays_and_where() -> None:
    address = Role.PRICE_FEED.at("coinbase")

    assert (role_of(address), venue_of(address)) == (Role.PRICE_FEED, "coinbase")
    assert role_of(Role.MONITOR) is Role.MONITOR


def test_a_role_that_all_venues_share_has_no_venue() -> None:
    with pytest.raises(ValueError):
        venue_of(Role.MONITOR)


def test_nobody_plays_at_a_misspelled_address() -> None:
    with pytest.raises(ValueError):
        role_of("price_fed:coinbase")
