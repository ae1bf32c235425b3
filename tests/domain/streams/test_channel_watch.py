"""Silence of a channel, also before its first word and while others speak (scenarios F28 and F29)."""

import math

from hypothesis import given
from hypothesis import strategies as st

from domain.instant import SECOND_NS
from domain.streams.channel_watch import Channel, ChannelWatch

BOOK, TRADES, BEAT = "level2:BTC-USD", "market_trades", "heartbeats"


def at(seconds: float) -> int:
    return int(seconds * SECOND_NS)


def new_watch() -> ChannelWatch:
    watch = ChannelWatch((Channel(BOOK, 10.0), Channel(TRADES), Channel(BEAT, 3.0, proves_life=True)))
    watch.restart(at(100), first_within_s=5.0)
    return watch


def test_f29_a_channel_that_never_spoke_is_silent_after_the_wait_for_the_first_message() -> None:
    watch = new_watch()
    watch.heard(TRADES, at(101))
    watch.heard(BEAT, at(104))

    assert watch.silent(at(105) - 1) == ()
    assert watch.silent(at(105)) == (BOOK,)


def test_f28_a_channel_that_stopped_is_silent_while_the_others_still_speak() -> None:
    watch = new_watch()
    for name in (BOOK, TRADES, BEAT):
        watch.heard(name, at(101))

    for second in range(102, 112):
        watch.heard(BEAT, at(second))

    assert watch.silent(at(111)) == (BOOK,)


def test_what_may_be_quiet_for_ever_owes_only_its_first_message() -> None:
    watch = ChannelWatch((Channel(TRADES),))
    watch.restart(at(0), first_within_s=5.0)
    assert watch.look_again_ns(at(0)) == at(5)

    watch.heard(TRADES, at(1))

    assert watch.look_again_ns(at(1)) is None
    assert watch.silent(at(1_000_000)) == ()


def test_the_next_look_is_due_with_the_most_impatient_channel() -> None:
    watch = new_watch()
    for name in (BOOK, TRADES, BEAT):
        watch.heard(name, at(103))

    assert watch.look_again_ns(at(103)) == at(106)


def test_a_first_word_shortens_the_wait_for_the_next_one() -> None:
    watch = new_watch()
    assert watch.look_again_ns(at(100)) == at(103)  # a heartbeat may come at once, and then none any more

    watch.heard(BEAT, at(100.5))

    assert watch.silent(at(103)) == ()
    assert watch.look_again_ns(at(103)) == at(103.5)
    assert watch.silent(at(103.5)) == (BEAT,)


def test_a_new_connection_owes_everything_again() -> None:
    watch = new_watch()
    for name in (BOOK, TRADES, BEAT):
        watch.heard(name, at(101))

    watch.restart(at(200), first_within_s=5.0)

    assert watch.silent(at(204)) == ()
    assert watch.silent(at(205)) == (BOOK, TRADES, BEAT)


def test_a_channel_subscribed_again_must_speak_anew() -> None:
    watch = new_watch()
    for name in (BOOK, TRADES, BEAT):
        watch.heard(name, at(101))

    watch.expect(BOOK, at(102), within_s=2.0)

    assert watch.silent(at(103)) == ()
    assert BOOK in watch.silent(at(104))


def test_life_is_proven_up_to_the_most_silent_channel_that_proves_it() -> None:
    books = (Channel(f"l2Book:{coin}", 12.0, proves_life=True) for coin in ("BTC", "ETH"))
    watch = ChannelWatch((*books, Channel(TRADES)))
    watch.restart(at(0), first_within_s=5.0)
    watch.heard("l2Book:BTC", at(1))
    assert watch.proven_ns() == 0

    watch.heard("l2Book:ETH", at(2))
    watch.heard("l2Book:BTC", at(7))

    assert watch.proven_ns() == at(2)


def test_nobody_is_silent_where_nothing_was_promised() -> None:
    watch = ChannelWatch(())
    watch.restart(at(0), first_within_s=5.0)

    watch.heard("surprise", at(1))

    assert (watch.silent(at(1_000)), watch.look_again_ns(at(1_000))) == ((), None)


@given(st.lists(st.tuples(st.sampled_from([BOOK, TRADES, BEAT]), st.integers(0, 4)), max_size=30))
def test_a_channel_is_silent_exactly_when_nothing_came_within_its_deadline(words) -> None:
    watch, now, last = new_watch(), 100, {}
    limits = {BOOK: 10, TRADES: math.inf, BEAT: 3}

    for name, pause in words:
        now += pause
        watch.heard(name, at(now))
        last[name] = now

        expected = {name for name, limit in limits.items() if now >= (last[name] + limit if name in last else 105)}
        assert set(watch.silent(at(now))) == expected
        look_ns = watch.look_again_ns(at(now))
        assert (look_ns <= at(now)) == bool(expected)


def test_channels_are_stale_while_those_of_another_instrument_speak() -> None:
    watch = ChannelWatch((Channel("book:A", 5.0, of="A"), Channel("book:B", 5.0, of="B"), Channel("all", 50.0)))
    watch.restart(0, 5.0)
    assert watch.stale(5 * SECOND_NS) == ()  # all are silent: the connection is to blame

    watch.heard("all", 0)
    assert watch.stale(5 * SECOND_NS) == ()  # both are

    watch.heard("book:A", 3 * SECOND_NS)
    assert watch.stale(5 * SECOND_NS) == ("book:B",)
    assert watch.stale(6 * SECOND_NS) == ()  # nor does the other speak any more
    watch.leave_out(["book:B"])
    assert watch.stale(6 * SECOND_NS) == ()
    assert watch.silent(8 * SECOND_NS) == ("book:A",)


def test_what_is_left_out_is_neither_missed_nor_a_proof_until_it_is_taken_back() -> None:
    watch = ChannelWatch((Channel("a", 5.0, proves_life=True), Channel("b", 5.0, proves_life=True)))
    watch.leave_out(["b"])
    watch.restart(0, 5.0)
    watch.heard("a", 3 * SECOND_NS)

    assert watch.proven_ns() == 3 * SECOND_NS
    assert watch.silent(6 * SECOND_NS) == ()
    assert watch.look_again_ns(6 * SECOND_NS) == 8 * SECOND_NS
    watch.take_back(["b"])
    assert watch.silent(6 * SECOND_NS) == ("b",)
    assert watch.proven_ns() == 0
