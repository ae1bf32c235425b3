import json
from decimal import Decimal

import pytest

from adapters.venues.dydx.market_stream import MarketStream
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    InstrumentStatus,
    LateFrame,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueCandle,
    VenueComplained,
)
from domain.settings import VenueSettings
from tests.adapters.venues.dydx.frames import (
    TIME_NS,
    at,
    block,
    candle,
    change,
    connected,
    data,
    error,
    first_block,
    market,
    markets,
    past_trades,
    snapshot,
    subscribed,
    trade,
    trades,
    unsubscribed,
)

LATENCY_NS = 1_500_000_000  # from a block's own time to us


class Listener:
    """A stream codec and its clock: time passes only when told to."""

    def __init__(self, *instruments: str) -> None:
        names = instruments or ("BTC-USD",)
        self.codec = MarketStream(VenueSettings(instruments=names, heartbeat_timeout_s=5.0))
        self.elapsed_ns = 0
        self.connect()

    @property
    def now(self) -> Instant:
        return Instant(10**12 + self.elapsed_ns, TIME_NS + LATENCY_NS + self.elapsed_ns)

    def connect(self) -> list[dict]:
        """Open a connection as the driver does; return what we asked for."""
        self.codec.watch.restart(self.now.monotonic_ns, 5.0)
        assert self.codec.hello(self.now) == ()
        self.hear(connected())
        return self.tick()

    def hear(self, *frames: bytes) -> list[Event]:
        read_ns, now = self.now.monotonic_ns, self.now
        return [event for raw in frames for event in self.codec.decode(raw, read_ns, now)]

    def tick(self, seconds: float = 0.0) -> list[dict]:
        self.elapsed_ns += int(seconds * SECOND_NS)
        return [json.loads(text) for text in self.codec.tick(self.now)]

    def silent(self) -> tuple[str, ...]:
        return self.codec.watch.silent(self.now.monotonic_ns)


def whole(*instruments: str) -> Listener:
    """Return a listener whose subscriptions are all answered; the next number is 100."""
    names = instruments or ("BTC-USD",)
    listener = Listener(*names)
    answers = [first_block(1)]
    answers += [snapshot(2 + nth, name) for nth, name in enumerate(names)]
    answers += [past_trades(20 + nth, what=name) for nth, name in enumerate(names)]
    answers += [markets(50, BTC_USD=market())]
    empty: dict = {"candles": []}
    answers += [subscribed(60 + nth, "v4_candles", f"{name}/1MIN", empty) for nth, name in enumerate(names)]
    numbered = []
    for number, raw in enumerate(answers, start=1):
        numbered.append(json.dumps({**json.loads(raw), "message_id": number}).encode())
    listener.hear(*numbered)
    listener.next_number = len(numbered) + 1
    return listener


def quote(bid: str = "99", ask: str = "101", **changes) -> Quote:
    fields = {
        "venue": "dydx",
        "instrument": "BTC-USD",
        "bid_price": Decimal(bid),
        "bid_quantity": Decimal("1"),
        "ask_price": Decimal(ask),
        "ask_quantity": Decimal("1"),
        "ts_event": TIME_NS,
        "ts_init": TIME_NS + LATENCY_NS,
        "read_ns": 10**12,
        "is_whole": True,
    }
    return Quote(**{**fields, **changes})


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


# ---- subscribing ------------------------------------------------------------------------------------------


def test_it_subscribes_after_the_venues_greeting_blocks_first() -> None:
    asked = Listener("BTC-USD", "ETH-USD").connect()

    assert [(message["channel"], message.get("id")) for message in asked] == [
        ("v4_block_height", None),
        ("v4_orderbook", "BTC-USD"),
        ("v4_orderbook", "ETH-USD"),
        ("v4_trades", "BTC-USD"),
        ("v4_trades", "ETH-USD"),
        ("v4_markets", None),
        ("v4_candles", "BTC-USD/1MIN"),
        ("v4_candles", "ETH-USD/1MIN"),
    ]


def test_a_new_connection_asks_for_everything_again() -> None:
    listener = whole()

    asked = listener.connect()

    assert {message["type"] for message in asked} == {"subscribe"}
    assert len(asked) == 5


def test_nothing_is_asked_twice() -> None:
    listener = Listener()

    assert listener.tick(4) == []


# ---- books and quotes -------------------------------------------------------------------------------------


def test_a_snapshot_makes_the_stream_whole_and_quotes_its_top() -> None:
    listener = Listener()

    events = listener.hear(first_block(1), snapshot(2))
    bids, asks = listener.codec.levels("BTC-USD", 1)

    assert (bids[0].price, asks[0].price) == (Decimal("99"), Decimal("101"))
    assert events == [
        HeartbeatSeen(ts_event=TIME_NS, venue="dydx", read_ns=10**12),
        StreamWhole(ts_event=TIME_NS, venue="dydx"),
        quote(),
    ]


def test_the_stream_is_whole_only_with_every_book() -> None:
    listener = Listener("BTC-USD", "ETH-USD")

    first = listener.hear(first_block(1), snapshot(2, "BTC-USD"))
    second = listener.hear(snapshot(3, "ETH-USD"))

    assert StreamWhole not in kinds(first)
    assert kinds(second) == [StreamWhole, Quote]


def test_before_the_venues_time_is_known_no_price_is_told() -> None:
    listener = Listener()

    before = listener.hear(snapshot(2))
    after = listener.hear(first_block(1))

    assert Quote not in kinds(before)
    assert after[-1] == quote()


def test_a_quote_is_dated_by_the_last_block_moved_on_by_our_clock() -> None:
    listener = whole()
    listener.tick(0.4)

    (changed,) = listener.hear(change(listener.next_number, bids=[("99", "7")]))

    assert changed.ts_event == TIME_NS + 400_000_000
    assert changed.ts_init - changed.ts_event == LATENCY_NS


def test_prices_of_an_indexer_that_falls_behind_are_late_and_never_go_back() -> None:
    listener = whole()
    listener.tick(4)
    listener.hear(block(listener.next_number, 101, at(1)))  # three seconds later than it should be here
    listener.tick(0.5)

    (first,) = listener.hear(change(listener.next_number + 1, bids=[("99", "7")]))
    listener.hear(block(listener.next_number + 2, 102, at(1.2)))
    (second,) = listener.hear(change(listener.next_number + 3, bids=[("99", "8")]))

    assert first.ts_init - first.ts_event == LATENCY_NS + 3 * SECOND_NS
    assert second.ts_event == first.ts_event


def test_only_a_change_of_the_top_is_a_quote() -> None:
    listener = whole()
    number = listener.next_number

    assert listener.hear(change(number, bids=[("98", "7")])) == []
    assert listener.hear(change(number + 1, bids=[("99", "7")])) == [quote(bid_quantity=Decimal("7"))]


def test_zero_in_any_spelling_removes_the_best_level() -> None:
    listener = whole()

    (removed,) = listener.hear(change(listener.next_number, asks=[("101.0", "0.00")]))

    assert (removed.ask_price, removed.ask_quantity) == (Decimal("102"), Decimal("2"))


def test_when_a_side_is_empty_the_last_price_is_void() -> None:
    listener = whole()

    (void,) = listener.hear(change(listener.next_number, asks=[("101", "0"), ("102", "0")]))

    assert void == quote(is_whole=False)


# ---- crossed books ----------------------------------------------------------------------------------------


def test_a_crossed_book_is_never_quoted_and_its_prices_are_not_whole() -> None:
    listener = whole()

    (doubtful,) = listener.hear(change(listener.next_number, bids=[("101", "5")]))

    assert not doubtful.is_crossed and not doubtful.is_whole
    assert listener.codec.levels("BTC-USD", 1) == ((), ())
    assert (doubtful.bid_price, doubtful.ask_price) == (Decimal("101"), Decimal("102"))


def test_a_level_that_leaves_late_was_no_loss() -> None:
    listener = whole()
    listener.hear(change(listener.next_number, bids=[("101", "5")]))

    events = listener.hear(change(listener.next_number + 1, asks=[("101", "0")]))

    assert [event.is_whole for event in events] == [True]
    assert listener.tick(1) == []


def test_a_level_that_never_leaves_was_a_lost_message_and_costs_only_a_new_snapshot() -> None:
    listener = whole("BTC-USD", "ETH-USD")
    number = listener.next_number
    listener.hear(change(number, bids=[("101", "5")]))
    listener.tick(2.5)

    events = listener.hear(block(number + 1, 101, at(2.5)))
    asked = listener.tick()
    healed = listener.hear(
        unsubscribed(number + 2, "v4_orderbook", "BTC-USD"),
        snapshot(number + 3, bids=[("101", "5")], asks=[("103", "1")]),
    )

    gap = StreamGap(ts_event=listener.now.utc_ns, venue="dydx", expected=number + 2, got=number + 2, is_healing=True)
    assert gap in events
    assert [(message["type"], message["id"]) for message in asked] == [
        ("unsubscribe", "BTC-USD"),
        ("subscribe", "BTC-USD"),
    ]
    assert kinds(healed) == [StreamWhole, Quote]
    assert healed[-1].is_whole and healed[-1].ask_price == Decimal("103")


def test_until_the_new_snapshot_changes_are_ignored_and_no_price_is_whole() -> None:
    listener = whole()
    number = listener.next_number
    listener.hear(change(number, bids=[("101", "5")]))
    listener.tick(2.5)
    listener.hear(block(number + 1, 101, at(2.5)))

    events = listener.hear(change(number + 2, bids=[("101.5", "5")]))

    assert not any(isinstance(event, Quote) and event.is_whole for event in events)


# ---- numbers ----------------------------------------------------------------------------------------------


def test_a_lost_message_costs_the_connection() -> None:
    listener = whole()
    number = listener.next_number

    events = listener.hear(trades(number + 1, trade("1")))

    assert events[0] == StreamGap(ts_event=listener.now.utc_ns, venue="dydx", expected=number, got=number + 1)


def test_snapshots_may_be_overtaken_by_what_was_numbered_after_them() -> None:
    listener = Listener()

    events = listener.hear(snapshot(2), first_block(1), change(6, bids=[("99", "2")]), past_trades(3), markets(4))

    assert StreamGap not in kinds(events)


def test_a_repeated_message_is_dropped() -> None:
    listener = whole()
    number = listener.next_number
    raw = change(number, bids=[("100", "5")])

    assert kinds(listener.hear(raw, change(number + 1, bids=[("100", "0")]), raw)) == [
        Quote,
        Quote,
        LateFrame,
    ]


def test_a_new_connection_counts_by_itself() -> None:
    listener = whole()

    listener.connect()
    events = listener.hear(first_block(1, 101), snapshot(2))

    assert kinds(events) == [HeartbeatSeen, StreamWhole, Quote]


def test_a_book_change_that_cannot_be_read_costs_a_new_snapshot() -> None:
    listener = whole()
    listener.tick(2)

    events = listener.hear(change(listener.next_number, bids=[("NaN", "1")]))

    assert kinds(events) == [DecodeFailed, StreamGap, Quote]
    assert events[1].is_healing and not events[2].is_whole
    assert [message["type"] for message in listener.tick()] == ["unsubscribe", "subscribe"]


def test_trades_that_cannot_be_read_are_asked_for_again() -> None:
    listener = whole()
    listener.tick(2)

    events = listener.hear(trades(listener.next_number, trade("1", price="NaN")))

    assert kinds(events) == [DecodeFailed]
    assert [message["channel"] for message in listener.tick()] == ["v4_trades", "v4_trades"]


# ---- trades, markets, bars --------------------------------------------------------------------------------


def test_a_live_trade_is_told_with_all_its_stamps() -> None:
    listener = whole()

    (event,) = listener.hear(trades(listener.next_number, trade("9", price="100.5", side="SELL")))

    assert event == Trade(
        ts_event=TIME_NS,
        venue="dydx",
        instrument="BTC-USD",
        trade_id="9",
        price=Decimal("100.5"),
        quantity=Decimal("0.5"),
        aggressor=Side.SELL,
        ts_init=TIME_NS + LATENCY_NS,
        read_ns=10**12,
    )


def test_the_trades_of_a_snapshot_are_history_oldest_first() -> None:
    rows = (trade("0c", time=at(2)), trade("0b", time=at(1)), trade("0a", time=at(1)))

    history = Listener().hear(past_trades(1, *rows))

    assert [(event.trade_id, event.is_history) for event in history] == [
        ("0a", True),
        ("0b", True),
        ("0c", True),
    ]


def test_trades_that_a_later_snapshot_repeats_are_dropped() -> None:
    listener = Listener()
    listener.hear(past_trades(1, trade("0a")), trades(2, trade("0b")))

    listener.connect()
    replayed = listener.hear(past_trades(1, trade("0c"), trade("0b"), trade("0a")))

    assert [(event.trade_id, event.is_history) for event in replayed] == [("0c", True)]


def test_the_oracle_price_is_mark_and_index() -> None:
    listener = whole()
    row = {"oraclePrice": "101.5", "effectiveAt": at(1), "effectiveAtHeight": "101", "marketId": 0}
    prices = {"oraclePrices": {"BTC-USD": row, "DOGE-USD": row}}

    events = listener.hear(data(listener.next_number, "v4_markets", contents=prices))

    stamps = {
        "ts_event": TIME_NS + SECOND_NS,
        "venue": "dydx",
        "instrument": "BTC-USD",
        "price": Decimal("101.5"),
        "ts_init": TIME_NS + LATENCY_NS,
        "read_ns": 10**12,
    }
    assert events == [MarkPrice(**stamps), IndexPrice(**stamps)]


def test_funding_is_hourly() -> None:
    listener = whole()
    contents = {"trading": {"BTC-USD": {"nextFundingRate": "-0.00000143181818181818"}}}

    (event,) = listener.hear(data(listener.next_number, "v4_markets", contents=contents))

    assert event == FundingRate(
        ts_event=TIME_NS,
        venue="dydx",
        instrument="BTC-USD",
        rate=Decimal("-0.00000143181818181818"),
        interval_ns=3600 * SECOND_NS,
        ts_init=TIME_NS + LATENCY_NS,
        read_ns=10**12,
    )


def test_a_new_connection_tells_every_status_again() -> None:
    listener = whole()
    listener.connect()

    told = listener.hear(markets(1, BTC_USD=market()))

    assert [event.status for event in told if isinstance(event, InstrumentStatus)] == [TradingStatus.TRADING]


def test_a_status_is_told_when_it_changes() -> None:
    listener = whole()
    number = listener.next_number
    paused = {"trading": {"BTC-USD": {"status": "PAUSED"}}}

    first, second = (listener.hear(data(number + nth, "v4_markets", contents=paused)) for nth in range(2))

    assert [event.status for event in first] == [TradingStatus.HALTED]
    assert isinstance(first[0], InstrumentStatus)
    assert second == []


def test_bars_are_told_in_order_and_the_old_ones_once() -> None:
    listener = Listener()
    old, new = candle(), candle(startedAt=at(1))
    contents = {"candles": [new, old]}

    first = listener.hear(subscribed(1, "v4_candles", "BTC-USD/1MIN", contents))
    grown = listener.hear(data(2, "v4_candles", "BTC-USD/1MIN", candle(startedAt=at(1), close="103")))
    again = listener.hear(subscribed(3, "v4_candles", "BTC-USD/1MIN", contents))

    assert [event.candle.open_ts for event in first] == [TIME_NS, TIME_NS + SECOND_NS]
    assert [event.candle.close for event in grown] == [Decimal("103")]
    assert [event.candle.open_ts for event in again] == [TIME_NS + SECOND_NS]
    assert set(kinds(first + grown + again)) == {VenueCandle}


def test_instruments_that_nobody_asked_for_are_ignored() -> None:
    listener = whole()
    number = listener.next_number

    events = listener.hear(
        snapshot(number, "DOGE-USD"),
        trades(number + 1, trade("1"), what="DOGE-USD"),
        data(number + 2, "v4_candles", "DOGE-USD/1MIN", candle(ticker="DOGE-USD")),
        change(number + 3, "DOGE-USD", bids=[("NaN", "1")]),
        data(number + 4, "v4_markets", contents={"trading": {"DOGE-USD": {"status": "PAUSED"}}}),
    )

    assert kinds(events) == [DecodeFailed]


# ---- silence ----------------------------------------------------------------------------------------------


def test_a_rising_height_proves_life_and_a_repeated_one_does_not() -> None:
    listener = whole()
    number = listener.next_number

    rising = listener.hear(block(number, 101, at(1)))
    repeated = listener.hear(block(number + 1, 101, at(2)), block(number + 2, 99, at(3)))

    assert kinds(rising) == [HeartbeatSeen]
    assert repeated == []


def test_without_new_blocks_for_five_seconds_the_stream_is_silent() -> None:
    listener = whole()
    number = listener.next_number
    for nth in range(1, 6):
        listener.tick(1)
        listener.hear(block(number + nth - 1, 100, at(nth)), change(number, bids=[("99", str(nth))]))

    assert listener.silent() == ("v4_block_height",)


def test_every_channel_must_speak_at_the_start() -> None:
    listener = Listener()
    listener.hear(first_block(1), snapshot(2))
    listener.tick(5)

    assert set(listener.silent()) == {
        "v4_block_height",
        "v4_trades:BTC-USD",
        "v4_markets",
        "v4_candles:BTC-USD/1MIN",
    }


def test_a_quiet_book_is_asked_to_repeat_itself_before_it_counts_as_silent() -> None:
    listener = whole()
    number = listener.next_number
    assert listener.tick(4.9) == []

    asked = listener.tick(0.1)
    listener.hear(unsubscribed(number, "v4_orderbook", "BTC-USD"))

    assert [message["channel"] for message in asked] == ["v4_orderbook", "v4_orderbook"]
    listener.tick(4.9)
    assert "v4_orderbook:BTC-USD" not in listener.silent()
    listener.tick(0.1)
    assert "v4_orderbook:BTC-USD" in listener.silent()  # not even the snapshot came


def test_while_a_book_repeats_itself_its_prices_are_not_whole_and_the_others_are() -> None:
    listener = whole("BTC-USD", "ETH-USD")
    number = listener.next_number
    listener.tick(3)
    listener.hear(change(number, "ETH-USD", bids=[("99", "5")]))
    listener.tick(2)

    ended = listener.hear(unsubscribed(number + 1, "v4_orderbook", "BTC-USD"))
    repeated = listener.hear(snapshot(number + 2))

    assert [(event.instrument, event.is_whole) for event in ended] == [("BTC-USD", False)]
    assert [(event.instrument, event.is_whole) for event in repeated] == [("BTC-USD", True)]


def test_what_a_subscription_says_before_it_ends_does_not_count_as_its_renewal() -> None:
    listener = whole()
    listener.tick(5)
    listener.hear(change(listener.next_number, bids=[("99", "5")]))
    listener.tick(5)

    assert "v4_orderbook:BTC-USD" in listener.silent()


def test_a_renewal_that_nobody_answers_is_noticed() -> None:
    listener = whole()
    listener.tick(2)
    listener.hear(trades(listener.next_number, trade("1", price="NaN")))
    listener.tick()
    assert "v4_trades:BTC-USD" not in listener.silent()

    listener.tick(5)

    assert "v4_trades:BTC-USD" in listener.silent()


def test_trades_and_bars_may_be_quiet_for_long_and_are_renewed_within_ten_minutes() -> None:
    listener = whole()
    number = listener.next_number
    renewed: set[str] = set()
    for second in range(1, 601):
        for message in listener.tick(1):
            renewed.add(message["channel"])
            channel, what = message["channel"], message.get("id", "")
            if message["type"] == "unsubscribe":
                answer = unsubscribed(number, channel, what)
            elif channel == "v4_orderbook":
                answer = snapshot(number)
            elif channel == "v4_markets":
                answer = markets(number)
            elif channel == "v4_block_height":
                answer = first_block(number, 100 + second)
            else:
                answer = subscribed(number, channel, what, {"trades": [], "candles": []})
            listener.hear(answer)
            number += 1
        listener.hear(block(number, 100 + second, at(0)), data(number + 1, "v4_markets", contents={}))
        number += 2
        assert listener.silent() == ()

    assert renewed == {"v4_block_height", "v4_orderbook", "v4_trades", "v4_markets", "v4_candles"}


# ---- complaints -------------------------------------------------------------------------------------------


def test_an_instrument_that_the_venue_does_not_have_stops_nobody_else() -> None:
    listener = Listener("BTC-USD", "XYZ-USD")
    refusals = [
        error(number, f"Invalid subscription id for channel: ({name})")
        for number, name in (
            (3, "v4_orderbook-XYZ-USD"),
            (5, "v4_trades-XYZ-USD"),
            (8, "v4_candles-XYZ-USD/1MIN"),
        )
    ]

    events = listener.hear(first_block(1), snapshot(2), *refusals)
    listener.tick(6)

    assert kinds(events) == [HeartbeatSeen, Quote, VenueComplained, StreamWhole, *[VenueComplained] * 2]
    assert not any("XYZ" in name for name in listener.silent())


@pytest.mark.parametrize("text", ["Internal error", "Invalid message: could not parse"])
def test_errors_are_passed_on_even_with_the_number_of_the_message_before(text: str) -> None:
    listener = whole()

    events = listener.hear(error(listener.next_number - 1, text))

    assert events == [VenueComplained(ts_event=TIME_NS, venue="dydx", text=text)]


def test_bad_frames_are_passed_on_and_count_as_lost() -> None:
    listener = whole()
    number = listener.next_number

    events = listener.hear(b"{", change(number + 1, bids=[("99", "2")]))

    assert kinds(events) == [DecodeFailed, StreamGap, Quote]
    assert events[0].raw == b"{"
    assert not events[2].is_whole


# ---- one instrument takes only itself --------------------------------------------------------------------


def test_what_the_venue_does_not_list_is_named_and_takes_its_last_price_with_it() -> None:
    listener = whole("BTC-USD", "XYZ-USD")
    listener.connect()

    refused = error(3, "Invalid subscription id for channel: (v4_orderbook-XYZ-USD)")
    events = listener.hear(first_block(1, height=101), snapshot(2), refused)

    assert listener.codec.left_out == ("XYZ-USD",)
    withdrawn = [event for event in events if isinstance(event, Quote) and event.instrument == "XYZ-USD"]
    assert [event.is_whole for event in withdrawn] == [False]
    assert kinds(events)[-1] is StreamWhole
    back = listener.hear(snapshot(4, "XYZ-USD"))
    assert (listener.codec.left_out, [event.instrument for event in back]) == ((), ["XYZ-USD"])


def test_a_book_that_is_never_answered_is_left_out_while_the_others_go_on() -> None:
    listener = Listener("BTC-USD", "XYZ-USD")
    listener.hear(first_block(1), snapshot(2))
    for number, channel in enumerate(("v4_trades", "v4_candles"), start=3):
        for nth, name in enumerate(("BTC-USD", "XYZ-USD")):
            what = name if channel == "v4_trades" else f"{name}/1MIN"
            empty = {"trades": []} if channel == "v4_trades" else {"candles": []}
            listener.hear(subscribed(2 * number - 3 + nth, channel, what, empty))
    listener.hear(markets(7, BTC_USD=market()))
    number, height, events = 8, 100, []
    for _ in range(5):
        listener.tick(1)
        events += listener.hear(block(number, height=height), change(number + 1, bids=[["98", str(height)]]))
        number, height = number + 2, height + 1
        listener.tick()
    assert listener.silent() == ()
    events += listener.hear(block(number, height=height))

    assert [event.text for event in events if isinstance(event, VenueComplained)] == [
        "XYZ-USD: left out, everything else goes on: v4_orderbook is silent"
    ]
    assert StreamWhole in kinds(events)
    assert listener.codec.left_out == ("XYZ-USD",)
