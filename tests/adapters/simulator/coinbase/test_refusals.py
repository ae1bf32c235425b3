"""The engine says why it takes no order; Coinbase has its own words for each, and only it."""

from __future__ import annotations

import pytest

from adapters.simulator.coinbase.refusals import NotTaken, in_words
from adapters.simulator.engine.refusals import Refusal, Refused


@pytest.mark.parametrize("why", [why for why in Refusal if why is not Refusal.NOTHING_TO_REDUCE])  # no spot venue's
def test_each_refusal_has_a_word_on_creation_and_one_in_previews(why: Refusal) -> None:
    words = in_words(Refused(why))

    assert words.reason and words.preview_reason.startswith("PREVIEW_")


def test_previews_say_more_than_creations() -> None:
    small, poor = in_words(Refused(Refusal.TOO_SMALL)), in_words(Refused(Refusal.INSUFFICIENT_FUNDS))

    assert (small.reason, small.preview_reason) == ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL")
    assert (poor.reason, poor.preview_reason) == ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND")
    assert str(poor) == "Insufficient balance in source account"


def test_what_coinbase_refuses_by_itself_keeps_its_words() -> None:
    own = NotTaken("ORDER_ENTRY_DISABLED", message="injected")

    assert in_words(own) is own
