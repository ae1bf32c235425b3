import itertools
from decimal import Decimal

import msgspec

from adapters.venues.coinbase.market_stream import MarketStream
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    HeartbeatSeen,
    InstrumentStatus,
    LateFrame,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueComplained,
)
from domain.settings import VenueSettings
from tests.adapters.venues.coinbase.frames import (
    TIME_NS,
    at,
    book_event,
    frame,
    heartbeat,
    order_row,
    orders,
    snapshot,
    ticker,
    trade,
    trades,
    update,
)
from tests.builders import make_quote
from tests.simulated_coinbase import SimulatedCoinbase

NOW = Instant(monotonic_ns=5_000, utc_ns=TIME_NS + 10 * SECOND_NS)
READ_NS = 4_000


def stream(*instruments: str) -> MarketStream:
    codec = MarketStream(VenueSettings(instruments=instruments or ("BTC-USD",)))
    codec.hello(NOW)
    return codec


def hear(codec: MarketStream, *frames: bytes, read_ns: int = READ_NS) -> list[Event]:
    return [event for raw in frames for event in codec.decode(raw, read_ns, NOW)]


def types(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def later(seconds: float) -> Instant:
    passed_ns = int(seconds * SECOND_NS)
    return Instant(NOW.monotonic_ns + passed_ns, NOW.utc_ns + passed_ns)


def asked_for(codec: MarketStream, now: Instant) -> list[tuple[str, str, list[str]]]:
    """Return what is asked for by then, as (type, channel, products)."""
    sent = [msgspec.json.decode(text) for text in codec.tick(now)]
    return [(one["type"], one["channel"], one["product_ids"]) for one in sent]


def asks(*products: str) -> list[tuple[str, str, list[str]]]:
    channels = ("level2", "ticker", "market_trades", "status")
    return [("subscribe", channel, list(products)) for channel in channels]


def confirm(number: int, *products: str) -> bytes:
    channels = ("level2", "ticker", "market_trades", "status")
    return frame("subscriptions", number, {"subscriptions": {channel: list(products) for channel in channels}})


def error(text: str) -> bytes:
    return msgspec.json.encode({"type": "error", "message": text})


def quote(bid: str = "99", ask: str = "101", **changes) -> Quote:
    stamps = {"ts_event": TIME_NS, "ts_init": NOW.utc_ns, "read_ns": READ_NS}
    return make_quote(bid, ask, **{**stamps, **changes})


def test_it_subscribes_one_channel_per_message_heartbeats_first() -> None:
    sent = [msgspec.json.decode(text) for text in MarketStream(VenueSettings()).hello(NOW)]

    assert [message["channel"] for message in sent] == [
        "heartbeats",
        "level2",
        "ticker",
        "market_trades",
        "status",
    ]
    assert sent[0]["product_ids"] == []
    assert all(message["product_ids"] == ["BTC-USD", "ETH-USD", "SOL-USD"] for message in sent[1:])


def test_a_snapshot_makes_the_stream_whole_and_quotes_its_top() -> None:
    events = hear(stream(), snapshot(0))

    assert events == [StreamWhole(ts_event=TIME_NS, venue="coinbase"), quote()]


def test_the_stream_is_whole_only_with_every_book() -> None:
    codec = stream("BTC-USD", "ETH-USD")

    first = hear(codec, snapshot(0, "BTC-USD"))
    second = hear(codec, snapshot(1, "ETH-USD"))

    assert not any(isinstance(event, StreamWhole) for event in first)
    assert isinstance(second[0], StreamWhole)


def test_it_gives_the_best_levels_of_a_whole_book() -> None:
    codec = stream()
    assert codec.levels("BTC-USD", 2) == ((), ())
    hear(codec, snapshot(0))

    bids, asks = codec.levels("BTC-USD", 2)
    hear(codec, update(2, ("bid", "98", "7"), time=at(1)))  # the message before it is lost

    assert [level.price for level in bids] == [Decimal("99"), Decimal("98")]
    assert [level.price for level in asks] == [Decimal("101"), Decimal("102")]
    assert codec.levels("BTC-USD", 2) == codec.levels("DOGE-USD", 2) == ((), ())


def test_only_a_change_of_the_top_is_a_quote() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    deep = hear(codec, update(1, ("bid", "98", "7"), time=at(1)))
    best = hear(codec, update(2, ("bid", "99", "7"), time=at(2)))

    assert deep == []
    assert best == [quote(bid_quantity=Decimal("7"), ts_event=TIME_NS + 2 * 10**9)]


def test_zero_in_any_spelling_removes_the_best_level() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    (removed,) = hear(codec, update(1, ("offer", "101.00", "0.00000000"), time=at(1)))

    assert (removed.ask_price, removed.ask_quantity) == (Decimal("102"), Decimal("2"))


def test_a_price_that_was_told_before_its_book_is_told_again_as_whole() -> None:
    codec = stream()
    (early,) = hear(codec, ticker(0))

    events = hear(codec, snapshot(1))

    assert early == quote(is_whole=False)
    assert events == [StreamWhole(ts_event=TIME_NS, venue="coinbase"), quote()]


def test_the_status_of_a_product_is_told_when_it_changes() -> None:
    codec = stream()
    rows = [{"id": "BTC-USD", "status": "offline"}, {"id": "DOGE-USD", "status": "online"}]
    status = {"type": "snapshot", "products": rows}

    events = hear(codec, frame("status", 0, status), frame("status", 1, status))

    halted = InstrumentStatus(ts_event=TIME_NS, venue="coinbase", instrument="BTC-USD", status=TradingStatus.HALTED)
    assert events == [halted]


def test_a_new_connection_tells_every_status_again() -> None:
    codec = stream()
    told = {"type": "snapshot", "products": [{"id": "BTC-USD", "status": "online"}]}
    hear(codec, frame("status", 0, told))

    codec.hello(NOW)

    (event,) = hear(codec, frame("status", 0, told))
    assert (event.instrument, event.status) == ("BTC-USD", TradingStatus.TRADING)


def test_other_steps_of_a_product_are_told_when_they_come() -> None:
    codec = stream()

    def steps(lot: object, step: object) -> dict:
        row = {"id": "BTC-USD", "status": "online", "base_increment": lot, "quote_increment": step}
        return {"type": "update", "products": [row]}

    words = [("0.00000001", "0.01")] * 2 + [("0.00001", "0.01"), ("0.00001", "0.1"), ("", None), ([], "x")]
    events = hear(codec, *(frame("status", number, steps(*told)) for number, told in enumerate(words)))

    told = [(event.lot_size, event.quote_step) for event in events]
    fine, coarse, cent, dime = (Decimal(it) for it in ("0.00000001", "0.00001", "0.01", "0.1"))
    assert told == [(fine, cent), (coarse, cent), (coarse, dime), (None, None)]


def test_a_lost_message_makes_every_book_suspect() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    events = hear(codec, update(2, ("bid", "100", "1"), time=at(1)), update(3, ("bid", "100.5", "1")))

    assert events == [StreamGap(ts_event=NOW.utc_ns, venue="coinbase", expected=1, got=2)]


def test_every_channel_counts_in_the_one_sequence() -> None:
    codec = stream()

    events = hear(codec, frame("subscriptions", 0, {}), snapshot(1), heartbeat(2), trades(3, trade("1")))

    assert not any(isinstance(event, StreamGap) for event in events)


def test_a_repeated_or_late_message_is_dropped() -> None:
    codec = stream()
    hear(codec, snapshot(5), update(6, ("bid", "99.5", "1"), time=at(1)))

    dropped = hear(codec, update(6, ("bid", "100", "1"), time=at(2)), update(2, ("bid", "100", "1")))

    assert dropped == [LateFrame(ts_event=NOW.utc_ns, venue="coinbase", number=number) for number in (6, 2)]


def test_a_book_change_that_cannot_be_read_makes_that_book_void_and_no_other() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, snapshot(0), snapshot(1, "ETH-USD"))

    events = hear(codec, update(2, ("bid", "NaN", "1")), update(3, ("bid", "98", "1"), time=at(1)))

    assert [(type(event), getattr(event, "is_whole", None)) for event in events] == [
        (Quote, False),
        (DecodeFailed, None),
    ]
    assert events[0].instrument == "BTC-USD"
    assert codec.levels("BTC-USD", 1) == ((), ()) != codec.levels("ETH-USD", 1)
    assert asked_for(codec, later(1))[0] == ("subscribe", "level2", ["BTC-USD"])
    assert types(hear(codec, snapshot(4, time=at(2)))) == [Quote]
    assert not any(isinstance(event, StreamGap) for event in events)


def test_a_book_change_without_a_readable_name_counts_as_lost() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    nameless = update(1, ("bid", "98", "1")).replace(b'"BTC-USD"', b"5")
    events = hear(codec, nameless, update(2, ("bid", "98", "1"), time=at(1)))

    assert types(events) == [DecodeFailed, StreamGap]


def test_a_crossed_book_is_a_gap_and_never_a_quote() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    crossing, later = update(1, ("bid", "101", "1"), time=at(1)), update(2, ("bid", "100", "1"), time=at(2))

    assert [type(event) for event in hear(codec, crossing, later)] == [StreamGap]


def test_a_new_connection_starts_afresh() -> None:
    codec = stream()
    hear(codec, snapshot(0), update(7, ("bid", "100", "1")))

    codec.hello(NOW)
    events = hear(codec, snapshot(0, time=at(3)))

    assert [type(event) for event in events] == [StreamWhole, Quote]


def test_tickers_quote_before_the_book_is_whole_and_say_so() -> None:
    assert hear(stream(), ticker(0)) == [quote(is_whole=False)]


def test_a_ticker_confirms_a_whole_book_and_never_contradicts_it() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    confirmed = hear(codec, ticker(1, "99", "101", timestamp=at(1)))
    contradicted = hear(codec, ticker(2, "97", "103", timestamp=at(2)))

    assert confirmed == [quote(ts_event=TIME_NS + 10**9)]
    assert contradicted == []


def test_a_book_that_stands_still_while_tickers_contradict_it_is_given_up() -> None:
    codec = stream()
    hear(codec, snapshot(0))
    contradicting = ticker(1, "97", "103", timestamp=at(2)), ticker(2, "96", "103", timestamp=at(3))

    early = hear(codec, *contradicting, read_ns=READ_NS)
    late = hear(codec, ticker(3, "96", "103", timestamp=at(3)), read_ns=READ_NS + SECOND_NS)

    assert early == []
    assert late == [StreamGap(ts_event=NOW.utc_ns, venue="coinbase", expected=4, got=4)]


def test_any_change_or_agreeing_ticker_clears_the_doubt_about_a_book() -> None:
    codec = stream()
    hear(codec, snapshot(0), ticker(1, "97", "103", timestamp=at(1)))

    hear(codec, update(2, ("bid", "98", "7"), time=at(1)), read_ns=READ_NS + SECOND_NS // 2)
    doubted = hear(codec, ticker(3, "97", "103", timestamp=at(2)), read_ns=READ_NS + SECOND_NS)
    (agreed,) = hear(codec, ticker(4, "99", "101", timestamp=at(3)), read_ns=READ_NS + 2 * SECOND_NS)
    again = hear(codec, ticker(5, "97", "103", timestamp=at(4)), read_ns=READ_NS + 3 * SECOND_NS)

    assert (doubted, again) == ([], [])
    assert agreed.is_whole


def test_a_ticker_older_than_the_book_is_dropped() -> None:
    codec = stream()
    hear(codec, snapshot(0, time=at(5)))

    assert hear(codec, ticker(1, timestamp=at(4))) == []


def test_quotes_never_go_back_in_time_and_the_book_is_never_late() -> None:
    codec = stream()
    hear(codec, snapshot(0), ticker(1, timestamp=at(5)))

    (changed,) = hear(codec, update(2, ("bid", "99.5", "1"), time=at(4)))

    assert (changed.bid_price, changed.ts_event) == (Decimal("99.5"), TIME_NS + 5 * 10**9)


def test_a_snapshot_of_trades_is_history_oldest_first() -> None:
    rows = (trade("12", time=at(2)), trade("11", time=at(1)), trade("10", time=at(1)))

    history = hear(stream(), trades(0, *rows, kind="snapshot"))

    assert [event.trade_id for event in history] == ["10", "11", "12"]
    assert all(event.is_history for event in history)


def test_trades_replayed_by_a_new_connection_are_dropped() -> None:
    codec = stream()
    hear(codec, trades(0, trade("9"), trade("10")))

    codec.hello(NOW)
    replayed = hear(codec, trades(0, trade("9"), trade("10"), trade("11"), kind="snapshot"))

    assert [(event.trade_id, event.is_history) for event in replayed] == [("11", True)]


def test_a_live_trade_is_told_with_all_its_stamps() -> None:
    (event,) = hear(stream(), trades(0, trade("9", price="100.5", side="SELL")))

    assert event == Trade(
        ts_event=TIME_NS,
        venue="coinbase",
        instrument="BTC-USD",
        trade_id="9",
        price=Decimal("100.5"),
        quantity=Decimal("0.5"),
        aggressor=Side.SELL,
        ts_init=NOW.utc_ns,
        read_ns=READ_NS,
    )


def test_heartbeats_complaints_and_bad_frames_are_passed_on() -> None:
    error = b'{"type":"error","message":"authentication failure"}'

    events = hear(stream(), heartbeat(0), error, b"{")

    assert events == [
        HeartbeatSeen(ts_event=TIME_NS, venue="coinbase", read_ns=READ_NS),
        VenueComplained(ts_event=NOW.utc_ns, venue="coinbase", text="authentication failure"),
        DecodeFailed(
            ts_event=NOW.utc_ns,
            venue="coinbase",
            category="parse",
            reason="Input data was truncated",
            raw=b"{",
        ),
    ]


def test_products_that_nobody_asked_for_are_ignored() -> None:
    events = hear(stream(), snapshot(0, "DOGE-USD"), trades(1, trade("1", product_id="DOGE-USD")))

    assert events == []


def test_a_channel_that_nobody_asked_for_is_ignored() -> None:
    assert hear(stream(), orders(0, order_row())) == []


def test_usdc_books_arrive_under_their_usd_name() -> None:
    codec = stream("BTC-USDC")

    events = hear(codec, snapshot(0, "BTC-USD"))

    assert [event.instrument for event in events if isinstance(event, Quote)] == ["BTC-USDC"]


def test_its_quotes_are_the_tops_of_the_simulated_venues_book() -> None:
    venue = SimulatedCoinbase()
    codec = venue.market_stream()
    pipe = venue.connect(codec)

    for _ in range(50):
        quotes = {e.instrument: e for e in venue.listen(codec, pipe, 0.1) if isinstance(e, Quote)}
        for instrument, last in quotes.items():
            assert last.is_whole
            book = venue.world.exchange.market.products[instrument].book
            assert (last.bid_price, last.ask_price) == (book.best_price(Side.BUY), book.best_price(Side.SELL))


def test_trouble_of_the_simulated_venue_is_noticed() -> None:
    venue = SimulatedCoinbase()
    codec = venue.market_stream()
    pipe = venue.connect(codec)
    venue.listen(codec, pipe, 0.5)

    venue.inject("duplicate", "market_stream")
    assert not any(isinstance(event, StreamGap) for event in venue.listen(codec, pipe, 0.5))

    venue.inject("gap", "market_stream")
    assert any(isinstance(event, StreamGap) for event in venue.listen(codec, pipe, 0.5))

    again = venue.connect(codec)
    assert any(isinstance(event, StreamWhole) for event in venue.listen(codec, again, 0.5))


def test_two_events_of_one_product_in_a_frame_are_both_applied() -> None:
    codec = stream()
    hear(codec, snapshot(0))
    both = frame("l2_data", 1, book_event(("bid", "99", "0")), book_event(("bid", "98.5", "3")))

    last = hear(codec, both)[-1]

    assert (last.bid_price, last.bid_quantity) == (Decimal("98.5"), Decimal("3"))


# ---- one product takes only itself -----------------------------------------------------------------------


def complaints(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, VenueComplained)]


def test_a_product_whose_snapshot_never_comes_is_asked_for_alone_though_its_updates_do() -> None:
    """F29: updates of a book that never came are no life of it."""
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, snapshot(0), confirm(1, "BTC-USD", "ETH-USD"))
    other = book_event(("bid", "9", "1"), product="ETH-USD")

    for number in range(2, 7):
        assert not any(isinstance(event, StreamWhole) for event in hear(codec, frame("l2_data", number, other)))
        assert asked_for(codec, later(number - 2)) == []

    assert asked_for(codec, later(5)) == [
        ("unsubscribe", "level2", ["ETH-USD"]),
        ("subscribe", "level2", ["ETH-USD"]),
    ]
    events = hear(codec, snapshot(7, "ETH-USD"))
    assert types(events) == [StreamWhole, Quote]
    assert codec.left_out == ()


def test_a_product_that_asking_alone_does_not_bring_is_left_out_and_the_others_go_on() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, snapshot(0))
    for seconds in range(1, 12):
        codec.tick(later(seconds))

    events = hear(codec, heartbeat(1))

    assert types(events) == [VenueComplained, HeartbeatSeen, StreamWhole]
    assert complaints(events)[0].startswith("ETH-USD: left out, everything else goes on: ")
    assert codec.left_out == ("ETH-USD",)
    assert codec.watch.silent(later(10**6).monotonic_ns)[-3:] != ()  # the others are watched as ever
    back = hear(codec, snapshot(2, "ETH-USD"))
    assert (types(back), codec.left_out) == ([Quote], ())


def test_what_is_left_out_is_asked_for_again_ever_more_rarely() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, snapshot(0))

    asked = [second for second in range(1, 400) if asked_for(codec, later(second))]

    assert asked[:3] == [5, 10, 15]
    assert [late - early for early, late in itertools.pairwise(asked)][-3:] == [60, 60, 60]


def test_a_product_without_a_book_does_not_cost_the_connection_but_no_book_at_all_does() -> None:
    codec = MarketStream(VenueSettings(instruments=("BTC-USD", "ETH-USD")))
    codec.watch.restart(NOW.monotonic_ns, 5.0)
    codec.hello(NOW)
    assert "level2" in codec.watch.silent(later(5).monotonic_ns)

    hear(codec, snapshot(0))
    silent = codec.watch.silent(later(6).monotonic_ns)

    assert not [name for name in silent if name.startswith("level2")]


def test_a_name_that_is_not_listed_is_left_out_and_the_others_are_asked_for_again() -> None:
    """The venue refuses a whole message for one name."""
    codec = stream("BTC-USD", "DOGE-USD", "ETH-USD")

    events = hear(codec, *[error("DOGE-USD is not a valid product")] * 4)

    assert complaints(events) == ["DOGE-USD: left out, everything else goes on: DOGE-USD is not a valid product"]
    assert asked_for(codec, later(1)) == asks("BTC-USD", "ETH-USD")
    assert asked_for(codec, later(2)) == []
    events = hear(codec, confirm(0, "BTC-USD", "ETH-USD"), snapshot(1), snapshot(2, "ETH-USD"))
    assert StreamWhole in types(events)
    assert codec.left_out == ("DOGE-USD",)


def test_several_names_that_are_not_listed_are_left_out_one_after_the_other() -> None:
    codec = stream("A-USD", "B-USD", "BTC-USD")

    first = hear(codec, *[error("A-USD is not a valid product")] * 4)
    codec.tick(later(1))
    second = hear(codec, *[error("B-USD is not a valid product")] * 4)

    assert (len(complaints(first)), len(complaints(second))) == (1, 1)
    assert asked_for(codec, later(2)) == asks("BTC-USD")
    assert codec.left_out == ("A-USD", "B-USD")


def test_a_refusal_that_names_nobody_has_each_asked_for_alone() -> None:
    codec = stream("BTC-USD", "DOGE-USD")

    events = hear(codec, *[error("invalid subscription")] * 4)

    assert complaints(events) == ["invalid subscription"] * 4
    asked = [frames for second in range(1, 4) if (frames := asked_for(codec, later(second)))]
    assert asked == [asks("BTC-USD"), asks("DOGE-USD")]


def test_a_name_that_is_part_of_another_is_not_blamed_for_it() -> None:
    codec = stream("BTC-USD", "BTC-USDT")

    hear(codec, error("BTC-USDT is not a valid product"))

    assert codec.left_out == ("BTC-USDT",)


def test_what_is_left_out_stays_so_on_the_next_connection_and_holds_up_nobody_there() -> None:
    codec = stream("BTC-USD", "DOGE-USD")
    hear(codec, error("DOGE-USD is not a valid product"))

    sent = [msgspec.json.decode(text)["product_ids"] for text in codec.hello(later(60))]
    events = hear(codec, snapshot(0))

    assert sent == [[], *[["BTC-USD"]] * 4]
    assert types(events) == [StreamWhole, Quote]
    assert [asked for second in range(61, 70) for asked in asked_for(codec, later(second))] == asks("DOGE-USD")
    assert hear(codec, error("DOGE-USD is not a valid product")) == []  # told already


def test_a_delisted_product_takes_its_last_price_with_it() -> None:
    codec = stream("BTC-USD", "DOGE-USD")
    hear(codec, snapshot(0), snapshot(1, "DOGE-USD"))

    codec.hello(later(60))
    events = hear(codec, error("DOGE-USD is not a valid product"), snapshot(0))

    withdrawn = [event for event in events if isinstance(event, Quote) and event.instrument == "DOGE-USD"]
    assert [event.is_whole for event in withdrawn] == [False]
    assert types(events)[-2:] == [StreamWhole, Quote]


def test_a_book_that_falls_silent_while_another_speaks_is_asked_for_and_then_left_out() -> None:
    codec = stream("BTC-USD", "DOGE-USD")
    hear(codec, snapshot(0), snapshot(1, "DOGE-USD"), confirm(2, "BTC-USD", "DOGE-USD"))
    asked, events = [], []
    for second in range(1, 11):
        now = later(second)
        events += hear(codec, update(second + 2, ("bid", "98", str(second))), read_ns=now.monotonic_ns)
        asked += [(second, *one) for one in asked_for(codec, now)]
        assert codec.watch.silent(now.monotonic_ns) == () or second < 3
    assert asked[:2] == [
        (5, "unsubscribe", "level2", ["DOGE-USD"]),
        (5, "subscribe", "level2", ["DOGE-USD"]),
    ]
    assert codec.left_out == ("DOGE-USD",)
    assert [event.is_whole for event in events if getattr(event, "instrument", "") == "DOGE-USD"] == [False]


def test_the_first_number_of_a_connection_is_zero_so_that_a_damaged_first_frame_shows() -> None:
    codec = stream()

    events = hear(codec, b"{", heartbeat(1))

    assert StreamGap in types(events)


def test_a_book_that_is_crossed_on_each_connection_is_void_alone() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    crossed = frame("l2_data", 0, book_event(("bid", "102", "1"), ("offer", "101", "1"), kind="snapshot"))
    assert StreamGap in types(hear(codec, crossed))

    codec.hello(later(1))
    events = hear(codec, crossed, snapshot(1, "ETH-USD"))

    assert StreamGap not in types(events)
    for second in range(2, 15):
        codec.tick(later(second))
    assert StreamWhole in types(hear(codec, heartbeat(2)))
    assert codec.left_out == ("BTC-USD",)


def test_an_empty_side_takes_the_price_with_it() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    gone = update(1, ("bid", "99", "0"), ("bid", "98", "0"), time=at(1))
    (withdrawn,) = hear(codec, gone)
    (back,) = hear(codec, update(2, ("bid", "99", "1"), time=at(2)))

    assert (withdrawn.bid_price, withdrawn.is_whole, back.is_whole) == (Decimal("99"), False, True)


# ---- one book for two names ------------------------------------------------------------------------------


def test_one_book_serves_the_dollar_and_its_coin_each_with_quotes_of_its_own() -> None:
    codec = MarketStream(VenueSettings(instruments=("BTC-USD", "BTC-USDC", "ETH-USDC")))
    sent = [msgspec.json.decode(text)["product_ids"] for text in codec.hello(NOW)]

    events = hear(codec, snapshot(0), snapshot(1, "ETH-USD"), trades(2, trade("1")), ticker(3, timestamp=at(1)))

    assert sent[1] == ["BTC-USD", "ETH-USDC"]
    quoted = [(event.instrument, event.is_whole) for event in events if isinstance(event, Quote)]
    both = [("BTC-USD", True), ("BTC-USDC", True)]
    assert quoted == [*both, ("ETH-USDC", True), *both]
    assert [event.instrument for event in events if isinstance(event, Trade)] == ["BTC-USD", "BTC-USDC"]
    assert StreamWhole in types(events)
    assert codec.levels("BTC-USD", 1) == codec.levels("BTC-USDC", 1) != ((), ())


def test_the_simulated_venue_leaves_out_what_it_does_not_list() -> None:
    venue = SimulatedCoinbase()
    names = ("BTC-USD", "BTC-USDC", "DOGE-USD")
    codec = MarketStream(VenueSettings(instruments=names, market_stream_url="ws://x/"))
    pipe = venue.connect(codec)

    events = []
    for _ in range(20):
        events += venue.listen(codec, pipe, 0.1)
        for text in codec.tick(venue.clock.now()):
            pipe.send(text)

    assert len(complaints(events)) == 1
    assert StreamWhole in types(events)
    assert {event.instrument for event in events if isinstance(event, Quote)} == {"BTC-USD", "BTC-USDC"}


def talk(venue: SimulatedCoinbase, codec: MarketStream, pipe, seconds: float) -> list[Event]:
    """Let time pass, and the codec say what it has to say."""
    events = []
    for _ in range(int(seconds * 10)):
        events += venue.listen(codec, pipe, 0.1)
        for text in codec.tick(venue.clock.now()):
            pipe.send(text)
    return events


def test_a_simulated_venue_that_sets_no_times_is_whole_all_the_same() -> None:
    """R1: it took ten connections in fifteen seconds, and none was whole."""
    venue = SimulatedCoinbase()
    codec = venue.market_stream()
    venue.inject("epoch_time", "market_stream", channel="level2", rate=1.0)

    events = talk(venue, codec, venue.connect(codec), 2)

    assert StreamWhole in types(events)
    assert not {DecodeFailed, StreamGap} & set(types(events))
    assert all(event.is_whole for event in events if isinstance(event, Quote))


def test_a_simulated_snapshot_that_never_comes_is_healed_alone() -> None:
    venue = SimulatedCoinbase()
    codec = venue.market_stream()
    venue.inject("no_snapshot", "market_stream", channel="level2", product="ETH-USD")
    pipe = venue.connect(codec)

    early, late = talk(venue, codec, pipe, 4.5), talk(venue, codec, pipe, 3)

    assert StreamWhole not in types(early)
    assert StreamWhole in types(late)
    assert StreamGap not in types(early + late)
    assert codec.left_out == ()
