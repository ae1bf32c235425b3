"""The feed's stream from the wire to its readers: real frames through a real pipe, in virtual time.

T, WS, RC, CB, PP and F numbers name the requirements that a test proves.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import msgspec
import pytest

from actors.circuit_breaker import CircuitBreaker
from actors.price_feed import PriceFeed
from actors.stage.stage import Stage
from adapters.network.websocket_frames import TEXT
from domain.effects import Role
from domain.errors import Fatal, Retryable
from domain.messages.market import DecodeFailed, MarketBatch, Quote, Trade
from domain.messages.system import (
    AlarmOver,
    AlarmRaised,
    BreakerState,
    GrantCredit,
    Operation,
    SubscribeMarketData,
)
from domain.settings import BreakerSettings, SessionSettings, Settings, VenueSettings
from domain.streams.session_states import SessionState
from tests.actors.components.wire import Wire
from tests.adapters.network.test_websocket_frames import server_frame
from tests.adapters.venues.coinbase.frames import at, heartbeat, snapshot, ticker, trade, trades, update

FEED = Role.PRICE_FEED.at("coinbase")
READER = str(Role.PORTFOLIO)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def raised(
    wire: Wire,
    instruments: tuple[str, ...] = ("BTC-USD",),
    credit: int = 1_000,
    with_breaker: bool = False,
    book_timeout_s: float = 10.0,
    **session,
) -> Stage:
    """A feed of these instruments, connected, with one reader."""
    values = {"backoff_base_s": 0.1, "backoff_cap_s": 10.0, "jitter_ratio": 0.0, "stable_after_s": 0.5}
    values |= session
    settings = Settings(
        venues={"coinbase": VenueSettings(instruments=instruments, book_timeout_s=book_timeout_s)},
        session=SessionSettings(**values),
        breaker=BreakerSettings(open_s=30.0),
    )
    wire.stage = stage = Stage(settings, kits={"coinbase": wire.kit()})
    if with_breaker:
        stage.cast(CircuitBreaker, Role.CIRCUIT_BREAKER.at("coinbase"))
    stage.cast(PriceFeed, FEED)
    stage.advance(0.05)
    stage.tell(FEED, SubscribeMarketData(credit=credit), sender=READER)
    stage.received[READER].clear()
    return stage


def batches(stage: Stage) -> list[MarketBatch]:
    return [message for message in stage.received[READER] if isinstance(message, MarketBatch)]


def quotes(stage: Stage) -> list[Quote]:
    return [quote for batch in batches(stage) for quote in batch.quotes]


def read_trades(stage: Stage) -> list[Trade]:
    return [trade for batch in batches(stage) for trade in batch.trades]


def session_of(stage: Stage):
    return stage.actor(FEED).stream.session


def padded(frame: bytes, size: int) -> bytes:
    """The same news in a frame of exactly `size` bytes."""
    return frame[:-1] + b',"pad":"' + b"x" * (size - len(frame) - 9) + b'"}'


# ---- messages --------------------------------------------------------------------------------------------


def test_what_came_in_one_piece_with_the_upgrade_is_read_at_once(wire: Wire) -> None:
    wire.greeting = server_frame(TEXT, heartbeat(0))

    stage = raised(wire)

    assert stage.actor(FEED).counters["frames"] == 1


def test_messages_are_told_in_order_of_arrival(wire: Wire) -> None:
    """T03: three prices 50 ms apart, exactly three out, in order, times never falling."""
    stage = raised(wire, ("BTC-USD", "ETH-USD", "SOL-USD"))
    for number, (product, price) in enumerate([("BTC-USD", "45000.50"), ("ETH-USD", "3200.75"), ("SOL-USD", "95.25")]):
        wire.say(ticker(number, price, price + "1", timestamp=at(number), product_id=product))

    heard = [(quote.instrument, str(quote.bid_price)) for quote in quotes(stage)]
    assert heard == [("BTC-USD", "45000.50"), ("ETH-USD", "3200.75"), ("SOL-USD", "95.25")]
    stamps = [quote.ts_event for quote in quotes(stage)]
    assert stamps == sorted(stamps)


def test_valid_and_invalid_messages_part_ways_and_the_stream_goes_on(wire: Wire) -> None:
    """T05, T13, WS-18, WS-20: five of each, mixed, then one more; both streams in order, with kind and raw text.

    PP-06: what was read and what was not add up to what came, 11.
    """
    stage = raised(wire)
    bad = [b"{", b'{"channel":"ticker"}', b"", b"plainly no JSON", b"[1]"]
    for number, wrong in enumerate(bad):
        wire.say(ticker(number, str(45000 + number), "50000"), wrong)
    wire.say(ticker(5, "45005", "50000"))
    stage.advance(1)

    assert [int(quote.bid_price) for quote in quotes(stage)] == [45000, 45001, 45002, 45003, 45004, 45005]
    faults = [m for m in stage.received[Role.RECORDER] if isinstance(m, DecodeFailed)]
    assert [fault.raw for fault in faults] == bad
    assert [fault.category for fault in faults] == ["parse", "structure", "empty", "parse", "structure"]
    assert [fault.reason for fault in faults] == [
        "Input data was truncated",
        "Object missing required field `timestamp`",
        "a message without text",
        "JSON is malformed: invalid character (byte 0)",
        "Expected `object`, got `array`",
    ]
    assert all(fault.ts_event for fault in faults)
    assert session_of(stage).state is SessionState.CONNECTED
    counters = stage.actor(FEED).counters
    of_each_kind = {name: count for name, count in counters.items() if name.startswith("faults_")}
    assert of_each_kind == {"faults_parse": 2, "faults_structure": 2, "faults_empty": 1}
    assert (counters["frames"], counters["quotes"], counters["decode_errors"]) == (11, 6, 5)


@pytest.mark.parametrize(
    ("sent", "category", "reason"),
    [
        (b"\x82\x01x", "binary", "a binary message"),
        (b"\x81\x00", "empty", "a message without text"),
        (b"\x81\x02\xff\xfe", "utf8", "a message that is not UTF-8"),
        (b"\x81\x7f" + (2**40).to_bytes(8, "big"), "oversize", "a message over the limit"),
        (b"\xc1\x01x", "protocol", "a frame that the websocket protocol forbids"),
    ],
)
def test_what_is_no_text_message_is_a_fault_of_its_own_kind(
    wire: Wire, sent: bytes, category: str, reason: str
) -> None:
    """WS-20."""
    stage = raised(wire)

    wire.send(sent)
    stage.advance(1)

    [fault] = [m for m in stage.received[Role.RECORDER] if isinstance(m, DecodeFailed)]
    assert (fault.venue, fault.category, fault.reason) == ("coinbase", category, reason)


def test_a_flood_of_rubbish_is_counted_and_a_bounded_part_of_it_kept(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """T05, WS-20: the error stream is bounded, and what does not fit is counted; the log has one line."""
    stage = raised(wire)

    for _ in range(3):
        wire.say(*[b"{" + b"y" * 400] * 50)
    stage.advance(1)

    faults = [m for m in stage.received[Role.RECORDER] if isinstance(m, DecodeFailed)]
    counters = stage.actor(FEED).counters
    assert len(faults) == 100
    assert all(len(fault.raw) == 256 for fault in faults)
    assert [record.name for record in caplog.records] == ["actors.components.stream_driver"]
    assert (counters["decode_errors"], counters["faults_dropped"]) == (150, 50)


def test_ten_thousand_broken_messages_cost_neither_the_connection_nor_the_next_price(wire: Wire) -> None:
    """T24, PP-08: torn, overwritten and made-up text; numbers are left out, so that none looks lost."""
    stage = raised(wire)
    chaos = random.Random(24)
    whole = ticker(0, "45000", "45001").replace(b'"sequence_num": 0, ', b"")
    torn = [whole[: chaos.randrange(1, len(whole))] for _ in range(4_000)]
    noise = [chaos.randbytes(chaos.randrange(1, 40)).hex().encode() for _ in range(3_000)]
    bent = [whole.replace(b"channel", noise[number], 1) + b"}" for number in range(3_000)]
    for start in range(0, 10_000, 500):
        wire.say(*(torn + noise + bent)[start : start + 500])
    wire.say(ticker(0, "45200", "45201"))

    counters = stage.actor(FEED).counters
    assert (counters["frames"], counters["decode_errors"]) == (10_001, 10_000)
    assert [int(quote.bid_price) for quote in quotes(stage)] == [45200]
    assert (session_of(stage).state, wire.dials) == (SessionState.CONNECTED, 1)


def test_a_fragmented_message_is_one_message_and_single_ones_are_never_joined(wire: Wire) -> None:
    """T12, D10, WS-15: 500 bytes as 200 + 200 + 100, pings between."""
    stage = raised(wire)

    wire.say_in_pieces(padded(ticker(0, "45000", "45001"), 500), 200, 200, 100)
    wire.say(b'{"channel":"tick', b'er"}')

    assert [str(quote.bid_price) for quote in quotes(stage)] == ["45000"]
    assert wire.heard()[-1] == b"?"  # of pings that come together, the newest is answered
    assert stage.actor(FEED).counters["decode_errors"] == 2


def test_large_messages_arrive_whole_and_an_oversize_one_costs_only_the_connection(wire: Wire) -> None:
    """T14, WS-17: 1 MiB through, 15 MiB refused with 1009, and the next connection works."""
    stage = raised(wire)
    wire.say(padded(ticker(0, "45000", "45001"), 1024 * 1024))

    wire.send(bytes((0x81, 127)) + (15 * 1024 * 1024).to_bytes(8, "big"))
    said = wire.heard(0)
    stage.advance(0.5)
    wire.say(ticker(0, "45200", "45201"))

    assert [str(quote.bid_price) for quote in quotes(stage)] == ["45000", "45200"]
    assert said[-1] == (1009).to_bytes(2, "big")
    assert stage.actor(FEED).counters["faults_oversize"] == 1


def test_a_burst_is_told_completely_in_order_and_a_missing_number_as_a_gap(wire: Wire) -> None:
    """T15, WS-16, RC-07: 100 numbered, a burst of 50, then numbers missing: consumers see the gap."""
    stage = raised(wire)
    wire.say(snapshot(0))
    for number in range(1, 101):
        wire.say(trades(number, trade(str(number))), seconds=0.01)
    wire.say(*[trades(number, trade(str(number))) for number in range(101, 151)])
    assert [int(one.trade_id) for one in read_trades(stage)] == list(range(1, 151))

    wire.say(trades(155, trade("155")))

    assert stage.actor(FEED).counters["gaps"] == 1
    assert batches(stage)[-1].state.is_whole is False
    assert session_of(stage).state is SessionState.RECONNECTING


def test_what_several_senders_say_at_once_keeps_the_order_of_each(wire: Wire) -> None:
    """T15, WS-16: three products with 20 messages each, mixed; nothing lost, nothing doubled, no gap."""
    products = ("BTC-USD", "ETH-USD", "SOL-USD")
    stage = raised(wire, products)
    turns = list(products) * 20
    random.Random(15).shuffle(turns)

    said = [(product, str(number)) for number, product in enumerate(turns)]
    wire.say(*[trades(int(number), trade(number, product_id=product)) for product, number in said])

    heard = [(one.instrument, one.trade_id) for one in read_trades(stage)]
    assert heard == said
    assert stage.actor(FEED).counters["gaps"] == 0


def test_a_slow_reader_gets_the_newest_and_is_told_what_it_missed(wire: Wire) -> None:
    """WS-19: nothing overflows silently: conflation is counted, and sequence and trades stay complete."""
    stage = raised(wire, credit=2)  # the first went with the state of the stream

    for number in range(10):
        wire.say(ticker(number, str(100 + number), "200"))
    stage.tell(FEED, GrantCredit(batches=1), sender=READER)

    first, second = batches(stage)
    assert [int(quote.bid_price) for quote in (*first.quotes, *second.quotes)] == [100, 109]
    assert (first.conflated, second.conflated) == (0, 8)


# ---- connecting again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4000])
def test_whatever_the_close_code_the_feed_subscribes_again_and_starts_from_a_snapshot(wire: Wire, code: int) -> None:
    """F27, T20, RC-05, RC-07: same subscriptions, fresh snapshot before the first delta."""
    stage = raised(wire)
    wire.say(snapshot(0), update(1, ("bid", "99.5", "1")))
    first = wire.heard()

    wire.hang_up(code)
    lost = batches(stage)[-1].state
    stage.advance(0.2)
    wire.say(update(0, ("bid", "100.5", "1")), snapshot(1))

    assert (lost.is_connected, lost.is_whole) == (False, False)
    assert wire.heard() == [message for message in first if message.startswith(b"{")]
    assert str(quotes(stage)[-1].bid_price) == "99"
    assert batches(stage)[-1].state.is_whole
    assert session_of(stage).reconnects == 1


def test_however_often_it_reconnects_trades_stay_in_order_and_come_once(wire: Wire) -> None:
    """F35; the thousand delays and ids are the session's: tests/domain/streams/test_session.py."""
    stage = raised(wire, backoff_cap_s=0.2)
    times = 30

    for number in range(times):
        newest = trade(str(number), time=at(number))
        replayed = [trade(str(old), time=at(old)) for old in range(max(0, number - 3), number)]
        wire.say(snapshot(0), trades(1, *replayed, kind="snapshot"), trades(2, newest))
        wire.hang_up()
        stage.advance(0.25)

    assert [one.trade_id for one in read_trades(stage)] == [str(number) for number in range(times)]
    assert len(wire.servers) == times + 1
    assert session_of(stage).reconnects == times


def test_a_feed_that_starts_anew_uses_no_id_of_a_connection_again(wire: Wire) -> None:
    """WS-02: the second connection of one feed, and the first of the next."""
    stage = raised(wire)
    wire.hang_up()
    stage.advance(0.2)
    second = session_of(stage).connection_id

    stage.crash(FEED)
    stage.cast(PriceFeed, FEED)
    stage.advance(0.2)

    assert (second, session_of(stage).connection_id) == ("price_feed:coinbase#1.2", "price_feed:coinbase#2.1")


def test_refused_dials_back_off_and_open_the_breaker_which_allows_no_further_one(wire: Wire) -> None:
    """T28, CB-01, T16: five failures, then nobody dials until it is half-open: one probe."""
    stage = raised(wire, with_breaker=True)
    wire.refusals.extend([Retryable("refused", code="refused")] * 5)

    wire.hang_up()
    stage.advance(20)
    while_open = wire.dials
    stage.advance(25)

    assert while_open == 1 + 5
    assert wire.dials == 1 + 5 + 1
    assert session_of(stage).state is SessionState.CONNECTED
    assert session_of(stage).counters["failed_refused"] == 5


def test_a_stream_that_stays_up_after_an_outage_closes_the_breaker(wire: Wire) -> None:
    """T30, CB-04: the probe is one dial; what proves it good is what comes over it."""
    stage = raised(wire, with_breaker=True)
    wire.refusals.extend([Retryable("refused", code="refused")] * 5)
    breaker = stage.actor(Role.CIRCUIT_BREAKER.at("coinbase")).breakers[Operation.DATA]
    wire.hang_up()
    while len(wire.servers) < 2:
        stage.advance(1)

    probed = breaker.state
    keep_beating(wire, 3, ticker(0), number=0)

    assert (probed, breaker.state) == (BreakerState.HALF_OPEN, BreakerState.CLOSED)
    assert breaker.metrics(stage.clock.now()).successes == 2 + 2  # the dials, and the first two beats


def test_while_the_breaker_holds_the_feed_back_the_alarm_of_the_outage_stands(wire: Wire) -> None:
    """CB-05: a second outage soon after the first, with one failed dial."""
    stage = raised(wire, with_breaker=True)
    wire.refusals.extend([Retryable("refused", code="refused")] * 5)
    breaker = stage.actor(Role.CIRCUIT_BREAKER.at("coinbase")).breakers[Operation.DATA]
    wire.hang_up()
    while len(wire.servers) < 2:
        stage.advance(1)
    words = "cannot be reached: the connection was refused"
    assert standing(stage) == {}

    wire.refusals.append(Retryable("refused", code="refused"))
    wire.hang_up()
    while breaker.state is not BreakerState.OPEN:
        stage.advance(0.5)
    stage.advance(0.05)
    assert (standing(stage), wire.dials) == ({words: 1}, 1 + 5 + 1 + 1)

    began_ns = stage.clock.now().monotonic_ns
    while len(wire.servers) < 3:
        stage.advance(1)
    assert standing(stage) == {}
    assert (stage.clock.now().monotonic_ns - began_ns) / 1e9 < 45, "it is open for 30 s again, not for 60"


def standing(stage: Stage) -> dict[str, int]:
    """Return how often each alarm was told since it was last over."""
    told: dict[str, int] = {}
    for message in stage.received[Role.MONITOR]:
        if isinstance(message, AlarmRaised) and "reached" in message.text:
            told[message.text] = told.get(message.text, 0) + 1
        elif isinstance(message, AlarmOver):
            told.pop(message.text, None)
    return told


def test_after_the_last_retry_a_person_is_told(wire: Wire) -> None:
    """T17, RC-02."""
    stage = raised(wire, max_retries=3)
    wire.refusals.extend([Retryable("refused", code="refused")] * 9)

    wire.hang_up()
    stage.advance(30)

    alarms = [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert alarms == ["gave up after 3 attempts: refused", "cannot be reached: the connection was refused"]
    assert wire.dials == 1 + 3


def test_without_a_network_the_third_try_tells_the_cause_and_a_connection_begins_anew(wire: Wire) -> None:
    wire.refusals.extend([Retryable("host not found", code="dns")] * 2)
    stage = raised(wire)
    stage.advance(3)
    assert wire.dials == 3 and not [text for text in told_alarms(stage) if "reached" in text]

    wire.refusals.extend([Retryable("host not found", code="dns")] * 3)
    wire.hang_up()
    stage.advance(6)

    words = "cannot be reached: its name is not found; is there a network?"
    assert [text for text in told_alarms(stage) if "reached" in text] == [words]
    assert [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmOver)] == [words]


def told_alarms(stage: Stage) -> list[str]:
    return [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]


def test_a_refused_key_is_told_to_a_person_and_not_tried_again(wire: Wire) -> None:
    """T04, WS-05."""
    wire.refusals.append(Fatal("the venue refused our key", code="401"))
    stage = raised(wire)
    stage.advance(20)

    alarms = [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert alarms == ["the venue refused our key: not tried again before `nzeza restart price_feed:coinbase`"]
    assert wire.dials == 1


# ---- silence ---------------------------------------------------------------------------------------------


def keep_beating(wire: Wire, seconds: int, *others: bytes, number: int) -> None:
    """Let each second bring a heartbeat and what else still speaks; all with rising numbers."""
    for _ in range(seconds):
        for other in (heartbeat(0), *others):
            message = msgspec.json.decode(other) | {"sequence_num": number}
            wire.say(json.dumps(message).encode(), seconds=0)
            number += 1
        wire.stage.advance(1)


def test_a_book_that_falls_silent_makes_its_prices_void_though_all_others_speak(wire: Wire) -> None:
    """F28: after 10 s, a forced reconnect, an alarm, and the counter tells."""
    stage = raised(wire)
    wire.say(snapshot(0), ticker(1), trades(2, trade("1")))
    assert batches(stage)[-1].state.is_whole

    keep_beating(wire, 9, ticker(0), trades(0), number=3)
    assert (batches(stage)[-1].state.is_whole, len(wire.servers)) == (True, 1)
    wire.stage.advance(1)

    assert not any(batch.state.is_whole for batch in batches(stage)[-1:])
    stage.advance(0.2)
    assert len(wire.servers) == 2
    assert stage.actor(FEED).counters["silences"] == 1
    alarms = [m.text for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert alarms == ["silent level2:BTC-USD: connecting anew"]


def test_a_channel_that_dies_right_after_its_first_word_is_missed_as_soon_as_any_other(wire: Wire) -> None:
    """F28: the wait for the first words does not cover the silence after one."""
    raised(wire, book_timeout_s=2.0)
    wire.say(snapshot(0), ticker(1), trades(2, trade("1")))

    keep_beating(wire, 1, number=3)
    assert len(wire.servers) == 1
    keep_beating(wire, 1, number=4)
    wire.stage.advance(0.2)

    assert len(wire.servers) == 2


def test_a_book_whose_first_message_never_comes_is_not_waited_for(wire: Wire) -> None:
    """F29: heartbeats alone do not keep the connection: after 5 s there is another."""
    raised(wire)

    keep_beating(wire, 4, ticker(0), trades(0), number=0)
    assert len(wire.servers) == 1
    keep_beating(wire, 1, number=12)
    wire.stage.advance(0.5)

    assert len(wire.servers) == 2


# ---- clocks ----------------------------------------------------------------------------------------------


def test_a_price_from_the_future_is_void_and_no_order_follows_until_the_next_stamp(wire: Wire) -> None:
    """PP-07: its own time is kept; one wrong stamp costs one price, not a minute of trading."""
    stage = raised(wire)
    wire.say(ticker(0, "100", timestamp=at(1)))

    wire.say(ticker(1, "101", timestamp=at(30)))

    future = quotes(stage)[-1]
    assert (future.is_whole, future.ts_event - quotes(stage)[0].ts_event) == (False, 29_000_000_000)
    assert batches(stage)[-1].state.clock_offset_ns is None
    assert stage.actor(FEED).counters["future_quotes"] == 1


# ---- the end ---------------------------------------------------------------------------------------------


def test_a_feed_that_ends_says_goodbye(wire: Wire) -> None:
    """T07, WS-10."""
    stage = raised(wire)
    wire.heard()

    stage.actor(FEED).stream.disconnect(2.0)
    said = wire.heard()
    wire.hang_up(1000)

    assert said == [(1000).to_bytes(2, "big")]
    assert session_of(stage).counters["closed_gracefully"] == 1


def test_after_the_goodbye_nothing_is_told_that_the_venue_still_says(wire: Wire) -> None:
    """TC-D70: no data and no error after the end, which closes the connection and with it every subscription."""
    stage = raised(wire)
    wire.say(snapshot(0))
    stage.actor(FEED).stream.disconnect(0.1)
    stage.advance(0.2)
    told = quotes(stage)

    with pytest.raises(OSError):
        wire.say(update(1, ("bid", "99.5", "1")), seconds=1.0)

    assert quotes(stage) == told
    assert stage.actor(FEED).counters["decode_errors"] == 0


def test_a_venue_that_ignores_the_goodbye_is_left_in_time(wire: Wire) -> None:
    """T08, WS-11."""
    stage = raised(wire)

    stage.actor(FEED).stream.disconnect(0.1)
    stage.advance(0.2)

    assert session_of(stage).counters["closed_forcibly"] == 1
    assert session_of(stage).state is SessionState.DISCONNECTED
