"""What a recording says, through the same decoders as live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.recording import CLOSED, FRAME, OPENED, SUFFIX, Entry, read, replay
from adapters.venues import VENUES
from domain.errors import InvalidSetting
from domain.settings import SECOND_NS, Settings


def describe(path: Path, settings: Settings) -> dict[str, Any]:
    """Return how many events of each kind one recording holds, and when it begins and ends.

    Raises:
        InvalidSetting: it is no recording, or of a venue that `settings` don't have.
    """
    venue = path.name.partition("-")[0]
    if not path.name.endswith(SUFFIX) or venue not in settings.venues or not path.is_file():
        known = ", ".join(settings.venues)
        raise InvalidSetting(f"{str(path)!r} must be a recording, such as VENUE-...{SUFFIX}, VENUE of {known}")
    kinds: Counter[bytes] = Counter()
    stamps: list[int] = []  # UTC ns of the first and the newest entry

    def counted() -> Iterator[Entry]:
        for entry in read(path):
            kinds[entry.kind] += 1
            stamps[1:] = [entry.at.utc_ns]
            yield entry

    codec = VENUES[venue].market_stream(settings.venues[venue])
    events = Counter(type(event).__name__ for event in replay(counted(), codec))
    return {
        "file": str(path),
        "venue": venue,
        "from": _time(stamps[0]) if stamps else None,
        "to": _time(stamps[-1]) if stamps else None,
        "connections": kinds[OPENED],
        "disconnections": kinds[CLOSED],
        "frames": kinds[FRAME],
        "events": dict(sorted(events.items())),
    }


def _time(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).isoformat(timespec="milliseconds")
