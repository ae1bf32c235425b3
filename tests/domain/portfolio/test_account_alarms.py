"""What the portfolio tells of the account, it tells once as it begins and once as it ends."""

from dataclasses import dataclass
from decimal import Decimal

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.messages.system import AlarmOver
from domain.portfolio.account_alarms import INCOMPLETE_NS, AccountAlarms


@dataclass
class Lacking:
    """A valuation, as far as alarms ask."""

    missing: tuple[str, ...] = ()


def test_what_is_over_is_told_in_the_words_of_its_alarm() -> None:
    alarms, key = AccountAlarms(cover_within_s=5), InstrumentId("coinbase", "BTC-USD")

    def told(bare: list, missing: tuple[str, ...], at_ns: int) -> list[tuple[bool, str, str]]:
        effects = alarms.review(bare, {}, (), Lacking(missing), Instant(at_ns, at_ns))
        messages = [effect.message for effect in effects]
        return [(isinstance(one, AlarmOver), one.subject, one.text.partition(":")[0]) for one in messages]

    bare = "no stop covers the position after 5 s"
    assert told([key], ("SOL-USD",), 0) == [(False, "coinbase:BTC-USD", bare)]
    assert told([], ("SOL-USD",), INCOMPLETE_NS) == [
        (True, "coinbase:BTC-USD", bare),
        (False, "account", "equity incomplete"),
    ]
    assert told([], (), INCOMPLETE_NS + 1) == [(True, "account", "equity incomplete")]
    assert told([], (), INCOMPLETE_NS + 2) == []


def test_coins_that_others_hold_are_told_anew_as_they_change_and_the_alarm_before_is_over() -> None:
    alarms, key = AccountAlarms(cover_within_s=5), InstrumentId("coinbase", "BTC-USD")

    def told(held: dict) -> list[tuple[bool, str]]:
        effects = alarms.review([], held, (), Lacking(), Instant(0, 0))
        return [(isinstance(one.message, AlarmOver), one.message.text.split()[0]) for one in effects]

    assert told({key: Decimal(2)}) == [(False, "2")]
    assert told({key: Decimal(2)}) == []
    assert told({key: Decimal(1)}) == [(True, "2"), (False, "1")]
    assert told({}) == [(True, "1")]
