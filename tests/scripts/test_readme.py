"""What the README tells people to type works."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.settings.load import load
from adapters.venues.catalogue import VENUES
from domain.errors import InvalidSetting
from domain.instant import Instant
from domain.reports.status_board import StatusBoard
from domain.signals.strategies import STRATEGIES
from scripts.report.summary import summary
from tests.places import PROJECT
from tests.scripts.test_main import REPORT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "nzeza.toml").write_text(block)
    return tmp_path / "nzeza.toml"


def test_example_of_a_configuration_is_valid_and_takes_effect(example: Path) -> None:
    settings = load(example, {}, VENUES)

    assert settings.simulator.balances == {"USD": Decimal(25000)}
    assert settings.signals.weights.keys() < STRATEGIES.keys()


def test_example_of_the_environment_is_valid_and_takes_effect() -> None:
    (line,) = re.findall(r"^    (NZEZA__.*) scripts/start$", README, re.MULTILINE)

    settings = load(None, dict(word.split("=") for word in line.split()), VENUES)

    assert settings.risk.max_positions == 2
    assert settings.venues["coinbase"].instruments == ("BTC-USD", "SOL-USD")


@pytest.mark.parametrize(("setting", "value"), [("signals.cande_s", "1"), ("risk.position_ratio", "3")])
def test_example_of_a_mistake_is_what_people_see(setting: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "nzeza.toml").write_text(f"{setting} = {value}")
    (shown,) = re.findall(rf"^    nzeza: (.*{setting}.*)$", README, re.MULTILINE)

    with pytest.raises(InvalidSetting) as caught:
        load(tmp_path / "nzeza.toml", {}, VENUES)

    assert str(caught.value).startswith(shown.removesuffix("..."))


def test_example_of_a_test_passes_and_can_fail() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    def run(example: str) -> None:
        names: dict[str, Any] = {}
        exec(example, names)
        (test,) = (value for name, value in names.items() if name.startswith("test_"))
        test()

    run(block)
    with pytest.raises(AssertionError):
        run(block.replace("range(100, 130)", "range(130, 100, -1)"))


def test_sample_of_the_report_shows_every_key_that_there_is() -> None:
    status = StatusBoard(("coinbase",), "DEMO", Instant(0, 0)).status(Instant(0, 0))

    assert [key for key in [*status, "left"] if f'"{key}"' not in README and f"`{key}`" not in README] == []


def test_samples_of_a_halt_and_an_alarm_are_what_people_see() -> None:
    stamps = {"first": "2026-11-30T18:14:05Z", "last": "2026-11-30T18:20:00Z"}
    report = {
        **REPORT,
        "halts": [{"scope": "all", "reason": "daily_loss", "since": stamps["first"]}],
        "alarms": [{"subject": "coinbase", "text": "answered with 401", "count": 3, **stamps}],
    }

    halted, alarm, *_ = (line.split(maxsplit=1) for line in summary(report).splitlines())

    assert re.search(rf"^    {halted[0]} +{re.escape(halted[1])}$", README, re.MULTILINE)
    assert re.search(rf"^    {alarm[0]} +{re.escape(alarm[1])}$", README, re.MULTILINE)


def test_every_file_that_it_links_to_exists() -> None:
    operating = PROJECT / "docs" / "operating.md"
    links = [PROJECT / link for link in re.findall(r"\]\(([^)]+)\)", README)]
    links += [operating.parent / link for link in re.findall(r"\]\(([^)]+)\)", operating.read_text(encoding="utf-8"))]

    assert operating in links
    assert [link for link in links if not link.is_file()] == []
