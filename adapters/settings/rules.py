"""What settings must be to each other, beyond the bounds of each one."""

from __future__ import annotations

import operator
import re
from collections.abc import Collection
from decimal import Decimal

from adapters.network.addresses import read_base_address
from domain.errors import InvalidSetting
from domain.instrument_names import name_rule
from domain.settings import Settings, VenueSettings
from domain.signals.strategies import STRATEGIES
from domain.text import bounded

# The first must not be above the second.
ORDERED = (
    ("simulator.latency_min_s", "simulator.latency_max_s"),
    ("supervision.backoff_first_s", "supervision.backoff_cap_s"),
    ("signals.strategy_within_s", "supervision.hung_after_s"),
    ("session.backoff_base_s", "session.backoff_cap_s"),
    ("breaker.open_s", "breaker.open_cap_s"),
    ("risk.position_ratio", "risk.max_position_ratio"),
    ("orders.collar_ratio", "orders.close_collar_cap_ratio"),
)
ASSET = re.compile(r"[A-Z0-9]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ADDRESSES = {  # setting -> its schemes, the last one for other machines
    "rest_url": ("http", "https"),
    "market_stream_url": ("ws", "wss"),
    "private_stream_url": ("ws", "wss"),
}


def check_rules(settings: Settings, known_venues: Collection[str]) -> None:
    """Raise InvalidSetting for the first rule that `settings` break."""
    if not settings.system.data_directory:
        raise InvalidSetting("system.data_directory = '': must be the path of a directory")
    for low, high in ORDERED:
        least, most = operator.attrgetter(low, high)(settings)
        if least > most:
            raise InvalidSetting(f"{low} = {least}: must not be above {high} = {most}")
    report_s, hung_s = settings.system.report_every_s, settings.supervision.hung_after_s
    if report_s > hung_s * 3 / 4:  # a report is an actor's sign of life, and may be late
        raise InvalidSetting(
            f"system.report_every_s = {report_s}: must be at most 3/4 of supervision.hung_after_s = {hung_s}"
        )
    for name in ("taker_fee_ratio", "maker_fee_ratio"):
        if getattr(settings.simulator, name) > Decimal(1):
            raise InvalidSetting(f"simulator.{name} = {getattr(settings.simulator, name)}: must be between 0 and 1")
    simulated = {
        "balances": settings.simulator.balances,
        "accounts.dydx": settings.simulator.accounts.dydx,
        "accounts.hyperliquid": settings.simulator.accounts.hyperliquid,
    }
    for name, balances in simulated.items():
        for asset in balances:
            if not ASSET.fullmatch(asset):
                raise InvalidSetting(f"simulator.{name}.{asset!r}: must be an asset in capitals, such as USD")
    for name in settings.signals.weights:
        if name not in STRATEGIES:
            raise InvalidSetting(
                f"signals.weights.{name}: no such strategy; must be one of {', '.join(sorted(STRATEGIES))}"
            )
    if not any(settings.signals.weights.values()):
        raise InvalidSetting("signals.weights: must give at least one strategy a weight above 0, or nobody votes")
    delays = settings.orders.query_delays_s
    if not delays or min(delays) <= 0:
        raise InvalidSetting(f"orders.query_delays_s = {list(delays)}: must be one or more numbers above 0")
    _check_venues(settings, known_venues)


def _check_venues(settings: Settings, known_venues: Collection[str]) -> None:
    known = ", ".join(sorted(known_venues))
    if not settings.venues:
        raise InvalidSetting(f"venues: must have at least one table of these: {known}")
    for name, venue in settings.venues.items():
        if name not in known_venues:
            raise InvalidSetting(f"unknown key {f'venues.{name}'!r}: allowed: {known}")
        _check_venue(f"venues.{name}", name, venue)
        if settings.orders.acknowledge_within_s <= venue.request_timeout_s:
            raise InvalidSetting(
                f"orders.acknowledge_within_s = {settings.orders.acknowledge_within_s}: "
                f"must be above venues.{name}.request_timeout_s = {venue.request_timeout_s}"
            )


def _check_venue(path: str, name: str, venue: VenueSettings) -> None:
    if not venue.instruments:
        raise InvalidSetting(f"{path}.instruments = []: must name at least one instrument, such as BTC-USD")
    rule = name_rule(name)
    for instrument in venue.instruments:
        if not rule.fits(instrument):
            raise InvalidSetting(f"{path}.instruments: {bounded(instrument)!r} must be spelled {rule.words}")
        if venue.instruments.count(instrument) > 1:
            raise InvalidSetting(f"{path}.instruments: {instrument!r} must be named once only")
    for instrument in venue.closes_only:
        if instrument not in venue.instruments:
            raise InvalidSetting(
                f"{path}.closes_only: {bounded(instrument)!r} must be one of {', '.join(venue.instruments)}"
            )
    for key in ("api_key_env", "api_secret_env"):
        # Without the value in the text: who misreads the key has put the secret here.
        if getattr(venue, key) and not VARIABLE.fullmatch(getattr(venue, key)):
            raise InvalidSetting(f"{path}.{key}: must be the name of an environment variable, not the secret")
    if bool(venue.api_key_env) != bool(venue.api_secret_env):
        raise InvalidSetting(f"{path}.api_key_env and {path}.api_secret_env: must be given both or neither")
    if venue.key_file and venue.api_key_env:
        raise InvalidSetting(f"{path}.key_file: must be empty when {path}.api_key_env is given")
    for key, schemes in ADDRESSES.items():
        if getattr(venue, key):
            _check_url(f"{path}.{key}", getattr(venue, key), schemes, venue.mode)
    if venue.key_file and venue.mode == "simulated":
        raise _not_its_own(f"{path}.key_file", venue.key_file)


def _check_url(path: str, url: str, schemes: tuple[str, str], mode: str) -> None:
    """Simulated trading must be unable to reach a real venue, whatever else is configured; and what goes to another
    machine, keys among it, is for that machine alone."""
    try:
        address = read_base_address(url)
    except ValueError:
        address = None
    if address is None or address.scheme not in schemes:
        shown = "" if "@" in url else f" = {bounded(url)!r}"  # there may be a password in it
        raise InvalidSetting(f"{path}{shown}: must be an address such as {schemes[1]}://host/path, and no more")
    if mode == "simulated":
        raise _not_its_own(path, url)
    if not address.is_on_this_machine and not address.is_secure:
        raise InvalidSetting(f"{path} = {bounded(url)!r}: must be {schemes[1]}:// for any but this machine (127.0.0.1)")


def _not_its_own(path: str, value: str) -> InvalidSetting:
    """The launcher would put that of the simulator in its place: nobody's setting is passed over in silence."""
    return InvalidSetting(
        f'{path} = {bounded(value)!r}: must be empty while mode is "simulated": a simulated venue has its own'
    )
