"""A feed says what its venue says, how far that can be believed, and never falls silent unnoticed."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from actors.price_feed import PriceFeed
from actors.runtime.base_actor import BaseActor
from actors.stage.stage import Stage
from actors.stage.toolbox import START
from adapters.storage_ports import FILE_LOST
from domain.effects import Role
from domain.errors import Fatal, Retryable
from domain.instant import SECOND_NS
from domain.market.order_book import Level
from domain.messages.market import (
    DecodeFailed,
    HeartbeatSeen,
    InstrumentStatus,
    LateFrame,
    MarketBatch,
    RequestDepth,
    StreamGap,
    StreamWhole,
    TradingStatus,
    VenueComplained,
)
from domain.messages.system import (
    AlarmOver,
    AlarmRaised,
    BreakerChanged,
    BreakerState,
    GrantCredit,
    Operation,
    OperationEnded,
    SubscribeMarketData,
    VenueReported,
)
from domain.settings import RecordingSettings, Settings
from tests.actors.fakes import FakeVenue
from tests.builders import make_mark, make_quote, make_trade

FEED = Role.PRICE_FEED.at("coinbase")
READER = str(Role.PORTFOLIO)


@pytest.fixture
def venue() -> FakeVenue:
    return FakeVenue()


@pytest.fixture
def stage(venue: FakeVenue) -> Stage:
    """A feed with an open stream and one reader that has granted plenty of batches."""
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)
    stage.advance(seconds=0.05)
    stage.tell(FEED, SubscribeMarketData(credit=20), sender=READER)
    stage.received[READER].clear()
    return stage


def batches(stage: Stage) -> list[MarketBatch]:
    return [message for message in stage.received[READER] if isinstance(message, MarketBatch)]


def heartbeat(stage: Stage) -> HeartbeatSeen:
    now = stage.clock.now()
    return HeartbeatSeen(ts_event=now.utc_ns, venue="coinbase", read_ns=now.monotonic_ns)


WHOLE = StreamWhole(ts_event=START.utc_ns, venue="coinbase")
GAP = StreamGap(ts_event=START.utc_ns, venue="coinbase", expected=3, got=5)


def test_every_frame_is_recorded_if_that_is_wanted(venue: FakeVenue) -> None:
    recording = Settings(recording=RecordingSettings(enabled=True))
    stage = venue.stage = Stage(recording, kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)
    stage.advance(seconds=0.05)

    venue.hear(venue.market, make_quote())
    venue.hear(venue.market, GAP)

    recorded = stage.toolbox.memory_recorders["coinbase"].entries
    url = venue.market.url.encode()
    frames = [("frame", b"frame 0"), ("frame", b"frame 1")]
    assert recorded[:4] == [("opened", url), *frames, ("closed", b"gap")]


def test_a_recording_that_fails_is_told_and_the_feed_goes_on(venue: FakeVenue) -> None:
    recording = Settings(recording=RecordingSettings(enabled=True))
    stage = venue.stage = Stage(recording, kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)
    stage.toolbox.memory_recorders["coinbase"].failure = "No space left on device"

    stage.advance(seconds=130)

    alarms = [message for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]
    assert [alarm.text for alarm in alarms if "recording" in alarm.subject] == ["stopped: No space left on device"]
    assert stage.is_played(FEED)


def test_a_recording_whose_file_was_taken_away_is_told_once_and_counted(venue: FakeVenue) -> None:
    recording = Settings(recording=RecordingSettings(enabled=True))
    stage = venue.stage = Stage(recording, kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)
    stage.toolbox.memory_recorders["coinbase"].files_lost = 1

    stage.advance(seconds=130)

    alarms = [message for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]
    assert [alarm.text for alarm in alarms if "recording" in alarm.subject] == [FILE_LOST]
    assert stage.actor(FEED).counters["recordings_lost"] == 1


class Router(BaseActor):
    """Asks the feed for depth, as whoever decides where to trade does."""

    def receiveMsg_RequestDepth(self, request: RequestDepth, sender: str) -> None:
        self.answers = []
        self.ask(FEED, request, self.answers.append)


def test_depth_is_told_on_request_and_only_while_it_can_be_believed(venue: FakeVenue, stage: Stage) -> None:
    levels = [Level(True, D(99), D(1)), Level(True, D(98), D(2)), Level(False, D(101), D(3))]
    venue.market.book.replace(levels, ts_event=1)
    router = stage.cast(Router, "router")

    venue.hear(venue.market, WHOLE, heartbeat(stage))
    stage.tell("router", RequestDepth(instrument="BTC-USD", levels=1))
    [whole] = router.answers
    venue.hear(venue.market, GAP)
    stage.tell("router", RequestDepth(instrument="BTC-USD", levels=1))
    [gapped] = router.answers

    assert (whole.bids, whole.asks, whole.is_whole) == (((D(99), D(1)),), ((D(101), D(3)),), True)
    assert (gapped.bids, gapped.asks, gapped.is_whole) == ((), (), False)


def test_instruments_that_never_all_arrive_are_doubted_aloud(venue: FakeVenue, stage: Stage) -> None:
    for _ in range(4):
        venue.pipes[-1].closed = "1006"
        stage.advance(seconds=2.5)  # a new connection, but no word of a silent one yet

    alarms = [message for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]
    assert [alarm.text for alarm in alarms] == [
        "no connection brings all prices (1006); are these listed there: BTC-USD, ETH-USD, SOL-USD?"
    ]


def test_it_subscribes_right_after_connecting(venue: FakeVenue, stage: Stage) -> None:
    assert venue.pipes[0].sent == ["subscribe"]


def test_a_quote_reaches_the_reader_with_the_state_of_its_stream(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, WHOLE, heartbeat(stage), make_quote())

    [batch] = batches(stage)
    assert batch.quotes == (make_quote(),)
    assert batch.state.is_connected and batch.state.is_whole
    assert batch.state.alive_ns == START.monotonic_ns + SECOND_NS // 20
    assert batch.state.clock_offset_ns is not None


def test_marks_reach_the_reader_and_are_still_counted(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, make_mark("64000"), make_quote(), make_mark("64001"))

    assert [batch.figures for batch in batches(stage)] == [(make_mark("64001"),)]
    assert stage.actor(FEED).counters["MarkPrice"] == 2


def test_a_mark_that_the_clock_of_the_venue_cannot_have_stamped_yet_values_nothing(
    venue: FakeVenue, stage: Stage
) -> None:
    venue.hear(venue.market, make_mark("64000", ts_event=START.utc_ns + 10**15))

    assert not any(batch.figures for batch in batches(stage))
    assert stage.actor(FEED).counters["future_prices"] == 1


def test_a_reader_gets_no_more_than_it_granted_and_then_the_newest(venue: FakeVenue, stage: Stage) -> None:
    stage.tell(FEED, SubscribeMarketData(credit=1), sender=READER)
    sent = len(batches(stage))
    for bid in ("1", "2", "3"):
        venue.hear(venue.market, make_quote(bid=bid, ask="4"))
    assert len(batches(stage)) == sent

    stage.tell(FEED, GrantCredit(batches=1), sender=READER)

    assert len(batches(stage)) == sent + 1
    assert [str(quote.bid_price) for quote in batches(stage)[-1].quotes] == ["3"]


def test_a_gap_makes_prices_unbelievable_and_the_connection_new(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, WHOLE, make_quote())

    venue.hear(venue.market, GAP)

    assert batches(stage)[-1].state.is_whole is False
    stage.advance(seconds=3)
    assert venue.pipes[0].is_closed_by_us
    assert len(venue.pipes) == 2
    assert stage.actor(FEED).counters["gaps"] == 1


def test_an_open_but_silent_stream_is_given_up_even_before_its_first_message(venue: FakeVenue, stage: Stage) -> None:
    stage.advance(seconds=5)

    assert venue.pipes[0].is_closed_by_us
    assert len(venue.pipes) >= 2


def test_heartbeats_keep_a_quiet_stream_alive(venue: FakeVenue, stage: Stage) -> None:
    for _ in range(10):
        venue.hear(venue.market, heartbeat(stage))
        stage.advance(seconds=1)

    assert len(venue.pipes) == 1


def test_a_lost_connection_is_told_at_once(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, WHOLE)

    venue.pipes[0].closed = "1006"
    stage.advance(seconds=0.05)

    assert batches(stage)[-1].state.is_connected is False


def test_what_cannot_be_read_is_counted_and_the_stream_goes_on(venue: FakeVenue, stage: Stage) -> None:
    broken = DecodeFailed(ts_event=START.utc_ns, venue="coinbase", category="parse", reason="torn", raw=b"{")

    venue.hear(venue.market, broken, make_quote())

    assert stage.actor(FEED).counters["decode_errors"] == 1
    assert len(batches(stage)[-1].quotes) == 1


def test_its_report_says_whether_prices_are_refused_and_in_the_words_of_risk(venue: FakeVenue, stage: Stage) -> None:
    def reported() -> tuple[str, str]:
        stage.advance(seconds=0.5)
        report = [m for m in stage.received[Role.MONITOR] if isinstance(m, VenueReported)][-1]
        return report.state, report.trouble

    venue.hear(venue.market, WHOLE, heartbeat(stage), make_quote(ts_event=stage.clock.now().utc_ns))
    good = reported()
    venue.hear(venue.market, GAP)

    assert good == ("connected", "")
    assert reported() == ("reconnecting", "gapped_quote")


def test_a_halt_reaches_readers_and_the_person_at_once_and_so_does_its_end(venue: FakeVenue, stage: Stage) -> None:
    """TC-D60."""

    def told(status: TradingStatus) -> InstrumentStatus:
        return InstrumentStatus(ts_event=START.utc_ns, venue="coinbase", instrument="BTC-USD", status=status)

    venue.hear(venue.market, told(TradingStatus.HALTED))
    halted = batches(stage)[-1].state.halted
    venue.hear(venue.market, told(TradingStatus.TRADING))

    assert (halted, batches(stage)[-1].state.halted) == (("BTC-USD",), ())
    alarms = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert [(alarm.subject, alarm.text) for alarm in alarms] == [("coinbase BTC-USD", "trading there is halted")]
    overs = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmOver)]
    assert [(over.subject, over.text) for over in overs] == [("coinbase BTC-USD", "trading there is halted")]


def test_what_the_stream_says_of_an_instrument_reaches_the_gateway(venue: FakeVenue, stage: Stage) -> None:
    gateway = Role.EXCHANGE_GATEWAY.at("coinbase")
    told = InstrumentStatus(
        ts_event=START.utc_ns,
        venue="coinbase",
        instrument="BTC-USD",
        status=TradingStatus.TRADING,
        lot_size=D("0.00001"),
    )

    venue.hear(venue.market, told)

    assert stage.received[gateway] == [told]


def test_a_frame_that_was_dropped_is_counted(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, LateFrame(ts_event=START.utc_ns, venue="coinbase", number=3))

    assert stage.actor(FEED).counters["late_frames"] == 1


def test_the_clock_of_the_venue_is_learned_from_trades_too(venue: FakeVenue, stage: Stage) -> None:
    now = stage.clock.now()
    late = make_quote(ts_event=now.utc_ns - 3 * SECOND_NS, read_ns=now.monotonic_ns)
    prompt = make_trade(ts_event=now.utc_ns, read_ns=now.monotonic_ns)

    venue.hear(venue.market, late, prompt)

    assert batches(stage)[-1].state.lag_ns == 3 * SECOND_NS


def test_a_replayed_trade_says_nothing_about_the_clock_of_the_venue(venue: FakeVenue, stage: Stage) -> None:
    old = make_trade(ts_event=START.utc_ns - 3 * SECOND_NS, is_history=True)

    venue.hear(venue.market, old)

    assert batches(stage)[-1].state.clock_offset_ns is None


def test_a_complaint_of_the_venue_is_an_alarm_once(venue: FakeVenue, stage: Stage) -> None:
    complaint = VenueComplained(ts_event=START.utc_ns, venue="coinbase", text="no such product")

    venue.hear(venue.market, complaint)
    venue.hear(venue.market, complaint)

    alarms = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert [alarm.text for alarm in alarms] == ["no such product"]


def test_a_late_reader_gets_the_trades_before_it_as_history(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.market, make_trade(trade_id="1"), make_trade(trade_id="2"))

    stage.tell(FEED, SubscribeMarketData(credit=2, wants_history=True), sender=str(Role.SIGNAL_ENGINE))

    [batch] = stage.received[Role.SIGNAL_ENGINE]
    assert [(trade.trade_id, trade.is_history) for trade in batch.trades] == [("1", True), ("2", True)]


def test_each_dial_is_reported_to_the_breaker_and_an_open_one_stops_dialing(venue: FakeVenue) -> None:
    venue.refusals.extend([Retryable("refused", code="refused")] * 3)
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)
    stage.advance(seconds=0.1)
    breaker = Role.CIRCUIT_BREAKER.at("coinbase")
    [ended] = [m for m in stage.received[breaker] if isinstance(m, OperationEnded)]
    assert (ended.operation, ended.succeeded, ended.reason) == (Operation.DATA, False, "refused")

    opened = BreakerChanged(ts_event=START.utc_ns, venue="coinbase", operation=Operation.DATA, state=BreakerState.OPEN)
    stage.tell(FEED, opened, sender=breaker)
    stage.advance(seconds=20)

    assert len(venue.refusals) == 2


def test_a_refused_credential_is_not_tried_again(venue: FakeVenue) -> None:
    venue.refusals.append(Fatal("unauthorized", code="401"))
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(PriceFeed, FEED)

    stage.advance(seconds=60)

    assert venue.pipes == []


@pytest.mark.parametrize("part", ["sleep", "step forward", "step back"])
def test_after_our_clocks_have_parted_only_what_a_new_connection_brings_is_believed(
    venue: FakeVenue, stage: Stage, part: str
) -> None:
    venue.hear(venue.market, WHOLE, heartbeat(stage), make_quote())

    clock = stage.clock
    clock.sleep(3600) if part == "sleep" else clock.step(3600 if part == "step forward" else -3600)
    venue.hear(venue.market, heartbeat(stage), make_quote("1.00", "1.10", ts_event=clock.now().utc_ns))
    parted = batches(stage)[-1]
    stage.advance(seconds=2)
    venue.hear(venue.market, WHOLE, heartbeat(stage), make_quote(ts_event=clock.now().utc_ns))

    assert (parted.state.is_whole, parted.state.is_connected, parted.quotes) == (False, False, ())
    healed = batches(stage)[-1].state
    assert (healed.is_whole, len(venue.pipes)) == (True, 2)
    assert healed.clock_offset_ns < SECOND_NS // 10
    alarms = [message.text for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]
    slept = "the machine slept for 3600.0 s: connecting anew"
    assert (alarms == [slept]) == (part == "sleep") and len(alarms) == 1


def test_a_book_that_heals_alone_leaves_the_stream_whole(venue: FakeVenue, stage: Stage) -> None:
    whole = StreamWhole(ts_event=1, venue="coinbase")
    gap = StreamGap(ts_event=1, venue="coinbase", expected=5, got=5, is_healing=True)
    venue.hear(venue.market, whole, make_quote())

    venue.hear(venue.market, gap, make_quote(is_whole=False))

    newest = stage.received[READER][-1]
    assert newest.state.is_whole
    assert [quote.is_whole for quote in newest.quotes] == [False]
    assert stage.actor(FEED).counters["gaps"] == 1


def test_what_is_left_out_is_told_to_whoever_watches(venue: FakeVenue, stage: Stage) -> None:
    venue.market.left_out = ("DOGE-USD",)
    stage.advance(seconds=1)

    reports = [message for message in stage.received[Role.MONITOR] if isinstance(message, VenueReported)]
    assert reports[-1].left_out == ("DOGE-USD",)
