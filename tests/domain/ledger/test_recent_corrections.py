"""Corrections of one day are added up, whoever makes a run of them; what comes and goes again is no leak."""

from decimal import Decimal

from domain.instant import DAY_NS
from domain.ledger.recent_corrections import RecentCorrections
from domain.messages.journal import BalanceCorrected, PositionCorrected
from tests.builders import UTC


def corrected(worth: str | None, ts_event: int = UTC, venue: str = "coinbase") -> BalanceCorrected:
    return BalanceCorrected(
        ts_event=ts_event,
        correction_id="c",
        venue=venue,
        currency="USD",
        difference=Decimal(1),
        reason="",
        worth=None if worth is None else Decimal(worth),
    )


def lost_position(worth: str) -> PositionCorrected:
    about = {"ts_event": UTC, "correction_id": "p", "venue": "coinbase", "instrument": "BTC-USD", "reason": ""}
    return PositionCorrected(**about, quantity=Decimal(1), worth=Decimal(worth))


def heard(*events: BalanceCorrected | PositionCorrected) -> RecentCorrections:
    recent = RecentCorrections()
    for event in events:
        recent.hear(event)
    return recent


def test_what_went_is_added_up_venue_by_venue() -> None:
    recent = heard(corrected("-9"), lost_position("-2"), corrected("-50", venue="toy"), corrected(None))

    assert (recent.worth("coinbase", UTC), recent.worth("toy", UTC), recent.worth("dydx", UTC)) == (11, 50, 0)


def test_what_came_and_went_counts_by_the_larger_sum() -> None:
    assert heard(corrected("-9"), corrected("9"), corrected("-1")).worth("coinbase", UTC) == 10


def test_after_a_day_they_are_forgotten_and_so_when_a_person_has_resumed() -> None:
    recent = heard(corrected("-9"), corrected("-8", UTC + 1))

    assert recent.worth("coinbase", UTC + DAY_NS) == 8
    recent.resumed("all")
    assert recent.worth("coinbase", UTC) == 17
    recent.resumed("coinbase")
    assert recent.worth("coinbase", UTC) == 0
