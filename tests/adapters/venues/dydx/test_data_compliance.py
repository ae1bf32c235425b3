"""The data half of the adapter compliance matrix (TC-D) for dYdX: product code against the simulated venue.

Not offered by the venue, and so not here: historical deltas (D15), request options (D71, D72).
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from adapters.simulator.in_memory import MemoryPipe
from adapters.venues.dydx.market_stream import MarketStream
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind, Side
from domain.messages.base import Event
from domain.messages.market import (
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    InstrumentStatus,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueCandle,
)
from tests.simulated_dydx import VENUE_SETTINGS, SimulatedDydx

MINUTE_NS = 60 * SECOND_NS


class Listener:
    """A stream on a simulated venue."""

    def __init__(self, venue: SimulatedDydx) -> None:
        self.venue = venue
        self.codec = MarketStream(VENUE_SETTINGS)
        self.pipe: MemoryPipe = venue.connect(self.codec)

    def hear(self, seconds: float, every_s: float = 0.02) -> list[Event]:
        return self.venue.listen(self.codec, self.pipe, seconds, every_s)

    def reconnect(self) -> None:
        self.pipe.close()
        self.pipe = self.venue.connect(self.codec)

    def silent(self) -> tuple[str, ...]:
        return self.codec.watch.silent(self.venue.clock.now().monotonic_ns)

    def touch(self, instrument: str) -> tuple:
        book = self.venue.world.markets["dydx"].products[instrument].book
        return book.best_price(Side.BUY), book.best_price(Side.SELL)


@pytest.fixture
def venue() -> SimulatedDydx:
    return SimulatedDydx(quotes_per_s=8.0, warm_up_s=2.0)


@pytest.fixture
def listener(venue: SimulatedDydx) -> Listener:
    return Listener(venue)


def only(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


# ---- instruments -----------------------------------------------------------------------------------------


def test_d01_all_instruments_have_a_symbol_and_a_grid(venue: SimulatedDydx) -> None:
    found = venue.client.load_instruments((), 5)

    assert [one.symbol for one in found] == ["BTC-USD", "ETH-USD", "SOL-USD"]
    assert all(one.tick_size > 0 and one.lot_size > 0 for one in found)


def test_d02_each_instrument_subscribed_to_is_updated(listener: Listener) -> None:
    heard = listener.hear(3)

    for kind in (Quote, MarkPrice):
        assert {event.instrument for event in only(heard, kind)} == {"BTC-USD", "ETH-USD", "SOL-USD"}


def test_d03_one_instrument_is_loaded_with_its_rules(venue: SimulatedDydx) -> None:
    (one,) = venue.client.load_instruments(("ETH-USD",), 5)

    listed = venue.world.markets["dydx"].products["ETH-USD"].instrument
    assert msgspec.structs.replace(listed, max_quantity=one.max_quantity) == one
    assert one.kind is InstrumentKind.PERPETUAL


# ---- books and quotes ------------------------------------------------------------------------------------


def test_d10_d14_the_book_follows_the_venues_and_is_never_crossed(listener: Listener) -> None:
    listener.hear(0.5)
    for _ in range(20):
        for instrument in ("BTC-USD", "ETH-USD", "SOL-USD"):
            quotes = [quote for quote in only(listener.hear(0.06), Quote) if quote.instrument == instrument]
            assert all(quote.is_whole and not quote.is_crossed for quote in quotes)
            if quotes:
                assert (quotes[-1].bid_price, quotes[-1].ask_price) == listener.touch(instrument)


def test_d11_d12_at_any_moment_ten_levels_of_the_book_are_there_and_sorted(listener: Listener) -> None:
    listener.hear(1)

    bids, asks = listener.codec.levels("BTC-USD", 10)

    assert 0 < len(bids) <= 10 and 0 < len(asks) <= 10
    assert [level.price for level in bids] == sorted((level.price for level in bids), reverse=True)
    assert [level.price for level in asks] == sorted(level.price for level in asks)


def test_d13_one_snapshot_has_valid_levels(venue: SimulatedDydx) -> None:
    book = venue.client.find_order_book("SOL-USD", 5)

    top = book.top()
    assert top is not None and not top.is_crossed and min(top.bid_quantity, top.ask_quantity) > 0


def test_d14_a_lost_message_is_noticed_and_a_new_connection_heals(listener: Listener) -> None:
    listener.hear(1)

    listener.venue.inject("gap", channel="v4_orderbook")
    broken = listener.hear(1)
    listener.reconnect()
    healed = listener.hear(3)

    assert not only(broken, StreamGap)[0].is_healing
    assert len(only(healed, StreamWhole)) == 1
    assert all(quote.is_whole for quote in only(healed, Quote))


def test_f31_a_crossed_book_is_noticed_and_heals_on_the_same_connection(listener: Listener) -> None:
    listener.hear(1)

    listener.venue.inject("crossed_book", channel="v4_orderbook")
    heard = listener.hear(6)

    (gap,), (whole,) = only(heard, StreamGap), only(heard, StreamWhole)
    quotes = only(heard, Quote)
    assert gap.is_healing and heard.index(gap) < heard.index(whole)
    assert not any(quote.is_crossed for quote in quotes)
    (sick,) = {quote.instrument for quote in quotes if not quote.is_whole}
    last = [quote for quote in quotes if quote.instrument == sick][-1]
    assert last.is_whole and (last.bid_price, last.ask_price) == listener.touch(sick)


def test_d20_quotes_have_two_sides_with_sizes(listener: Listener) -> None:
    quotes = only(listener.hear(2), Quote)

    assert quotes
    assert all(quote.bid_price < quote.ask_price for quote in quotes)
    assert all(min(quote.bid_quantity, quote.ask_quantity) > 0 for quote in quotes)


# ---- trades and bars -------------------------------------------------------------------------------------


def test_d30_every_trade_of_the_tape_is_told_once(listener: Listener) -> None:
    trades = [trade for trade in only(listener.hear(6), Trade) if trade.instrument == "BTC-USD"]

    prints = list(listener.venue.world.markets["dydx"].products["BTC-USD"].tape.prints)
    told = [(trade.price, trade.quantity, trade.aggressor) for trade in trades]
    assert told == [(one.price, one.quantity, one.aggressor) for one in prints[: len(told)]]
    assert len({trade.trade_id for trade in trades}) == len(trades) > 20
    assert any(trade.is_history for trade in trades) and not trades[-1].is_history


def test_d30_a_reconnect_repeats_no_trade(listener: Listener) -> None:
    first = only(listener.hear(3), Trade)
    listener.reconnect()
    second = only(listener.hear(3), Trade)

    ids = [trade.trade_id for trade in first + second]
    assert len(ids) == len(set(ids))


def test_d31_the_history_of_trades_is_complete_across_pages() -> None:
    venue = SimulatedDydx(trades_per_s=150.0, quotes_per_s=2.0, warm_up_s=10.0)

    found = venue.client.list_trades("BTC-USD", 0, 30)

    tape = venue.world.markets["dydx"].products["BTC-USD"].tape
    assert len(found) > 1_000  # more than a page
    assert [trade.quantity for trade in found] == [one.quantity for one in tape.prints][: len(found)]
    assert [trade.ts_event for trade in found] == sorted(trade.ts_event for trade in found)
    assert len({trade.trade_id for trade in found}) == len(found)


def test_d40_bars_are_bars(listener: Listener) -> None:
    bars = [event.candle for event in only(listener.hear(4), VenueCandle)]

    assert {bar.instrument for bar in bars} == {"BTC-USD", "ETH-USD", "SOL-USD"}
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_d41_the_history_of_bars_rises_without_a_gap() -> None:
    venue = SimulatedDydx(warm_up_s=600.0, quotes_per_s=0.2, trades_per_s=1.0)

    found = venue.client.list_candles("ETH-USD", "1MIN", venue.now_ns - 600 * SECOND_NS, venue.now_ns, 5)

    assert len(found) >= 10
    assert [later.open_ts - bar.open_ts for bar, later in pairwise(found)] == [MINUTE_NS] * (len(found) - 1)


# ---- marks, funding, status ------------------------------------------------------------------------------


def test_d50_d51_mark_and_index_are_the_oracles_price(listener: Listener) -> None:
    heard = listener.hear(4)

    marks, indices = only(heard, MarkPrice), only(heard, IndexPrice)
    assert [(one.instrument, one.price) for one in marks] == [(one.instrument, one.price) for one in indices]
    latest = {one.instrument: one for one in marks}
    for instrument, product in listener.venue.world.markets["dydx"].products.items():
        assert float(latest[instrument].price) == pytest.approx(float(product.index_price), rel=0.01)


def test_d52_funding_is_told_by_the_hour(listener: Listener) -> None:
    rates = only(listener.hear(2), FundingRate)

    assert {rate.instrument for rate in rates} == {"BTC-USD", "ETH-USD", "SOL-USD"}
    assert all(rate.interval_ns == 3_600 * SECOND_NS and abs(rate.rate) < 1 for rate in rates)


def test_d53_the_history_of_funding_is_in_order() -> None:
    venue = SimulatedDydx(quotes_per_s=0.01, trades_per_s=0.01, warm_up_s=5 * 3_600.0)

    rates = venue.client.list_funding_rates("BTC-USD", 0, venue.now_ns, 5)

    assert len(rates) == 5
    assert [rate.ts_event for rate in rates] == sorted(rate.ts_event for rate in rates)


def test_d60_a_halt_is_told_and_so_is_its_end(listener: Listener) -> None:
    listener.hear(1)

    listener.venue.world.inject({"venue": "dydx", "kind": "halt", "product": "BTC-USD", "seconds": 8})
    heard = listener.hear(12)

    statuses = [(event.instrument, event.status) for event in only(heard, InstrumentStatus)]
    assert statuses == [("BTC-USD", TradingStatus.HALTED), ("BTC-USD", TradingStatus.TRADING)]
    assert listener.silent() == ()  # a book that rests is no book that died


# ---- silence ---------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_day_without_trouble_has_none() -> None:
    listener = Listener(SimulatedDydx(quotes_per_s=1.0, trades_per_s=0.2))

    for _ in range(66):  # eleven minutes: every subscription was renewed
        heard = listener.hear(10, every_s=0.25)
        assert not only(heard, StreamGap)
        assert listener.silent() == ()
        assert len(only(heard, HeartbeatSeen)) >= 5


def test_f28_a_book_that_stalls_while_the_others_speak_costs_the_connection(listener: Listener) -> None:
    listener.hear(1)

    listener.venue.inject("stall", channel="v4_orderbook", seconds=60)
    listener.hear(12)

    assert any(name.startswith("v4_orderbook:") for name in listener.silent())


def test_f29_a_channel_that_never_begins_is_noticed_too(venue: SimulatedDydx) -> None:
    venue.inject("stall", channel="v4_trades", seconds=60)  # strikes with the first word
    listener = Listener(venue)

    heard = listener.hear(6)

    assert only(heard, Quote) and not only(heard, Trade)
    assert {name.split(":")[0] for name in listener.silent()} == {"v4_trades"}


def test_blocks_that_stall_prove_nothing_any_more(listener: Listener) -> None:
    listener.hear(1)

    listener.venue.inject("stall", channel="v4_block_height", seconds=60)
    listener.hear(8)

    assert "v4_block_height" in listener.silent()


def test_d70_after_the_end_nothing_is_said(listener: Listener) -> None:
    listener.hear(1)
    listener.pipe.close()

    assert listener.hear(2) == []
