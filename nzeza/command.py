"""The command `nzeza`: sees that the code which is about to run is its own, then runs it.

Our packages have everyday names (`scripts`, `domain`). Another distribution in the same environment may own one of
them; Python then takes whichever it finds first, and says nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("domain", "adapters", "actors", "scripts")
HOME = Path(__file__).resolve().parents[1]  # where this package lies, and so the others of it


def main() -> int:
    if trouble := strangers():
        print(f"nzeza: {trouble}: install nzeza in a virtual environment of its own", file=sys.stderr)
        return 2
    from scripts.main import main as run  # not before it is known whose `scripts` that is

    return run()


def strangers(home: Path = HOME) -> str:
    """Return which package that we would import is not ours, and where it lies; empty when all are."""
    for name in PACKAGES:
        spec = find_spec(name)
        places = [Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()]
        if places != [home / name]:
            where = ", ".join(map(str, places)) or "nowhere"
            return f"the package {name!r} found here is not nzeza's ({where})"
    if home.name in ("site-packages", "dist-packages"):  # where two distributions may write into one folder
        owners = packages_distributions()
        for name in PACKAGES:
            if others := sorted({*owners.get(name, ())} - {"nzeza"}):
                return f"the package {name!r} belongs to {', '.join(others)}, too"
    return ""


if __name__ == "__main__":
    sys.exit(main())
