"""What both lists of checks ask, the portfolio's of a decision and the router's of what it is about to send.

Each list has its own order; these are the checks that stand in both.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from domain.instant import Instant
from domain.instrument import Instrument
from domain.ledger.position import is_dust
from domain.market.latest_quotes import LatestQuotes, is_in_dollars
from domain.messages.denials import DenialReason
from domain.numbers import divide, from_ratio, plain
from domain.settings import Settings


class Refused(Struct, frozen=True):
    """One check did not pass."""

    reason: DenialReason
    detail: str = ""  # the numbers, for a person


def opens_wanted(settings: Settings, venue: str, name: str) -> Refused | None:
    return Refused(DenialReason.CLOSES_ONLY) if name in settings.venues[venue].closes_only else None


def quote_believable(quotes: LatestQuotes, venue: str, name: str, now: Instant) -> Refused | None:
    trouble = quotes.trouble(venue, name, now)
    return Refused(trouble) if trouble else None


def product_suits(quotes: LatestQuotes, instrument: Instrument) -> Refused | None:
    if not is_in_dollars(instrument):
        return Refused(DenialReason.NOT_IN_DOLLARS, f"{instrument.key} is priced in {instrument.quote}")
    return None if quotes.is_tradable(instrument) else Refused(DenialReason.NOT_TRADABLE)


def on_lot(instrument: Instrument, quantity: Decimal) -> Refused | None:
    return Refused(DenialReason.OFF_GRID, plain(quantity)) if instrument.round_quantity(quantity) != quantity else None


def closable(quotes: LatestQuotes, instrument: Instrument, quantity: Decimal, mid_price: Decimal) -> Refused | None:
    """Refuse what could not be closed again: nothing is opened that would be dust at once."""
    price = quotes.closing_price(instrument.venue, instrument.name, mid_price)
    return Refused(DenialReason.BELOW_MINIMUM, plain(quantity)) if is_dust(instrument, quantity, price) else None


def below_maximum(instrument: Instrument, quantity: Decimal) -> Refused | None:
    return above(DenialReason.ABOVE_MAXIMUM, quantity, instrument.max_quantity)


def not_drifted(settings: Settings, reference_price: Decimal, mid_price: Decimal) -> Refused | None:
    """Refuse a decision whose price is too far from today's."""
    ratio = settings.risk.max_price_drift_ratio
    is_near = not drifted(reference_price, mid_price, ratio)
    return None if is_near else _apart(DenialReason.PRICE_DRIFT, reference_price, mid_price, ratio)


def price_not_deviant(settings: Settings, mid_price: Decimal, limit_price: Decimal) -> Refused | None:
    """Refuse a limit too far from the middle of the market."""
    ratio = settings.risk.max_deviation_ratio
    is_near = not drifted(mid_price, limit_price, ratio)
    return None if is_near else _apart(DenialReason.PRICE_DEVIATION, mid_price, limit_price, ratio)


def above(reason: DenialReason, number: Decimal, limit: Decimal) -> Refused | None:
    if number <= limit:
        return None
    return Refused(reason, f"{number:.8g} > {limit:.8g}")


def drifted(reference_price: Decimal, price: Decimal, ratio: float) -> bool:
    """Tell whether `price` is further than `ratio` from `reference_price`."""
    return abs(price - reference_price) > reference_price * from_ratio(ratio)


def _apart(reason: DenialReason, reference_price: Decimal, price: Decimal, ratio: float) -> Refused:
    share = divide(abs(price - reference_price), reference_price)
    return Refused(reason, f"{share:.8g} > {from_ratio(ratio):.8g}")
