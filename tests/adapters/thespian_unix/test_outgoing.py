"""What one receiver still has to get: windows, bounds, and what is left when it dies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.thespian_unix.framing import HEADER, TAGS
from adapters.thespian_unix.lanes import BULK, NORMAL, URGENT
from adapters.thespian_unix.outgoing import Limits, Outgoing

SMALL = Limits(window=2, window_bytes=1000, queued=3, queued_bytes=1000)


def offer(
    outgoing: Outgoing,
    *contents: str,
    lane: int = NORMAL,
    overtakes: bool = False,
    is_vital: bool = False,
) -> list[bool]:
    return [outgoing.offer(content, b"x", lane, overtakes, is_vital) for content in contents]


def release_all(outgoing: Outgoing) -> list[str]:
    return [content for content, _frame in iter(outgoing.release, None)]


def test_window_bounds_what_is_on_the_way_until_it_is_handled() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3")
    assert release_all(outgoing) == ["1", "2"]
    offer(outgoing, "4")

    outgoing.acknowledge((0, 1, 0))

    assert release_all(outgoing) == ["3"]
    assert (outgoing.unhandled, outgoing.queued) == (2, 1)


def test_urgent_message_finds_its_window_open_behind_stuck_prices() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3", lane=BULK)
    release_all(outgoing)

    offer(outgoing, "cancel", lane=URGENT)

    assert release_all(outgoing) == ["cancel"]


def test_urgent_message_waits_behind_its_own_queued_orders_and_stays_urgent_on_the_wire() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "order 1", "order 2", "order 3")
    release_all(outgoing)
    offer(outgoing, "cancel", lane=URGENT)
    offer(outgoing, "halt", lane=URGENT, overtakes=True)

    assert release_all(outgoing) == ["halt"]
    outgoing.acknowledge((0, 2, 0))
    parcels = list(iter(outgoing.release, None))

    assert [content for content, _frame in parcels] == ["order 3", "cancel"]
    tag = TAGS[HEADER.unpack_from(parcels[1][1])[1]]
    assert (tag.lane, tag.sequence) == (URGENT, NORMAL)


def test_urgent_message_never_passes_an_earlier_one_through_another_window() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "cancel 1", "cancel 2", "cancel 3", lane=URGENT)
    offer(outgoing, "order 1", "order 2", "order 3")
    assert release_all(outgoing) == ["cancel 1", "cancel 2", "order 1", "order 2"]
    offer(outgoing, "cancel 4", lane=URGENT)

    outgoing.acknowledge((0, 2, 0))
    assert release_all(outgoing) == ["order 3"], "cancel 3 still waits, so cancel 4 does, too"

    outgoing.acknowledge((1, 2, 0))
    assert release_all(outgoing) == ["cancel 3", "cancel 4"]


def test_full_queue_refuses_and_forgets_nothing_it_took() -> None:
    outgoing = Outgoing(SMALL)

    assert offer(outgoing, "1", "2", "3", "4") == [True, True, True, False]

    assert release_all(outgoing) == ["1", "2"]
    assert offer(outgoing, "5", "6", "7") == [True, True, False]


def test_full_lane_leaves_the_other_lanes_their_room() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3", "4", lane=BULK)

    assert offer(outgoing, "order") == [True]
    assert offer(outgoing, "cancel", lane=URGENT) == [True]


def test_vital_messages_have_twice_the_room() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3")

    assert offer(outgoing, "4", "5", "6", "7", is_vital=True) == [True, True, True, False]


def test_queue_is_bounded_in_bytes_yet_takes_one_message_of_any_size() -> None:
    outgoing = Outgoing(Limits(window=2, window_bytes=1000, queued=100, queued_bytes=1000))

    assert outgoing.offer("huge", b"x" * 5000, NORMAL, False)
    assert not outgoing.offer("small", b"x", NORMAL, False)
    assert release_all(outgoing) == ["huge"]
    assert outgoing.offer("small", b"x", NORMAL, False)
    assert outgoing.release() is None, "the window is bounded in bytes too"


def test_dead_receiver_leaves_what_it_did_not_handle_apart_from_what_it_never_got() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3")
    release_all(outgoing)
    outgoing.acknowledge((0, 1, 0))

    assert outgoing.abandon() == (["2"], ["3"])

    assert (outgoing.unhandled, outgoing.queued, outgoing.unhandled_bytes) == (0, 0, 0)
    assert outgoing.abandon() == ([], [])


def test_old_acknowledgement_changes_nothing() -> None:
    outgoing = Outgoing(SMALL)
    offer(outgoing, "1", "2", "3")
    release_all(outgoing)
    outgoing.acknowledge((0, 2, 0))

    outgoing.acknowledge((0, 1, 0))

    assert release_all(outgoing) == ["3"]
    assert outgoing.unhandled == 1


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from((URGENT, NORMAL, BULK)), st.booleans(), st.integers(0, 400)),
        st.sampled_from(("release", "handle")),
    ),
    max_size=120,
)


@given(steps)
def test_every_message_is_refused_handled_or_left_exactly_once_and_in_its_order(script: list) -> None:
    outgoing = Outgoing(SMALL)
    refused, wire, released, handled = [], [], [], []
    totals = [0, 0, 0]
    for number, step in enumerate(script):
        if step == "release":
            for content, framed in iter(outgoing.release, None):
                wire.append((TAGS[HEADER.unpack_from(framed)[1]], content))
                released.append(content)
        elif step == "handle":
            if wire:
                tag, content = wire.pop(0)
                totals[tag.sequence] += 1
                handled.append(content)
                outgoing.acknowledge(tuple(totals))
        else:
            lane, may_overtake, size = step
            content = (number, lane, may_overtake)
            if not outgoing.offer(content, b"x" * size, lane, may_overtake):
                refused.append(content)
        assert outgoing.queued <= 3 * SMALL.queued
        assert outgoing.unhandled <= 3 * SMALL.window

    on_the_way, queued = outgoing.abandon()

    offered = [(number, *step[:2]) for number, step in enumerate(script) if isinstance(step, tuple)]
    assert sorted(refused + handled + on_the_way + queued) == offered
    assert sorted(on_the_way) == sorted(content for _, content in wire)
    patient = [(number, lane) for number, lane, may_overtake in released if not may_overtake]
    for each in (URGENT, NORMAL, BULK):
        numbers = [number for number, lane in patient if lane == each]
        assert numbers == sorted(numbers)
    for position, (number, lane) in enumerate(patient):
        if lane == URGENT:
            later = patient[position:]
            assert not [passed for passed, its_lane in later if its_lane == NORMAL and passed < number]
