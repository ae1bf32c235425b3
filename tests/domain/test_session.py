from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.effects import Instant, WakeAt
from domain.session import (
    LEGAL_MOVES,
    ClosePipe,
    IllegalMove,
    OpenPipe,
    Session,
    SessionState,
    move,
)
from domain.settings import SessionSettings

DISCONNECTED, CONNECTING, CONNECTED, RECONNECTING, FAILED = SessionState


def at(seconds: float) -> Instant:
    return Instant(monotonic_ns=int(seconds * 1e9), utc_ns=1_800_000_000_000_000_000 + int(seconds * 1e9))


def new_session(**changes) -> Session:
    values = {"backoff_base_s": 1.0, "backoff_cap_s": 8.0, "stable_after_s": 5.0} | changes
    return Session("market", SessionSettings(**values), silence_s=3.0, jitter=lambda: 0.5)


def connected_session(**changes) -> Session:
    session = new_session(**changes)
    session.connect(at(0))
    session.opened(1, at(0))
    return session


def retry_delays(session: Session, lost_ids: range, since: float) -> list[float]:
    """Lose every new connection the moment it opens, and return how long each retry waited."""
    delays, now = [], since
    for connection_id in lost_ids:
        (_, alarm) = session.lost(connection_id, "1006", at(now))
        delays.append((alarm.due_ns - at(now).monotonic_ns) / 1e9)
        now = alarm.due_ns / 1e9
        session.tick(alarm.key, at(now))
        session.opened(connection_id + 1, at(now))
    return delays


@pytest.mark.parametrize(("origin", "target"), list(product(SessionState, repeat=2)))
def test_only_tabled_moves_are_made(origin: SessionState, target: SessionState) -> None:
    if target in LEGAL_MOVES[origin]:
        assert move(origin, target) is target
    else:
        with pytest.raises(IllegalMove):
            move(origin, target)


def test_every_way_out_of_the_requirements_is_in_the_table() -> None:
    assert LEGAL_MOVES[DISCONNECTED] == {CONNECTING}
    assert LEGAL_MOVES[CONNECTING] == {CONNECTED, DISCONNECTED}
    assert LEGAL_MOVES[CONNECTED] == {DISCONNECTED, RECONNECTING}
    assert LEGAL_MOVES[RECONNECTING] >= {CONNECTED, FAILED}
    assert LEGAL_MOVES[FAILED] == {CONNECTING}


def test_connecting_opens_one_pipe_however_often_it_is_asked_for() -> None:
    session = new_session()

    effects = [session.connect(at(0)) for _ in range(4)]

    assert effects == [[OpenPipe(1)], [], [], []]
    assert session.state is CONNECTING


def test_an_id_exists_only_while_connected_and_is_new_each_time() -> None:
    session = new_session()
    seen = []
    for connection_id in (1, 2, 3):
        assert session.connection_id is None
        session.connect(at(0))
        session.opened(connection_id, at(0))
        seen.append(session.connection_id)
        session.disconnect(at(0))

    assert session.connection_id is None
    assert seen == [1, 2, 3]


def test_a_silent_socket_is_closed_even_before_its_first_message() -> None:
    session = new_session()
    session.connect(at(0))
    (alarm,) = session.opened(1, at(10))

    effects = session.tick(alarm.key, at(13))

    assert alarm.due_ns == at(13).monotonic_ns
    assert effects[0] == ClosePipe(1, "silent")
    assert session.state is RECONNECTING


def test_a_patient_session_still_wants_its_first_message_soon() -> None:
    session = Session("user", SessionSettings(first_message_within_s=5.0), silence_s=60.0, jitter=lambda: 0.5)
    session.connect(at(0))
    (alarm,) = session.opened(1, at(0))
    assert alarm.due_ns == at(5).monotonic_ns

    session.heard(at(4))

    assert session.tick(alarm.key, at(5)) == [WakeAt(at(60).monotonic_ns, alarm.key)]


def test_proof_of_life_postpones_the_alarm() -> None:
    session = new_session()
    session.connect(at(0))
    (alarm,) = session.opened(1, at(0))
    session.proven_alive(at(2))

    effects = session.tick(alarm.key, at(3))

    assert effects == [WakeAt(at(5).monotonic_ns, alarm.key)]
    assert session.state is CONNECTED


def test_chatter_without_proof_of_life_does_not_keep_a_session_alive() -> None:
    session = connected_session()
    for second in range(3):
        session.heard(at(second))

    effects = session.tick("session:market:silence:1", at(3))

    assert effects[0] == ClosePipe(1, "silent")


def test_the_alarm_of_an_older_connection_is_ignored() -> None:
    session = connected_session()
    session.lost(1, "1006", at(1))
    session.tick("session:market:retry", at(2))
    session.opened(2, at(2))

    assert session.tick("session:market:silence:1", at(60)) == []
    assert session.state is CONNECTED


def test_a_lost_connection_is_opened_again_after_the_base_delay() -> None:
    session = connected_session()

    effects = session.lost(1, "1006", at(1))

    assert effects == [ClosePipe(1, "1006"), WakeAt(at(2).monotonic_ns, "session:market:retry")]
    assert session.tick("session:market:retry", at(1.9)) == []
    assert session.tick("session:market:retry", at(2)) == [OpenPipe(2)]
    session.opened(2, at(2))
    assert (session.state, session.reconnects, session.connection_id) == (CONNECTED, 1, 2)


def test_servers_that_accept_and_hang_up_are_met_with_growing_delays() -> None:
    session = connected_session()

    assert retry_delays(session, range(1, 6), since=0) == [1, 2, 4, 8, 8]


def test_a_stable_connection_earns_back_the_base_delay() -> None:
    session = connected_session()
    retry_delays(session, range(1, 4), since=0)

    (_, alarm) = session.lost(4, "1006", at(12))

    assert alarm.due_ns == at(13).monotonic_ns


def test_a_first_connect_that_fails_is_tried_again() -> None:
    session = new_session()
    session.connect(at(0))

    effects = session.open_failed(1, "refused", False, at(0))

    assert session.state is DISCONNECTED
    assert effects == [WakeAt(at(1).monotonic_ns, "session:market:retry")]
    assert session.tick("session:market:retry", at(1)) == [OpenPipe(2)]
    assert session.state is CONNECTING
    assert session.last_failure == "refused"


def test_a_refused_key_ends_the_first_connect_without_a_retry() -> None:
    session = new_session()
    session.connect(at(0))

    assert session.open_failed(1, "401", True, at(0)) == []
    assert session.state is DISCONNECTED
    assert session.tick("session:market:retry", at(3600)) == []


def test_a_refused_key_while_reconnecting_fails_until_a_person_asks_again() -> None:
    session = connected_session()
    session.lost(1, "1006", at(1))
    session.tick("session:market:retry", at(2))

    assert session.open_failed(2, "401", True, at(2)) == []
    assert session.state is FAILED
    assert session.connect(at(60)) == [OpenPipe(3)]


def test_a_pipe_that_nobody_wants_any_more_is_closed() -> None:
    session = new_session()
    session.connect(at(0))
    session.disconnect(at(0))

    assert session.opened(1, at(1)) == [ClosePipe(1, "stale")]
    assert session.state is DISCONNECTED


def test_hearing_twice_of_the_open_pipe_does_not_close_it() -> None:
    session = connected_session()

    assert session.opened(1, at(1)) == []
    assert session.connection_id == 1


def test_disconnecting_closes_the_pipe_and_forgets_retries() -> None:
    session = connected_session()

    assert session.disconnect(at(1)) == [ClosePipe(1, "asked")]
    assert session.state is DISCONNECTED

    again = connected_session()
    again.lost(1, "1006", at(1))
    assert again.disconnect(at(1)) == []
    assert again.tick("session:market:retry", at(2)) == []


def test_news_of_an_older_connection_changes_nothing() -> None:
    session = connected_session()
    session.lost(1, "1006", at(1))
    session.tick("session:market:retry", at(2))
    session.opened(2, at(2))

    assert session.lost(1, "1006", at(3)) == []
    assert session.open_failed(1, "timeout", False, at(3)) == []
    assert (session.state, session.connection_id) == (CONNECTED, 2)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["connect", "opened", "failed", "fatal", "lost", "alive", "disconnect", "tick"]),
        st.integers(0, 6),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_whatever_happens_at_most_one_pipe_is_wanted_and_no_move_is_illegal(steps) -> None:
    session = new_session()
    opened: set[int] = set()
    asked: list[int] = []
    now = 0.0

    for word, number in steps:
        now += number
        effects = {
            "connect": lambda: session.connect(at(now)),
            "opened": lambda: session.opened(number, at(now)) if number in asked else [],
            "failed": lambda: session.open_failed(number, "refused", False, at(now)),
            "fatal": lambda: session.open_failed(number, "401", True, at(now)),
            "lost": lambda: session.lost(number, "1006", at(now)),
            "alive": lambda: session.proven_alive(at(now)),
            "disconnect": lambda: session.disconnect(at(now)),
            "tick": lambda: session.tick("session:market:retry", at(now))
            + session.tick(f"session:market:silence:{number}", at(now)),
        }[word]()
        if word == "opened" and number in asked:
            opened.add(number)
        asked += [effect.connection_id for effect in effects if isinstance(effect, OpenPipe)]
        opened -= {effect.connection_id for effect in effects if isinstance(effect, ClosePipe)}

        assert opened == ({session.connection_id} - {None})
        assert (session.connection_id is not None) == (session.state is CONNECTED)
        assert len(set(asked)) == len(asked)
