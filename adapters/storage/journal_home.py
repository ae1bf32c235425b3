"""Where a journal lives, so that a copy of it is told from the journal itself.

Two systems that go on from one journal would mint the same ids and take each other's orders for their own. A journal
that wakes up elsewhere therefore draws another instance for the orders it mints from now on: whichever system sees
the other's next order knows at once that there are two. What it minted before stays its own, by the former instance.

A copy made file by file is told by its number on the file system or, where that is the same by chance, by when it was
made, if the file system says. A copy of the whole disk, machine and all, has both: nothing here tells it apart.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from adapters.storage.birth import made_at

HOME, INSTANCE, FORMER = "home", "instance_id", "former_instances"  # in what a journal says of itself

MOVED = (
    "the data directory was copied or moved since its last run: its orders get ids of another instance from now on,"
    " and no second system may go on from it"
)

_MACHINE_ID = Path("/etc/machine-id")
_FORMER_KEPT = 16  # the newest: a directory may be moved again and again


def home_of(path: Path) -> str:
    """Return what a file keeps over restarts and renames, and a copy of it does not have.

    The machine, the file's number, and when it was made: the last is missing where the file system doesn't say.
    """
    try:
        machine = _MACHINE_ID.read_bytes()
    except OSError:
        machine = b""
    made = made_at(path)
    return f"{hashlib.sha256(machine).hexdigest()[:16]}:{path.stat().st_ino}" + (f":{made}" if made else "")


def draw_instance() -> str:
    return f"{secrets.randbelow(1 << 16):04x}"


def is_elsewhere(meta: Mapping[str, str], path: Path) -> bool:
    """Tell whether a journal was written by another file than the one at `path`; an old one doesn't say."""
    if not meta.get(HOME) or not path.exists():
        return False
    told, found = meta[HOME].split(":"), home_of(path).split(":")
    return any(one != other for one, other in zip(told, found, strict=False))  # what one doesn't say proves nothing


def moved_in(meta: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return what a journal that is elsewhere says of itself from now on."""
    known = (meta.get(INSTANCE, ""), *former_instances(meta))
    former = [one for one in dict.fromkeys(known) if one][:_FORMER_KEPT]
    instance = draw_instance()
    while instance in former:
        instance = draw_instance()
    return {**meta, INSTANCE: instance, FORMER: ",".join(former), HOME: home_of(path)}


def former_instances(meta: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(one for one in meta.get(FORMER, "").split(",") if one)
