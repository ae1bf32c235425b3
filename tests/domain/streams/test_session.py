"""The websocket session in virtual time. T, WS, RC and F numbers name the requirements a test proves."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.effects import WakeAt, WakeupKey
from domain.instant import Instant
from domain.settings import SessionSettings
from domain.streams.session import OUTBOUND_LIMIT, Session
from domain.streams.session_states import (
    LEGAL_MOVES,
    AlreadyConnected,
    ClosePipe,
    Disconnected,
    IllegalMove,
    MaxRetriesExceeded,
    Moved,
    OpenPipe,
    Recovered,
    SayGoodbye,
    SendFrame,
    SessionState,
    SessionWakeup,
    move,
)

DISCONNECTED, CONNECTING, CONNECTED, RECONNECTING, FAILED = SessionState
FIRST, SECOND = "market#1.1", "market#1.2"
RETRY = WakeupKey(SessionWakeup.RETRY, "market")


def at(seconds: float) -> Instant:
    return Instant(monotonic_ns=round(seconds * 1e9), utc_ns=1_800_000_000_000_000_000 + round(seconds * 1e9))


def new_session(
    name: str = "market",
    incarnation: int = 1,
    silence_s: float = 3.0,
    connect_within_s: float = 5.0,
    **changes,
) -> Session:
    values = {"backoff_base_s": 1.0, "backoff_cap_s": 8.0, "stable_after_s": 5.0, "jitter_ratio": 0.0}
    settings = SessionSettings(**(values | changes))
    return Session(name, incarnation, settings, silence_s, lambda: 0.5, connect_within_s)


def connected_session(**changes) -> Session:
    session = new_session(**changes)
    session.connect(at(0))
    session.opened(FIRST, at(0))
    return session


def only(kind: type, effects: list) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def dialed(effects: list) -> list[str]:
    return [effect.connection_id for effect in only(OpenPipe, effects)]


def retry_at(effects: list) -> float:
    [due_ns] = [wakeup.due_ns for wakeup in only(WakeAt, effects) if wakeup.key == RETRY]
    return due_ns / 1e9


def fail_dials(session: Session, effects: list, times: int, now: float = 0.0, code: str = "refused") -> list[float]:
    """Let the next dials fail the moment they are made; return how long each was waited for."""
    delays = []
    for _ in range(times):
        delays.append(round(retry_at(effects) - now, 6))
        now = retry_at(effects)
        [connection_id] = dialed(session.tick(RETRY, at(now)))
        effects = session.open_failed(connection_id, code, False, at(now))
    return delays


def drop_often(session: Session, times: int, now: float = 0.0) -> list[float]:
    """Lose every connection the moment it opens; return how long each retry waited."""
    delays = []
    for _ in range(times):
        due = retry_at(session.lost(session.connection_id, "1006", at(now)))
        delays.append(round(due - now, 6))
        now = due
        [connection_id] = dialed(session.tick(RETRY, at(now)))
        session.opened(connection_id, at(now))
    return delays


# ---- states ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "target"), list(product(SessionState, repeat=2)))
def test_only_tabled_moves_are_made(origin: SessionState, target: SessionState) -> None:
    """WS-01: each pair of states; what is not legal is a typed error."""
    if target in LEGAL_MOVES[origin]:
        assert move(origin, target) is target
    else:
        with pytest.raises(IllegalMove):
            move(origin, target)


def test_every_way_out_of_the_requirements_is_in_the_table() -> None:
    """WS-01."""
    assert LEGAL_MOVES[DISCONNECTED] == {CONNECTING}
    assert LEGAL_MOVES[CONNECTING] == {CONNECTED, DISCONNECTED}
    assert LEGAL_MOVES[CONNECTED] == {DISCONNECTED, RECONNECTING}
    assert LEGAL_MOVES[RECONNECTING] == {CONNECTED, FAILED, DISCONNECTED}
    assert LEGAL_MOVES[FAILED] == {CONNECTING}


def test_each_move_is_told_with_its_reason_and_how_long_the_state_lasted() -> None:
    """T09: there and back, three moves."""
    session = new_session()

    effects = [
        *session.connect(at(0)),
        *session.opened(FIRST, at(0.2)),
        *session.disconnect(at(10.2)),
    ]

    assert only(Moved, effects) == [
        Moved(DISCONNECTED, CONNECTING, "asked", 0),
        Moved(CONNECTING, CONNECTED, "opened", 200_000_000),
        Moved(CONNECTED, DISCONNECTED, "asked", 10_000_000_000),
    ]


def test_nobody_can_fake_a_state() -> None:
    """WS-12: the getters are plain reads, and there is no setter."""
    session = new_session()

    for name, value in (("state", CONNECTED), ("connection_id", FIRST), ("heartbeat_ns", 1)):
        with pytest.raises(AttributeError):
            setattr(session, name, value)


# ---- connecting ------------------------------------------------------------------------------------------


def test_a_connection_is_opened_and_has_an_id_and_a_heartbeat() -> None:
    """T01, WS-03, WS-07."""
    session = new_session()

    asked = session.connect(at(0))
    session.opened(FIRST, at(0.1))

    assert only(OpenPipe, asked) == [OpenPipe(FIRST)]
    assert (session.state, session.connection_id) == (CONNECTED, FIRST)
    assert session.heartbeat_ns == at(0.1).monotonic_ns


def test_asking_again_is_refused_and_changes_nothing() -> None:
    """T10, WS-13: while connecting and while connected; the id stays, and each is counted."""
    session = new_session()
    session.connect(at(0))
    for moment in (1, 2, 3, 4):
        if moment == 2:
            session.opened(FIRST, at(1.5))
        with pytest.raises(AlreadyConnected):
            session.connect(at(moment))

    assert session.counters["duplicates"] == 4
    assert (session.state, session.connection_id) == (CONNECTED, FIRST)


def test_an_id_exists_only_while_connected_and_is_never_used_twice() -> None:
    """T02, T10, WS-02: ten thousand connections of three actors, one of which starts anew on the way."""
    seen = set()
    for name, incarnation in (("a", 1), ("b", 1), ("b", 2), ("c", 1)):
        session = new_session(name, incarnation)
        for _ in range(2_500):
            assert session.connection_id is None
            [connection_id] = dialed(session.connect(at(0)))
            session.opened(connection_id, at(0))
            seen.add(session.connection_id)
            session.disconnect(at(0))
        assert session.connection_id is None

    assert len(seen) == 4 * 2_500


def test_a_reconnect_gets_a_new_id() -> None:
    """WS-02."""
    session = connected_session()

    effects = session.lost(FIRST, "1006", at(1))
    between = session.connection_id
    session.tick(RETRY, at(retry_at(effects)))
    session.opened(SECOND, at(2))

    assert (between, session.connection_id) == (None, SECOND)


def test_a_dial_into_a_black_hole_fails_after_exactly_its_time() -> None:
    """T06, WS-08: 5 s, one timeout, and what comes of it later is not wanted any more."""
    session = new_session(connect_within_s=5.0)
    [deadline] = only(WakeAt, session.connect(at(0)))

    early = session.tick(deadline.key, at(4.999))
    effects = session.tick(deadline.key, at(5))

    assert (early, deadline.due_ns) == ([], at(5).monotonic_ns)
    assert only(Moved, effects)[0].target is DISCONNECTED
    assert session.counters["failed_timeout"] == 1
    assert session.last_failure == "timeout"
    assert session.opened(FIRST, at(6)) == [ClosePipe(FIRST, "stale")]


@pytest.mark.parametrize("phase", ["dial", "backoff", "silent after the upgrade", "goodbye"])
def test_it_never_hangs_whenever_the_network_parts(phase: str) -> None:
    """F32: whatever answer never comes, its own wakeups bring it to a new dial or to an end."""
    session = new_session()
    effects = session.connect(at(0))
    if phase != "dial":
        effects = session.opened(FIRST, at(0))
    if phase == "backoff":
        effects = session.lost(FIRST, "1006", at(0))
    if phase == "goodbye":
        effects = session.disconnect(at(0), within_s=2.0)

    dials = 0
    for _ in range(6):  # nothing ever answers: only the wakeups ring
        wakeups = only(WakeAt, effects)
        effects = [e for wakeup in wakeups for e in session.tick(wakeup.key, Instant(wakeup.due_ns, 0))]
        dials += len(dialed(effects))

    assert session.state is DISCONNECTED if phase == "goodbye" else dials >= 2


@pytest.mark.parametrize("code", ["refused", "reset", "dns", "unreachable", "tls", "rejected", "handshake", "timeout"])
def test_each_kind_of_failure_has_its_own_counter(code: str) -> None:
    """T11, WS-09."""
    session = new_session()
    session.connect(at(0))

    session.open_failed(FIRST, code, False, at(0))

    assert session.counters == {f"failed_{code}": 1}
    assert session.last_failure == code


def test_a_first_connect_that_fails_is_tried_again() -> None:
    session = new_session()
    session.connect(at(0))

    effects = session.open_failed(FIRST, "refused", False, at(0))

    assert session.state is DISCONNECTED
    assert retry_at(effects) == 1
    assert dialed(session.tick(RETRY, at(1))) == [SECOND]
    assert session.state is CONNECTING


def test_a_refused_key_ends_the_first_connect_without_a_retry() -> None:
    """T04, WS-05: the server decides, and there is no second try with the same token."""
    session = new_session()
    session.connect(at(0))

    effects = session.open_failed(FIRST, "401", True, at(0))

    assert only(WakeAt, effects) == []
    assert session.state is DISCONNECTED
    assert session.tick(RETRY, at(3600)) == []


def test_a_refused_key_while_reconnecting_fails_until_a_person_asks_again() -> None:
    session = connected_session()
    effects = session.lost(FIRST, "1006", at(1))
    session.tick(RETRY, at(retry_at(effects)))

    session.open_failed(SECOND, "401", True, at(2))

    assert session.state is FAILED
    assert dialed(session.connect(at(60))) == ["market#1.3"]


def test_a_pipe_that_nobody_wants_any_more_is_closed() -> None:
    session = new_session()
    session.connect(at(0))
    session.disconnect(at(0))

    assert session.opened(FIRST, at(1)) == [ClosePipe(FIRST, "stale")]
    assert session.state is DISCONNECTED


def test_hearing_twice_of_the_open_pipe_does_not_close_it() -> None:
    session = connected_session()

    assert session.opened(FIRST, at(1)) == []
    assert session.connection_id == FIRST


# ---- silence ---------------------------------------------------------------------------------------------


def wakeup_of(effects: list) -> WakeAt:
    [wakeup] = only(WakeAt, effects)
    return wakeup


def test_the_heartbeat_moves_with_every_frame_and_ends_with_the_connection() -> None:
    """WS-03."""
    session = connected_session()
    stamps = []
    for second in (1, 2):
        session.heard(at(second))
        stamps.append(session.heartbeat_ns)
    session.disconnect(at(3))

    assert stamps == [at(1).monotonic_ns, at(2).monotonic_ns]
    assert session.heartbeat_ns is None


def test_a_silent_socket_is_closed_even_before_its_first_message() -> None:
    """WS-03, F29."""
    session = new_session()
    session.connect(at(0))
    wakeup = wakeup_of(session.opened(FIRST, at(10)))

    effects = session.tick(wakeup.key, at(13))

    assert wakeup.due_ns == at(13).monotonic_ns
    assert ClosePipe(FIRST, "silent") in effects
    assert session.state is RECONNECTING


def test_a_patient_session_still_wants_its_first_message_soon() -> None:
    session = new_session(silence_s=60.0, first_message_within_s=5.0)
    session.connect(at(0))
    wakeup = wakeup_of(session.opened(FIRST, at(0)))
    assert wakeup.due_ns == at(5).monotonic_ns

    session.heard(at(4))

    assert session.tick(wakeup.key, at(5)) == [WakeAt(at(60).monotonic_ns, wakeup.key)]


def test_proof_of_life_postpones_the_wakeup() -> None:
    session = new_session()
    session.connect(at(0))
    wakeup = wakeup_of(session.opened(FIRST, at(0)))
    session.proven_alive(at(2))

    effects = session.tick(wakeup.key, at(3))

    assert effects == [WakeAt(at(5).monotonic_ns, wakeup.key)]
    assert session.state is CONNECTED


def test_chatter_without_proof_of_life_does_not_keep_a_session_alive() -> None:
    """EX-02"""
    session = connected_session()
    for second in range(3):
        session.heard(at(second))

    assert ClosePipe(FIRST, "silent") in session.tick(WakeupKey(SessionWakeup.SILENCE, "market", 1), at(3))


def test_the_wakeup_of_an_older_connection_is_ignored() -> None:
    session = connected_session()
    session.lost(FIRST, "1006", at(1))
    session.tick(RETRY, at(2))
    session.opened(SECOND, at(2))

    assert session.tick(WakeupKey(SessionWakeup.SILENCE, "market", 1), at(60)) == []
    assert session.state is CONNECTED


# ---- reconnecting ----------------------------------------------------------------------------------------


def test_a_lost_connection_is_opened_again_after_the_base_delay_and_the_downtime_told() -> None:
    """T16, RC-05, RC-09: nobody has to ask."""
    session = connected_session()

    effects = session.lost(FIRST, "1006", at(1))
    early = session.tick(RETRY, at(1.9))
    dial = session.tick(RETRY, at(2))
    opened = session.opened(SECOND, at(2.4))

    assert only(ClosePipe, effects) == [ClosePipe(FIRST, "1006")]
    assert (early, dialed(dial)) == ([], [SECOND])
    assert only(Recovered, opened) == [Recovered(downtime_ns=1_400_000_000, attempts=1)]
    assert (session.reconnects, session.downtime_ns) == (1, 1_400_000_000)


def test_disconnecting_ends_the_retries() -> None:
    """RC-05."""
    session = connected_session()
    session.lost(FIRST, "1006", at(1))

    session.disconnect(at(1))

    assert session.state is DISCONNECTED
    assert session.tick(RETRY, at(2)) == []


@pytest.mark.parametrize(
    ("base_s", "delays"), [(1.0, [1, 2, 4, 8]), (0.1, [0.1, 0.2, 0.4, 0.8])], ids=["seconds", "tenths"]
)
def test_delays_double_from_the_configured_base(base_s: float, delays: list[float]) -> None:
    """RC-01: 1, 2, 4, 8 s and 100, 200, 400, 800 ms."""
    session = connected_session(backoff_base_s=base_s, backoff_cap_s=10.0)
    effects = session.lost(FIRST, "1006", at(0))

    assert fail_dials(session, effects, 4) == delays

    assert session.counters["failed_refused"] == 4


def test_the_fourth_attempt_succeeds_and_tells_how_long_it_all_took() -> None:
    """T16: after 100, 200, 400 and 800 ms; down for more than 1.4 s; then connected."""
    session = connected_session(backoff_base_s=0.1, backoff_cap_s=10.0, max_retries=5)
    fail_dials(session, session.lost(FIRST, "1006", at(0)), 3)
    [connection_id] = dialed(session.tick(RETRY, at(1.5)))

    opened = session.opened(connection_id, at(1.5))

    assert only(Recovered, opened) == [Recovered(downtime_ns=1_500_000_000, attempts=4)]
    assert session.state is CONNECTED


def test_three_retries_and_no_more() -> None:
    """T17, RC-02: base 50 ms, factor 1.5: three attempts, one complaint, and an hour later still nothing."""
    session = connected_session(backoff_base_s=0.05, backoff_factor=1.5, max_retries=3)
    effects = session.lost(FIRST, "1006", at(0))

    delays = fail_dials(session, effects, 2)
    now = sum(delays) + 0.05 * 1.5**2
    [last] = dialed(session.tick(RETRY, at(now)))
    over = session.open_failed(last, "refused", False, at(now))

    assert only(MaxRetriesExceeded, over) == [MaxRetriesExceeded(3)]
    assert only(WakeAt, over) == []
    assert session.tick(RETRY, at(3600)) == []
    assert session.state is FAILED
    assert session.counters["connects"] == 1


def test_from_failed_a_person_connects_and_the_count_begins_anew() -> None:
    """T17, RC-03."""
    session = connected_session(backoff_base_s=0.05, max_retries=1)
    fail_dials(session, session.lost(FIRST, "1006", at(0)), 1)
    assert session.state is FAILED

    [connection_id] = dialed(session.reconnect(at(10)))
    session.opened(connection_id, at(10))
    again = session.lost(connection_id, "1006", at(10))

    assert retry_at(again) == pytest.approx(10.05)


def test_servers_that_accept_and_hang_up_are_met_with_growing_delays() -> None:
    """RC-04."""
    assert drop_often(connected_session(), 5) == [1, 2, 4, 8, 8]


def test_a_stable_connection_earns_back_the_base_delay() -> None:
    """T18, RC-04: 100, 200 ms; connected for 500 ms; 100, 200 ms again, and one reset."""
    session = connected_session(backoff_base_s=0.1, stable_after_s=0.5)

    first = drop_often(session, 2)
    second = drop_often(session, 2, now=sum(first) + 0.5)

    assert (first, second) == ([0.1, 0.2], [0.1, 0.2])
    assert session.counters["backoff_resets"] == 1


def test_however_many_reconnects_are_asked_for_one_socket_is_opened() -> None:
    """T19, RC-06: one automatic and three by hand at once."""
    session = connected_session()
    effects = session.lost(FIRST, "1006", at(0))
    dials = dialed(session.tick(RETRY, at(retry_at(effects))))

    for moment in (1.05, 1.10, 1.15):
        dials += dialed(session.reconnect(at(moment)))
    session.opened(SECOND, at(1.2))

    assert dials == [SECOND]
    assert (session.counters["conflicts"], session.counters["connects"]) == (3, 2)
    assert session.connection_id == SECOND


def test_a_reconnect_by_hand_replaces_an_open_connection() -> None:
    session = connected_session()

    effects = session.reconnect(at(6), "gap")

    assert only(ClosePipe, effects) == [ClosePipe(FIRST, "gap")]
    assert retry_at(effects) == 7


def test_a_thousand_reconnects_keep_their_order_and_their_spread() -> None:
    """F35: delays stay within a tenth of the cap, and ids rise."""
    draws = iter(index / 1000 for index in range(2000))
    values = SessionSettings(backoff_base_s=1.0, backoff_cap_s=8.0, jitter_ratio=0.1)
    session = Session("market", 1, values, 3.0, lambda: next(draws))
    session.connect(at(0))
    session.opened(FIRST, at(0))

    delays = drop_often(session, 1000)

    assert all(7.2 <= delay <= 8.8 for delay in delays[3:])
    assert len(set(delays)) > 900
    assert session.connection_id == "market#1.1001"


def test_persistent_trouble_reaches_the_cap_fast_and_recovery_the_base() -> None:
    """T22, RC-08: 3 quick failures grow by 1.8 or more, 6 in a row reach 8 s of 10, recovery 100 ms."""
    session = connected_session(backoff_base_s=0.1, backoff_cap_s=10.0, stable_after_s=0.5)

    delays = fail_dials(session, session.lost(FIRST, "1006", at(0)), 6)
    assert all(later >= 1.8 * earlier for earlier, later in pairwise(delays))
    assert delays[5] >= 8

    session.tick(RETRY, at(1000))
    session.opened("market#1.8", at(1000))
    assert retry_at(session.lost("market#1.8", "1006", at(1001))) == pytest.approx(1001.1)


def test_drops_lower_the_quality_until_they_are_forgotten() -> None:
    """T21, RC-09: below 0.8 after three drops, steady again a minute later."""
    session = connected_session()
    assert session.quality(at(0)) == 1

    drop_often(session, 3)

    assert session.quality(at(8)) < 0.8
    assert session.quality(at(70)) == 1


def test_a_partition_costs_several_attempts_and_ends_in_a_recovery() -> None:
    """T21, RC-09."""
    session = connected_session(backoff_base_s=0.1, backoff_factor=1.5, max_retries=8)
    delays = fail_dials(session, session.lost(FIRST, "1006", at(0)), 3, code="unreachable")
    now = sum(delays) + 5.0
    [connection_id] = dialed(session.tick(RETRY, at(now)))

    [recovered] = only(Recovered, session.opened(connection_id, at(now)))

    assert recovered.attempts == 4
    assert recovered.downtime_ns == pytest.approx(now * 1e9)


def test_an_open_breaker_puts_a_dial_off_and_costs_no_attempt() -> None:
    session = connected_session(max_retries=1)
    effects = session.lost(FIRST, "1006", at(0))
    now = retry_at(effects)

    for number in range(2, 12):
        session.tick(RETRY, at(now))
        effects = session.put_off(f"market#1.{number}", "breaker_open", at(now))
        assert retry_at(effects) == now + 1
        now += 1

    assert session.state is RECONNECTING
    assert not any(name.startswith("failed") for name in session.counters)


def test_news_of_an_older_connection_changes_nothing() -> None:
    session = connected_session()
    session.lost(FIRST, "1006", at(1))
    session.tick(RETRY, at(2))
    session.opened(SECOND, at(2))

    assert session.lost(FIRST, "1006", at(3)) == []
    assert session.open_failed(FIRST, "timeout", False, at(3)) == []
    assert session.put_off(FIRST, "breaker_open", at(3)) == []
    assert (session.state, session.connection_id) == (CONNECTED, SECOND)


# ---- what is said ----------------------------------------------------------------------------------------


SUBSCRIPTIONS = ('{"id":"sub-1"}', '{"id":"sub-2"}', '{"id":"sub-3"}')
QUEUED = ("45100.00", "3250.00", "95.50")


def said(effects: list) -> list[str]:
    return [effect.text for effect in only(SendFrame, effects)]


def test_a_new_connection_restores_subscriptions_and_then_says_what_waited_once_in_order() -> None:
    """T20, RC-07: same ids, session and first connect time kept, one reconnect, nothing dropped."""
    session = new_session()
    session.connect(at(0))
    assert said(session.opened(FIRST, at(0), SUBSCRIPTIONS)) == list(SUBSCRIPTIONS)
    effects = session.lost(FIRST, "1006", at(1))
    waiting = [effect for text in QUEUED for effect in session.send(text)]

    session.tick(RETRY, at(retry_at(effects)))
    restored = said(session.opened(SECOND, at(2), SUBSCRIPTIONS))

    assert waiting == []
    assert restored == [*SUBSCRIPTIONS, *QUEUED]
    assert session.send("45200.00") == [SendFrame(SECOND, "45200.00")]
    assert (session.name, session.first_connected_ns, session.reconnects) == ("market", at(0).monotonic_ns, 1)
    assert session.counters["outbound_dropped"] == 0

    session.lost(SECOND, "1006", at(3))
    session.tick(RETRY, at(5))
    assert said(session.opened("market#1.3", at(5), SUBSCRIPTIONS)) == list(SUBSCRIPTIONS)


def test_what_waits_is_bounded_and_what_does_not_fit_is_counted() -> None:
    """T20: a buffer of 1000."""
    session = new_session()
    for number in range(OUTBOUND_LIMIT + 5):
        session.send(str(number))

    session.connect(at(0))
    effects = session.opened(FIRST, at(0))

    assert said(effects) == [str(number) for number in range(OUTBOUND_LIMIT)]
    assert session.counters["outbound_dropped"] == 5


# ---- ending ----------------------------------------------------------------------------------------------


def test_a_graceful_end_awaits_the_peers_goodbye_and_is_measured() -> None:
    """T07, WS-10: within 2 s; counted as graceful, never as forced."""
    session = connected_session()

    asked = session.disconnect(at(1), within_s=2.0)
    effects = session.lost(FIRST, "1000", at(1.3))

    assert asked == [SayGoodbye(FIRST), WakeAt(at(3).monotonic_ns, WakeupKey(SessionWakeup.GOODBYE, "market", 1))]
    assert Disconnected(FIRST, is_graceful=True, took_ns=300_000_000) in effects
    assert (session.counters["closed_gracefully"], session.counters["closed_forcibly"]) == (1, 0)
    assert (session.state, session.connection_id) == (DISCONNECTED, None)


def test_a_peer_that_ignores_the_goodbye_is_hung_up_on_in_time() -> None:
    """T08, WS-11: limit 100 ms; forced, not clean, disconnected."""
    session = connected_session()
    [_, wakeup] = session.disconnect(at(1), within_s=0.1)

    effects = session.tick(wakeup.key, at(1.1))

    assert ClosePipe(FIRST, "asked") in effects
    assert Disconnected(FIRST, is_graceful=False, took_ns=100_000_000) in effects
    assert (session.counters["closed_gracefully"], session.counters["closed_forcibly"]) == (0, 1)
    assert session.state is DISCONNECTED


def test_a_peer_that_vanishes_instead_of_answering_was_no_graceful_end() -> None:
    session = connected_session()
    session.disconnect(at(1), within_s=2.0)

    [ended] = only(Disconnected, session.lost(FIRST, "1006", at(1.1)))

    assert not ended.is_graceful


def test_without_a_limit_it_hangs_up_at_once() -> None:
    effects = connected_session().disconnect(at(1))

    assert only(ClosePipe, effects) == [ClosePipe(FIRST, "asked")]
    assert only(Disconnected, effects) == [Disconnected(FIRST, is_graceful=False, took_ns=0)]


def test_nothing_interrupts_a_goodbye() -> None:
    session = connected_session()
    session.disconnect(at(1), within_s=2.0)

    assert session.disconnect(at(1.5), within_s=2.0) == []
    assert session.reconnect(at(1.5)) == []
    assert session.counters["conflicts"] == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from("connect opened failed fatal put_off lost alive disconnect goodbye reconnect tick".split()),
        st.integers(0, 6),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_whatever_happens_at_most_one_pipe_is_wanted_and_no_move_is_illegal(steps) -> None:
    """WS-01, RC-06."""
    session = new_session(max_retries=3)
    opened: set[str] = set()
    asked: list[str] = []
    now = 0.0

    def connect() -> list:
        try:
            return session.connect(at(now))
        except AlreadyConnected:
            return []

    for word, number in steps:
        now += number
        name = f"market#1.{number}"
        effects = {
            "connect": connect,
            "opened": lambda: session.opened(name, at(now)) if name in asked else [],
            "failed": lambda: session.open_failed(name, "refused", False, at(now)),
            "fatal": lambda: session.open_failed(name, "401", True, at(now)),
            "put_off": lambda: session.put_off(name, "breaker_open", at(now)),
            "lost": lambda: session.lost(name, "1006", at(now)),
            "alive": lambda: session.proven_alive(at(now)),
            "disconnect": lambda: session.disconnect(at(now)),
            "goodbye": lambda: session.disconnect(at(now), within_s=2.0),
            "reconnect": lambda: session.reconnect(at(now)),
            "tick": lambda: [
                *session.tick(RETRY, at(now)),
                *session.tick(WakeupKey(SessionWakeup.SILENCE, "market", number), at(now)),
                *session.tick(WakeupKey(SessionWakeup.DIAL, "market", number), at(now)),
                *session.tick(WakeupKey(SessionWakeup.GOODBYE, "market", number), at(now)),
            ],
        }[word]()
        if word == "opened" and name in asked:
            opened.add(name)
        asked += dialed(effects)
        opened -= {effect.connection_id for effect in only(ClosePipe, effects)}

        assert opened == ({session.connection_id} - {None})
        assert (session.connection_id is not None) == (session.state is CONNECTED)
        assert len(set(asked)) == len(asked)
