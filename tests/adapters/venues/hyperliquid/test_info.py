"""Questions about the market, answered by a list of answers; the simulated venue's are in its own tests."""

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest

from adapters.network.http import Response
from adapters.venues.hyperliquid.info import InfoClient
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.settings import VenueSettings
from tests.adapters.venues.hyperliquid.frames import TIME_MS, TIME_NS, level, trade
from tests.simulated_coinbase import ManualClock

HOUR_MS = 3_600_000
HOUR_NS = HOUR_MS * 1_000_000
META = {"universe": [{"name": name, "szDecimals": 2} for name in ("BTC", "ETH")]}


class Script:
    """A transport that gives the next answer of a list, an error as it is, and keeps what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.asked: list[dict] = []
        self.urls: set[str] = set()
        self._answers = list(answers)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        self.urls.add(f"{method} {url}")
        self.asked.append(json.loads(body))
        answer = self._answers.pop(0)
        if isinstance(answer, VenueError):
            raise answer
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        return Response(status, {}, value if isinstance(value, bytes) else json.dumps(value).encode(), 1)

    def close(self) -> None:
        """Nothing is open."""


def client_of(*answers: object, clock: ManualClock | None = None, **settings) -> tuple[InfoClient, Script]:
    script = Script(*answers)
    return InfoClient(VenueSettings(**settings), script, clock or ManualClock()), script


def bar(open_ms: int, **changes) -> dict:
    prices = {"o": "1", "h": "1", "l": "1", "c": "1", "v": "1", "n": 1}
    return {"t": open_ms, "T": open_ms + HOUR_MS - 1, "s": "BTC", "i": "1h", **prices, **changes}


def funding(time_ms: int, rate: str = "0.0000125") -> dict:
    return {"coin": "BTC", "fundingRate": rate, "premium": "0", "time": time_ms}


def test_everything_is_a_post_to_one_address() -> None:
    client, script = client_of(META, rest_url="http://127.0.0.1:3001/")

    client.load_instruments((), 5)

    assert script.urls == {"POST http://127.0.0.1:3001/info"}
    assert script.asked == [{"type": "meta"}]


def test_all_instruments_are_listed_or_those_that_are_named() -> None:
    client, _ = client_of(META, META)

    assert [each.name for each in client.load_instruments((), 5)] == ["BTC-USD", "ETH-USD"]
    assert [each.name for each in client.load_instruments(("ETH-USD",), 5)] == ["ETH-USD"]


def test_a_name_that_is_not_listed_is_left_out_alone() -> None:
    client, _ = client_of(META, META)

    listed = client.load_instruments(("BTC-USD", "DOGE-USD"), 5)

    assert [each.name for each in listed] == ["BTC-USD"]
    assert [(each.instrument, each.reason) for each in listed.unread] == [("DOGE-USD", "not listed")]
    with pytest.raises(Fatal, match="not listed at hyperliquid: DOGE-USD"):
        client.load_instruments(("DOGE-USD",), 5)


def test_the_book_of_another_coin_is_no_answer() -> None:
    client, _ = client_of({"coin": "ETH", "time": TIME_MS, "levels": [[level("99.0")], [level("101.0")]]})

    with pytest.raises(Retryable):
        client.find_order_book("BTC-USD", 5)


def test_a_book_can_be_asked_for_once_and_coarser() -> None:
    answer = {"coin": "BTC", "time": TIME_MS, "levels": [[level("99.0")], [level("101.0")]]}
    client, script = client_of(answer, answer, b"null")

    book = client.find_order_book("BTC-USD", 5)
    client.find_order_book("BTC-USD", 5, significant_digits=2)

    assert (book.top().bid_price, book.ts_event) == (Decimal(99), TIME_NS)
    assert script.asked == [
        {"type": "l2Book", "coin": "BTC"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 2},
    ]
    with pytest.raises(Rejected):
        client.find_order_book("DOGE-USD", 5)


def test_trades_are_the_newest_ones() -> None:
    client, script = client_of([trade(2, time=TIME_MS + 1), trade(1)])

    assert [each.trade_id for each in client.list_trades("BTC-USD", 5)] == ["1", "2"]
    assert script.asked == [{"type": "recentTrades", "coin": "BTC"}]


def test_candles_of_a_long_time_take_several_questions_and_none_comes_twice() -> None:
    hours = range(0, 1000)
    first, second = ([bar(TIME_MS + hour * HOUR_MS) for hour in part] for part in (hours[:501], hours[500:]))
    client, script = client_of(first, second)

    bars = client.list_candles("BTC-USD", "1h", TIME_NS, TIME_NS + 999 * HOUR_NS, 5)

    assert [each.open_ts for each in bars] == [TIME_NS + hour * HOUR_NS for hour in hours]
    asked = {"coin": "BTC", "interval": "1h"}
    turn_ms = TIME_MS + 500 * HOUR_MS
    assert [each["req"] for each in script.asked] == [
        {**asked, "startTime": TIME_MS, "endTime": turn_ms - 1},
        {**asked, "startTime": turn_ms, "endTime": TIME_MS + 999 * HOUR_MS},
    ]


def test_bars_outside_of_what_was_asked_are_left_out() -> None:
    client, _ = client_of([bar(TIME_MS - HOUR_MS), bar(TIME_MS), bar(TIME_MS + HOUR_MS)])

    bars = client.list_candles("BTC-USD", "1h", TIME_NS, TIME_NS + HOUR_NS - 1, 5)

    assert [each.open_ts for each in bars] == [TIME_NS]


def test_funding_is_asked_for_until_nothing_new_comes() -> None:
    pages = [[funding(TIME_MS), funding(TIME_MS + HOUR_MS)], [funding(TIME_MS + 2 * HOUR_MS)], []]
    client, script = client_of(*pages)

    rates = client.list_funding_rates("BTC-USD", TIME_NS, TIME_NS + 5 * HOUR_NS, 5)

    assert [rate.ts_event for rate in rates] == [TIME_NS + hour * HOUR_NS for hour in range(3)]
    assert [asked["startTime"] for asked in script.asked] == [
        TIME_MS,
        TIME_MS + HOUR_MS + 1,
        TIME_MS + 2 * HOUR_MS + 1,
    ]


def test_a_venue_that_repeats_itself_is_not_asked_for_ever() -> None:
    client, script = client_of(*[[funding(TIME_MS)]] * 3)

    assert len(client.list_funding_rates("BTC-USD", TIME_NS, TIME_NS + HOUR_NS, 5)) == 1
    assert len(script.asked) == 2


def test_pages_share_one_deadline() -> None:
    clock = ManualClock()
    client, script = client_of([funding(TIME_MS)], clock=clock)
    answer = script.send

    def slowly(*request) -> Response:
        clock.advance(6)
        return answer(*request)

    script.send = slowly
    with pytest.raises(Retryable, match="no time left"):
        client.list_funding_rates("BTC-USD", TIME_NS, TIME_NS + 9 * HOUR_NS, 5)


@pytest.mark.parametrize(
    ("answer", "fate", "code"),
    [
        (Ambiguous("request sent", code="timeout"), Retryable, "timeout"),
        (Retryable("not sent", code="refused"), Retryable, "refused"),
        ((429, b"null"), Retryable, "429"),
        ((502, b"<html>"), Retryable, "502"),
        ((422, b"Failed to deserialize the JSON body into the target type"), Rejected, "422"),
        ((200, b"{"), Retryable, "unreadable"),
    ],
)
def test_a_question_that_fails_has_done_nothing(answer: object, fate: type, code: str) -> None:
    client, _ = client_of(answer)

    with pytest.raises(fate) as failure:
        client.load_instruments((), 5)

    assert (failure.value.code, failure.value.venue) == (code, "hyperliquid")


def test_the_time_is_that_of_the_newest_book() -> None:
    client, script = client_of({"coin": "ETH", "time": TIME_MS, "levels": [[], []]}, instruments=("ETH-USD",))

    assert client.read_time(1.0) == TIME_NS
    assert script.asked == [{"type": "l2Book", "coin": "ETH"}]


def test_a_name_that_is_not_listed_keeps_the_time_from_nobody() -> None:
    book = {"coin": "ETH", "time": TIME_MS, "levels": [[], []]}
    client, script = client_of(None, book, book, None, None, instruments=("DOGE-USD", "ETH-USD"))

    assert [client.read_time(1.0), client.read_time(1.0)] == [TIME_NS, TIME_NS]
    assert [asked["coin"] for asked in script.asked] == ["DOGE", "ETH", "ETH"]
    with pytest.raises(Rejected):
        client.read_time(1.0)
