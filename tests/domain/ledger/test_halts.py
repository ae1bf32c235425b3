import pytest

from domain.ledger.halts import Halts, cause_of
from domain.messages.journal import HaltCleared, HaltRaised
from tests.builders import UTC

ORDER, OTHER = "6e7a657a-0000-4000-8000-00000000abcd", "6e7a657a-0000-4000-8000-00000000ffff"


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("balance corrected by something worth 11.5 USD", "balance corrected by something worth 2E+3 USD"),
        (f"order {ORDER} filled above its quantity", f"order {OTHER} filled above its quantity"),
        (f"a second bot: order {ORDER} is not in our journal", f"a second bot: order {OTHER} is not in our journal"),
        ("3 positions in a row", "4 positions in a row"),
        ("journal_locked: pid 7", "journal_locked: pid 8"),
    ],
)
def test_a_cause_told_of_another_order_or_amount_is_the_same(reason: str, again: str) -> None:
    assert cause_of(reason) == cause_of(again)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("daily_loss", "drawdown"),
        ("exchange_gateway:coinbase gave up", "exchange_gateway:dydx gave up"),
        (f"order {ORDER} filled above its quantity", f"order {ORDER} lives although absent:twice"),
    ],
)
def test_other_words_are_another_cause(one: str, other: str) -> None:
    assert cause_of(one) != cause_of(other)


def raised(*reasons: str, scope: str = "all") -> Halts:
    halts = Halts()
    for reason in reasons:
        halts.raise_(HaltRaised(ts_event=UTC, scope=scope, reason=reason))
    return halts


def test_a_cause_that_is_over_ends_its_own_halt_only() -> None:
    halts = raised("disk_full", "drawdown")

    cleared = halts.clear(HaltCleared(ts_event=UTC, scope="all", reason="disk_full"))

    assert [halt.reason for halt in cleared] == ["disk_full"]
    assert [halt.reason for halt in halts] == ["drawdown"]


def test_an_end_that_names_no_cause_is_of_all_in_its_scope() -> None:
    halts = raised("disk_full", "drawdown")
    halts.raise_(HaltRaised(ts_event=UTC, scope="coinbase", reason="drawdown"))

    halts.clear(HaltCleared(ts_event=UTC, scope="all"))

    assert [halt.scope for halt in halts] == ["coinbase"]
