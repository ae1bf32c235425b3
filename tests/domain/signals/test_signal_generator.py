"""The signal generator: from batches to signals, on time, once, and never from data that cannot be believed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.effects import Effect, Role, Tell, WakeAt, WakeupKey
from domain.errors import InvalidSetting
from domain.instant import Instant
from domain.instrument import Side
from domain.messages.market import MarketBatch, Quote, Trade
from domain.messages.signals import Signal
from domain.settings import PROFILES, SignalSettings
from domain.signals.signal_generator import SignalGenerator, SignalWakeup
from domain.signals.strategies import STRATEGIES
from tests.builders import MONO, UTC, make_quote, make_stream_state, make_trade

CANDLE = WakeupKey(SignalWakeup.CANDLE, "coinbase")
MS = 1_000_000
DEMO = SignalSettings(**PROFILES["demo"]["signals"])
OFFSET_NS = -3_600_000 * MS  # the venue's clock is an hour ahead of ours
LATENCY_MS = 20


def now_at(ms: float) -> Instant:
    return Instant(MONO + round(ms * MS), UTC + round(ms * MS))


def venue_ts(ms: float) -> int:
    """Return what the venue's clock shows when ours shows `ms`; candles open at whole seconds of both."""
    return UTC + round(ms * MS) - OFFSET_NS


def trade_at(ms: float, price: str, **changes) -> Trade:
    fields = {"trade_id": f"{ms}", "ts_event": venue_ts(ms), "read_ns": now_at(ms + LATENCY_MS).monotonic_ns}
    return make_trade(price, **{**fields, **changes})


def quote_at(ms: float, **changes) -> Quote:
    fields = {"ts_event": venue_ts(ms), "read_ns": now_at(ms + LATENCY_MS).monotonic_ns}
    return make_quote(**{**fields, **changes})


def batch_at(ms: float, *frames: Quote | Trade, venue: str = "coinbase", **state) -> MarketBatch:
    """Return what reaches the order manager at `ms`, from a stream that is whole and was just proven alive."""
    fields = {
        "ts_event": UTC,
        "venue": venue,
        "alive_ns": now_at(ms - LATENCY_MS).monotonic_ns,
        "clock_offset_ns": OFFSET_NS,
    }
    return MarketBatch(
        venue=venue,
        quotes=tuple(frame for frame in frames if isinstance(frame, Quote)),
        trades=tuple(frame for frame in frames if isinstance(frame, Trade)),
        bars=(),
        state=make_stream_state(**{**fields, **state}),
    )


def signals(effects: list[Effect]) -> list[Signal]:
    return [effect.message for effect in effects if isinstance(effect, Tell)]


def wakeups(effects: list[Effect]) -> list[WakeAt]:
    return [effect for effect in effects if isinstance(effect, WakeAt)]


def run_market(
    manager: SignalGenerator, seconds: range, first_price: int = 100, step: int = 1, **state
) -> list[Effect]:
    """Let one trade print in the middle of each second, and quotes arrive four times a second."""
    effects = []
    for second in seconds:
        price = str(first_price + step * second)
        for part_ms in (0, 250, 500, 750):
            ms = 1000 * second + part_ms
            frames = [quote_at(ms)]
            if part_ms == 500:
                frames.append(trade_at(ms, price))
            effects += manager.apply(batch_at(ms + LATENCY_MS, *frames, **state), now_at(ms + LATENCY_MS))
    return effects


@pytest.fixture
def manager() -> SignalGenerator:
    return SignalGenerator(DEMO)


# ---- speaking --------------------------------------------------------------------------------------------


def test_closed_live_candle_with_a_winner_becomes_one_signal_to_the_portfolio(manager: SignalGenerator) -> None:
    before = run_market(manager, range(0, 10))
    effects = run_market(manager, range(10, 11))

    assert signals(before) == []
    assert [effect for effect in effects if isinstance(effect, Tell)] == [
        Tell(
            Role.PORTFOLIO,
            Signal(
                ts_event=now_at(10_520).utc_ns,
                signal_id=f"fast_scalping:coinbase:BTC-USD:1s:{venue_ts(9000)}",
                venue="coinbase",
                instrument="BTC-USD",
                side=Side.BUY,
                confidence=pytest.approx(0.8 * 0.4 / 0.6),
                strategies=("fast_scalping",),
                candle_close=Decimal("109"),
                expires_at=now_at(15_500).utc_ns,
                origin_read_ns=now_at(10_520).monotonic_ns,
                expires_ns=now_at(15_500).monotonic_ns,
            ),
        )
    ]


def test_fast_scalping_alone_trades_in_the_demo_and_not_by_default() -> None:
    cautious = SignalSettings(candle_s=1.0)

    in_demo = signals(run_market(SignalGenerator(DEMO), range(0, 30)))
    by_default = signals(run_market(SignalGenerator(cautious), range(0, 30)))

    assert in_demo[-1].strategies == ("fast_scalping",)
    assert in_demo[-1].confidence == pytest.approx(0.32)
    assert [signal for signal in by_default if signal.confidence < 0.5] == []
    assert len(by_default) < 4 < len(in_demo)  # by default only while momentum scalping warms up


def test_falling_market_sells(manager: SignalGenerator) -> None:
    assert signals(run_market(manager, range(0, 20), step=-1))[-1].side is Side.SELL


def test_each_candle_speaks_at_most_once(manager: SignalGenerator) -> None:
    said = signals(run_market(manager, range(0, 40)))

    opened = [int(signal.signal_id.rsplit(":", 1)[1]) for signal in said]
    assert opened == sorted(set(opened))
    assert opened == list(range(venue_ts(9000), venue_ts(39_000), 1000 * MS))


def test_same_batches_give_identical_effects() -> None:
    assert run_market(SignalGenerator(DEMO), range(0, 25)) == run_market(SignalGenerator(DEMO), range(0, 25))


def test_instruments_and_venues_have_series_of_their_own(manager: SignalGenerator) -> None:
    effects: list[Effect] = []
    for second in range(0, 15):
        ms = 1000 * second + 500
        up, down = trade_at(ms, str(100 + second)), trade_at(ms, str(100 - second), instrument="ETH-USD")
        elsewhere = trade_at(ms, str(100 - second), venue="dydx")
        effects += manager.apply(batch_at(ms + LATENCY_MS, up, down), now_at(ms + LATENCY_MS))
        effects += manager.apply(batch_at(ms + LATENCY_MS, elsewhere, venue="dydx"), now_at(ms + LATENCY_MS))

    assert {(signal.venue, signal.instrument): signal.side for signal in signals(effects)} == {
        ("coinbase", "BTC-USD"): Side.BUY,
        ("coinbase", "ETH-USD"): Side.SELL,
        ("dydx", "BTC-USD"): Side.SELL,
    }


def test_frame_of_another_instrument_closes_the_candles_of_all(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 10))

    effects = manager.apply(
        batch_at(
            10_540,
            quote_at(10_400, instrument="BTC-USD"),
            quote_at(10_501, instrument="ETH-USD"),
            quote_at(10_510, instrument="SOL-USD"),
        ),
        now_at(10_540),
    )

    # The first frame past the watermark, which was due at 10,500 ms, is the one that closed it.
    assert [signal.origin_read_ns for signal in signals(effects)] == [now_at(10_521).monotonic_ns]


def test_signal_expires_counted_from_when_its_candle_was_due(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 12))

    effects = manager.apply(batch_at(14_020, quote_at(14_000)), now_at(14_020))

    assert [signal.expires_at for signal in signals(effects)] == [
        now_at(17_500).utc_ns,
        now_at(18_500).utc_ns,
    ]


def test_candle_that_closes_after_its_signal_would_have_expired_says_nothing(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 12))

    effects = manager.apply(batch_at(17_520, quote_at(17_500)), now_at(17_520))

    assert [signal.signal_id.rsplit(":", 1)[1] for signal in signals(effects)] == [
        str(venue_ts(ms)) for ms in (12_000, 13_000, 14_000, 15_000, 16_000)
    ]
    assert manager.counters["expired_signals"] == 1


# ---- closing in quiet times --------------------------------------------------------------------------------


def test_wakeup_closes_the_candle_when_no_frame_does(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 10))
    alive = manager.apply(batch_at(10_100, alive_ns=now_at(10_100).monotonic_ns), now_at(10_100))

    effects = manager.tick(CANDLE, now_at(10_750))

    assert signals(alive) == []
    assert [signal.candle_close for signal in signals(effects)] == [Decimal("109")]
    assert signals(effects)[0].origin_read_ns == 0


def test_wakeup_gives_frames_a_head_start(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 10))
    candles_before = manager.counters["candles"]

    manager.tick(CANDLE, now_at(10_749))

    assert manager.counters["candles"] == candles_before


def test_one_wakeup_at_a_time_leads_to_the_next_candle(manager: SignalGenerator) -> None:
    first = manager.apply(batch_at(520, trade_at(500, "100")), now_at(520))
    again = manager.apply(batch_at(600, quote_at(580)), now_at(600))
    rung = manager.tick(CANDLE, now_at(1750))

    assert wakeups(first) == [WakeAt(now_at(1750).monotonic_ns, CANDLE)]
    assert wakeups(again) == []
    assert wakeups(rung) == [WakeAt(now_at(2750).monotonic_ns, CANDLE)]


def test_no_wakeup_before_there_is_anything_to_close(manager: SignalGenerator) -> None:
    assert manager.apply(batch_at(520, quote_at(500)), now_at(520)) == []


def test_silent_stream_closes_candles_but_says_nothing(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 12))
    said, candles = manager.counters["signals"], manager.counters["candles"]

    effects = [effect for ms in range(12_750, 20_750, 1000) for effect in manager.tick(CANDLE, now_at(ms))]

    assert signals(effects) == []
    assert (manager.counters["signals"], manager.counters["candles"]) == (said, candles + 8)


def test_step_of_the_wall_clock_closes_nothing(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 12))
    candles = manager.counters["candles"]

    stepped = Instant(now_at(11_800).monotonic_ns, now_at(11_800 + 3_600_000).utc_ns)
    manager.tick(CANDLE, stepped)

    assert manager.counters["candles"] == candles


def test_unknown_clock_offset_falls_back_on_the_newest_frame(manager: SignalGenerator) -> None:
    unknown = {"clock_offset_ns": None, "clock_error_ns": OFFSET_NS}
    effects = run_market(manager, range(0, 11), alive_ns=0, **unknown)

    assert [signal.candle_close for signal in signals(effects)] == [Decimal("109")]
    assert wakeups(effects)[0].due_ns == now_at(1750 + LATENCY_MS).monotonic_ns


@pytest.mark.parametrize("ahead_ms", [5_000, 1_548_000_000_000])
def test_no_frame_of_the_future_closes_a_candle_while_the_clock_of_the_venue_is_unknown(
    manager: SignalGenerator, ahead_ms: int
) -> None:
    run_market(manager, range(0, 5))
    candles = manager.counters["candles"]

    unknown = {"clock_offset_ns": None, "clock_error_ns": OFFSET_NS}
    manager.apply(batch_at(5000, quote_at(5000 + ahead_ms), **unknown), now_at(5000))
    run_market(manager, range(5, 12))

    assert (manager.counters["future_frames"], manager.counters["candles"]) == (1, candles + 7)
    assert manager.counters["gapped_candles"] == 0


# ---- data that cannot be believed --------------------------------------------------------------------------


def test_history_warms_up_but_never_speaks(manager: SignalGenerator) -> None:
    replay = [trade_at(1000 * second + 500, str(100 + second), is_history=True) for second in range(-30, 0)]
    warm = manager.apply(batch_at(100, *reversed(replay), quote_at(80)), now_at(100))
    live = run_market(manager, range(1, 4))

    assert signals(warm) == []
    assert manager.counters["late_trades"] == 0
    # The candle from 0 to 1 s began before the stream was proven whole; the first to speak is the next.
    assert signals(live)[0].signal_id.endswith(f":{venue_ts(1000)}")


@pytest.mark.parametrize(
    "broken",
    [{"is_whole": False}, {"is_connected": False}],
    ids=["not whole", "not connected"],
)
def test_candle_with_a_broken_stream_in_it_says_nothing(manager: SignalGenerator, broken: dict) -> None:
    run_market(manager, range(0, 15))
    manager.apply(batch_at(15_100, **broken), now_at(15_100))

    opened = [signal.signal_id.rsplit(":", 1)[1] for signal in signals(run_market(manager, range(16, 20)))]

    assert opened == [str(venue_ts(ms)) for ms in (16_000, 17_000, 18_000)]


@pytest.mark.parametrize("healed", [{"gaps": 1}, {"reconnects": 1}], ids=["gap", "reconnection"])
def test_break_that_healed_between_two_batches_is_seen_by_its_counter(manager: SignalGenerator, healed: dict) -> None:
    run_market(manager, range(0, 15))

    effects = run_market(manager, range(15, 19), **healed)

    opened = [signal.signal_id.rsplit(":", 1)[1] for signal in signals(effects)]
    assert opened == [str(venue_ts(ms)) for ms in (15_000, 16_000, 17_000)]


def test_new_subscription_of_a_restarted_feed_is_a_break(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 15))
    replay = trade_at(14_500, "114", is_history=True)

    manager.apply(batch_at(15_300, replay, quote_at(15_280)), now_at(15_300))
    effects = run_market(manager, range(16, 19))

    opened = [signal.signal_id.rsplit(":", 1)[1] for signal in signals(effects)]
    assert opened == [str(venue_ts(ms)) for ms in (16_000, 17_000)]
    assert manager.counters["duplicate_trades"] == 1


def test_frame_from_the_future_is_counted_and_closes_nothing(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 15))
    candles = manager.counters["candles"]

    manager.apply(batch_at(14_800, quote_at(86_400_000), trade_at(86_400_000, "1")), now_at(14_800))
    run_market(manager, range(15, 17))

    assert manager.counters["future_frames"] == 2
    assert manager.counters["candles"] == candles + 2
    assert manager.counters["late_trades"] == 0


def test_late_trades_are_counted(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 5))

    manager.apply(batch_at(5100, trade_at(2500, "1", trade_id="late")), now_at(5100))

    assert manager.counters["late_trades"] == 1


def test_strategies_start_over_after_a_long_silence() -> None:
    manager = SignalGenerator(SignalSettings(candle_s=1.0, winner_above=0.3, history=3))
    run_market(manager, range(0, 15))
    said = manager.counters["signals"]

    run_market(manager, range(100, 109))
    while_warming_up = manager.counters["signals"]
    run_market(manager, range(109, 115))

    assert while_warming_up == said
    assert manager.counters["signals"] > said


# ---- strategies that fail ----------------------------------------------------------------------------------


def test_strategy_that_raises_is_benched_everywhere_and_the_others_are_heard(
    manager: SignalGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STRATEGIES["momentum_scalping"], "update", lambda self, candle: 1 / 0)

    effects = run_market(manager, range(0, 15))

    assert manager.counters["candles"] == 14
    assert manager.counters["strategy_errors"] == 1
    [fall] = manager.bench.take_falls()
    assert (fall.name, fall.reason) == ("momentum_scalping", "it raised ZeroDivisionError: division by zero")
    assert signals(effects)[-1].strategies == ("fast_scalping",)


def test_weight_for_an_unknown_strategy_fails_when_the_desk_opens() -> None:
    with pytest.raises(InvalidSetting, match="hodl"):
        SignalGenerator(SignalSettings(weights={"hodl": 1.0}))


def test_counters_tell_what_happened(manager: SignalGenerator) -> None:
    run_market(manager, range(0, 15))

    assert manager.counters == {
        "signals": 5,
        "expired_signals": 0,
        "candles": 14,
        "gapped_candles": 0,
        "late_trades": 0,
        "duplicate_trades": 0,
        "future_frames": 0,
        "strategy_errors": 0,
    }
