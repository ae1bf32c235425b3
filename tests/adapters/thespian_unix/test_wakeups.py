"""Wake-ups come back in the order they are due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.thespian_unix.wakeups import Wakeups


def due(wakeups: Wakeups, now_s: float) -> list[object]:
    return [wakeup.payload for wakeup in iter(lambda: wakeups.take_due(now_s), None)]


def test_wakeups_that_are_late_together_come_in_the_order_they_were_due() -> None:
    wakeups = Wakeups()
    for delay_s in (0.03, 0.01, 0.02):
        wakeups.add(delay_s, delay_s, delay_s)

    assert due(wakeups, 1.0) == [0.01, 0.02, 0.03]


def test_wakeups_due_together_come_in_the_order_they_were_set_whatever_they_carry() -> None:
    wakeups = Wakeups()
    for payload in ({"not": "comparable"}, None, {"either": 1}):
        wakeups.add(1.0, 1.0, payload)

    assert due(wakeups, 1.0) == [{"not": "comparable"}, None, {"either": 1}]


def test_wakeup_is_not_given_early_and_its_moment_is_known() -> None:
    wakeups = Wakeups()
    assert wakeups.next_due_s() is None
    wakeups.add(2.0, 2.0, "later")

    assert due(wakeups, 1.999) == []
    assert wakeups.next_due_s() == 2.0
    assert len(wakeups) == 1


@given(st.lists(st.floats(0, 100)), st.floats(0, 100))
def test_none_is_lost_and_none_is_early(moments: list[float], now_s: float) -> None:
    wakeups = Wakeups()
    for moment in moments:
        wakeups.add(moment, moment, moment)

    assert due(wakeups, now_s) == sorted(moment for moment in moments if moment <= now_s)
    assert [wakeup.due_s for wakeup in wakeups] == sorted(moment for moment in moments if moment > now_s)
