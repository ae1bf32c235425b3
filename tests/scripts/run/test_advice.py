"""Commands in what people are told work as pasted."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.run.advice import pasteable, stand_in


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    stand_in("nzeza-data")


@pytest.mark.parametrize(("directory", "about"), [("nzeza-data", ""), ("my data", " --data-directory 'my data'")])
def test_a_command_has_the_path_and_the_directory_of_this_system(
    directory: str, about: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nzeza"
    program.touch()
    monkeypatch.setattr(sys, "argv", [str(program), "run"])

    stand_in(directory)

    assert pasteable("`nzeza stop --force` ends it; see nzeza.log") == (
        f"`{program} stop --force{about}` ends it; see nzeza.log"
    )


def test_called_by_another_name_it_is_found_by_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])

    stand_in("nzeza-data")

    assert pasteable("`nzeza resume`") == "`nzeza resume`"
