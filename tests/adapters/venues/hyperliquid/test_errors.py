"""What becomes of an order that Hyperliquid refuses, by what it says."""

from __future__ import annotations

import pytest

from adapters.venues.hyperliquid.errors import refusal
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS

WALLET = "0x14791697260e4c9a71f18484c9f997b308e59325"
UPGRADE = "Only post-only orders allowed immediately after a network upgrade"
EXHAUSTED = (
    "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.0. "
    "Place taker orders to free up 1 request per USDC traded."
)
VOLUME = "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0."
TEXTS = [
    ("Price must be divisible by tick size.", Rejected, "tickRejected"),
    ("Order has invalid price.", Rejected, "tickRejected"),
    ("Order has invalid size.", Rejected, "invalid_size"),
    ("Order must have minimum value of $10.", Rejected, "minTradeNtlRejected"),
    ("Order must have minimum value of 10 USDC.", Rejected, "minTradeSpotNtlRejected"),
    ("Insufficient margin to place order.", Rejected, "perpMarginRejected"),
    ("Reduce only order would increase position.", Rejected, "reduceOnlyRejected"),
    ("Post only order would have immediately matched, bbo was 1@2.", Rejected, "badAloPxRejected"),
    ("Order could not immediately match against any resting orders.", Rejected, "iocCancelRejected"),
    ("Invalid TP/SL price.", Rejected, "badTriggerPxRejected"),
    ("No liquidity available for market order.", Rejected, "marketOrderNoLiquidityRejected"),
    ("Order price cannot be more than 80% away from the reference price", Rejected, "price_too_far"),
    ("Order price cannot be more than 95% away from the reference price", Rejected, "price_too_far"),
    ("Builder fee has not been approved", Rejected, "builder_fee"),
    (UPGRADE, Retryable, "post_only_period"),
    ("Order was never placed, already canceled, or filled.", Rejected, "not_live"),
    ("Cannot modify canceled or filled order", Rejected, "not_live"),
    (VOLUME, Rejected, "volume_too_low"),
    ("Signed action over weight limit of 200.", Rejected, "too_many"),
    (EXHAUSTED, Retryable, "address_budget"),
    ("Invalid nonce: duplicate nonce 1700000000000", Ambiguous, "duplicate_nonce"),
    ("Invalid nonce: nonce too low 1 < 1700000000000", Retryable, "nonce_too_low"),
    (f"User or API Wallet {WALLET} does not exist.", Fatal, "unknown_wallet"),
    (f"Must deposit before performing actions. User: {WALLET}", Fatal, "must_deposit"),
    ("Unable to recover signer.", Fatal, "bad_signature"),
]


@pytest.mark.parametrize("ending", ["", " asset=0"])
@pytest.mark.parametrize("beginning", ["", "L1 error: "])
@pytest.mark.parametrize(("text", "fate", "code"), TEXTS)
def test_each_text_has_its_fate(beginning: str, text: str, ending: str, fate: type[VenueError], code: str) -> None:
    error = refusal(beginning + text + ending)

    assert (type(error), error.code, error.venue) == (fate, code, "hyperliquid")
    assert error.raw == (beginning + text + ending).encode()[:256]


STRANGE = ["", "Something went wrong", "order has invalid size.", "No: Order has invalid size.", "\ud800" * 999]


@pytest.mark.parametrize("text", STRANGE)
def test_a_text_that_nobody_knows_proves_nothing(text: str) -> None:
    error = refusal(text)

    assert (type(error), error.code) == (Ambiguous, "unknown_error")


def test_an_address_that_has_used_up_its_requests_waits_ten_seconds() -> None:
    error = refusal(EXHAUSTED)

    assert error.is_throttled and error.retry_after_ns == 10 * SECOND_NS
    assert not refusal(UPGRADE).is_throttled


@pytest.mark.parametrize(("text", "fate", "code"), TEXTS)
def test_only_what_is_said_of_the_key_counts_against_it(text: str, fate: type[VenueError], code: str) -> None:
    assert refusal(text).denied_with == (code if fate is Fatal else "")
