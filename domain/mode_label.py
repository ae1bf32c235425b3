"""What every screen and report is labelled with: whose prices these are, and where orders go. Never a guess."""

from __future__ import annotations

from domain.settings import Settings


def mode_label(settings: Settings) -> str:
    """Return such as "DEMO" or "LIVE PRICES, NO ORDERS": the venues' modes, whatever the profile is called."""
    modes = {venue.mode for venue in settings.venues.values()}
    traded = {venue.mode for venue in settings.traded.values()}
    if "live" in traded:
        return "LIVE"
    if modes == {"simulated"}:
        return "DEMO" if settings.system.profile == "demo" else "SIMULATED"
    prices = "LIVE PRICES" if modes == {"live"} else "LIVE AND SIMULATED PRICES"
    return f"{prices}, {'SIMULATED ORDERS' if traded else 'NO ORDERS'}"
