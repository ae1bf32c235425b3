"""Questions about the market, answered by a list; the simulated venue answers in the compliance tests."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.network.http import Response
from adapters.venues.dydx.indexer import IndexerClient
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import Instrument, InstrumentKind
from domain.settings import VenueSettings
from tests.adapters.venues.dydx.frames import TIME_NS, at, candle, market, trade
from tests.simulated_coinbase import ManualClock

HOUR_NS = 3_600 * SECOND_NS
LISTED = {"markets": {"BTC-USD": market(), "ETH-USD": market(status="PAUSED", tickSize="0.1")}}


class Script:
    """A transport that gives the next answer of a list, an error as it is, and keeps what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []  # path and query
        self._answers = list(answers)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        assert (method, body) == ("GET", b"")
        address = urlsplit(url)
        self.asked.append((address.path, dict(parse_qsl(address.query))))
        answer = self._answers.pop(0)
        if isinstance(answer, VenueError):
            raise answer
        status, value, *more = answer if isinstance(answer, tuple) else (200, answer)
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Response(status, more[0] if more else {}, raw, 1)

    def close(self) -> None:
        """Nothing is open."""


def client_of(*answers: object, **settings: Any) -> tuple[IndexerClient, Script]:
    script = Script(*answers)
    return IndexerClient(VenueSettings(**settings), script, ManualClock()), script


def page(*trades: dict[str, Any], height: int) -> dict[str, Any]:
    return {"trades": [{**row, "createdAtHeight": str(height)} for row in trades]}


def test_what_is_listed_comes_with_its_grid() -> None:
    client, script = client_of(LISTED, rest_url="http://127.0.0.1:3002/")

    bitcoin, ether = client.load_instruments((), 5)

    assert script.asked == [("/v4/perpetualMarkets", {})]
    assert bitcoin == Instrument(
        venue="dydx",
        name="BTC-USD",
        symbol="BTC-USD",
        base="BTC",
        quote="USDC",
        tick_size=Decimal("1"),
        lot_size=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        max_quantity=Decimal(10**12),
        min_notional=Decimal(0),
        kind=InstrumentKind.PERPETUAL,
    )
    assert (ether.tick_size, ether.is_tradable) == (Decimal("0.1"), False)


def test_instruments_are_returned_in_the_order_asked_for() -> None:
    client, _ = client_of(LISTED)

    assert [one.name for one in client.load_instruments(("ETH-USD", "BTC-USD"), 5)] == ["ETH-USD", "BTC-USD"]


def test_what_is_not_listed_is_left_out_alone() -> None:
    client, _ = client_of(LISTED, LISTED)

    listed = client.load_instruments(("BTC-USD", "XYZ-USD"), 5)

    assert [each.name for each in listed] == ["BTC-USD"]
    assert [(each.instrument, each.reason) for each in listed.unread] == [("XYZ-USD", "not listed")]
    with pytest.raises(Fatal, match="XYZ-USD"):
        client.load_instruments(("XYZ-USD",), 5)


@pytest.mark.parametrize(
    "row",
    [None, [], {"status": "ACTIVE"}, {"status": "ACTIVE", "tickSize": "0", "stepSize": "1"}, {"status": 5}],
)
def test_one_strange_market_hides_no_other(row: object) -> None:
    client, _ = client_of({"markets": {"ODD-USD": row, **LISTED["markets"], "nodash": row}})

    listed = client.load_instruments((), 5)

    assert [each.name for each in listed] == list(LISTED["markets"])
    assert [each.instrument for each in listed.unread] == ["ODD-USD", "nodash"]


def test_trades_are_read_back_page_by_page_and_each_once() -> None:
    newest = [trade(f"{number:024x}", time=at(50)) for number in range(3_000, 2_000, -1)]
    older = [trade(f"{number:024x}", time=at(40)) for number in range(2_001, 1_500, -1)]
    client, script = client_of(page(*newest, height=70), page(newest[-1], *older, height=60))

    found = client.list_trades("BTC-USD", TIME_NS, 5)

    path = "/v4/trades/perpetualMarket/BTC-USD"
    assert script.asked == [
        (path, {"limit": "1000"}),
        (path, {"limit": "1000", "createdBeforeOrAtHeight": "70"}),
    ]
    assert [one.trade_id for one in found] == [f"{number:024x}" for number in range(1_501, 3_001)]
    assert all(one.is_history for one in found)


def test_trades_are_read_back_no_further_than_asked_for() -> None:
    rows = [trade(f"{number:024x}", time=at(number % 60)) for number in range(1_019, 19, -1)]
    rows.sort(key=lambda row: row["createdAt"], reverse=True)
    client, script = client_of(page(*rows, height=70))

    found = client.list_trades("BTC-USD", TIME_NS + 30 * SECOND_NS, 5)

    assert len(script.asked) == 1
    assert min(one.ts_event for one in found) == TIME_NS + 30 * SECOND_NS


def test_a_full_page_of_one_block_ends_the_search_instead_of_repeating_it() -> None:
    rows = [trade(f"{number:024x}") for number in range(1_000)]
    client, script = client_of(page(*rows, height=70), page(*rows, height=70))

    assert len(client.list_trades("BTC-USD", 0, 5)) == 1_000
    assert len(script.asked) == 2


def test_candles_of_a_long_time_are_asked_for_in_parts() -> None:
    first, second = candle(startedAt="2026-04-07T14:00:00.000Z"), candle(startedAt="2026-04-08T08:00:00.000Z")
    start, end = TIME_NS - 1_800 * SECOND_NS, TIME_NS + 20 * HOUR_NS
    client, script = client_of({"candles": [first]}, {"candles": [second]})

    found = client.list_candles("BTC-USD", "1MIN", start, end, 5)

    assert [(query["fromISO"], query["toISO"]) for _, query in script.asked] == [
        ("2026-04-07T14:00:00.000Z", "2026-04-08T06:40:00.000Z"),
        ("2026-04-08T06:40:00.000Z", "2026-04-08T10:30:00.001Z"),  # the venue leaves out the end
    ]
    assert [bar.open_ts for bar in found] == [start, start + 18 * HOUR_NS]


def test_funding_is_read_back_page_by_page() -> None:
    def paid(hour: int) -> dict[str, str]:
        day, left = divmod(hour, 24)
        effective = f"2026-{4 + day // 28:02d}-{1 + day % 28:02d}T{left:02d}:00:00.219Z"
        return {"ticker": "BTC-USD", "rate": f"0.{hour:06d}", "price": "1", "effectiveAt": effective}

    newest = [paid(hour) for hour in range(1_100, 100, -1)]
    client, script = client_of(
        {"historicalFunding": newest}, {"historicalFunding": [paid(hour) for hour in range(100, 90, -1)]}
    )

    found = client.list_funding_rates("BTC-USD", 0, TIME_NS + 10**18, 5)

    assert len(found) == 1_010
    assert [rate.ts_event for rate in found] == sorted(rate.ts_event for rate in found)
    assert script.asked[1][1]["effectiveBeforeOrAt"] == "2026-04-05T05:00:00.218Z"
    assert found[0].rate == Decimal("0.000091") and found[0].interval_ns == HOUR_NS


@pytest.mark.parametrize(
    ("answer", "fate", "code"),
    [
        (Retryable("nothing listens", code="refused"), Retryable, "refused"),
        (Ambiguous("no answer", code="timeout"), Retryable, "timeout"),
        ((404, {"errors": [{"msg": "X not found in markets of type PERPETUAL"}]}), Rejected, "404"),
        ((400, b"<html>"), Rejected, "400"),
        ((500, b""), Retryable, "500"),
        ((200, b"{"), Retryable, "unreadable"),
        ((200, b'{"bids":[{"price":"NaN","size":"1"}],"asks":[]}'), Retryable, "unreadable"),
        ((200, b"[" * 100_000), Retryable, "unreadable"),
    ],
)
def test_whatever_goes_wrong_has_a_fate(answer: object, fate: type[VenueError], code: str) -> None:
    client, _ = client_of(answer)

    with pytest.raises(fate) as failure:
        client.find_order_book("BTC-USD", 5)

    assert (failure.value.venue, failure.value.code) == ("dydx", code)


def test_the_venue_says_in_milliseconds_how_long_to_wait() -> None:
    client, _ = client_of((429, {}, {"retry-after": "2500"}))

    with pytest.raises(Retryable) as failure:
        client.find_order_book("BTC-USD", 5)

    assert failure.value.retry_after_ns == 2_500_000_000


def test_the_time_that_blocks_have_reached_is_a_little_behind_the_indexers_own() -> None:
    client, script = client_of({"iso": at(10), "epoch": 1.5})

    assert client.read_time(1.0) == TIME_NS + 8 * SECOND_NS
    assert script.asked == [("/v4/time", {})]


@pytest.mark.parametrize("answer", [(503, {}), {}, {"iso": "soon"}, {"iso": 5}])
def test_a_time_that_is_not_told_may_be_asked_for_again(answer: object) -> None:
    client, _ = client_of(answer)

    with pytest.raises(Retryable):
        client.read_time(1.0)
