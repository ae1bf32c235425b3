"""The label of every screen is the truth about prices and orders, whatever the profile is called."""

import pytest

from domain.mode_label import mode_label
from domain.settings import Settings, SystemSettings, VenueSettings


@pytest.mark.parametrize(
    ("profile", "venues", "label"),
    [
        ("demo", (("simulated", True), ("simulated", False)), "DEMO"),
        ("standard", (("simulated", True),), "SIMULATED"),
        ("demo", (("live", False),), "LIVE PRICES, NO ORDERS"),
        ("standard", (("live", False),), "LIVE PRICES, NO ORDERS"),
        ("demo", (("simulated", True), ("live", False)), "LIVE AND SIMULATED PRICES, SIMULATED ORDERS"),
        ("demo", (("simulated", False), ("live", False)), "LIVE AND SIMULATED PRICES, NO ORDERS"),
        ("standard", (("live", True), ("live", False)), "LIVE"),
    ],
)
def test_label_follows_the_venues_modes(profile: str, venues: tuple, label: str) -> None:
    settings = Settings(
        system=SystemSettings(profile=profile),
        venues={
            f"venue{number}": VenueSettings(mode=mode, takes_orders=takes_orders)
            for number, (mode, takes_orders) in enumerate(venues)
        },
    )

    assert mode_label(settings) == label
