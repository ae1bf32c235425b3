"""One stamp from the future refuses what it stands on, and changes nothing that is kept: at every venue's stream."""

from __future__ import annotations

import pytest

from adapters.venues.coinbase.market_stream import MarketStream as CoinbaseStream
from adapters.venues.dydx.market_stream import MarketStream as DydxStream
from adapters.venues.hyperliquid.market_stream import MarketStream as HyperliquidStream
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, HeartbeatSeen, Quote, StreamGap, Trade
from domain.settings import VenueSettings
from domain.streams.health import ClockReading
from domain.streams.venue_time import OUTVOTED_AFTER_NS, VenueTime
from tests.adapters.venues.coinbase import frames as coinbase
from tests.adapters.venues.dydx import frames as dydx
from tests.adapters.venues.hyperliquid import frames as hyperliquid

AHEAD_S = [3, 30, 3_600, 1_548_000_000]


class Play:
    """A codec, the venue's time as it was read, and ours."""

    def __init__(self, codec: type, start_ns: int, our_error_s: float = 0.0, is_read: bool = True) -> None:
        self.codec = codec(VenueSettings(instruments=("BTC-USD",)))
        self.start_ns, self.our_error_s, self.passed_s = start_ns, our_error_s, 0.0
        self.time = VenueTime()
        self.codec.follow(self.time)
        if is_read:
            self.time.clock_read(ClockReading(start_ns, self.now, self.now))
        self.codec.hello(self.now)

    @property
    def now(self) -> Instant:
        passed_ns = round(self.passed_s * SECOND_NS)
        return Instant(10**12 + passed_ns, self.start_ns + passed_ns + round(self.our_error_s * SECOND_NS))

    def hear(self, *frames: bytes) -> list[Event]:
        return [told for raw in frames for told in self.codec.decode(raw, self.now.monotonic_ns, self.now)]


def of(kind: type, events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("ahead_s", AHEAD_S)
def test_a_level_of_the_future_leaves_a_numbered_book_as_it_is_told_and_its_quotes_dated_now(ahead_s: int) -> None:
    play = Play(CoinbaseStream, coinbase.TIME_NS)
    play.hear(coinbase.snapshot(0))

    events = play.hear(coinbase.update(1, ("bid", "100", "1"), time=coinbase.at(ahead_s)))
    later = play.hear(coinbase.update(2, ("bid", "100.5", "1"), time=coinbase.at(1)))

    assert len(of(DecodeFailed, events)) == 1 and not of(StreamGap, events)
    assert [one.ts_event for one in of(Quote, events + later)] == [coinbase.TIME_NS, coinbase.TIME_NS + SECOND_NS]


@pytest.mark.parametrize("ahead_s", AHEAD_S)
def test_a_ticker_of_the_future_is_refused_and_the_next_one_is_not(ahead_s: int) -> None:
    play = Play(CoinbaseStream, coinbase.TIME_NS)

    refused = play.hear(coinbase.ticker(0, timestamp=coinbase.at(ahead_s)))
    told = play.hear(coinbase.ticker(1, timestamp=coinbase.at(1)))

    assert ([type(one) for one in refused], len(of(Quote, told))) == ([DecodeFailed], 1)


@pytest.mark.parametrize("ahead_s", AHEAD_S)
def test_a_book_of_the_future_is_refused_where_nothing_but_its_time_says_which_is_newer(ahead_s: int) -> None:
    play = Play(HyperliquidStream, hyperliquid.TIME_NS)
    play.hear(hyperliquid.book())

    refused = play.hear(hyperliquid.book(time=hyperliquid.at(ahead_s)))
    told = play.hear(hyperliquid.touch(bid="99.5", time=hyperliquid.at(1)))

    assert ([type(one) for one in refused], len(of(Quote, told))) == ([DecodeFailed], 1)


@pytest.mark.parametrize("ahead_s", AHEAD_S)
def test_a_block_of_the_future_is_refused_and_the_next_one_proves_life(ahead_s: int) -> None:
    play = Play(DydxStream, dydx.TIME_NS)
    play.hear(dydx.connected(), dydx.first_block(1, height=100), dydx.snapshot(2))

    refused = play.hear(dydx.block(3, 101, time=dydx.at(ahead_s)), dydx.change(4, bids=[["99.5", "1"]]))
    told = play.hear(dydx.block(5, 101, time=dydx.at(1)), dydx.change(6, bids=[["99.7", "1"]]))

    assert (len(of(DecodeFailed, refused)), len(of(HeartbeatSeen, refused)), len(of(HeartbeatSeen, told))) == (1, 0, 1)
    assert max(one.ts_event for one in of(Quote, refused + told)) <= dydx.TIME_NS + SECOND_NS


def test_one_absurd_height_is_told_and_does_not_end_a_stream() -> None:
    play = Play(DydxStream, dydx.TIME_NS)
    play.hear(dydx.connected(), dydx.first_block(1, height=100), dydx.snapshot(2))

    refused = play.hear(dydx.block(3, 10**15))
    told = play.hear(dydx.block(4, 101))

    assert (len(of(DecodeFailed, refused)), len(of(HeartbeatSeen, told))) == (1, 1)


def test_trades_of_the_future_are_refused_one_by_one() -> None:
    play = Play(HyperliquidStream, hyperliquid.TIME_NS)
    good, absurd = hyperliquid.trade(tid=1), hyperliquid.trade(tid=2, time=hyperliquid.at(3_600))

    events = play.hear(hyperliquid.trades(good, absurd))

    assert (len(of(Trade, events)), len(of(DecodeFailed, events))) == (1, 1)


@pytest.mark.parametrize("our_error_s", [-3_600.0, 3_600.0])
def test_the_venues_clock_as_it_was_read_decides_and_not_ours(our_error_s: float) -> None:
    play = Play(CoinbaseStream, coinbase.TIME_NS, our_error_s)

    good = play.hear(coinbase.ticker(0))
    absurd = play.hear(coinbase.ticker(1, timestamp=coinbase.at(30)))

    assert (len(of(Quote, good)), len(of(Quote, absurd)), play.time.is_doubted) == (1, 0, True)


def test_a_clock_of_ours_that_is_behind_does_not_silence_for_ever_a_venue_that_cannot_be_asked() -> None:
    play = Play(CoinbaseStream, coinbase.TIME_NS, our_error_s=-3_600.0, is_read=False)

    told: list[int] = []
    for number in range(8):
        play.passed_s = float(number)
        told.append(len(of(Quote, play.hear(coinbase.ticker(number, timestamp=coinbase.at(number))))))

    assert told == [0] * 6 + [1, 1] and OUTVOTED_AFTER_NS == 5 * SECOND_NS


def test_times_of_one_connection_die_with_it() -> None:
    play = Play(CoinbaseStream, coinbase.TIME_NS)
    play.hear(coinbase.snapshot(0), coinbase.update(1, ("bid", "100", "1"), time=coinbase.at(1.9)))

    play.codec.hello(play.now)
    events = play.hear(coinbase.snapshot(0), coinbase.update(1, ("bid", "100", "1"), time=coinbase.at(1)))

    assert [one.ts_event for one in of(Quote, events)] == [coinbase.TIME_NS, coinbase.TIME_NS + SECOND_NS]
