"""Recorded payloads of the real venue, where this machine has them."""

from __future__ import annotations

import re

import pytest

from tests.places import WIRE

DIRECTORY = WIRE / "hyperliquid"

needs_samples = pytest.mark.skipif(not DIRECTORY.exists(), reason="wire samples are not here")

_QUOTED = re.compile(r"^ *string: '((?:[^']|'')*)'$", re.MULTILINE)


def sample(name: str) -> bytes:
    return (DIRECTORY / name).read_bytes()


def recorded(name: str) -> list[bytes]:
    """Return the bodies of the answers in one recording (YAML: a line break inside quotes is a space)."""
    text = (DIRECTORY / "recorded" / f"{name}.yaml").read_text(encoding="utf-8")
    bodies = (match[1].replace("''", "'") for match in _QUOTED.finditer(text))
    return [re.sub(r"\n *", " ", body).encode() for body in bodies]
