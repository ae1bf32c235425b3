"""Nothing of ours is left where the system may send no order, or would not look."""

from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_reader import JournalReader
from domain.errors import InvalidSetting
from domain.messages.base import Event
from domain.messages.journal import OrderFilled
from domain.settings import Settings, VenueSettings
from scripts.run.exposure import cover_exposure
from tests.order_builders import make_fill, make_submitted

NOW = 1_775_572_200_000_000_000
SUBMITTED = make_submitted()
ORDER = SUBMITTED.order
FILLED = OrderFilled(
    ts_event=NOW,
    client_order_id=ORDER.client_order_id,
    intent_id=ORDER.intent_id,
    purpose=ORDER.purpose,
    fill=make_fill("0.01"),
)
TRADED = Settings(venues={"coinbase": VenueSettings()})
WATCHED = Settings(venues={"coinbase": VenueSettings(takes_orders=False)})
ELSEWHERE = Settings(venues={"dydx": VenueSettings(takes_orders=False)})


def journal(directory: Path, *events: Event) -> Path:
    path = directory / "journal.sqlite"
    writer = SqliteJournal(path, code_version="1")
    writer.append(events, NOW)
    writer.close()
    return path


@pytest.mark.parametrize("settings", [WATCHED, ELSEWHERE])
@pytest.mark.parametrize(
    ("events", "what"),
    [
        ((SUBMITTED,), f"order {ORDER.client_order_id}"),
        ((SUBMITTED, FILLED), "a position of 0.01 BTC-USD"),
    ],
)
def test_what_is_open_there_is_named(events: tuple[Event, ...], what: str, settings: Settings, tmp_path: Path) -> None:
    path = journal(tmp_path, *events)

    with pytest.raises(InvalidSetting) as caught:
        cover_exposure(settings, path)

    assert str(caught.value) == (f"venues.coinbase.takes_orders: must be true while something of ours is there: {what}")


def test_where_orders_can_be_sent_anything_may_be_open(tmp_path: Path) -> None:
    assert cover_exposure(TRADED, journal(tmp_path, SUBMITTED, FILLED)) == TRADED


@pytest.mark.parametrize("events", [(SUBMITTED,), (SUBMITTED, FILLED)], ids=["order", "position"])
def test_what_is_not_configured_any_more_is_followed_while_something_of_ours_is_in_it(
    events: tuple[Event, ...], tmp_path: Path
) -> None:
    settings = Settings(venues={"coinbase": VenueSettings(instruments=("ETH-USD",))})

    covered = cover_exposure(settings, journal(tmp_path, *events)).venues["coinbase"]

    assert (covered.instruments, covered.closes_only) == (("ETH-USD", "BTC-USD"), ("BTC-USD",))


def test_without_a_journal_nothing_is(tmp_path: Path) -> None:
    cover_exposure(WATCHED, tmp_path / "journal.sqlite")


def test_a_long_journal_is_not_read_to_its_end_where_nothing_can_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journal(tmp_path, SUBMITTED, FILLED)
    monkeypatch.setattr(JournalReader, "scan", None)

    assert cover_exposure(TRADED, path) == TRADED
