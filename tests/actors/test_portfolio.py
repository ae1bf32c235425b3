"""The portfolio actor follows the journal without holes, and speaks only of what it has read."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from actors.portfolio import Portfolio
from actors.stage.stage import Stage
from actors.stage.toolbox import START, MemoryJournal
from domain.effects import Role
from domain.errors import Fatal
from domain.messages.account import Balance
from domain.messages.journal import BalancesOpened, HaltCleared, HaltRaised, JournalEntry, JournalExtended
from domain.messages.system import ActorReported, PortfolioReported, ProveJournal, ReportNow


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.journal.append([halt("before it came")], START.utc_ns)
    stage.cast(Portfolio, Role.PORTFOLIO)
    return stage


def halt(reason: str) -> HaltRaised:
    return HaltRaised(ts_event=START.utc_ns, scope="all", reason=reason)


def extend(stage: Stage, *events: object) -> JournalExtended:
    """Append to the journal and return what the router would tell about it."""
    return JournalExtended(ts_event=START.utc_ns, entries=stage.journal.append(events, START.utc_ns))


def known(stage: Stage):
    return stage.actor(Role.PORTFOLIO).manager.portfolio


def halts(stage: Stage) -> list[str]:
    return [halt.reason for halt in known(stage).halts]


def test_it_has_read_the_journal_before_it_takes_its_first_message(stage: Stage) -> None:
    assert known(stage).last_seq == 1
    assert halts(stage) == ["before it came"]


def test_it_follows_what_the_router_tells(stage: Stage) -> None:
    stage.tell(Role.PORTFOLIO, extend(stage, HaltCleared(ts_event=START.utc_ns, scope="all")))

    assert known(stage).last_seq == 2
    assert halts(stage) == []


def test_a_lost_message_is_read_again_from_the_journal(stage: Stage) -> None:
    extend(stage, HaltCleared(ts_event=START.utc_ns, scope="all"))  # told to nobody

    stage.tell(Role.PORTFOLIO, extend(stage, halt("the second")))

    assert known(stage).last_seq == 3
    assert halts(stage) == ["the second"]
    assert stage.actor(Role.PORTFOLIO).counters["journal_rereads"] == 1


def test_what_a_router_journaled_and_died_of_is_read_when_the_next_one_appears(stage: Stage) -> None:
    extend(stage, HaltCleared(ts_event=START.utc_ns, scope="all"))  # told to nobody

    stage.actor(Role.PORTFOLIO).peer_appeared(Role.ORDER_ROUTER)

    assert known(stage).last_seq == 2
    assert halts(stage) == []


def test_when_a_recovered_journal_has_taken_the_place_of_the_one_it_read_it_begins_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    extend(stage, halt("never written down"))
    stage.actor(Role.PORTFOLIO).peer_appeared(Role.ORDER_ROUTER)
    assert known(stage).last_seq == 2
    ended = []
    monkeypatch.setattr(stage.actor(Role.PORTFOLIO).toolbox, "die", lambda: ended.append(True))
    monkeypatch.setattr(stage.journal, "was_replaced", lambda: True)

    stage.actor(Role.PORTFOLIO).peer_appeared(Role.ORDER_ROUTER)

    assert ended == [True]


class Damaged(MemoryJournal):
    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        raise Fatal("entry 2 of the journal cannot be read", code="damaged")

    def read(self, after_seq: int = 0) -> list[JournalEntry]:
        return list(self.scan(after_seq))


def test_a_journal_that_cannot_be_read_is_for_the_router_to_prove(stage: Stage) -> None:
    extended = extend(stage, halt("told"), halt("and told"))
    stage.actor(Role.PORTFOLIO).journal = Damaged()

    stage.tell(Role.PORTFOLIO, msgspec.structs.replace(extended, entries=extended.entries[1:]))  # a gap

    assert ProveJournal() in stage.received[Role.ORDER_ROUTER]


def test_a_portfolio_that_cannot_even_begin_says_so_too() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = Damaged()

    stage.cast(Portfolio, Role.PORTFOLIO)

    assert ProveJournal() in stage.received[Role.ORDER_ROUTER]


def test_a_message_told_twice_changes_nothing(stage: Stage) -> None:
    extended = extend(stage, HaltCleared(ts_event=START.utc_ns, scope="all"))

    stage.tell(Role.PORTFOLIO, extended, extended)

    assert known(stage).last_seq == 2


def test_a_restarted_portfolio_knows_what_the_first_one_knew(stage: Stage) -> None:
    stage.tell(Role.PORTFOLIO, extend(stage, halt("again")))
    before = halts(stage)

    stage.crash(Role.PORTFOLIO)
    stage.cast(Portfolio, Role.PORTFOLIO)

    assert halts(stage) == before
    assert known(stage).last_seq == 2


def test_what_became_of_signals_is_among_its_counters(stage: Stage) -> None:
    stage.actor(Role.PORTFOLIO).manager.decisions.update(opened=2, no_position=5)

    stage.tell(Role.PORTFOLIO, ReportNow())

    *_, told = (m for m in stage.received[Role.MONITOR] if isinstance(m, ActorReported))
    assert (told.counters["decision_opened"], told.counters["decision_no_position"]) == (2, 5)


def test_its_report_says_up_to_where_it_has_read(stage: Stage) -> None:
    stage.advance(seconds=1)

    reports = [m for m in stage.received[Role.MONITOR] if isinstance(m, PortfolioReported)]
    assert reports[-1].journal_seq == 1


def test_what_is_not_known_yet_is_no_point_of_the_curve_of_equity(stage: Stage) -> None:
    stage.advance(seconds=25)

    assert [m for m in stage.received[Role.RECORDER] if isinstance(m, PortfolioReported)] == []


def test_the_curve_of_equity_is_recorded_for_people_every_ten_seconds(stage: Stage) -> None:
    dollars = Balance(currency="USD", total=Decimal(100), hold=Decimal(0))
    for venue in stage.actor(Role.PORTFOLIO).settings.traded:
        opened = BalancesOpened(ts_event=START.utc_ns, venue=venue, balances=(dollars,))
        stage.tell(Role.PORTFOLIO, extend(stage, opened))

    stage.advance(seconds=25)

    points = [m for m in stage.received[Role.RECORDER] if isinstance(m, PortfolioReported)]
    assert len(points) == 3
    assert {point.equity for point in points} == {"100"}
