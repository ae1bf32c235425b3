"""The actor system's admin is asked whether it is there; silence has a limit, and our own sleep is not its silence."""

from __future__ import annotations

from scripts.run.admin_watch import HUNG_AFTER_S, STOPPED_AFTER_S, AdminVerdict, AdminWatch

LOOK_EVERY_S = 0.25


def verdicts(watch: AdminWatch, start_s: float, end_s: float) -> list[AdminVerdict]:
    looks = range(int(start_s / LOOK_EVERY_S) + 1, int(end_s / LOOK_EVERY_S) + 1)
    found = [watch.look(number * LOOK_EVERY_S) for number in looks]
    return [verdict for verdict in found if verdict is not AdminVerdict.FINE]


def test_admin_that_answers_is_asked_once_a_second() -> None:
    watch = AdminWatch(now_s=0.0)

    for second in range(1, 20):
        assert verdicts(watch, second - 1, second) == [AdminVerdict.ASK]
        watch.answered()


def test_silent_admin_is_continued_once_and_then_counts_as_hung() -> None:
    watch = AdminWatch(now_s=0.0)

    assert verdicts(watch, 0, 1 + STOPPED_AFTER_S) == [AdminVerdict.ASK]
    assert verdicts(watch, 1 + STOPPED_AFTER_S, 1 + HUNG_AFTER_S) == [AdminVerdict.CONTINUE]
    assert verdicts(watch, 1 + HUNG_AFTER_S, 2 + HUNG_AFTER_S)[0] is AdminVerdict.HUNG


def test_admin_that_goes_on_is_fine_and_may_be_stopped_again() -> None:
    watch = AdminWatch(now_s=0.0)
    verdicts(watch, 0, 6)
    watch.answered()

    assert verdicts(watch, 6, 10) == [AdminVerdict.ASK, AdminVerdict.CONTINUE]


def test_our_own_sleep_is_not_its_silence() -> None:
    watch = AdminWatch(now_s=0.0)
    verdicts(watch, 0, 2)

    assert verdicts(watch, 3600, 3601.5) == []
