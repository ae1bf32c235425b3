"""What the names of instruments look like at each venue, so that a name that none can have is refused at once.

A name of the right look may still not be listed: only the venue knows.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class NameRule(NamedTuple):
    """Our spelling of one venue's instruments."""

    pattern: re.Pattern[str]
    words: str  # how they are spelled, for people

    def fits(self, name: str) -> bool:
        return self.pattern.fullmatch(name) is not None


_OF_ANY_VENUE = NameRule(re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)+", re.ASCII), "as in BTC-USD")
_RULES = {
    # Also of what we don't trade there, such as BTC-PERP-INTX.
    "coinbase": NameRule(re.compile(r"[A-Z0-9]{1,32}(-[A-Z0-9]{1,32}){1,3}"), "as in BTC-USD"),
    # "k" = a thousand of them; before the colon is the exchange of a coin that is not the venue's own.
    "hyperliquid": NameRule(
        re.compile(r"([a-z0-9]{1,16}:)?k?[A-Z0-9]{1,32}-USD"), "as in BTC-USD, kPEPE-USD or xyz:TSLA-USD"
    ),
    # A token that others have the name of, too, goes by its exchange and address as well.
    "dydx": NameRule(
        re.compile(r"[A-Z0-9]{1,32}(,[A-Z0-9_.]{1,32},[A-Z0-9]{1,64})?-USD"),
        "as in BTC-USD or BUFFI,UNISWAP_V3,0X4C1B1302220D7DE5C22B495E78B72F2DD2457D45-USD",
    ),
}


def name_rule(venue: str) -> NameRule:
    return _RULES.get(venue, _OF_ANY_VENUE)
