"""A feed asks its venue for the time, so that a stream that was late from the first message on is not believed."""

from __future__ import annotations

import pytest

from actors.price_feed import PriceFeed
from actors.stage.stage import Stage
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.messages.market import HeartbeatSeen, MarketBatch, StreamWhole
from domain.messages.system import AlarmRaised, SubscribeMarketData, VenueReported
from tests.actors.fakes import FakeVenue
from tests.builders import UTC, make_quote

FEED = Role.PRICE_FEED.at("coinbase")
READER = str(Role.PORTFOLIO)
WHOLE = StreamWhole(ts_event=UTC, venue="coinbase")


class Play:
    """A feed and its venue, whose clock is 30 s ahead of ours, and which may be late in telling prices."""

    def __init__(self, clock_ahead_s: float | None = 30.0, takes_s: float = 0.0, stamped_ahead_s: float = 30.0) -> None:
        self.venue, self.stamped_ahead_s = FakeVenue(), stamped_ahead_s
        self.venue.clock_ahead_s, self.venue.takes_s["read_time"] = clock_ahead_s, takes_s
        self.stage = self.venue.stage = Stage(kits={"coinbase": self.venue.kit()})
        self.feed = self.stage.cast(PriceFeed, FEED)
        self.stage.tell(FEED, SubscribeMarketData(credit=1_000), sender=READER)
        self.stage.advance(seconds=0.05)

    def quote(self, late_s: float = 0.0) -> None:
        now = self.stage.clock.now()
        stamp = now.utc_ns + int((self.stamped_ahead_s - late_s) * SECOND_NS)
        alive = HeartbeatSeen(ts_event=stamp, venue="coinbase", read_ns=now.monotonic_ns)
        self.venue.hear(self.venue.market, WHOLE, alive, make_quote(ts_event=stamp))

    def trouble(self) -> str:
        self.feed.report()
        self.stage.settle()
        heard = self.stage.received[str(Role.MONITOR)]
        return [told.trouble for told in heard if isinstance(told, VenueReported)][-1]

    def lag_s(self) -> float:
        """Return what the reader was told last."""
        heard = self.stage.received[READER]
        return [told.state.lag_ns / SECOND_NS for told in heard if isinstance(told, MarketBatch)][-1]

    def count(self, name: str) -> int:
        return self.feed.counters[name]

    def questions(self) -> int:
        return len(self.venue.timeouts_s["read_time"])


def test_prices_on_time_are_good_however_far_apart_the_clocks_are() -> None:
    play = Play()

    play.quote()
    play.quote()

    assert (play.trouble(), play.count("clock_readings"), play.count("late_quotes")) == ("", 1, 0)


def test_prices_that_were_late_from_the_first_on_are_refused_until_they_are_on_time() -> None:
    play = Play()

    play.quote(late_s=2.5)
    play.quote(late_s=2.5)
    late = play.trouble(), play.lag_s(), play.count("late_quotes")
    play.quote()

    assert late == ("late_quote", pytest.approx(2.5, abs=0.05), 2)
    assert (play.trouble(), play.lag_s(), play.count("future_quotes")) == ("", pytest.approx(0, abs=0.05), 0)


def test_readers_hear_that_prices_were_late_as_soon_as_the_venue_has_told_the_time() -> None:
    play = Play(clock_ahead_s=0.0, takes_s=0.8, stamped_ahead_s=0.0)

    play.quote(late_s=5.0)
    believed = play.trouble(), play.lag_s()
    play.stage.advance(seconds=0.8)

    assert believed == ("", 0)  # and nobody waited for the answer
    assert (play.trouble(), play.lag_s()) == (
        "late_quote",
        pytest.approx(5.4, abs=0.05),
    )  # half the round trip too much: it looked last


def test_a_venue_that_does_not_tell_the_time_costs_nothing_but_is_counted_and_asked_again() -> None:
    play = Play(clock_ahead_s=None, stamped_ahead_s=0.0)

    play.quote(late_s=5.0)
    untold = play.trouble(), play.count("clock_failures"), play.count("clock_readings")
    play.venue.clock_ahead_s = 0.0
    for _ in range(10):
        play.stage.advance(seconds=1)
        play.quote(late_s=5.0)
    told = play.trouble(), play.count("clock_failures"), play.count("clock_readings")

    assert (untold, told) == (("", 1, 0), ("late_quote", 1, 1))


def test_an_answer_that_took_too_long_says_nothing() -> None:
    play = Play(clock_ahead_s=0.0, takes_s=1.1, stamped_ahead_s=0.0)

    play.stage.advance(seconds=1)
    play.quote(late_s=5.0)

    assert (play.trouble(), play.count("clock_readings_unusable")) == ("", 1)


def test_the_venue_is_asked_at_the_start_and_once_a_minute_for_no_longer_than_an_answer_is_of_use() -> None:
    play = Play()

    asked = [play.questions()]
    for seconds in (59, 1, 60):
        play.stage.advance(seconds=seconds)
        asked.append(play.questions())

    assert asked == [1, 1, 2, 3]
    assert play.venue.timeouts_s["read_time"] == [1.0, 1.0, 1.0]


def test_a_question_that_hangs_is_not_asked_again_before_it_has_ended() -> None:
    play = Play(takes_s=35.0)

    play.stage.advance(seconds=38)

    assert play.questions() == 1


def test_the_person_is_told_once_by_how_much_our_clock_is_wrong() -> None:
    play = Play(clock_ahead_s=180.0)

    play.quote()
    for _ in range(3):
        play.trouble()

    monitor = play.stage.received[str(Role.MONITOR)]
    alarms = [(told.subject, told.text) for told in monitor if isinstance(told, AlarmRaised)]
    assert alarms == [("coinbase clock", "our clock is 180 s behind coinbase's: no openings there")]
    reports = [told.clock_error_s for told in monitor if isinstance(told, VenueReported)]
    assert reports[-1] == pytest.approx(-180, abs=0.1)


def test_a_stamp_from_the_future_changes_nothing_and_has_the_clock_read() -> None:
    play = Play()
    play.quote()
    play.stage.advance(seconds=2.5)

    play.quote(late_s=-30.0)
    play.stage.advance(seconds=0.1)
    voided = play.trouble(), play.count("future_prices"), play.questions()
    play.quote()

    assert (voided, play.trouble(), play.lag_s()) == (("", 1, 2), "", pytest.approx(0, abs=0.05))


def test_nothing_is_refused_any_more_when_the_venue_has_set_its_clock() -> None:
    play = Play()
    play.quote()
    play.stage.advance(seconds=2.5)

    play.stamped_ahead_s = play.venue.clock_ahead_s = 3600.0
    play.quote()
    play.stage.advance(seconds=0.1)
    play.quote()

    assert (play.trouble(), play.count("future_prices"), play.lag_s()) == ("", 1, pytest.approx(0, abs=0.05))


def test_a_venue_is_believed_against_our_clock_even_if_it_does_not_tell_the_time() -> None:
    play = Play(clock_ahead_s=None)

    for _ in range(7):
        play.quote()
        play.stage.advance(seconds=1)

    assert (play.trouble(), play.count("future_prices")) == ("", 6)
