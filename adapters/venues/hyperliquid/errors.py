"""What Hyperliquid's refusals mean: their texts, which is all there is, into the four fates. Pure.

A text may begin with "L1 error: " and go on with the asset, so its beginning decides. As code it gets the word that the
venue has for the order's end, where it has one. These are fates of one request: what is refused when it is sent
again says nothing about the first time.
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.venues.hyperliquid.market_rows import VENUE
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS

EXHAUSTED_PAUSE_NS = 10 * SECOND_NS  # an address that has used up its requests gets one in so long

_PREFIX = "L1 error: "


class _Meaning(NamedTuple):
    begins: str
    fate: type[VenueError]
    code: str


# The first that fits counts.
_MEANINGS = tuple(
    _Meaning(*meaning)
    for meaning in (
        # Of one order.
        ("Price must be divisible by tick size", Rejected, "tickRejected"),
        ("Order has invalid price", Rejected, "tickRejected"),
        ("Order has invalid size", Rejected, "invalid_size"),
        ("Order must have minimum value of $", Rejected, "minTradeNtlRejected"),
        ("Order must have minimum value of ", Rejected, "minTradeSpotNtlRejected"),
        ("Insufficient margin to place order", Rejected, "perpMarginRejected"),
        ("Reduce only order would increase position", Rejected, "reduceOnlyRejected"),
        ("Post only order would have immediately matched", Rejected, "badAloPxRejected"),
        ("Order could not immediately match against any resting orders", Rejected, "iocCancelRejected"),
        ("Invalid TP/SL price", Rejected, "badTriggerPxRejected"),
        ("No liquidity available for market order", Rejected, "marketOrderNoLiquidityRejected"),
        ("Order price cannot be more than ", Rejected, "price_too_far"),
        ("Builder fee has not been approved", Rejected, "builder_fee"),
        # It takes no other for a while, and then this one.
        ("Only post-only orders allowed immediately after a network upgrade", Retryable, "post_only_period"),
        # Of a cancel or a change: it ended, whatever way, or never was. Which, only a question tells.
        ("Order was never placed, already canceled, or filled", Rejected, "not_live"),
        ("Cannot modify canceled or filled order", Rejected, "not_live"),
        ("Cannot set scheduled cancel time until enough volume traded", Rejected, "volume_too_low"),
        # Of a whole request.
        ("Signed action over weight limit", Rejected, "too_many"),
        ("Too many cumulative requests sent", Retryable, "address_budget"),
        # Another request had this nonce: perhaps an earlier send of this one.
        ("Invalid nonce: duplicate nonce", Ambiguous, "duplicate_nonce"),
        ("Invalid nonce: nonce too low", Retryable, "nonce_too_low"),
        # A bad signature shows as that of somebody whom the venue doesn't know.
        ("User or API Wallet ", Fatal, "unknown_wallet"),
        ("Must deposit before performing actions", Fatal, "must_deposit"),
        ("Unable to recover signer", Fatal, "bad_signature"),
    )
)
_UNKNOWN = _Meaning("", Ambiguous, "unknown_error")


def refusal(text: str) -> VenueError:
    """Return what a refusal means: of a whole request, or of one order in it.

    A text that nobody knows proves nothing: it may have been said on the way, and not by the book.
    """
    said = text.removeprefix(_PREFIX)
    _, fate, code = next((meaning for meaning in _MEANINGS if said.startswith(meaning.begins)), _UNKNOWN)
    pause_ns = EXHAUSTED_PAUSE_NS if code == "address_budget" else None
    error = fate(text, venue=VENUE, code=code, raw=text.encode(errors="replace"), retry_after_ns=pause_ns)
    if fate is Fatal:
        error.denied_with = code  # each says that the venue doesn't take our key for an account's
    return error
