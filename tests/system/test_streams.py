"""The feed's websocket against the simulated venue, on loopback.

The same numbers (T, F) are proven in virtual time by tests/domain/streams/test_session.py and
tests/actors/components/test_stream_driver.py; here they meet real sockets.
"""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from domain.streams.session_states import SessionState
from tests.system.live_feed import LiveFeed, Venue

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    venue = Venue(tmp_path_factory.mktemp("simulator"))
    yield venue
    venue.close()


@pytest.fixture
def connect(venue: Venue) -> Iterator[Callable[..., LiveFeed]]:
    feeds: list[LiveFeed] = []

    def connect(address: str = venue.address, **settings) -> LiveFeed:
        feeds.append(LiveFeed(address, **settings))
        return feeds[-1]

    yield connect
    for feed in feeds:
        feed.close()


def test_three_feeds_connect_and_hear_their_venue(connect) -> None:
    """T01, T02: within 5 s, each with a heartbeat, and nobody in the other's way."""
    feeds = [connect() for _ in range(3)]

    for feed in feeds:
        assert feed.run_until_whole() < 5

    assert all(feed.session.state is SessionState.CONNECTED for feed in feeds)
    assert all(feed.session.heartbeat_ns for feed in feeds)
    assert len({feed.feed.stream.pipe.fileno() for feed in feeds}) == 3


def open_things() -> tuple[int, int]:
    """Return how many files and threads this process has open."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_feeds_that_come_and_go_leave_no_socket_and_no_thread(connect) -> None:
    """WS-14: three clients, connected and disconnected in turn, each hearing only its own stream."""
    wait_until(lambda: not any(thread.name.startswith("executor") for thread in threading.enumerate()))
    gc.collect()  # what earlier tests left to it, and to calls that had to end, is not ours
    before = open_things()
    products = ("BTC-USD", "ETH-USD", "SOL-USD")
    feeds = [connect(instruments=(product,)) for product in products]
    for feed in feeds:
        feed.run_until_whole()

    for feed in (feeds[1], feeds[0], feeds[2]):
        feed.feed.stream.disconnect(2.0)
        feed.run_until(lambda: feed.session.state is SessionState.DISCONNECTED)
        feed.close()

    assert all(feed.session.counters["closed_gracefully"] == 1 for feed in feeds)
    for feed, product in zip(feeds, products):
        assert {quote.instrument for batch in feed.batches for quote in batch.quotes} == {product}
    wait_until(lambda: open_things() == before)


def test_a_closed_port_is_a_refusal(connect) -> None:
    """T06, T11."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    feed = connect(f"ws://127.0.0.1:{port}/")

    feed.run_until(lambda: feed.session.counters["failed_refused"] >= 2)

    assert feed.session.connection_id is None


@pytest.mark.parametrize("kind", ["malformed", "binary", "empty"])
def test_a_frame_that_is_no_message_is_counted_and_the_stream_goes_on(connect, venue: Venue, kind: str) -> None:
    """T05, T13."""
    feed = connect()
    feed.run_until_whole()

    venue.inject(kind, channel="heartbeats")
    feed.run_until(lambda: feed.feed.counters["decode_errors"] == 1)
    feed.run_until(lambda: feed.batches[-1].quotes)

    assert feed.session.state is SessionState.CONNECTED


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("close", "1011"),
        ("drop", "1006"),
        ("gap", "gap"),
        ("wrong_sequence", "gap"),
        ("crossed_book", "gap"),
        ("bad_utf8", "1007"),
        ("bad_frame", "1002"),
        ("oversize", "1009"),
    ],
)
def test_a_broken_stream_voids_its_prices_and_is_replaced(connect, venue: Venue, kind: str, reason: str) -> None:
    """T14 to T16, T20, F27, F30: the reader is told at once, and a new connection makes it whole."""
    feed = connect()
    feed.run_until_whole()

    venue.inject(kind, **({"channel": "level2"} if kind == "crossed_book" else {}))
    feed.run_until(lambda: not feed.batches[-1].state.is_whole)
    voided = feed.session.last_failure
    feed.run_until_whole()

    assert voided == reason
    assert feed.count("reconnects") == 1


def test_a_channel_that_stalls_while_others_speak_costs_the_connection(connect, venue: Venue) -> None:
    """F28."""
    feed = connect(book_timeout_s=1.0)
    feed.run_until_whole()

    venue.inject("stall", channel="level2", seconds=3.0)
    feed.run_until(lambda: not feed.batches[-1].state.is_whole)

    assert feed.session.last_failure == "silent level2:BTC-USD"
    feed.run_until_whole()


def test_a_slow_handshake_is_given_up_in_time_and_the_next_dial_succeeds(connect, venue: Venue) -> None:
    """T11, F32."""
    venue.inject("slow_handshake", seconds=3.0)
    feed = connect(connect_timeout_s=0.3)

    feed.run_until_whole()

    assert feed.session.counters["failed_timeout"] == 1


def test_a_goodbye_is_answered_by_the_venue(connect) -> None:
    """T07."""
    feed = connect()
    feed.run_until_whole()

    feed.feed.stream.disconnect(2.0)
    took_s = feed.run_until(lambda: feed.session.state is SessionState.DISCONNECTED)

    assert took_s < 2
    assert feed.session.counters["closed_gracefully"] == 1


def test_a_venue_that_answers_nothing_is_left_within_200_ms(connect, venue: Venue) -> None:
    """T08."""
    feed = connect()
    feed.run_until_whole()
    venue.inject("half_open", seconds=5.0)
    feed.run_until(lambda: time.monotonic_ns() - feed.feed.read_ns > 300_000_000)  # it says nothing any more

    feed.feed.stream.disconnect(0.1)
    took_s = feed.run_until(lambda: feed.session.state is SessionState.DISCONNECTED)

    assert took_s < 0.2
    assert feed.session.counters["closed_forcibly"] == 1
