"""The frames of the benchmark under overload are what the feed takes for a whole stream."""

from __future__ import annotations

from adapters.venues.coinbase.market_stream import MarketStream
from domain.instant import SECOND_NS, Instant
from domain.messages.market import DecodeFailed, Quote, StreamGap, Trade
from domain.settings import VenueSettings
from scripts.bench.feed_overload import FIRST, holes, template
from tests.builders import MONO

AT = Instant(MONO, 1_775_572_200 * SECOND_NS)  # 2026-04-07T14:30:00Z, which the frames bear


def test_each_frame_is_a_quote_or_a_trade_and_none_is_missed() -> None:
    stream = MarketStream(VenueSettings())
    stream.hello(AT)
    frames = [template(number, 95_00) % holes(number, b"14:30:00", 0) for number in range(FIRST, FIRST + 24)]

    told = [event for frame in frames for event in stream.decode(frame[frame.index(b"{") :], MONO, AT)]

    assert not [event for event in told if isinstance(event, StreamGap | DecodeFailed)]
    assert sum(isinstance(event, Trade) for event in told) == 6
    assert sum(isinstance(event, Quote) for event in told) == 18
