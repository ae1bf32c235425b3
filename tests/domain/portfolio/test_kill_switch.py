"""Losses are measured from journaled levels, on complete readings, twice."""

from decimal import Decimal

import pytest

from domain.instant import DAY_NS, SECOND_NS, Instant
from domain.messages.journal import EquityMarked
from domain.numbers import use_exact_decimals
from domain.portfolio.kill_switch import KillSwitch
from domain.portfolio.valuation import Valuation
from domain.settings import RiskSettings
from tests.builders import MONO, UTC

use_exact_decimals()

TODAY = UTC - UTC % DAY_NS
ZERO = Decimal(0)


def at(seconds: float) -> Instant:
    return Instant(MONO + int(seconds * SECOND_NS), TODAY + int(seconds * SECOND_NS))


def worth(equity: str, transfers: str = "0", is_complete: bool = True) -> Valuation:
    return Valuation(Decimal(equity), ZERO, ZERO, ZERO, Decimal(transfers), {}, {}, is_complete)


def mark(peak: str, day_start: str, ts_event: int = TODAY) -> EquityMarked:
    return EquityMarked(ts_event=ts_event, peak=Decimal(peak), day_start=Decimal(day_start))


@pytest.fixture
def switch() -> KillSwitch:
    """Trips below 9,700 today and below 90 % of the peak."""
    switch = KillSwitch(RiskSettings(daily_loss_ratio=0.03, max_drawdown_ratio=0.10))
    show(switch, "10000", -2)
    return switch


def show(switch: KillSwitch, equity: str, seconds: float, transfers: str = "0") -> None:
    """Show two readings, the second two seconds later."""
    switch.observe(worth(equity, transfers), at(seconds))
    switch.observe(worth(equity, transfers), at(seconds + 2))


def test_a_loss_of_the_day_trips_at_the_second_reading_two_seconds_later(switch: KillSwitch) -> None:
    readings = [switch.observe(worth("9699.99"), at(seconds)) for seconds in (1, 2.9, 3)]

    assert readings == [(), (), ("daily_loss",)]


def test_exactly_the_limit_is_still_inside(switch: KillSwitch) -> None:
    assert switch.breach(worth("9700")) == ""


def test_a_recovery_between_readings_starts_again(switch: KillSwitch) -> None:
    switch.observe(worth("9000"), at(1))
    switch.observe(worth("9900"), at(2))

    assert switch.observe(worth("9000"), at(3)) == ()


def test_a_partial_reading_is_no_reading(switch: KillSwitch) -> None:
    assert switch.observe(worth("1", is_complete=False), at(1)) == ()
    assert switch.observe(worth("1", is_complete=False), at(9)) == ()
    assert switch.observe(worth("9600"), at(10)) == ()
    switch.observe(worth("99999", is_complete=False), at(11))
    assert switch.observe(worth("9600"), at(12)) == ("daily_loss",)
    assert switch.peak == Decimal("10000")


def test_a_price_that_was_asked_for_counts_as_a_second_reading_only_when_it_is_told_anew(switch: KillSwitch) -> None:
    def reading(equity: str, heard_s: float, at_s: float) -> tuple[str, ...]:
        return switch.observe(worth(equity)._replace(heard_ns=at(heard_s).monotonic_ns), at(at_s))

    assert [reading("9600", 9, seconds) for seconds in (10, 12, 19)] == [()] * 3
    assert reading("10000", 20, 20) == ()  # the answer before was an odd one
    assert [reading("9600", 30, seconds) for seconds in (30, 39)] == [()] * 2
    assert reading("9600", 40, 40) == ("daily_loss",)


def test_a_price_that_was_asked_for_makes_no_level_alone(switch: KillSwitch) -> None:
    tomorrow = DAY_NS // SECOND_NS

    def read(equity: str, heard_s: float, at_s: float) -> None:
        switch.observe(worth(equity)._replace(heard_ns=at(heard_s).monotonic_ns), at(at_s))

    for seconds in (10, 12, 19):
        read("13000", 10, seconds)
    assert switch.peak == 10000
    read("13000", 20, 20)
    assert switch.peak == 13000

    for seconds in (0, 2, 9):
        read("12000", tomorrow, tomorrow + seconds)
    assert switch.day_start == 10000
    read("12900", tomorrow + 10, tomorrow + 10)
    assert switch.day_start == 12000


def test_every_limit_that_is_broken_is_told(switch: KillSwitch) -> None:
    switch.observe(worth("8999"), at(1))

    assert switch.observe(worth("8999"), at(3)) == ("daily_loss", "drawdown")


def test_one_odd_reading_makes_no_peak(switch: KillSwitch) -> None:
    for seconds, equity in enumerate(["10000", "13000", "10000", "13000", "10000"]):
        switch.observe(worth(equity), at(seconds))

    assert switch.peak == Decimal("10000")
    assert switch.breach(worth("10000")) == ""


def test_the_peak_is_the_lower_of_two_readings_two_seconds_apart(switch: KillSwitch) -> None:
    peaks = []
    for seconds, equity in ((1, "10500"), (2.9, "10400"), (3, "10600"), (4.9, "10700"), (5, "10800")):
        switch.observe(worth(equity), at(seconds))
        peaks.append(switch.peak)

    assert peaks == [10000, 10000, 10400, 10400, 10600]


def test_one_odd_reading_begins_no_day(switch: KillSwitch) -> None:
    tomorrow = DAY_NS // SECOND_NS
    switch.observe(worth("13000"), at(tomorrow))
    assert switch.day_start == Decimal("10000")
    assert not switch.is_mark_due(None, at(tomorrow))

    for seconds in (1, 2):
        switch.observe(worth("9900"), at(tomorrow + seconds))

    assert switch.day_start == Decimal("9900")
    assert switch.is_mark_due(None, at(tomorrow + 2))


def test_drawdown_counts_from_the_peak_over_days(switch: KillSwitch) -> None:
    show(switch, "12000", 1)
    show(switch, "11000", DAY_NS // SECOND_NS)

    assert switch.day_start == Decimal("11000")
    assert switch.breach(worth("10800")) == ""
    assert switch.breach(worth("10799")) == "drawdown"


def test_a_withdrawal_is_no_loss_and_a_deposit_no_profit(switch: KillSwitch) -> None:
    assert switch.breach(worth("5000", transfers="-5000")) == ""
    assert switch.breach(worth("4849", transfers="-5000")) == "daily_loss"

    show(switch, "15000", 2, transfers="5000")
    assert switch.peak == Decimal("10000")


def test_levels_are_told_first_then_once_a_minute_and_only_while_the_journal_lacks_them(
    switch: KillSwitch,
) -> None:
    assert switch.is_mark_due(None, at(0))
    switch.marked(at(0))
    assert not switch.is_mark_due(None, at(59))
    assert switch.is_mark_due(None, at(60))

    journaled = mark("10000", "10000")
    assert not switch.is_mark_due(journaled, at(600))

    show(switch, "10001", 600)
    assert switch.is_mark_due(journaled, at(602))


def test_a_peak_that_leaps_is_told_as_soon_as_it_could_be_confirmed(switch: KillSwitch) -> None:
    journaled = mark("10000", "10000")
    switch.marked(at(0))

    show(switch, "10010", 0)
    assert not switch.is_mark_due(journaled, at(2))
    show(switch, "10010.01", 5)
    assert switch.is_mark_due(journaled, at(7))

    switch.marked(at(7))
    assert not switch.is_mark_due(journaled, at(8.9))
    assert switch.is_mark_due(journaled, at(9))
    assert not switch.is_mark_due(mark("10010.01", "10000"), at(600))


def test_a_new_day_is_told_at_once(switch: KillSwitch) -> None:
    switch.marked(at(0))

    show(switch, "9990", DAY_NS // SECOND_NS)

    assert switch.is_mark_due(mark("10000", "10000"), at(DAY_NS // SECOND_NS + 2))


def test_a_restart_measures_from_the_journal() -> None:
    switch = KillSwitch(RiskSettings(daily_loss_ratio=0.03, max_drawdown_ratio=0.10))
    switch.restore(mark("12000", "10500"))

    switch.observe(worth("10100"), at(0))

    assert (switch.peak, switch.day_start) == (Decimal("12000"), Decimal("10500"))
    assert switch.observe(worth("10100"), at(2)) == ("daily_loss", "drawdown")


def test_after_resuming_the_next_complete_readings_are_the_level(switch: KillSwitch) -> None:
    switch.marked(at(0))
    switch.observe(worth("9000"), at(1))

    switch.forget()
    switch.observe(worth("20000", is_complete=False), at(2))
    assert switch.breach(worth("1")) == ""

    show(switch, "9000", 3)
    assert (switch.peak, switch.day_start) == (Decimal("9000"), Decimal("9000"))
    assert switch.is_mark_due(mark("10000", "10000"), at(5))
    assert switch.observe(worth("8200"), at(6)) == ()
    assert switch.observe(worth("8200"), at(8)) == ("daily_loss",)


def test_after_losing_more_than_it_began_with_the_peak_is_what_is_left_and_no_zero(switch: KillSwitch) -> None:
    switch.forget()
    show(switch, "78000", 3, transfers="90000")

    assert (switch.peak, switch.day_start) == (Decimal("-12000"), Decimal("-12000"))
    assert switch.breach(worth("78000", transfers="90000")) == ""
    assert switch.breach(worth("75659", transfers="90000")) == "daily_loss"
    show(switch, "77500", DAY_NS // SECOND_NS, transfers="90000")
    assert (switch.peak, switch.day_start) == (Decimal("-12000"), Decimal("-12500"))


def test_a_peak_below_zero_leaps_no_sooner_than_another(switch: KillSwitch) -> None:
    switch.forget()
    show(switch, "78001", 3, transfers="90000")
    switch.marked(at(5))

    assert not switch.is_mark_due(mark("-12000", "-12000"), at(8))


def test_before_the_first_reading_nothing_is_breached() -> None:
    assert KillSwitch(RiskSettings()).breach(worth("0")) == ""


@pytest.mark.parametrize("step_s", [DAY_NS // SECOND_NS, -DAY_NS // SECOND_NS])
def test_no_step_of_our_clock_begins_a_new_day_with_a_new_allowance(switch: KillSwitch, step_s: int) -> None:
    stepped = at(60)._replace(utc_ns=at(60 + step_s).utc_ns)

    switch.observe(worth("9800"), stepped)
    switch.observe(worth("9800"), stepped._replace(monotonic_ns=stepped.monotonic_ns + 2 * SECOND_NS))

    assert switch.day_start == 10000
    assert switch.breach(worth("9699")) == "daily_loss"


def test_a_night_asleep_ends_the_day(switch: KillSwitch) -> None:
    woken = at(60)._replace(utc_ns=TODAY + DAY_NS, asleep_ns=DAY_NS)

    switch.observe(worth("9800"), woken)
    switch.observe(worth("9800"), woken._replace(monotonic_ns=woken.monotonic_ns + 2 * SECOND_NS))

    assert switch.day_start == 9800


def test_a_clock_that_shows_a_day_before_the_journals_begins_none() -> None:
    switch = KillSwitch(RiskSettings(daily_loss_ratio=0.03))
    switch.restore(mark("10000", "10000", ts_event=TODAY + DAY_NS))

    show(switch, "9800", 0)

    assert switch.day_start == 10000
