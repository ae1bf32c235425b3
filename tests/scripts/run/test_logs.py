"""Logs are bounded, whatever is logged and however often."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.run import logs
from scripts.run.logs import LineFormatter, log_definitions, make_room

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJrZXkifQ"


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers, root.level = handlers, level


def formatted(message: str, error: Exception | None = None) -> str:
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord("venue", logging.WARNING, __file__, 1, message, (), exc_info)
    return LineFormatter().format(record)


def test_the_log_of_actors_is_a_few_files_of_bounded_size(tmp_path: Path, monkeypatch, root) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 10_000)
    logging.config.dictConfig(log_definitions(tmp_path / "nzeza.log", "warning"))

    for number in range(2_000):
        root.warning("number %d %s", number, "x" * 100)

    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["nzeza.log", "nzeza.log.1", "nzeza.log.2", "nzeza.log.3"]
    assert max(sizes.values()) <= 10_000
    assert "number 1999 " in (tmp_path / "nzeza.log").read_text()


def test_a_line_is_bounded_printable_and_without_secrets() -> None:
    line = formatted(f"\x1b[2J Bearer {TOKEN} " + "x" * 1_000_000)

    assert len(line) == 1_000
    assert line.isprintable()
    assert TOKEN not in line


def test_a_traceback_keeps_its_lines_its_beginning_and_its_end() -> None:
    text = formatted("failed", ValueError("\n".join(str(number) for number in range(10_000))))

    lines = text.split("\n")
    assert len(lines) == 201
    assert (lines[1], lines[-1]) == ("ValueError: 0", "9999")


def test_a_log_that_others_fill_is_set_aside_before_they_go_on(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 10)
    log = tmp_path / "simulator.log"
    make_room(log)  # there is none yet
    log.write_text("a" * 11)

    make_room(log)

    assert not log.exists()
    assert (tmp_path / "simulator.log.1").read_text() == "a" * 11


@pytest.mark.parametrize("lose", [Path.unlink, lambda log: log.rename(log.with_name("old"))])
def test_a_log_that_is_taken_away_is_begun_anew_and_says_so_once(lose, tmp_path: Path, root) -> None:
    log = tmp_path / "nzeza.log"
    logging.config.dictConfig(log_definitions(log, "warning"))
    root.warning("before")

    lose(log)
    root.warning("after")
    root.warning("later")

    lost, after, later = log.read_text().splitlines()
    assert "log_file_lost" in lost
    assert (after.split()[-1], later.split()[-1]) == ("after", "later")


def test_a_log_without_a_directory_stops_nobody(tmp_path: Path, root, capsys) -> None:
    log = tmp_path / "data" / "nzeza.log"
    log.parent.mkdir()
    logging.config.dictConfig(log_definitions(log, "warning"))

    log.parent.rename(tmp_path / "moved")
    root.warning("after")

    assert "after" in (tmp_path / "moved" / "nzeza.log").read_text()
    assert capsys.readouterr().err == ""
