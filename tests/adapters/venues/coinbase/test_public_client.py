"""The data half of the adapter compliance matrix (TC-D) for Coinbase's past, books and listings.

Most of it against the simulated venue; genuine answers where values are what it is about. What streams of
Coinbase bring (D02, D10, D14, D20, D30, D60) is in `test_market_stream.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest

from adapters.network.http import Response
from adapters.venues.coinbase.public_client import GRANULARITIES, PublicClient
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.settings import VenueSettings
from tests.simulated_coinbase import VENUE_SETTINGS, ManualClock, SimulatedCoinbase

MINUTE_NS = 60 * SECOND_NS
BOOK = (
    b'{"pricebook":{"product_id":"BTC-USD","bids":[{"price":"68923.66","size":"0.17189468"},'
    b'{"price":"68923","size":"0.05795895"}],"asks":[{"price":"68923.67","size":"0.16987193"}],'
    b'"time":"2026-04-07T00:28:59.662782Z"},"last":"68923.665","spread_bps":"0.001450880372"}'
)
TRADES = (
    b'{"trades":[{"trade_id":"995098663","product_id":"BTC-USD","price":"68923.67","size":"0.00064",'
    b'"time":"2026-04-07T00:28:58.544778Z","side":"SELL","bid":"","ask":"","exchange":"coinbase"},'
    b'{"trade_id":"995098661","product_id":"BTC-USD","price":"68924.94","size":"0.01450854",'
    b'"time":"2026-04-07T00:28:57.296283Z","side":"BUY","bid":"","ask":"","exchange":"coinbase"}],'
    b'"best_bid":"68923.66","best_ask":"68923.67"}'
)


class Script:
    """A transport that gives the same answer to everything, or an error as it is."""

    def __init__(self, body: bytes | VenueError, status: int = 200) -> None:
        self._body, self._status = body, status

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        if isinstance(self._body, VenueError):
            raise self._body
        return Response(self._status, {}, self._body, 1)

    def close(self) -> None:
        """Nothing is open."""


def answered(body: bytes | VenueError, status: int = 200) -> PublicClient:
    return PublicClient(VenueSettings(), Script(body, status), ManualClock())


def simulated(**settings: Any) -> tuple[PublicClient, SimulatedCoinbase]:
    venue = SimulatedCoinbase(**settings)
    return PublicClient(VENUE_SETTINGS, venue.transport, venue.clock), venue


# ---- genuine answers -----------------------------------------------------------------------------------


def test_a_book_has_the_values_that_the_venue_sent() -> None:
    book = answered(BOOK).find_order_book("BTC-USD", 5)

    bids, asks = book.levels(10)
    assert [(level.price, level.quantity) for level in bids] == [
        (D("68923.66"), D("0.17189468")),
        (D("68923"), D("0.05795895")),
    ]
    assert [(level.price, level.quantity) for level in asks] == [(D("68923.67"), D("0.16987193"))]
    assert book.ts_event == 1_775_521_739_662_782_000


def test_the_book_of_another_product_is_no_answer() -> None:
    with pytest.raises(Retryable):
        answered(BOOK).find_order_book("ETH-USD", 5)


def test_trades_are_told_oldest_first_and_as_history() -> None:
    trades = answered(TRADES).list_trades("BTC-USD", 0, 5)

    assert [(one.trade_id, one.price, one.quantity, one.aggressor) for one in trades] == [
        ("995098661", D("68924.94"), D("0.01450854"), Side.BUY),
        ("995098663", D("68923.67"), D("0.00064"), Side.SELL),
    ]
    assert all(one.is_history for one in trades)
    assert trades[1].ts_event == 1_775_521_738_544_778_000


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (answered(b"{}", 404), Rejected),
        (answered(b"", 500), Retryable),
        (answered(b"<html>"), Retryable),
        (answered(json.dumps({"pricebook": {"bids": [], "asks": [], "time": "soon"}}).encode()), Retryable),
        (answered(BOOK.replace(b"68923.66", b"-1")), Retryable),
        (answered(Ambiguous("reset", code="reset")), Retryable),
    ],
)
def test_a_question_that_fails_has_done_nothing(answer: PublicClient, fate: type[VenueError]) -> None:
    with pytest.raises(fate) as failure:
        answer.find_order_book("BTC-USD", 5)

    assert failure.value.venue == "coinbase"


@pytest.mark.parametrize("told", [b"1765210316125", b'"1765210316125"'])
def test_the_time_is_read_to_the_millisecond(told: bytes) -> None:
    client = answered(b'{"iso":"2025-12-08T16:11:56Z","epochSeconds":"1765210316","epochMillis":%b}' % told)

    assert client.read_time(1) == 1_765_210_316_125_000_000


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"epochMillis":"soon"}', b'{"epochMillis":-1}', b'{"epochMillis":1e30}']
)
def test_a_time_that_cannot_be_read_may_be_asked_for_again(body: bytes) -> None:
    with pytest.raises(Retryable):
        answered(body).read_time(1)


# ---- the simulated venue -------------------------------------------------------------------------------


def test_d01_d03_all_instruments_are_listed_or_those_that_are_named_with_their_grid() -> None:
    client, _ = simulated()

    everything = client.load_instruments((), 5)
    [one] = client.load_instruments(("ETH-USD",), 5)

    assert {"BTC-USD", "ETH-USD", "SOL-USD"} <= {each.name for each in everything}
    assert all(each.tick_size > 0 and each.lot_size > 0 for each in everything)
    assert (one.name, one.base, one.quote, one.is_tradable) == ("ETH-USD", "ETH", "USD", True)
    assert [each.name for each in client.load_instruments(("BTC-USD", "DOGE-USD"), 5)] == ["BTC-USD"]
    with pytest.raises(Fatal, match="not listed at coinbase: DOGE-USD"):
        client.load_instruments(("DOGE-USD",), 5)


def test_the_time_is_the_venues() -> None:
    client, venue = simulated()

    assert client.read_time(1) == venue.clock.now().utc_ns


def test_d13_d72_one_snapshot_is_the_venues_book_and_as_deep_as_asked_for() -> None:
    client, venue = simulated()

    whole = client.find_order_book("BTC-USD", 5)
    bids, asks = client.find_order_book("BTC-USD", 5, most=2).levels(100)

    assert (len(bids), len(asks)) == (2, 2)
    assert (whole.top().bid_price, whole.top().ask_price) == (venue.touch(Side.SELL), venue.touch(Side.BUY))
    with pytest.raises(Rejected):
        client.find_order_book("DOGE-USD", 5)


def test_d31_the_history_of_trades_is_complete_across_pages() -> None:
    client, venue = simulated(trades_per_s=150.0, quotes_per_s=1.0, warm_up_s=10.0)

    found = client.list_trades("BTC-USD", 0, 30)

    tape = venue.world.markets["coinbase"].products["BTC-USD"].tape
    assert len(found) > 1_000  # more than a page
    assert [(one.trade_id, one.ts_event) for one in found] == [
        (str(one.trade_id), one.time_ns // 1_000 * 1_000) for one in tape.prints
    ]
    newest = [one.trade_id for one in found if one.ts_event >= found[-50].ts_event]
    assert [one.trade_id for one in client.list_trades("BTC-USD", found[-50].ts_event, 30)] == newest


def test_d40_d41_the_history_of_bars_rises_without_a_gap_and_bars_are_bars() -> None:
    client, venue = simulated(warm_up_s=600.0, quotes_per_s=0.2, trades_per_s=1.0)
    now_ns = venue.clock.now().utc_ns

    found = client.list_candles("ETH-USD", "ONE_MINUTE", now_ns - 600 * SECOND_NS, now_ns, 5)

    assert len(found) >= 10
    assert {later.open_ts - bar.open_ts for bar, later in pairwise(found)} == {MINUTE_NS}
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in found)
    assert {(bar.instrument, bar.interval_ns) for bar in found} == {("ETH-USD", MINUTE_NS)}


def test_bars_of_a_long_time_are_asked_for_in_parts_and_none_comes_twice() -> None:
    client, venue = simulated(warm_up_s=180.0, quotes_per_s=0.2, trades_per_s=1.0)
    now_ns = venue.clock.now().utc_ns

    found = client.list_candles("BTC-USD", "ONE_MINUTE", now_ns - 2 * 86_400 * SECOND_NS, now_ns, 5)

    assert {later.open_ts - bar.open_ts for bar, later in pairwise(found)} == {MINUTE_NS}


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_length_of_bars_is_one_that_the_venue_has(granularity: str) -> None:
    client, venue = simulated()
    now_ns = venue.clock.now().utc_ns

    found = client.list_candles("BTC-USD", granularity, now_ns - GRANULARITIES[granularity], now_ns, 5)

    assert {bar.open_ts % GRANULARITIES[granularity] for bar in found} == {0}


@pytest.mark.parametrize(
    ("time", "ts_event"),
    [
        ("2026-04-07T02:28:59.662782+02:00", 1_775_521_739_662_782_000),
        ("2026-04-07T00:28:59.662782Z", 1_775_521_739_662_782_000),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_the_time_of_a_book_may_be_told_by_any_clock_or_by_none(time: str, ts_event: int) -> None:
    body = BOOK.replace(b"2026-04-07T00:28:59.662782Z", time.encode())

    book = answered(body).find_order_book("BTC-USD", 5)

    assert (book.ts_event, book.is_whole) == (ts_event, True)
