"""Strategies that failed are left out until the system starts again, over crashes of the process that asked them."""

from __future__ import annotations

from collections.abc import Mapping

from domain.signals.bench import Bench, StrategyOverdue


class Clockwork:
    """A watch that ends whom a test names, and remembers."""

    def __init__(self, overdue: str = "", swallowed: bool = False) -> None:
        self.overdue = overdue
        self.known: dict[str, str] = {}
        self.entered: list[str] = []
        self._is_told_on_leaving = swallowed

    def benched(self) -> Mapping[str, str]:
        return self.known

    def bench(self, name: str, reason: str) -> None:
        self.known[name] = reason

    def enter(self, name: str) -> None:
        self.entered.append(name)
        if name == self.overdue and not self._is_told_on_leaving:
            raise StrategyOverdue

    def leave(self) -> None:
        if self._is_told_on_leaving and self.entered[-1] == self.overdue:
            raise StrategyOverdue


def test_a_strategy_that_is_overdue_is_benched_also_if_it_swallowed_that() -> None:
    for swallowed in (False, True):
        bench = Bench(Clockwork("slow", swallowed))

        assert bench.ask("slow", lambda: "late answer") is None
        assert [fall.reason for fall in bench.take_falls()] == ["it did not come back in time"]


def test_a_successor_knows_who_is_benched_tells_it_again_and_asks_nobody_of_them() -> None:
    watch = Clockwork("slow")
    Bench(watch).ask("slow", lambda: 1)

    successor = Bench(watch)

    assert [(fall.name, fall.error) for fall in successor.take_falls()] == [("slow", None)]
    assert successor.ask("slow", lambda: 1) is None
    assert successor.ask("quick", lambda: 2) == 2
    assert watch.entered == ["slow", "quick"]


def test_an_error_whose_text_is_long_or_fails_itself_costs_one_line() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise ValueError

    def fail(error: Exception) -> None:
        raise error

    bench = Bench()
    for name, error in (("rude", Rude()), ("long", ValueError("x" * 10_000))):
        bench.ask(name, lambda error=error: fail(error))

    assert all(len(fall.reason) <= 200 for fall in bench.take_falls())
