from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.hyperliquid.market_stream import MarketStream
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.market.order_book import Level
from domain.messages.base import Event
from domain.messages.market import (
    Candle,
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    VenueCandle,
    VenueComplained,
)
from domain.settings import VenueSettings
from tests.adapters.venues.hyperliquid.frames import (
    PONG,
    TIME_NS,
    at,
    book,
    candle,
    confirmed,
    context,
    frame,
    mids,
    touch,
    trade,
    trades,
)
from tests.builders import make_quote

NOW = Instant(monotonic_ns=5_000, utc_ns=TIME_NS + 10 * SECOND_NS)
READ_NS = 4_000
D = Decimal


def stream(*instruments: str, **settings) -> MarketStream:
    codec = MarketStream(VenueSettings(instruments=instruments or ("BTC-USD",), **settings))
    codec.hello(NOW)
    return codec


def hear(codec: MarketStream, *frames: bytes, read_ns: int = READ_NS) -> list[Event]:
    return [event for raw in frames for event in codec.decode(raw, read_ns, NOW)]


def quotes(events: list[Event]) -> list[Quote]:
    return [event for event in events if isinstance(event, Quote)]


def quote(bid: str = "99", ask: str = "101", **changes) -> Quote:
    stamps = {"ts_event": TIME_NS, "ts_init": NOW.utc_ns, "read_ns": READ_NS}
    return make_quote(bid, ask, **{"venue": "hyperliquid", **stamps, **changes})


# ---- subscriptions and pings -------------------------------------------------------------------------------


def test_it_subscribes_every_channel_of_every_coin_on_each_connection() -> None:
    codec = stream("BTC-USD", "kPEPE-USD")

    sent = [msgspec.json.decode(text) for text in codec.hello(NOW)]

    assert {message["method"] for message in sent} == {"subscribe"}
    assert [message["subscription"] for message in sent] == [
        one | {"coin": coin}
        for coin in ("BTC", "kPEPE")
        for one in (
            {"type": "l2Book", "fast": True},
            {"type": "bbo"},
            {"type": "trades"},
            {"type": "activeAssetCtx"},
            {"type": "candle", "interval": "1m"},
        )
    ]


def test_deep_books_are_asked_for_where_their_slow_pace_is_proof_enough() -> None:
    first, *_ = stream(heartbeat_timeout_s=12.0).hello(NOW)

    assert msgspec.json.decode(first)["subscription"] == {"type": "l2Book", "coin": "BTC"}


def test_it_pings_on_connection_and_every_thirty_seconds() -> None:
    codec = stream()
    pinged_s = [
        second
        for second in range(70)
        if codec.tick(Instant(NOW.monotonic_ns + second * SECOND_NS, NOW.utc_ns)) == ('{"method":"ping"}',)
    ]

    assert pinged_s == [0, 30, 60]


# ---- quotes ------------------------------------------------------------------------------------------------


def test_the_first_book_makes_the_stream_alive_and_whole_and_quotes_its_top() -> None:
    assert hear(stream(), book()) == [
        HeartbeatSeen(ts_event=TIME_NS, venue="hyperliquid", read_ns=READ_NS),
        StreamWhole(ts_event=TIME_NS, venue="hyperliquid"),
        quote(),
    ]


def test_the_stream_is_whole_only_with_every_book() -> None:
    codec = stream("BTC-USD", "ETH-USD")

    first = hear(codec, book(coin="BTC"))
    second = hear(codec, book(coin="ETH"))

    assert not any(isinstance(event, StreamWhole) for event in first)
    assert any(isinstance(event, StreamWhole) for event in second)


def test_a_new_connection_is_whole_only_with_every_book_again() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, book(coin="BTC"), book(coin="ETH"))

    codec.hello(NOW)
    first, second = hear(codec, touch(time=at(1)), book(time=at(1))), hear(codec, book(coin="ETH"))

    assert [each.is_whole for each in quotes(first)] == [False, True]
    assert [type(event) for event in second] == [StreamWhole, Quote]


def test_the_stream_is_as_alive_as_its_most_silent_book() -> None:
    codec = stream("BTC-USD", "ETH-USD")

    def proofs(read_ns: int, raw: bytes) -> list[int]:
        events = hear(codec, raw, read_ns=read_ns)
        return [event.read_ns for event in events if isinstance(event, HeartbeatSeen)]

    assert proofs(1, book(coin="BTC")) == []
    assert proofs(2, book(coin="ETH")) == [1]
    assert proofs(3, book(coin="ETH")) == []
    assert proofs(4, book(coin="BTC")) == [3]


def test_only_a_change_of_the_touch_is_a_quote() -> None:
    codec = stream()
    hear(codec, book())

    same = hear(codec, book(bids=("99.0", "97.5"), time=at(1)), touch(time=at(2)))
    changed = hear(codec, touch(bid="99.5", time=at(3)))

    assert quotes(same) == []
    assert changed == [quote(bid="99.5", ts_event=TIME_NS + 3 * SECOND_NS)]


def test_a_touch_before_the_first_book_says_that_it_is_not_whole() -> None:
    codec = stream()

    before = hear(codec, touch())
    after = hear(codec, book(time=at(1)))

    assert before == [quote(is_whole=False)]
    assert quotes(after) == [quote(ts_event=TIME_NS + SECOND_NS)]


def test_whichever_is_newer_counts_and_quotes_never_go_back_in_time() -> None:
    codec = stream()
    hear(codec, book(time=at(1)), touch(bid="99.5", time=at(3)))

    late_book = hear(codec, book(bids=("98.7",), time=at(2)))
    late_touch = hear(codec, touch(bid="98.8", time=at(2)))
    of_the_same_block = hear(codec, book(bids=("99.7",), time=at(4)), touch(bid="1.0", time=at(4)))

    assert (quotes(late_book), quotes(late_touch)) == ([], [])
    assert [each.bid_price for each in quotes(of_the_same_block)] == [D("99.7")]


def test_a_book_that_was_overtaken_is_dropped_and_proves_nothing() -> None:
    codec = stream()
    hear(codec, book(time=at(5)), read_ns=1)

    assert hear(codec, book(bids=("90.0",), time=at(4)), read_ns=2) == []
    assert codec.watch.proven_ns() == 1


def test_a_side_that_is_gone_takes_the_price_with_it() -> None:
    codec = stream()
    hear(codec, book())

    gone = hear(codec, touch(ask=None, time=at(1)))
    still_gone = hear(codec, book(asks=(), time=at(2)))
    back = hear(codec, book(time=at(3)))

    assert quotes(gone) == [quote(is_whole=False, ts_event=TIME_NS + SECOND_NS)]
    assert quotes(still_gone) == []
    assert quotes(back) == [quote(ts_event=TIME_NS + 3 * SECOND_NS)]


# ---- books -------------------------------------------------------------------------------------------------


def test_a_crossed_book_voids_its_price_until_the_next_one() -> None:
    codec = stream()
    hear(codec, book())

    crossed = hear(codec, book(bids=("101.0",), time=at(1)), book(bids=("102.0",), time=at(2)))
    healed = hear(codec, book(time=at(3)))

    assert crossed == [
        StreamGap(ts_event=NOW.utc_ns, venue="hyperliquid", expected=0, got=0, is_healing=True),
        quote(is_whole=False),
    ]
    assert [type(event) for event in healed] == [StreamWhole, Quote]


def test_a_crossed_touch_voids_its_price_until_the_next_book() -> None:
    codec = stream()
    hear(codec, book())

    events = hear(codec, touch(bid="103.0", time=at(1)), touch(bid="99.5", time=at(2)), book(time=at(3)))

    assert [type(event) for event in events] == [StreamGap, Quote, Quote, StreamWhole, Quote]
    assert [each.is_whole for each in quotes(events)] == [False, False, True]


def test_books_that_stay_crossed_prove_no_life() -> None:
    codec = stream()

    hear(codec, book(bids=("101.0",)))

    assert codec.watch.proven_ns() == 0


cents = st.integers(9_000, 11_000).map(lambda price: f"{price / 100:.2f}")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([book, touch]),
            st.lists(cents, max_size=4),
            st.lists(cents, max_size=4),
            st.integers(0, 20),
        ),
        max_size=12,
    )
)
def test_whatever_comes_no_whole_quote_is_crossed_or_goes_back_in_time(frames) -> None:
    codec = stream()
    told = []
    for make, bids, asks, second in frames:
        if make is book:
            raw = book(tuple(bids), tuple(asks), time=at(second))
        else:
            raw = touch(*(side[0] if side else None for side in (bids, asks)), time=at(second))
        told += quotes(hear(codec, raw))
        bids, asks = codec.levels("BTC-USD", 1)
        assert not (bids and asks) or bids[0].price < asks[0].price

    assert not any(each.is_crossed for each in told)
    assert [each.ts_event for each in told] == sorted(each.ts_event for each in told)


def test_the_book_of_an_instrument_is_what_the_venue_told_last() -> None:
    codec = stream("BTC-USD", "ETH-USD")

    hear(codec, book(), book(bids=("99.5",), asks=("100.5",), time=at(1)))

    assert codec.levels("BTC-USD", 5) == ((Level(True, D("99.5"), D(1)),), (Level(False, D("100.5"), D(1)),))
    assert codec.levels("ETH-USD", 5) == codec.levels("DOGE-USD", 5) == ((), ())


def test_a_book_is_sorted_and_gives_no_more_levels_than_asked_for() -> None:
    codec = stream()

    hear(codec, book(bids=("98.0", "99.0", "97.0"), asks=("102.0", "101.0", "103.0")))
    bids, asks = codec.levels("BTC-USD", 2)

    assert [level.price for level in bids] == [D(99), D(98)]
    assert [level.price for level in asks] == [D(101), D(102)]


# ---- trades ------------------------------------------------------------------------------------------------


def test_what_a_subscription_replays_is_history_oldest_first() -> None:
    replayed = hear(stream(), trades(trade(7, time=at(2)), trade(9, time=at(1)), trade(8, time=at(1))))

    assert [event.trade_id for event in replayed] == ["8", "9", "7"]
    assert all(event.is_history for event in replayed)


def test_trades_come_in_the_order_of_time_however_they_were_sent() -> None:
    codec = stream()

    mixed = hear(codec, trades(trade(1, time=at(1)), trade(3, time=at(3)), trade(2, time=at(2))))

    assert [event.trade_id for event in mixed] == ["1", "2", "3"]


def test_trades_replayed_by_a_new_connection_are_dropped() -> None:
    codec = stream()
    hear(codec, trades(trade(9)), trades(trade(10, time=at(1))))

    codec.hello(NOW)
    replayed = hear(codec, trades(trade(9), trade(10, time=at(1)), trade(11, time=at(2))))
    live = hear(codec, trades(trade(12, time=at(3))))

    assert [(event.trade_id, event.is_history) for event in replayed + live] == [("11", True), ("12", False)]


def test_an_id_that_comes_again_at_another_time_is_another_trade() -> None:
    events = hear(stream(), trades(trade(0), trade(0, time=at(1)), trade(0)))

    assert len(events) == 2


def test_a_live_trade_is_told_with_all_its_stamps() -> None:
    codec = stream()
    hear(codec, trades(trade(1)))

    (event,) = hear(codec, trades(trade(9, price="100.5", side="A")))

    assert event == Trade(
        ts_event=TIME_NS,
        venue="hyperliquid",
        instrument="BTC-USD",
        trade_id="9",
        price=D("100.5"),
        quantity=D("0.5"),
        aggressor=Side.SELL,
        ts_init=NOW.utc_ns,
        read_ns=READ_NS,
    )


# ---- marks, bars and the rest ------------------------------------------------------------------------------


def test_a_context_is_mark_index_and_hourly_funding() -> None:
    common = {
        "ts_event": NOW.utc_ns,
        "venue": "hyperliquid",
        "instrument": "BTC-USD",
        "ts_init": NOW.utc_ns,
        "read_ns": READ_NS,
    }

    assert hear(stream(), context()) == [
        MarkPrice(price=D("77562.0"), **common),
        IndexPrice(price=D("77605.0"), **common),
        FundingRate(rate=D("-0.0000015186"), interval_ns=3600 * SECOND_NS, **common),
    ]


def test_a_bar_of_the_venue_is_passed_on() -> None:
    bar = Candle(
        venue="hyperliquid",
        instrument="BTC-USD",
        interval_ns=60 * SECOND_NS,
        open_ts=TIME_NS,
        open=D(100),
        high=D(103),
        low=D(99),
        close=D(102),
        volume=D("12.5"),
        count=7,
    )

    assert hear(stream(), candle()) == [VenueCandle(ts_event=NOW.utc_ns, candle=bar, read_ns=READ_NS)]


def test_complaints_and_bad_frames_are_passed_on() -> None:
    events = hear(stream(), frame("error", "Invalid subscription"), b"{")

    assert events == [
        VenueComplained(ts_event=NOW.utc_ns, venue="hyperliquid", text="Invalid subscription"),
        DecodeFailed(
            ts_event=NOW.utc_ns,
            venue="hyperliquid",
            category="parse",
            reason="Input data was truncated",
            raw=b"{",
        ),
    ]


def test_a_complaint_of_any_length_stays_readable() -> None:
    (complaint,) = hear(stream(), frame("error", "no " * 1_000_000))

    assert len(complaint.text) == 200


def test_what_nobody_asked_for_is_ignored() -> None:
    others = (book(coin="DOGE"), touch(coin="DOGE"), trades(trade(1, coin="DOGE")), context("DOGE"))

    assert hear(stream(), *others, candle("DOGE"), mids(BTC="1"), confirmed("bbo", "DOGE"), PONG) == []


# ---- silence -----------------------------------------------------------------------------------------------


EVERYTHING = (book(), touch(), trades(trade(1)), context(), candle(), PONG)


def silent(codec: MarketStream, second: float) -> set[str]:
    return set(codec.watch.silent(int(second * SECOND_NS)))


@pytest.mark.parametrize("missing", range(len(EVERYTHING)))
def test_each_channel_that_never_speaks_is_noticed_though_the_others_do(missing: int) -> None:
    codec = stream()
    codec.watch.restart(0, 5.0)

    for index, raw in enumerate(EVERYTHING):
        if index != missing:
            hear(codec, raw, read_ns=4 * SECOND_NS)

    name = ("l2Book:BTC", "bbo:BTC", "trades:BTC", "activeAssetCtx:BTC", "candle:BTC", "pong")[missing]
    assert name in silent(codec, 5)
    assert {each.split(":")[0] for each in silent(codec, 5)} == {name.split(":")[0]}


@pytest.mark.parametrize(
    ("timeout_s", "quiet_s", "expected"), [(3.0, 2.9, set()), (3.0, 3.0, {"l2Book:BTC"}), (12.0, 11.9, set())]
)
def test_a_book_is_stale_soon_in_the_fast_mode_and_later_otherwise(
    timeout_s: float, quiet_s: float, expected: set[str]
) -> None:
    codec = stream(heartbeat_timeout_s=timeout_s)
    codec.watch.restart(0, 5.0)
    hear(codec, *EVERYTHING, read_ns=0)

    assert silent(codec, quiet_s) == expected


def test_one_silent_book_is_noticed_while_the_other_speaks() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    codec.watch.restart(0, 5.0)
    for second in range(5):
        hear(codec, book(coin="ETH", time=at(second)), read_ns=second * SECOND_NS)

    assert "l2Book:BTC" in silent(codec, 5)
    assert "l2Book:ETH" not in silent(codec, 5)


def test_a_quiet_market_only_has_to_confirm_what_was_asked_for() -> None:
    codec = stream()
    codec.watch.restart(0, 5.0)

    hear(codec, *(confirmed(channel) for channel in ("bbo", "trades", "candle")), read_ns=SECOND_NS)

    assert silent(codec, 59) == {"l2Book:BTC", "activeAssetCtx:BTC", "pong"}


def test_an_echo_is_no_book() -> None:
    codec = stream()

    hear(codec, confirmed("l2Book"))

    assert codec.watch.proven_ns() == 0


# ---- one coin takes only itself --------------------------------------------------------------------------


def later(seconds: float) -> Instant:
    passed_ns = int(seconds * SECOND_NS)
    return Instant(NOW.monotonic_ns + passed_ns, NOW.utc_ns + passed_ns)


def asked_for(texts: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return (method, channel, coin) of what was said, without pings."""
    said = [msgspec.json.decode(text) for text in texts]
    return [
        (one["method"], one["subscription"]["type"], one["subscription"]["coin"])
        for one in said
        if one["method"] != "ping"
    ]


def coins_asked(texts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(coin for _, _, coin in asked_for(texts)))


def told(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, VenueComplained)]


def test_a_coin_for_which_the_venue_hangs_up_is_found_and_left_out() -> None:
    """It closes the connection without a word when it is asked for a coin that it doesn't list."""
    codec = MarketStream(VenueSettings(instruments=("BTC-USD", "DOGE-USD", "ETH-USD")))
    order, events = [], []
    for connection in range(6):
        now = later(10 * connection)
        asked = coins_asked(codec.hello(now))
        order.append(asked)
        while asked and "DOGE" not in asked:
            events += hear(codec, confirmed("bbo", asked[-1]))
            asked = coins_asked(codec.tick(now))
            order[-1] += asked
            if not asked:
                break

    assert order[:2] == [["BTC", "DOGE", "ETH"]] * 2
    assert order[2:4] == [["BTC", "DOGE"], ["BTC", "ETH", "DOGE"]]
    assert order[4] == ["BTC", "ETH"]
    assert codec.left_out == ("DOGE-USD",)
    events += hear(codec, book(), book(coin="ETH"))
    assert told(events) == ["DOGE-USD: left out, everything else goes on: the venue hangs up when it is asked for"]
    assert StreamWhole in map(type, events)
    assert codec.watch.proven_ns() == READ_NS


def test_a_coin_that_was_left_out_is_asked_for_again_last_and_comes_back() -> None:
    codec = stream("BTC-USD", "DOGE-USD")
    doge = codec._coins["DOGE-USD"]
    codec._leave_out(doge, ("l2Book",), "not there", NOW)

    assert coins_asked(codec.hello(later(1))) == ["BTC"]
    hear(codec, confirmed("bbo"))
    assert asked_for(codec.tick(later(1))) == [
        ("subscribe", channel, "DOGE") for channel in ("l2Book", "bbo", "trades", "activeAssetCtx", "candle")
    ]
    hear(codec, book(coin="DOGE"))

    assert codec.left_out == ()


def test_a_connection_that_ends_before_any_answer_blames_nobody_at_once() -> None:
    codec = MarketStream(VenueSettings(instruments=("BTC-USD", "ETH-USD")))

    assert [coins_asked(codec.hello(later(second))) for second in range(2)] == [["BTC", "ETH"]] * 2
    assert codec.left_out == ()


def test_a_book_that_never_comes_is_left_out_while_the_others_go_on() -> None:
    codec = stream("BTC-USD", "ETH-USD", heartbeat_timeout_s=3.0)
    codec.watch.restart(NOW.monotonic_ns, 5.0)
    everything = (*EVERYTHING, *(confirmed(channel, "ETH") for channel in ("bbo", "trades", "candle")))
    events = []
    for second in range(8):
        for raw in (*everything, context("ETH"), book(time=at(second))):
            events += codec.decode(raw, later(second).monotonic_ns, later(second))
        texts = codec.tick(later(second))
        if second == 5:
            assert asked_for(texts) == [("unsubscribe", "l2Book", "ETH"), ("subscribe", "l2Book", "ETH")]
        assert codec.watch.silent(later(second).monotonic_ns) == ()

    assert told(events) == ["ETH-USD: left out, everything else goes on: its l2Book is silent"]
    assert StreamWhole in map(type, events)
    assert codec.watch.proven_ns() == later(7).monotonic_ns
    back = hear(codec, book(coin="ETH", time=at(9)))
    assert (codec.left_out, [each.instrument for each in quotes(back)]) == ((), ["ETH-USD"])


def test_a_coin_that_is_delisted_takes_its_last_price_with_it() -> None:
    codec = stream("BTC-USD", "ETH-USD")
    hear(codec, book(), book(coin="ETH"))
    codec._leave_out(codec._coins["ETH-USD"], ("l2Book",), "gone", NOW)

    events = hear(codec, book(time=at(1)))

    assert [(each.instrument, each.is_whole) for each in quotes(events)] == [("ETH-USD", False)]
