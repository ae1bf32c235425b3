"""What the README tells people to type works."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.settings import load
from adapters.venues import VENUES
from domain.errors import InvalidSetting
from domain.strategies import STRATEGIES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


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


def test_every_file_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)

    assert links
    assert [link for link in links if not (Path(__file__).parents[2] / link).is_file()] == []
