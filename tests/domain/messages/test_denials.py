"""The words of refusals: the journal, reports and people's filters hold them."""

import msgspec

from domain.messages.denials import DenialReason
from domain.messages.journal import IntentDenied, JournalEvent
from domain.messages.orders import Purpose


def test_a_reason_is_journaled_as_its_word_and_read_as_text() -> None:
    denied = IntentDenied(
        ts_event=1,
        intent_id="i",
        venue="coinbase",
        instrument="BTC-USD",
        purpose=Purpose.OPEN,
        reason=DenialReason.STALE_QUOTE,
    )

    text = msgspec.json.encode(denied)
    read = msgspec.json.decode(text, type=JournalEvent)

    assert b'"reason":"stale_quote"' in text
    assert read == denied
    assert type(read.reason) is str


def test_a_word_that_a_later_version_knows_can_be_read() -> None:
    line = (
        b'{"type":"IntentDenied","ts_event":1,"intent_id":"i","venue":"coinbase",'
        b'"instrument":"BTC-USD","purpose":"OPEN","reason":"a_word_of_tomorrow"}'
    )

    assert msgspec.json.decode(line, type=JournalEvent).reason == "a_word_of_tomorrow"


def test_each_word_is_its_name_in_small_letters() -> None:
    assert {reason.name.lower() for reason in DenialReason} == {str(reason) for reason in DenialReason}
