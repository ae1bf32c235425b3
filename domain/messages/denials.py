"""Why an opening, or any intent, is refused before it is sent: each reason one word, to be counted.

The journal and reports hold the word; it never changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class DenialReason(StrEnum):
    """Why an opening was refused. The words are journaled, so they never change."""

    # The run and the account
    WINDING_DOWN = "winding_down"
    HALTED = "halted"
    EXIT_WANTED = "exit_wanted"  # the position there shall go
    JOURNAL_LOCKED = "journal_locked"  # entries go beside the journal
    CLOSES_ONLY = "closes_only"
    PRICES_ONLY = "prices_only"
    UNPROTECTED = "unprotected"  # another position lacks its stop
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    UNKNOWN_BALANCE = "unknown_balance"
    UNKNOWN_EQUITY = "unknown_equity"
    # The venue
    VENUE_NOT_READY = "venue_not_ready"
    BREAKER_OPEN = "breaker_open"
    REFUSED_LATELY = "refused_lately"
    UNCONFIRMED_ORDER = "unconfirmed_order"
    UNCLAIMED_FILL = "unclaimed_fill"  # it may be of an order of ours that we gave up
    UNREAD_BALANCE = "unread_balance"
    UNREAD_ORDER = "unread_order"
    UNREAD_FILL = "unread_fill"
    UNREAD_INSTRUMENT = "unread_instrument"
    UNREAD_POSITION = "unread_position"
    UNREAD_FUNDING = "unread_funding"
    # The price
    NO_QUOTE = "no_quote"
    GAPPED_QUOTE = "gapped_quote"
    CROSSED_QUOTE = "crossed_quote"
    STALE_QUOTE = "stale_quote"
    LATE_QUOTE = "late_quote"
    UNKNOWN_CLOCK_OFFSET = "unknown_clock_offset"
    PRICE_DRIFT = "price_drift"
    PRICE_DEVIATION = "price_deviation"
    EDGE_BELOW_COST = "edge_below_cost"
    WOULD_CROSS_OWN = "would_cross_own"
    # The product
    UNKNOWN_INSTRUMENT = "unknown_instrument"  # to the portfolio
    NO_INSTRUMENT = "no_instrument"  # to the router
    NOT_SPOT = "not_spot"  # of journals from before margin, funding and liquidation were reckoned with
    NOT_IN_DOLLARS = "not_in_dollars"  # limits, cash and fees are
    NOT_TRADABLE = "not_tradable"
    NOT_OFFERED = "not_offered"  # the venue has no order of that kind
    # The decision
    EXPIRED = "expired"
    OUTDATED = "outdated"  # made unaware of another opening there
    LOW_CONFIDENCE = "low_confidence"
    NO_PRICE = "no_price"  # a stop without its prices
    # The size
    OFF_GRID = "off_grid"
    BELOW_MINIMUM = "below_minimum"  # at a price that a close would begin with
    ABOVE_MAXIMUM = "above_maximum"
    FAT_FINGER = "fat_finger"
    # The limits
    ORDERS_PER_HOUR = "orders_per_hour"
    ORDERS_PER_DAY = "orders_per_day"
    POSITIONS_PER_INSTRUMENT = "positions_per_instrument"
    MAX_POSITIONS = "max_positions"
    POSITION_LIMIT = "position_limit"
    ASSET_LIMIT = "asset_limit"
    AGAINST_NET = "against_net"  # other positions in the asset are on the other side
    EXPOSURE_LIMIT = "exposure_limit"
    VENUE_LIMIT = "venue_limit"
    NET_LIMIT = "net_limit"  # of one asset over all venues, spot and perpetuals summed
    LEVERAGE_LIMIT = "leverage_limit"  # all perpetuals of a venue over what their account is worth
    MARGIN_MISMATCH = "margin_mismatch"  # leverage or margin mode at the venue are not what is configured
    LIQUIDATION_NEAR = "liquidation_near"  # the venue would liquidate it before its stop
    INSUFFICIENT_BALANCE = "insufficient_balance"
    RESERVE = "reserve"


Denial = DenialReason | Literal[""]  # empty: nothing is in the way
