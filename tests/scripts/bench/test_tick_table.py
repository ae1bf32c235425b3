"""The arithmetic of the benchmark from tick to order."""

from __future__ import annotations

import pytest

from scripts.bench.tick_table import Arrival, Matched, Peer, Window, figures, match, percentile, table

SENT = {"a": 1_000_000, "b": 2_000_000, "c": 3_000_000}


def test_each_trigger_gets_its_own_order_whatever_came_first() -> None:
    matched = match(SENT, [Arrival("c", 3_100_000), Arrival("a", 1_200_000), Arrival("b", 3_500_000)])

    assert sorted(matched.latencies_us) == [100, 200, 1500]
    assert matched[1:] == (0, 0, 0, 0)


def test_trigger_without_an_order_is_lost() -> None:
    assert match(SENT, [Arrival("b", 2_100_000)]).lost == 2


def test_second_order_of_an_id_answers_nothing() -> None:
    matched = match(SENT, [Arrival("a", 1_200_000), Arrival("a", 1_100_000)])

    assert (matched.latencies_us, matched.twice, matched.lost) == ((200,), 1, 2)


@pytest.mark.parametrize("order", [Arrival("z", 5_000_000), Arrival("a", 999_999)])
def test_order_that_nothing_called_for_or_not_yet_is_a_stranger(order: Arrival) -> None:
    matched = match(SENT, [order])

    assert (matched.latencies_us, matched.strangers, matched.lost) == ((), 1, 3)


def test_order_without_a_valid_token_answers_nothing() -> None:
    matched = match(SENT, [Arrival("a", 1_200_000, is_signed=False)])

    assert (matched.latencies_us, matched.unsigned, matched.lost) == ((), 1, 3)


def test_what_was_triggered_before_or_after_the_window_counts_nowhere() -> None:
    orders = [Arrival("a", 1_200_000), Arrival("a", 1_300_000), Arrival("b", 2_100_000), Arrival("c", 3_100_000)]

    assert match(SENT, orders, Window(2_000_000, 3_000_000)) == Matched((100,))
    assert match(SENT, orders[:2], Window(2_000_000, 3_000_000)) == Matched((), lost=1)


@pytest.mark.parametrize(("ratio", "wanted"), [(0.0, 1), (0.5, 50), (0.9, 90), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentile_is_a_value_that_was_seen(ratio: float, wanted: float) -> None:
    assert percentile(list(range(100, 0, -1)), ratio) == wanted


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError):
        percentile([], 0.5)


def a_floor() -> Peer:
    return Peer("raw", "(a) raw", [Matched((100.0,)), Matched((300.0, 200.0), lost=1)])


def test_figures_are_over_the_orders_of_all_rounds() -> None:
    told = figures(Peer("x", "(x)", [Matched((300.0, 900.0)), Matched((600.0,), lost=2, twice=1)]), a_floor())

    assert (told["orders"], told["lost"], told["twice"]) == (3, 2, 1)
    assert (told["p50_us"], told["p99_us"]) == (600, 900)
    assert (told["p50_ratio"], told["p99_ratio"]) == (3, 3)
    assert told["rounds_p50_us"] == [300, 600]


@pytest.mark.parametrize("floor", [None, Peer("raw", "(a) raw", skipped="it ended")])
def test_without_a_floor_there_are_no_ratios(floor: Peer | None) -> None:
    assert not [key for key in figures(a_floor(), floor) if key.endswith("_ratio")]


def test_table_shows_times_ratios_and_who_was_skipped() -> None:
    floor, other = a_floor(), Peer("x", "(x) other", skipped="x is not installed")
    lines = table([figures(floor, floor), figures(other, floor)]).splitlines()

    assert " ".join(lines[1].split()) == "(a) raw 3 1 200 1.00 300 1.00 300 1.00 100 - 200"
    assert lines[2] == "(x) other  skipped: x is not installed"
    assert lines[0].index("p50 of rounds") == lines[1].index("100 - 200")


def test_table_without_a_floor_leaves_ratios_open() -> None:
    assert table([figures(a_floor(), None)]).splitlines()[1].split()[4:6] == ["200", "-"]


def test_table_tells_what_was_odd() -> None:
    peer = Peer("x", "(x)", [Matched((100.0,), strangers=2)], "it can't keep up", ["restarts is 1"])

    assert table([figures(peer, None)]).splitlines()[2:] == [
        "(x): 2 strangers",
        "(x): restarts is 1",
        "(x): skipped later: it can't keep up",
    ]
