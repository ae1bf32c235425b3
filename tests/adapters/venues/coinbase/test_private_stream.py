import tracemalloc
from decimal import Decimal

import msgspec
import pytest

from adapters.decoding.answers import MOST_ROWS
from adapters.venues.coinbase.private_stream import PrivateStream
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.account import RowsUnread
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    HeartbeatSeen,
    LateFrame,
    StreamGap,
    StreamWhole,
    VenueComplained,
)
from domain.messages.orders import OrderReported, OrderStatus, OrderType, TimeInForce
from domain.settings import VenueSettings
from tests.adapters.venues.coinbase.frames import TIME_NS, at, frame, heartbeat, order_row, orders
from tests.simulated_coinbase import SimulatedCoinbase, order

NOW = Instant(monotonic_ns=5_000, utc_ns=TIME_NS + 1_000)


def stream() -> PrivateStream:
    codec = PrivateStream(VenueSettings(), sign=lambda now_ns: f"token-of-{now_ns}")
    codec.hello(NOW)
    return codec


def hear(codec: PrivateStream, *frames: bytes) -> list[Event]:
    return [event for raw in frames for event in codec.decode(raw, 4_000, NOW)]


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_it_subscribes_with_fresh_tokens_over_all_products() -> None:
    """F36: a token per subscription, signed when it is said, so none is older than the connection."""
    sent = [msgspec.json.decode(text) for text in stream().hello(NOW)]

    assert [message["channel"] for message in sent] == ["heartbeats", "user"]
    assert all(message["jwt"] == f"token-of-{NOW.utc_ns}" for message in sent)
    assert all(message["product_ids"] == [] for message in sent)


def test_an_order_is_reported_with_its_totals() -> None:
    row = order_row(
        status="OPEN",
        cumulative_quantity="0.3",
        avg_price="99.5",
        total_fees="0.1",
        order_side="SELL",
        order_type="Bracket",
        creation_time="2026-04-07T14:00:00Z",
        leaves_quantity="0.7",
        limit_price="120",
        stop_price="90",
    )

    (event,) = hear(stream(), orders(0, row))

    assert event == OrderReported(
        ts_event=TIME_NS,
        client_order_id="ours-1",
        venue="coinbase",
        venue_order_id="venue-1",
        instrument="BTC-USD",
        side=Side.SELL,
        status=OrderStatus.PARTIALLY_FILLED,
        cumulative_quantity=Decimal("0.3"),
        average_price=Decimal("99.5"),
        total_fees=Decimal("0.1"),
        created_at=1_775_570_400 * SECOND_NS,
        order_type=OrderType.BRACKET,
        leaves_quantity=Decimal("0.7"),
        limit_price=Decimal(120),
        stop_price=Decimal(90),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"order_type": "TWAP", "leaves_quantity": "", "limit_price": None, "stop_price": "NaN"},
        {"order_type": 5, "leaves_quantity": {}, "limit_price": "-1", "stop_price": [], "creation_time": 7},
    ],
)
def test_what_is_told_besides_and_cannot_be_read_refuses_no_report(odd: dict) -> None:
    (event,) = hear(stream(), orders(0, order_row(**odd)))

    told = event.order_type, event.leaves_quantity, event.limit_price, event.stop_price, event.created_at
    assert told == (None, None, None, None, None)


def test_the_venues_reason_for_an_end_is_kept() -> None:
    canceled = order_row(status="CANCELLED", cancel_reason="User requested cancel")
    failed = order_row(status="FAILED", reject_reason="INSUFFICIENT_FUND")

    events = hear(stream(), orders(0, canceled), orders(1, failed))

    assert [(event.status, event.reason) for event in events] == [
        (OrderStatus.CANCELED, "User requested cancel"),
        (OrderStatus.REJECTED, "INSUFFICIENT_FUND"),
    ]


def test_an_unknown_status_is_told_as_unread_and_never_guessed() -> None:
    events = hear(stream(), orders(0, order_row(status="HALTED"), order_row(order_id="venue-2")))

    assert kinds(events) == [RowsUnread, OrderReported]


def test_the_stream_is_whole_once_its_snapshot_ends() -> None:
    full = [order_row(order_id=f"venue-{number}") for number in range(50)]
    codec = stream()

    first = hear(codec, orders(0, *full, kind="snapshot"))
    last = hear(codec, orders(1, order_row(), kind="snapshot"))
    after = hear(codec, heartbeat(2))

    assert kinds(first) == [OrderReported] * 50
    assert kinds(last) == [OrderReported, StreamWhole]
    assert kinds(after) == [HeartbeatSeen]


def test_a_snapshot_of_exactly_full_batches_ends_with_the_next_heartbeat() -> None:
    full = [order_row(order_id=f"venue-{number}") for number in range(50)]
    codec = stream()
    hear(codec, orders(0, *full, kind="snapshot"))

    assert kinds(hear(codec, heartbeat(1))) == [StreamWhole, HeartbeatSeen]


def test_an_empty_account_is_whole_at_once() -> None:
    assert kinds(hear(stream(), orders(0, kind="snapshot"))) == [StreamWhole]


def test_a_lost_message_is_a_gap_and_a_repeated_one_is_dropped() -> None:
    codec = stream()
    hear(codec, orders(0, kind="snapshot"))

    assert kinds(hear(codec, orders(0, order_row()))) == [LateFrame]
    assert kinds(hear(codec, orders(2, order_row()))) == [StreamGap, OrderReported]


@pytest.mark.parametrize(
    "row", [{"order_id": "venue-1"}, order_row(), 0], ids=["that can't be read", "that can", "that is nothing"]
)
def test_more_orders_than_anybody_sends_are_told_as_one_and_leave_a_gap(row: object) -> None:
    codec = stream()
    hear(codec, orders(0, kind="snapshot"))

    [told, failed] = hear(codec, orders(1, *[row] * (MOST_ROWS + 1)))

    assert kinds([failed]) == [DecodeFailed]
    [unread] = told.rows
    assert (unread.kind, unread.venue_order_id, unread.instrument) == ("order", "", "") and unread.count > 1
    assert StreamGap in kinds(hear(codec, heartbeat(2)))


def test_a_frame_of_a_million_nothings_is_not_taken_apart() -> None:
    body = b'{"channel":"user","sequence_num":0,"timestamp":"","events":[' + b"0," * 1_000_000 + b"0]}"
    tracemalloc.start()
    told = hear(stream(), body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kinds(told) == [RowsUnread, DecodeFailed]
    assert peak < 4 * 1024 * 1024


def test_of_many_orders_that_cannot_be_read_each_is_told_by_its_name() -> None:
    events = [{"type": "update", "orders": [{"order_id": f"venue-{number}"}]} for number in range(400)]
    frame = msgspec.json.decode(orders(0))
    [told] = hear(stream(), msgspec.json.encode({**frame, "events": events}))

    assert [one.venue_order_id for one in told.rows] == [f"venue-{number}" for number in range(400)]


def test_the_simulated_venue_tells_the_life_of_an_order() -> None:
    venue = SimulatedCoinbase()
    codec = venue.private_stream()
    pipe = venue.connect(codec)
    assert StreamWhole in kinds(venue.listen(codec, pipe, 0.1))

    venue.client.submit_order(order(), 5)
    resting = venue.listen(codec, pipe, 0.1)
    price = venue.touch(Side.BUY) + 100
    venue.client.submit_order(order("taker", limit_price=price, time_in_force=TimeInForce.IOC), 5)
    filled = venue.listen(codec, pipe, 0.1)

    assert [event.status for event in resting if isinstance(event, OrderReported)] == [OrderStatus.OPEN]
    (report,) = [event for event in filled if isinstance(event, OrderReported)]
    assert (report.status, report.cumulative_quantity) == (OrderStatus.FILLED, Decimal("0.01"))
    assert report.total_fees == sum(fill.fee for fill in venue.client.list_fills(0, 5))


def test_a_wrong_key_shows_as_a_complaint() -> None:
    venue = SimulatedCoinbase()
    codec = PrivateStream(VenueSettings(private_stream_url="ws://x/user"), sign=lambda now_ns: "nonsense")
    pipe = venue.connect(codec)

    assert VenueComplained in kinds(venue.listen(codec, pipe, 0.1))


def test_a_connection_whose_snapshot_never_comes_is_given_up_however_much_it_tells() -> None:
    def silent(kind: str) -> tuple[str, ...]:
        codec = stream()
        codec.watch.restart(4_000, 5.0)
        hear(codec, orders(0, order_row(), kind=kind), heartbeat(1))
        return codec.watch.silent(4_000 + 6 * SECOND_NS)

    assert "user" in silent("update")
    assert "user" not in silent("snapshot")


@pytest.mark.parametrize("ahead_s", [30, 1_548_000_000])
def test_totals_from_the_future_stand_and_are_dated_now(ahead_s: int) -> None:
    codec = stream()
    event = {"type": "snapshot", "orders": [order_row()]}

    events = hear(codec, frame("user", 0, event, timestamp=at(ahead_s)), heartbeat(1))

    assert kinds(events) == [OrderReported, StreamWhole, DecodeFailed, HeartbeatSeen]
    assert {told.ts_event for told in events[:3]} == {NOW.utc_ns}
