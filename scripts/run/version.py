"""Which code this is, for the journal: an attempt can be traced to what made it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Return the installed package's version, or "source" when run without installing."""
    try:
        return version("nzeza")
    except PackageNotFoundError:
        return "source"
