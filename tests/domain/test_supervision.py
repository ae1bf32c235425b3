import pytest

from domain.effects import Instant, WakeAt
from domain.settings import SECOND_NS, SupervisionSettings
from domain.supervision import GiveUp, KillChild, RewireAll, StartChild, Supervision
from tests.builders import MONO, UTC

ROUTER = "order_router"
SETTINGS = SupervisionSettings(restarts_per_minute=3)


def at(seconds: float) -> Instant:
    elapsed = int(seconds * SECOND_NS)
    return Instant(MONO + elapsed, UTC + elapsed)


@pytest.fixture
def running() -> Supervision:
    supervision = Supervision(SETTINGS, [ROUTER])
    supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100)
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


def backoff_ms(effects: list, seconds: float) -> list[int]:
    return [
        (e.due_ns - at(seconds).monotonic_ns) // 1_000_000 for e in effects if isinstance(e, WakeAt)
    ]


def test_a_started_child_is_announced_to_everybody() -> None:
    supervision = Supervision(SETTINGS, [ROUTER])
    assert supervision.begin(at(0))[0] == StartChild(ROUTER, 1)

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
    _, hello = supervision.begin(at(0))
    supervision.identified(ROUTER, 1, pid=100)

    effects = supervision.tick(hello.key, at(2))

    assert effects[0] == KillChild(ROUTER, 1, 100)
    assert any(isinstance(effect, WakeAt) and effect.key.startswith("restart") for effect in effects)


def test_a_failed_child_is_killed_by_its_pid(running: Supervision) -> None:
    assert running.failed(ROUTER, 1) == [KillChild(ROUTER, 1, 100)]
    assert running.failed(ROUTER, 0) == []


def test_nobody_is_restarted_while_the_system_ends(running: Supervision) -> None:
    running.is_ending = True

    assert running.exited(ROUTER, 1, at(10)) == []
