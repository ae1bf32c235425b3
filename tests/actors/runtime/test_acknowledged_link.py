"""Whatever the way loses, doubles, delays and reorders: every message is handled once, each lane in order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.acknowledged_link import (
    AGAIN_AFTER_MOST_NS,
    AGAIN_AFTER_NS,
    MOST_AGAIN,
    Kept,
    ReceivingLink,
    SendingLink,
)
from actors.runtime.wiring_messages import Envelope
from domain.messages.base import Command, Lane


class Note(Command, kw_only=True):
    number: int
    is_urgent: bool = False

    @property
    def lane(self) -> Lane:
        return Lane.URGENT if self.is_urgent else Lane.NORMAL


def posted(kept: Kept) -> Envelope:
    return Envelope("b", 1, "a", 1, 0, kept.message, kept.lane, kept.number, kept.after)


def hear(link: ReceivingLink, kept: Kept) -> list[int]:
    link.put(posted(kept))
    heard = []
    while (envelope := link.next()) is not None:
        if envelope.message is not None:
            heard.append(envelope.message.number)
        link.done(envelope)
    return heard


@pytest.fixture
def sending() -> SendingLink:
    link = SendingLink()
    link.begin(1, 0, lambda message: True)
    return link


@pytest.fixture
def receiving() -> ReceivingLink:
    return ReceivingLink(1)


def test_a_message_is_handled_once_however_often_it_arrives(sending: SendingLink, receiving: ReceivingLink) -> None:
    kept = sending.keep(Note(number=1), now_ns=0)

    assert hear(receiving, kept) == [1]
    assert hear(receiving, kept) == []
    assert receiving.handled == (0, 1)


def test_a_message_that_comes_too_early_waits_for_the_one_before(
    sending: SendingLink, receiving: ReceivingLink
) -> None:
    first, second = (sending.keep(Note(number=number), now_ns=0) for number in (1, 2))

    assert hear(receiving, second) == []
    assert hear(receiving, first) == [1, 2]


def test_an_urgent_message_waits_for_what_its_sender_sent_before_and_for_nothing_else(
    sending: SendingLink, receiving: ReceivingLink
) -> None:
    order = sending.keep(Note(number=1), now_ns=0)
    cancel = sending.keep(Note(number=2, is_urgent=True), now_ns=0)
    later = sending.keep(Note(number=3), now_ns=0)

    assert hear(receiving, cancel) == []
    assert hear(receiving, order) == [1, 2]
    assert hear(receiving, later) == [3]


def test_an_urgent_message_passes_what_was_sent_after_it(sending: SendingLink, receiving: ReceivingLink) -> None:
    sending.keep(Note(number=1), now_ns=0)
    sending.keep(Note(number=2), now_ns=0)
    other = SendingLink()
    cancel = other.keep(Note(number=3, is_urgent=True), now_ns=0)

    assert hear(receiving, cancel) == [3]


def test_one_acknowledgement_is_for_everything_up_to_it(sending: SendingLink) -> None:
    for number in range(5):
        sending.keep(Note(number=number), now_ns=0)

    sending.acknowledged((0, 3), now_ns=1)

    assert [kept.message.number for kept in sending.take_due(AGAIN_AFTER_NS + 1)] == [3, 4]


def test_nothing_is_sent_again_that_was_acknowledged_in_time(sending: SendingLink) -> None:
    sending.keep(Note(number=1), now_ns=0)
    sending.acknowledged((0, 1), now_ns=1)

    assert sending.due_ns is None
    assert sending.take_due(AGAIN_AFTER_NS) == []


def test_a_silent_peer_is_sent_the_oldest_few_less_and_less_often(sending: SendingLink) -> None:
    for number in range(1000):
        sending.keep(Note(number=number), now_ns=0)

    waits, now_ns = [], 0
    for _ in range(8):
        waits.append(sending.due_ns - now_ns)
        now_ns = sending.due_ns
        assert [kept.message.number for kept in sending.take_due(now_ns)] == list(range(MOST_AGAIN))

    assert waits[:3] == [AGAIN_AFTER_NS, 2 * AGAIN_AFTER_NS, 4 * AGAIN_AFTER_NS]
    assert waits[-1] == AGAIN_AFTER_MOST_NS


def test_an_acknowledgement_that_says_nothing_new_changes_nothing(sending: SendingLink) -> None:
    sending.keep(Note(number=1), now_ns=0)
    due_ns = sending.due_ns

    sending.acknowledged((0, 0), now_ns=AGAIN_AFTER_NS // 2)

    assert sending.due_ns == due_ns


def test_the_next_incarnation_gets_what_is_left_in_the_order_sent(sending: SendingLink) -> None:
    for number in range(1, 5):
        sending.keep(Note(number=number, is_urgent=number % 2 == 0), now_ns=0)
    sending.acknowledged((0, 1), now_ns=0)

    left = sending.begin(2, 0, lambda message: True)
    inherited = ReceivingLink(1)

    assert [(kept.message.number, kept.number) for kept in left] == [(2, 1), (3, 1), (4, 2)]
    assert [number for kept in left for number in hear(inherited, kept)] == [2, 3, 4]


def test_the_next_incarnation_does_not_get_what_must_not_happen_twice(sending: SendingLink) -> None:
    for number in (1, 2, 3):
        sending.keep(Note(number=number), now_ns=0)

    left = sending.begin(2, 0, lambda message: message.number != 2)

    assert [kept.message.number for kept in left] == [1, 3]


def test_a_message_that_was_taken_back_leaves_no_hole(sending: SendingLink, receiving: ReceivingLink) -> None:
    for number in (1, 2):
        sending.keep(Note(number=number), now_ns=0)

    sending.take_back(Lane.NORMAL, 1)
    heard = [number for kept in sending.take_due(AGAIN_AFTER_NS) for number in hear(receiving, kept)]

    assert heard == [2]


def test_what_is_kept_for_one_peer_is_bounded() -> None:
    link = SendingLink(most=2)
    link.keep(Note(number=1), now_ns=0)
    assert not link.is_full
    link.keep(Note(number=2, is_urgent=True), now_ns=0)

    assert link.is_full
    link.acknowledged((1, 0), now_ns=0)
    assert not link.is_full


@given(
    st.lists(st.booleans(), min_size=1, max_size=25),
    st.builds(Random, st.integers(0, 2**32)),
    st.floats(0, 0.6),
    st.floats(0, 0.6),
)
def test_a_bad_way_changes_nothing(urgent: list[bool], random: Random, lost: float, doubled: float) -> None:
    """Loss, doubling and reordering of messages and acknowledgements."""
    sending = SendingLink()
    sending.begin(1, 0, lambda message: True)
    way = [sending.keep(Note(number=number, is_urgent=is_urgent), 0) for number, is_urgent in enumerate(urgent)]
    order_of = {number: urgent[:number].count(False) for number, is_urgent in enumerate(urgent) if is_urgent}
    receiving, now_ns, heard, by_lane = ReceivingLink(1), 0, [], {True: [], False: []}

    for round_ in range(400):
        random.shuffle(way)
        for kept in way:
            if round_ < 200 and random.random() < lost:
                continue
            for _ in range(2 if random.random() < doubled else 1):
                for number in hear(receiving, kept):
                    heard.append(number)
                    assert len(by_lane[False]) >= order_of.get(number, 0)  # never before its order
                    by_lane[urgent[number]].append(number)
        if random.random() >= lost:
            sending.acknowledged(receiving.handled, now_ns)
        if not len(sending):
            break
        now_ns = sending.due_ns
        way = sending.take_due(now_ns)

    assert sorted(heard) == list(range(len(urgent)))
    assert by_lane[True] == sorted(by_lane[True])
    assert by_lane[False] == sorted(by_lane[False])
