from decimal import Decimal

import msgspec

from adapters.coinbase.market_stream import MarketStream
from domain.effects import Instant
from domain.instrument import Side
from domain.market_data import (
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
from domain.messages import Event
from domain.settings import SECOND_NS, VenueSettings
from tests.adapters.coinbase.frames import (
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

NOW = Instant(monotonic_ns=5_000, utc_ns=TIME_NS + 1_000)
READ_NS = 4_000


def stream(*instruments: str) -> MarketStream:
    codec = MarketStream(VenueSettings(instruments=instruments or ("BTC-USD",)))
    codec.hello(NOW)
    return codec


def hear(codec: MarketStream, *frames: bytes, read_ns: int = READ_NS) -> list[Event]:
    return [event for raw in frames for event in codec.decode(raw, read_ns, NOW)]


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

    halted = InstrumentStatus(
        ts_event=TIME_NS, venue="coinbase", instrument="BTC-USD", status=TradingStatus.HALTED
    )
    assert events == [halted]


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

    assert dropped == [
        LateFrame(ts_event=NOW.utc_ns, venue="coinbase", number=number) for number in (6, 2)
    ]


def test_a_book_change_that_cannot_be_read_counts_as_lost() -> None:
    codec = stream()
    hear(codec, snapshot(0))

    events = hear(codec, update(1, ("bid", "NaN", "1")), update(2, ("bid", "98", "1"), time=at(1)))

    assert [type(event) for event in events] == [DecodeFailed, StreamGap]


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
