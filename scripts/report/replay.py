"""What a recording says, through the same decoders as live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.ports import StreamCodec
from adapters.storage.recording import CLOSED, FRAME, OPENED, SUFFIX, Damage, Entry, read, replay
from adapters.venues.catalogue import VENUES
from domain.errors import InvalidSetting, NzezaError
from domain.instant import SECOND_NS
from domain.messages.market import DecodeFailed
from domain.settings import Settings

_FAULTS_TOLD = 10  # the most frequent ones
_DAMAGE_TOLD = 10  # the first parts of a file that could not be read


def describe(paths: Sequence[Path], settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield what each recording holds: events by kind, what was wrong with the rest, and its beginning and end.

    What could not be read of a file is counted among its faults, and told in `damage`: where that begins, how many
    bytes of the file it is, and why; in `unread_bytes` all of it.

    A file that follows another of its venue goes on where that one ended, for a connection outlives a rotation.

    Raises:
        InvalidSetting: one is no recording, or of a venue that `settings` don't have.
        NzezaError: the disk fails.
    """
    codecs: dict[str, StreamCodec] = {}  # venue -> what decodes it
    for path in paths:
        venue = _venue(path, settings)
        if venue not in codecs:
            codecs[venue] = VENUES[venue].market_stream(settings.venues[venue])
        try:
            yield _describe(path, venue, codecs[venue])
        except OSError as error:
            raise NzezaError(f"{str(path)!r} could not be read ({error.strerror})") from None


def damage(described: Mapping[str, Any]) -> str:
    """Return one line for what could not be read of a file; empty when all of it could."""
    parts = described["damage"]
    if not parts:
        return ""
    line = "; ".join(f"from byte {part['from']} on {part['bytes']} bytes: {part['reason']}" for part in parts)
    more = "; and more" if sum(part["bytes"] for part in parts) < described["unread_bytes"] else ""
    return f"{described['file']!r} is damaged, {described['unread_bytes']} bytes of it were not read: {line}{more}"


def _venue(path: Path, settings: Settings) -> str:
    venue = path.name.partition("-")[0]
    if not path.name.endswith(SUFFIX) or venue not in settings.venues or not path.is_file():
        known = ", ".join(settings.venues)
        raise InvalidSetting(f"{str(path)!r} must be a recording, such as VENUE-...{SUFFIX}, VENUE of {known}")
    return venue


def _describe(path: Path, venue: str, codec: StreamCodec) -> dict[str, Any]:
    kinds: Counter[bytes] = Counter()
    events: Counter[str] = Counter()
    faults: Counter[str] = Counter()  # why a frame could not be read -> how many
    stamps: list[int] = []  # UTC ns of the first and the newest entry
    unread: list[Damage] = []
    unread_bytes = 0

    def damaged(part: Damage) -> None:
        nonlocal unread_bytes
        unread_bytes += part.length
        faults[f"damage: {part.reason}"] += 1
        if len(unread) < _DAMAGE_TOLD:
            unread.append(part)

    def counted() -> Iterator[Entry]:
        for entry in read(path, damaged):
            kinds[entry.kind] += 1
            stamps[1:] = [entry.at.utc_ns]
            yield entry

    for event in replay(counted(), codec):
        events[type(event).__name__] += 1
        if isinstance(event, DecodeFailed):
            faults[f"{event.category}: {event.reason}"] += 1
    return {
        "file": str(path),
        "venue": venue,
        "from": _time(stamps[0]) if stamps else None,
        "to": _time(stamps[-1]) if stamps else None,
        "connections": kinds[OPENED],
        "disconnections": kinds[CLOSED],
        "frames": kinds[FRAME],
        "events": dict(sorted(events.items())),
        "faults": dict(faults.most_common(_FAULTS_TOLD)),
        "unread_bytes": unread_bytes,
        "damage": [{"from": part.begin, "bytes": part.length, "reason": part.reason} for part in unread],
    }


def _time(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).isoformat(timespec="milliseconds")
