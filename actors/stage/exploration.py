"""One scenario under many seeds, each another order of events; the first that breaks it tells how."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.stage.stage import Stage

_LINES = 60


def _seeded(seed: int) -> Stage:
    return Stage(seed=seed)


def explore(
    scenario: Callable[[Stage], object],
    seeds: Iterable[int] = range(50),
    stage: Callable[[int], Stage] = _seeded,
) -> None:
    """Play `scenario` on a new stage for each seed.

    Args:
        stage: makes one, for scenarios that need settings, venues or limits.

    Raises:
        Whatever the scenario raised first, with a note: the seed, how to play it again, and what happened.
    """
    for played, seed in enumerate(seeds, 1):
        on = stage(seed)
        try:
            scenario(on)
        except BaseException as error:
            name = getattr(scenario, "__name__", "scenario")
            error.add_note(
                f"seed {seed} breaks {name}, after {played - 1} that did not; "
                f"to play it alone: explore({name}, seeds=[{seed}])\n"
                f"who told whom what, the last of {on.trace.length} lines:\n{on.trace.told(_LINES)}"
            )
            raise
