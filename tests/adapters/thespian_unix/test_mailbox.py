"""Who is handled next: the promises of `lanes`, one by one and then for any traffic."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from adapters.thespian_unix import mailbox as module
from adapters.thespian_unix.lanes import BULK, NORMAL, URGENT, lane_of, overtakes
from adapters.thespian_unix.mailbox import BULK_PATIENCE, NORMAL_PATIENCE, Entry, Mailbox


def put(mailbox: Mailbox, source: str, lane: int, content: object, may_overtake: bool = False) -> None:
    mailbox.put(Entry(source, lane, content), lane, may_overtake)


def take_all(mailbox: Mailbox) -> list[object]:
    return [entry.content for entry in iter(mailbox.take, None)]


def test_messages_of_one_lane_come_in_the_order_they_arrived() -> None:
    mailbox = Mailbox()
    for number in range(5):
        put(mailbox, "ab"[number % 2], NORMAL, number)

    assert take_all(mailbox) == [0, 1, 2, 3, 4]


def test_cancel_comes_before_500_prices_and_the_orders_of_others() -> None:
    mailbox = Mailbox()
    for number in range(500):
        put(mailbox, "feed", BULK, number)
    put(mailbox, "router", NORMAL, "order")

    put(mailbox, "portfolio", URGENT, "cancel")

    assert take_all(mailbox)[:2] == ["cancel", "order"]


def test_cancel_comes_after_its_own_order_and_takes_it_along() -> None:
    mailbox = Mailbox()
    put(mailbox, "other", NORMAL, "other's order")
    put(mailbox, "router", NORMAL, "order")
    put(mailbox, "router", URGENT, "cancel")

    put(mailbox, "router", NORMAL, "next order")

    assert take_all(mailbox) == ["order", "cancel", "other's order", "next order"]


def test_message_marked_as_overtaking_passes_its_senders_own_orders() -> None:
    mailbox = Mailbox()
    put(mailbox, "router", NORMAL, "order")

    put(mailbox, "router", URGENT, "halt", may_overtake=True)

    assert take_all(mailbox) == ["halt", "order"]


def test_message_marked_as_overtaking_stays_behind_urgent_ones() -> None:
    mailbox = Mailbox()
    put(mailbox, "router", NORMAL, "order")
    put(mailbox, "router", URGENT, "cancel")

    put(mailbox, "router", URGENT, "halt", may_overtake=True)

    assert take_all(mailbox) == ["order", "cancel", "halt"]


def test_storm_of_urgent_messages_does_not_starve_the_others() -> None:
    mailbox = Mailbox()
    for number in range(1000):
        put(mailbox, "a", URGENT, number)
    put(mailbox, "b", NORMAL, "order")
    put(mailbox, "b", BULK, "price")

    taken = take_all(mailbox)

    assert taken.index("order") == NORMAL_PATIENCE
    assert taken.index("price") == BULK_PATIENCE


def test_order_does_not_pass_earlier_ones_that_a_cancel_took_along() -> None:
    mailbox = Mailbox()
    for number in range(NORMAL_PATIENCE + 8):
        put(mailbox, "router", NORMAL, number)
    put(mailbox, "router", URGENT, "cancel")

    put(mailbox, "router", NORMAL, "next order")
    put(mailbox, "other", NORMAL, "other's order")

    taken = take_all(mailbox)
    assert taken.index("other's order") == NORMAL_PATIENCE
    taken.remove("other's order")
    assert taken == [*range(NORMAL_PATIENCE + 8), "cancel", "next order"]


def test_orders_without_end_do_not_starve_prices() -> None:
    mailbox = Mailbox()
    put(mailbox, "b", BULK, "price")
    for number in range(1000):
        put(mailbox, "a", NORMAL, number)

    assert take_all(mailbox).index("price") == BULK_PATIENCE


def test_length_counts_all_lanes() -> None:
    mailbox = Mailbox()
    for lane in (URGENT, NORMAL, BULK):
        put(mailbox, "a", lane, lane)

    assert len(mailbox) == 3
    assert len(list(mailbox)) == 3


def test_lane_of_a_message_is_normal_unless_it_says_a_real_one() -> None:
    class Message:
        def __init__(self, lane: object, overtakes: object = False) -> None:
            self.lane, self.overtakes = lane, overtakes

    assert [lane_of(Message(lane)) for lane in (0, 1, 2)] == [URGENT, NORMAL, BULK]
    odd = (Message(3), Message(-1), Message("0"), Message(None), "text")
    assert {lane_of(message) for message in odd} == {NORMAL}
    assert overtakes(Message(URGENT, True))
    assert not overtakes("text")


arrivals = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abc"), st.sampled_from((URGENT, NORMAL, BULK)), st.booleans()),
        st.none(),  # the actor takes one
    ),
    max_size=300,
)


@given(arrivals)
def test_for_any_traffic_nothing_is_lost_and_order_is_kept_where_promised(traffic: list) -> None:
    with patch.multiple(module, NORMAL_PATIENCE=3, BULK_PATIENCE=5):
        mailbox = Mailbox()
        handled = []
        for number, arrival in enumerate(traffic):
            if arrival is None:
                entry = mailbox.take()
                handled += [entry.content] if entry else []
            else:
                source, lane, may_overtake = arrival
                put(mailbox, source, lane, (number, source, lane, may_overtake), may_overtake)
        handled += take_all(mailbox)

    assert sorted(handled) == [(n, *arrival) for n, arrival in enumerate(traffic) if arrival]
    for source in "abc":
        for lane in (URGENT, NORMAL, BULK):
            numbers = [n for n, s, ln, _ in handled if (s, ln) == (source, lane)]
            assert numbers == sorted(numbers)
        mine = [(n, lane, may) for n, s, lane, may in handled if s == source]
        for position, (number, lane, may_overtake) in enumerate(mine):
            if lane == URGENT and not may_overtake:
                assert not [n for n, later, _ in mine[position:] if later == NORMAL and n < number]
