import pytest

from domain.effects import WakeAt
from domain.instant import SECOND_NS, Instant
from domain.messages.system import ActorLine
from domain.resilience.supervision import (
    PULSE,
    PULSE_NS,
    CallRoll,
    ChildWakeup,
    Falter,
    GiveUp,
    KillChild,
    RewireAll,
    StartChild,
    Supervision,
)
from domain.settings import SupervisionSettings
from tests.builders import MONO, UTC

ROUTER = "order_router"
RECORDER = "recorder"
SETTINGS = SupervisionSettings(restarts_per_minute=3)


def at(seconds: float) -> Instant:
    elapsed = int(seconds * SECOND_NS)
    return Instant(MONO + elapsed, UTC + elapsed)


@pytest.fixture
def running() -> Supervision:
    supervision = Supervision(SETTINGS, [ROUTER])
    supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100, now=at(0))
    supervision.started(ROUTER, 1, at(0))
    return supervision


def crash(supervision: Supervision, seconds: float) -> list:
    """Kill the current incarnation and bring up its replacement; return the effects of the exit."""
    incarnation = supervision.children[ROUTER].incarnation
    effects = supervision.exited(ROUTER, incarnation, at(seconds))
    for effect in effects:
        if isinstance(effect, WakeAt):
            supervision.tick(effect.key, at(seconds))
            supervision.started(ROUTER, incarnation + 1, at(seconds))
    return effects


def awake(supervision: Supervision, until: float) -> None:
    """Let it look as often as it asked for."""
    for half_seconds in range(int(until * 2) + 1):
        supervision.tick(PULSE, at(half_seconds / 2))


def backoff_ms(effects: list, seconds: float) -> list[int]:
    return [(e.due_ns - at(seconds).monotonic_ns) // 1_000_000 for e in effects if isinstance(e, WakeAt)]


def test_the_recorder_may_fail_for_ever_and_is_tried_now_and_then() -> None:
    supervision = Supervision(SETTINGS, [RECORDER, ROUTER])
    supervision.begin(at(0))
    supervision.started(ROUTER, 1, at(0))
    waits, faltered, seconds = [], [], 0.0

    for incarnation in range(1, 40):
        effects = supervision.exited(RECORDER, incarnation, at(seconds))
        faltered += [effect for effect in effects if isinstance(effect, Falter)]
        assert not any(isinstance(effect, GiveUp) for effect in effects)
        [again] = [effect for effect in effects if isinstance(effect, WakeAt)]
        waits.append((again.due_ns - at(seconds).monotonic_ns) / SECOND_NS)
        seconds += waits[-1]
        assert StartChild(RECORDER, incarnation + 1) in supervision.tick(again.key, at(seconds))

    assert faltered == [Falter(RECORDER, 30.0)]  # told once
    assert set(waits[3:]) == {30.0}
    assert supervision.awaited == []  # the start of a system does not wait for it, either


def test_a_recorder_that_is_stable_again_is_restarted_at_once_again() -> None:
    supervision = Supervision(SETTINGS, [RECORDER])
    supervision.begin(at(0))
    for incarnation in range(1, 6):
        [*_, again] = supervision.exited(RECORDER, incarnation, at(0))
        supervision.tick(again.key, at(30))
    supervision.started(RECORDER, 6, at(30))

    effects = supervision.exited(RECORDER, 6, at(100))

    assert backoff_ms(effects, 100) == [20]


def test_a_started_child_is_announced_to_everybody() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    assert StartChild(ROUTER, 1) in supervision.begin(at(0))

    assert supervision.started(ROUTER, 1, at(0)) == [RewireAll()]


def test_a_dead_child_is_unwired_at_once_and_restarted_as_a_new_incarnation(running: Supervision) -> None:
    effects = running.exited(ROUTER, 1, at(10))

    assert effects[0] == RewireAll()
    assert running.tick(effects[1].key, at(10.02))[0] == StartChild(ROUTER, 2)
    assert running.children[ROUTER].restarts == 1


def test_the_second_report_of_one_death_starts_nobody(running: Supervision) -> None:
    running.exited(ROUTER, 1, at(10))

    assert running.exited(ROUTER, 1, at(10)) == []


def test_a_death_of_an_earlier_incarnation_is_old_news(running: Supervision) -> None:
    crash(running, 10)

    assert running.exited(ROUTER, 1, at(11)) == []


def test_backoff_doubles_while_it_keeps_dying_and_starts_over_after_a_stable_run(running: Supervision) -> None:
    assert backoff_ms(crash(running, 10), 10) == [20]
    assert backoff_ms(crash(running, 11), 11) == [40]
    assert backoff_ms(crash(running, 12), 12) == [80]

    assert backoff_ms(crash(running, 80), 80) == [20]


def test_a_spent_budget_gives_up_and_says_so(running: Supervision) -> None:
    for second in (10, 11, 12):
        crash(running, second)

    assert crash(running, 13) == [RewireAll(), GiveUp(ROUTER)]
    assert running.lines()[ROUTER].state == "given_up"


def test_a_child_that_never_reports_is_killed_and_replaced() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    *_, hello = supervision.begin(at(0))

    awake(supervision, until=5)

    effects = supervision.tick(hello.key, at(5))

    assert effects[0] == KillChild(ROUTER, 1, 0)
    assert any(isinstance(effect, WakeAt) and effect.key.kind is ChildWakeup.RESTART for effect in effects)


def test_a_child_that_dies_before_it_reports_is_replaced_like_any_other() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100, now=at(0))  # by its parent

    _, restart = supervision.exited(ROUTER, 1, at(0.1))

    assert supervision.tick(restart.key, at(0.2))[0] == StartChild(ROUTER, 2)


def test_a_child_that_reads_a_long_journal_is_given_the_time() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    *_, hello = supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100, now=at(0))

    awake(supervision, until=5)
    [rebuilt] = supervision.tick(hello.key, at(5))
    assert rebuilt.due_ns == at(125).monotonic_ns

    assert supervision.started(ROUTER, 1, at(60)) == [RewireAll()]
    assert supervision.tick(rebuilt.key, at(125)) == []


def test_a_child_that_never_has_its_state_back_is_killed_and_replaced() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    *_, hello = supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100, now=at(0))
    awake(supervision, until=5)
    [rebuilt] = supervision.tick(hello.key, at(5))
    awake(supervision, until=125)

    assert supervision.tick(rebuilt.key, at(125)) == [KillChild(ROUTER, 1, 100)]


def test_a_child_that_stops_working_while_it_rebuilds_its_state_is_taken_for_hung() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100, now=at(0))
    for half_seconds in range(1, 21):
        assert supervision.rebuilding() == [(ROUTER, 100)]
        supervision.used_cpu(ROUTER, cpu_ns=half_seconds, now=at(half_seconds / 2))
        assert KillChild(ROUTER, 1, 100) not in supervision.tick(PULSE, at(half_seconds / 2))

    supervision.used_cpu(ROUTER, cpu_ns=20, now=at(13))
    for seconds in (10.5, 11, 11.5, 12, 12.5, 13):
        assert KillChild(ROUTER, 1, 100) not in supervision.tick(PULSE, at(seconds))
    assert KillChild(ROUTER, 1, 100) in supervision.tick(PULSE, at(13.1))


def test_a_failed_child_is_killed_by_its_pid(running: Supervision) -> None:
    assert running.failed(ROUTER, 1) == [KillChild(ROUTER, 1, 100)]
    assert running.failed(ROUTER, 0) == []


def test_nobody_is_restarted_while_the_system_ends(running: Supervision) -> None:
    running.is_ending = True

    assert running.exited(ROUTER, 1, at(10)) == []


# ---- hangs -----------------------------------------------------------------------------------------------


def look(supervision: Supervision, seconds: float) -> list:
    awake(supervision, until=seconds)
    return [effect for effect in supervision.tick(PULSE, at(seconds)) if not isinstance(effect, WakeAt)]


def test_a_child_that_gives_no_sign_of_life_is_killed(running: Supervision) -> None:
    assert look(running, 3.0) == []

    assert look(running, 3.1) == [KillChild(ROUTER, 1, 100)]


def test_a_sign_of_life_counts_for_its_own_incarnation_only(running: Supervision) -> None:
    running.heard(ROUTER, 1, at(2))
    running.heard(ROUTER, 7, at(4))

    assert look(running, 4.9) == []
    assert look(running, 5.1) == [KillChild(ROUTER, 1, 100)]


def test_a_starting_child_is_not_taken_for_a_hung_one() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    supervision.begin(at(0))

    assert look(supervision, 10) == []


def test_the_look_for_hung_children_goes_on_for_ever(running: Supervision) -> None:
    [again] = [effect for effect in running.tick(PULSE, at(1)) if isinstance(effect, WakeAt)]

    assert again == WakeAt(at(1).monotonic_ns + PULSE_NS, PULSE)


def test_children_that_slept_with_us_are_not_taken_for_hung(running: Supervision) -> None:
    """A suspended machine, or a SIGSTOP for all at once."""
    awake(running, until=1)

    awoken = [running.tick(PULSE, at(seconds)) for seconds in (61, 61.5, 62, 62.5)]

    assert all(KillChild(ROUTER, 1, 100) not in effects for effects in awoken)
    assert KillChild(ROUTER, 1, 100) in running.tick(PULSE, at(63.1))  # it has had its 3 s, awake


@pytest.mark.parametrize("state", ["up", "starting"])
def test_time_that_we_slept_is_not_taken_from_what_a_child_has_to_answer(state: str) -> None:
    supervision, effects = inherit(state=state)
    due = effects[-1]
    supervision.tick(PULSE, at(0.5))

    [again] = supervision.tick(due.key, at(60))
    assert again == WakeAt(due.due_ns + at(59.5).monotonic_ns - MONO, due.key)

    for half_seconds in range(120, 131):
        supervision.tick(PULSE, at(half_seconds / 2))
    assert again not in supervision.tick(again.key, Instant(again.due_ns, UTC))


def test_child_that_starts_as_we_awake_has_no_more_than_its_time(running: Supervision) -> None:
    running.replace(ROUTER)
    hello = running.exited(ROUTER, 1, at(3600))[-1]

    for half_seconds in range(11):
        running.tick(PULSE, at(3600 + half_seconds / 2))

    assert running.tick(hello.key, at(3605.5))[0] == KillChild(ROUTER, 2, 0)


# ---- restarts that a person asks for -----------------------------------------------------------------------


def test_an_asked_for_restart_happens_at_once_and_costs_no_budget(running: Supervision) -> None:
    for second in range(10, 20):
        incarnation = running.children[ROUTER].incarnation
        assert running.replace(ROUTER) == [KillChild(ROUTER, incarnation, running.children[ROUTER].pid)]
        effects = running.exited(ROUTER, incarnation, at(second))
        assert StartChild(ROUTER, incarnation + 1) in effects
        running.started(ROUTER, incarnation + 1, at(second))

    assert running.lines()[ROUTER].restarts == 10


# ---- a new supervisor --------------------------------------------------------------------------------------


def inherit(pid: int = 100, state: str = "up") -> tuple[Supervision, list]:
    supervision = Supervision(SETTINGS, [ROUTER], generation=2)
    line = ActorLine(pid=pid, incarnation=5, restarts=4, state=state)
    return supervision, supervision.begin(at(0), {ROUTER: line})


def test_an_inherited_child_is_asked_and_kept_when_it_answers() -> None:
    supervision, effects = inherit()
    assert CallRoll(ROUTER, 5) in effects
    assert not any(isinstance(effect, StartChild) for effect in effects)

    assert supervision.started(ROUTER, 5, at(0.1)) == [RewireAll()]
    assert supervision.lines()[ROUTER] == ActorLine(pid=100, incarnation=5, restarts=4, state="up")


def test_an_inherited_child_that_does_not_answer_is_killed_and_replaced() -> None:
    supervision, effects = inherit()
    call = effects[-1]
    assert call.due_ns == at(1).monotonic_ns  # it hangs since its late supervisor did: enough time is lost
    awake(supervision, until=1)

    assert supervision.tick(call.key, at(1)) == [KillChild(ROUTER, 5, 100)]

    restart = supervision.exited(ROUTER, 5, at(1.1))[-1]
    assert supervision.tick(restart.key, at(1.2))[0] == StartChild(ROUTER, 1_000_001)


def test_an_inherited_child_that_was_starting_is_given_the_time_to_have_its_state_back() -> None:
    supervision, effects = inherit(state="starting")

    awake(supervision, until=5)
    [rebuilt] = supervision.tick(effects[-1].key, at(5))
    assert rebuilt.due_ns == at(125).monotonic_ns

    assert supervision.started(ROUTER, 5, at(60)) == [RewireAll()]


def test_a_role_that_nobody_played_is_started_under_a_number_that_was_never_used() -> None:
    _, effects = inherit(pid=0)

    assert StartChild(ROUTER, 1_000_001) in effects
