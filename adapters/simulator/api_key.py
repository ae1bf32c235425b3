"""A key of a simulated account, as its client holds it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import NzezaError


class InvalidKey(NzezaError):
    """A key that its venue cannot have issued."""


@dataclass(frozen=True)
class ApiKey:
    """What the key's owner keeps."""

    name: str
    private_key: str  # PEM

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r})"
