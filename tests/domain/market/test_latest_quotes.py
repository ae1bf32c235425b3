"""What a position is valued at: the mid of a whole book of spot, the venue's own mark of a perpetual."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentKind
from domain.market.latest_quotes import LatestQuotes
from domain.messages.market import FundingRate, MarketBatch, MarkPrice
from domain.messages.orders import InstrumentsLoaded
from domain.settings import Settings
from tests.builders import MONO, UTC, make_instrument, make_mark, make_quote, make_stream_state

NOW = Instant(MONO, UTC)
KEY = "coinbase", "BTC-USD"


def quotes_of(kind: InstrumentKind) -> LatestQuotes:
    quotes = LatestQuotes(Settings(), {})
    instruments = (make_instrument(kind=kind),)
    quotes.apply(
        InstrumentsLoaded(
            ts_event=UTC,
            venue="coinbase",
            instruments=instruments,
            taker_fee_ratio=D(0),
            maker_fee_ratio=D(0),
        )
    )
    return quotes


def batch(**parts) -> MarketBatch:
    return MarketBatch(
        **{"venue": "coinbase", "quotes": (), "trades": (), "bars": (), "state": make_stream_state()} | parts
    )


@pytest.fixture
def perpetual() -> LatestQuotes:
    return quotes_of(InstrumentKind.PERPETUAL)


def test_spot_is_marked_at_the_mid_whatever_else_is_told() -> None:
    quotes = quotes_of(InstrumentKind.SPOT)

    quotes.apply(batch(quotes=(make_quote("99", "101"),), figures=(make_mark("50"),)))

    assert quotes.mark(*KEY, NOW) == (D(100), True)


def test_a_perpetual_is_marked_by_its_venue_and_never_by_its_book(perpetual: LatestQuotes) -> None:
    perpetual.apply(batch(quotes=(make_quote("99", "101"),)))
    assert perpetual.mark(*KEY, NOW) == (None, False)

    perpetual.apply(batch(figures=(make_mark("50"),)))

    assert perpetual.mark(*KEY, NOW) == (D(50), True)


def test_a_mark_is_as_fresh_as_its_stream(perpetual: LatestQuotes) -> None:
    perpetual.apply(batch(figures=(make_mark("50"),)))

    assert perpetual.mark(*KEY, Instant(MONO + 60 * SECOND_NS, UTC + 60 * SECOND_NS)) == (D(50), False)


def test_the_newest_figure_of_each_kind_is_kept(perpetual: LatestQuotes) -> None:
    rate = FundingRate(
        venue="coinbase",
        instrument="BTC-USD",
        rate=D("-0.0001"),
        interval_ns=3600 * SECOND_NS,
        ts_event=UTC,
        ts_init=UTC,
        read_ns=MONO,
    )

    perpetual.apply(batch(figures=(make_mark("50"), rate)))
    perpetual.apply(batch(figures=(make_mark("51"),)))

    assert perpetual.figure(MarkPrice, *KEY) == make_mark("51")
    assert perpetual.figure(FundingRate, *KEY) == rate
    assert perpetual.figure(MarkPrice, "coinbase", "ETH-USD") is None
