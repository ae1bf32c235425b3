import pytest

from domain.ledger.halts import Halts, kind_of
from domain.messages.halts import HaltKind
from domain.messages.journal import HaltCleared, HaltRaised
from tests.builders import UTC

ORDER = "6e7a657a-0000-4000-8000-00000000abcd"


def older(reason: str) -> HaltRaised:
    """As a journal has it that knows no kinds."""
    return HaltRaised(ts_event=UTC, scope="all", reason=reason)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("daily_loss", HaltKind.DAILY_LOSS),
        ("journal_locked: pid 7", HaltKind.JOURNAL_LOCKED),
        ("journal_damaged: its end cannot be read: no entry is missing", HaltKind.JOURNAL_DAMAGED),
        ("the data directory was moved to '/tmp/x': move it back, or stop", HaltKind.DIRECTORY_MOVED),
        ("balance corrected by something worth 11.5 USD", HaltKind.CORRECTED),
        ("sold 0.1 more than our books had: the coins were not of this position", HaltKind.OVERSOLD),
        ("3 positions in a row closed for want of a stop", HaltKind.BARE_CLOSES),
        ("6 closes in a row refused: the last one INVALID_SIZE: too small", HaltKind.CLOSES_REFUSED),
        ("6 stops in a row refused: the last one not_sent", HaltKind.STOPS_REFUSED),
        (f"its totals stand, for the venue lists no fills of order {ORDER}", HaltKind.TOTALS_STAND),
        (f"a second bot: order {ORDER} is not in our journal", HaltKind.SECOND_BOT),
        (f"order {ORDER} filled above its quantity", HaltKind.OVERFILLED),
        (f"order {ORDER} lives although absent:twice 12.0 s apart", HaltKind.REOPENED),
        (f"order {ORDER} is OPEN though it ended long ago", HaltKind.LIVES_LONG_AFTER),
        ("liquidation by the venue", HaltKind.FORCED.of("liquidation")),
        ("exchange_gateway:dydx gave up", HaltKind.GAVE_UP.of("exchange_gateway:dydx")),
        ("entry 17 looked odd: 3 times", "entry # looked odd"),
    ],
)
def test_a_halt_of_an_older_journal_gets_the_kind_that_its_words_have_today(reason: str, kind: str) -> None:
    assert kind_of(older(reason)) == kind


def test_the_kind_and_not_its_words_is_what_a_halt_is_known_by() -> None:
    halts = Halts()
    halts.raise_(older("6 closes in a row refused: the last one INVALID_SIZE"))

    halts.raise_(HaltRaised(ts_event=UTC, scope="all", reason="in other words", kind=HaltKind.CLOSES_REFUSED))
    halts.raise_(HaltRaised(ts_event=UTC, scope="all", reason="daily_loss", kind="something_else"))

    assert [halt.kind for halt in halts] == [HaltKind.CLOSES_REFUSED, "something_else"]
    cleared = halts.clear(HaltCleared(ts_event=UTC, scope="all", reason="whatever", kind=HaltKind.CLOSES_REFUSED))
    assert [halt.reason for halt in cleared] == ["6 closes in a row refused: the last one INVALID_SIZE"]


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
