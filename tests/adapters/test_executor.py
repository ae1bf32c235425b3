import select
import threading
from collections.abc import Iterator

import pytest

from adapters.executor import ThreadExecutor


@pytest.fixture
def executor() -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor(workers=2)
    yield executor
    executor.close()


def collected(executor: ThreadExecutor, count: int) -> dict:
    answers: dict = {}
    while len(answers) < count:
        readable, _, _ = select.select([executor.fileno()], [], [], 5)
        assert readable, "nothing woke us"
        answers.update(executor.collect())
    return answers


def test_answers_wake_the_reader_and_name_their_question(executor: ThreadExecutor) -> None:
    executor.submit("a", lambda: 1)
    executor.submit("b", lambda: 2)

    assert collected(executor, 2) == {"a": 1, "b": 2}


def test_an_exception_comes_back_as_the_answer(executor: ThreadExecutor) -> None:
    executor.submit("a", lambda: 1 // 0)

    assert isinstance(collected(executor, 1)["a"], ZeroDivisionError)


def test_calls_run_beside_each_other(executor: ThreadExecutor) -> None:
    meeting = threading.Barrier(2, timeout=5)

    executor.submit("a", meeting.wait)
    executor.submit("b", meeting.wait)

    assert set(collected(executor, 2).values()) == {0, 1}


def test_nothing_is_readable_once_all_answers_were_collected(executor: ThreadExecutor) -> None:
    executor.submit("a", lambda: 1)
    collected(executor, 1)

    assert select.select([executor.fileno()], [], [], 0) == ([], [], [])
    assert executor.collect() == []


def test_a_call_that_hangs_leaves_its_place_to_another_worker(executor: ThreadExecutor) -> None:
    began, release = threading.Barrier(3), threading.Event()
    for number in range(2):
        executor.submit(f"hung {number}", lambda: (began.wait(5), release.wait(5)))
    executor.submit("next", lambda: "answer")
    began.wait(5)  # both workers hang

    for number in range(2):
        executor.replace(f"hung {number}")

    assert collected(executor, 1) == {"next": "answer"}
    release.set()
    executor.submit("later", lambda: "too")
    assert collected(executor, 1) == {"later": "too"}  # what hung is never heard of


def test_a_call_that_was_given_up_before_it_began_does_not_begin() -> None:
    executor = ThreadExecutor(workers=1)
    release, ran = threading.Event(), []
    executor.submit("first", lambda: release.wait(5))
    executor.submit("unwanted", lambda: ran.append(1))
    executor.submit("last", lambda: None)

    executor.replace("unwanted")
    release.set()

    assert set(collected(executor, 2)) == {"first", "last"}
    assert ran == []
    executor.close()


def test_what_finishes_after_closing_is_unheard_and_harms_nobody() -> None:
    executor = ThreadExecutor(workers=1)
    started, release, ran = threading.Event(), threading.Event(), []
    executor.submit("running", lambda: (started.set(), release.wait(5)))
    executor.submit("waiting", lambda: ran.append("waiting"))
    started.wait(5)

    executor.close()
    executor.close()
    release.set()
    for thread in executor._threads:
        thread.join(5)

    assert ran == []
