"""Nothing about money waits for what venues invent, and what waits is told later or told as a number."""

from __future__ import annotations

from domain.instant import SECOND_NS
from domain.messages.system import AlarmRaised
from domain.resilience.alarm_queue import AGAIN_NS, AlarmQueue


def ours(text: str, subject: str = "coinbase:BTC-USD") -> AlarmRaised:
    return AlarmRaised(ts_event=1, subject=subject, text=text)


def theirs(text: str, subject: str = "coinbase order rows") -> AlarmRaised:
    return AlarmRaised(ts_event=1, subject=subject, text=text, is_theirs=True)


def test_a_flood_of_what_venues_say_holds_back_no_alarm_about_money() -> None:
    """Ten minutes of sixty strange rows each five seconds, and of halts and doubts among them."""
    queue, told = AlarmQueue("order_router", 0), 0

    for second in range(0, 600, 5):
        now_ns = second * SECOND_NS
        for number in range(60):
            queue.hear(theirs("can't be read", f"order o-{second}-{number}"), now_ns)
        told += queue.hear(ours(f"UNCONFIRMED for {second} s", f"client_order_id={second}"), now_ns)
        told += queue.hear(ours(f"halted: {second}"), now_ns)
        queue.due(now_ns)

    assert told == 240


def test_what_was_held_back_is_told_later_once() -> None:
    queue = AlarmQueue("order_router", 0)
    alarms = [ours(f"halted: {number}") for number in range(30)]
    told = [alarm for alarm in alarms if queue.hear(alarm, 0)]
    assert len(told) == 10

    for second in range(10, 60, 10):
        told += [alarm for alarm in queue.due(second * SECOND_NS) if not alarm.is_total]

    assert told == alarms
    assert not queue.is_waiting


def test_how_many_were_held_back_is_told_each_minute_while_there_are_more() -> None:
    queue = AlarmQueue("order_router", 0)
    totals = []

    for second in range(0, 300, 10):
        for number in range(100):
            queue.hear(theirs(f"odd {second} {number}"), second * SECOND_NS)
        totals += [alarm for alarm in queue.due(second * SECOND_NS + AGAIN_NS) if alarm.is_total]

    assert [alarm.text for alarm in totals][:2] == ["90 alarms held back", "690 alarms held back"]
    assert len(totals) == 5
    assert {(alarm.subject, alarm.is_theirs) for alarm in totals} == {("order_router alarms of what venues say", True)}


def test_one_subject_that_a_venue_floods_keeps_no_other_from_being_told_later() -> None:
    queue = AlarmQueue("order_router", 0)
    for number in range(10_000):
        queue.hear(theirs(f"odd {number}", f"subject {number % 30}"), 0)
    once = theirs("left out", "coinbase:SOL-USD")
    assert not queue.hear(once, 0)

    told = [alarm for second in range(10, 400, 10) for alarm in queue.due(second * SECOND_NS)]

    assert once in told
    assert len(queue._theirs._waiting) <= 200


def test_what_is_over_before_it_was_told_is_not_told() -> None:
    queue = AlarmQueue("order_router", 0)
    for number in range(11):
        queue.hear(ours(f"halted: {number}"), 0)

    queue.over("coinbase:BTC-USD", "halted: 10")

    assert [alarm for alarm in queue.due(60 * SECOND_NS) if not alarm.is_total] == []
