"""One event of each kind, as people's journals hold it. What stands there is never changed: a new kind adds a line,
a new field (with a default) adds to one."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from domain.messages.journal import JournalEvent
from domain.messages.orders import OrderEvent

LINES = (Path(__file__).parent / "journal_events.jsonl").read_bytes().splitlines()
KINDS = {kind.__name__ for kind in get_args(JournalEvent)}
decode = msgspec.json.Decoder(JournalEvent).decode


def kind_of(line: bytes) -> str:
    return type(decode(line)).__name__


def test_there_is_a_line_for_each_kind_of_event() -> None:
    assert {kind_of(line) for line in LINES} == KINDS
    assert len(LINES) == len(KINDS)


@pytest.mark.parametrize("line", LINES, ids=kind_of)
def test_an_event_is_written_as_it_was_read(line: bytes) -> None:
    assert msgspec.json.encode(decode(line)) == line


@pytest.mark.parametrize("line", LINES, ids=kind_of)
def test_an_event_crosses_between_actors_as_it_is(line: bytes) -> None:
    event = decode(line)
    unpack, told = event.__reduce__()

    assert unpack(*told) == event


@pytest.mark.parametrize("line", LINES, ids=kind_of)
def test_what_names_an_order_of_ours_is_an_order_event(line: bytes) -> None:
    event = decode(line)

    assert isinstance(event, OrderEvent) == ("client_order_id" in event.__struct_fields__)
