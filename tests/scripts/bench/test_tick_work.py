"""The loops of the benchmark from tick to order decide what the system decides, on the frames that its venue sends."""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator.coinbase.encode import rfc3339
from adapters.venues.coinbase.market_stream import MarketStream
from domain.instant import Instant
from domain.instrument import Side
from domain.ledger.order_ids import NO_INSTANCE, mint_client_order_id
from domain.messages.market import MarketBatch, Quote, Trade
from domain.messages.signals import Signal
from domain.portfolio.opening import opening_id
from domain.signals.signal_generator import SignalGenerator
from domain.streams.health import StreamHealth
from scripts.bench.tick_processes import append, open_journal
from scripts.bench.tick_server import Connection, Market, Venue, calls_for_order
from scripts.bench.tick_system import BenchVenues, settings_of
from scripts.bench.tick_to_order import is_signed, make_key
from scripts.bench.tick_work import CANDLE_NS, Pen, Trader, Wish, order_id_of, read_tick, without_instance
from tests.builders import MONO, UTC

EVERY_NS = 5_000_000
FRAMES = 400  # forty candles: of each twelve, the last is bought on


class FakeTransport:
    """What a connection writes, and the socket below it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def get_extra_info(self, name: str) -> FakeTransport:
        return self

    def setsockopt(self, *option: int) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.writes.append(data)


def frames() -> list[bytes]:
    connection, market = Connection(Venue()), Market()
    events = [("l2_data", market.snapshot(rfc3339(UTC)), UTC)]
    for number in range(FRAMES):
        ts_event = UTC + number * EVERY_NS
        events.append((*market.tell(number, rfc3339(ts_event)), ts_event))
    framed = [connection.framed(*event) for event in events]
    return [data[data.index(b"{") :] for data in framed]


def by_loop(messages: list[bytes]) -> dict[int, str]:
    """Return what a loop orders: number of the frame -> id."""
    trader, found = Trader(), {}
    for number, message in enumerate(messages):
        tick = read_tick(message)
        wish = None if tick is None else trader.hear(tick)
        if wish is not None:
            found[number] = wish.client_order_id
    return found


def by_system(messages: list[bytes], directory: Path) -> dict[int, str]:
    """Return the same of the system's own stream and signals, for the first attempt of an opening."""
    settings = settings_of(directory, "multiprocUnixBase", "normal")
    stream, health = MarketStream(settings.venues["coinbase"]), StreamHealth("coinbase")
    generator, found = SignalGenerator(settings.signals), {}
    stream.hello(Instant(MONO, UTC))
    health.connected()
    health.is_whole = True
    for number, message in enumerate(messages):
        passed_ns = max(number - 1, 0) * EVERY_NS
        now = Instant(MONO + passed_ns, UTC + passed_ns)
        events = stream.decode(message, now.monotonic_ns, now)
        quotes = tuple(event for event in events if isinstance(event, Quote))
        trades = tuple(event for event in events if isinstance(event, Trade))
        assert quotes or trades
        health.stamped(UTC + passed_ns, now)
        health.proven_alive(now.monotonic_ns)
        batch = MarketBatch(venue="coinbase", quotes=quotes, trades=trades, bars=(), state=health.state(now))
        for effect in generator.apply(batch, now):
            signal = getattr(effect, "message", None)
            if isinstance(signal, Signal):
                assert signal.side is Side.BUY, "nothing is sold on"
                found[number] = mint_client_order_id(opening_id(signal.signal_id), 0, 1)
    return found


def test_loops_order_on_the_same_frames_under_the_same_ids_as_the_system(tmp_path: Path) -> None:
    messages = frames()
    ordered = by_loop(messages)

    assert ordered == by_system(messages, tmp_path)
    first, last = min(ordered), max(ordered)
    assert list(ordered) == list(range(first, last + 1, 120)) and len(ordered) == 3, "one order in twelve candles"


def test_venue_knows_the_id_of_the_order_before_it_sends_the_frame() -> None:
    for number, client_order_id in by_loop(frames()).items():
        closing, closes_at = number - 1, UTC + (number - 1) * EVERY_NS  # the first message was the snapshot
        assert closes_at % CANDLE_NS == 0
        assert client_order_id == order_id_of(closes_at - CANDLE_NS)
        assert calls_for_order(closing * EVERY_NS // CANDLE_NS - 1)


def test_candle_that_was_not_heard_from_its_beginning_is_none() -> None:
    third, bought_on = 1 + 3 * 10, 1 + 13 * 10  # the third candle is needed to be warm by the twelfth
    messages = frames()[: bought_on + 1]

    assert len(by_loop(messages[third:])) == 1
    assert not by_loop(messages[third + 6 :])  # all that it lacks is its print


def test_instance_is_taken_out_of_an_id() -> None:
    own = mint_client_order_id("intent", 0, 1, instance="abcd")

    assert without_instance(own) == mint_client_order_id("intent", 0, 1, NO_INSTANCE)


# ---- the venue ---------------------------------------------------------------------------------------------


@pytest.fixture
def request_and_key(tmp_path: Path) -> tuple[bytes, Any]:
    key = make_key(tmp_path / "key.json")
    headers, body = Pen(1234, str(tmp_path / "key.json")).write(Wish("an-id", Decimal("68900.10")))
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /api/v3/brokerage/orders HTTP/1.1\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body, key


def connected(venue: Venue) -> tuple[Connection, FakeTransport]:
    connection, transport = Connection(venue), FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def test_order_is_stamped_when_all_of_it_is_there(request_and_key: tuple[bytes, Any]) -> None:
    venue, (request, key) = Venue(), request_and_key
    connection, transport = connected(venue)

    connection.data_received(request[:-1])
    assert not venue.arrivals
    connection.data_received(request[-1:])

    ((client_order_id, read_ns, token),) = venue.arrivals
    assert client_order_id == "an-id" and read_ns > 0
    assert is_signed(token, key)
    answer = json.loads(transport.written.partition(b"\r\n\r\n")[2])
    assert answer["success_response"]["client_order_id"] == "an-id"


def test_two_orders_in_one_read_are_two(request_and_key: tuple[bytes, Any]) -> None:
    venue = Venue()
    connection, _ = connected(venue)

    connection.data_received(2 * request_and_key[0])

    assert len(venue.arrivals) == 2


def test_token_of_another_key_is_none(request_and_key: tuple[bytes, Any], tmp_path: Path) -> None:
    venue = Venue()
    connection, _ = connected(venue)
    connection.data_received(request_and_key[0])

    assert not is_signed(venue.arrivals[0][2], make_key(tmp_path / "another.json"))
    assert not is_signed("", request_and_key[1])


# ---- the others --------------------------------------------------------------------------------------------


def test_system_is_led_to_the_venue_and_its_journal_synced_as_asked(tmp_path: Path) -> None:
    settings = BenchVenues(1234, "key.json").lead(settings_of(tmp_path, "multiprocTCPBase", "full"))

    assert settings.venues.keys() == {"coinbase"}
    assert settings.venues["coinbase"].rest_url == "http://127.0.0.1:1234"
    assert settings.venues["coinbase"].key_file == "key.json"
    assert (settings.system.actor_base, settings.journal_synchronous) == ("multiprocTCPBase", "full")


def test_bare_append_is_two_entries_synced_as_asked(tmp_path: Path) -> None:
    with closing(open_journal(str(tmp_path / "journal.sqlite"), "full")) as journal:
        append(journal, Wish("an-id", Decimal(1)))

        assert journal.execute("SELECT kind FROM journal").fetchall() == [("IntentAccepted",), ("OrderSubmitted",)]
        assert journal.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal.execute("PRAGMA journal_mode").fetchone() == ("wal",)
