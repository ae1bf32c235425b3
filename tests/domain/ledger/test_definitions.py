"""What an instrument is stands in the journal, so that a position can be reduced while nobody lists it."""

from decimal import Decimal

import msgspec
import pytest

from domain.instrument import InstrumentKind, Side
from domain.ledger.definitions import defined, definition
from domain.messages.journal import InstrumentDefined, IntentDenied, JournalEntry, JournalEvent
from domain.messages.orders import Purpose, SubmitOrder
from tests.builders import UTC, make_instrument
from tests.domain.account_harness import BTC as ACCOUNT_BTC
from tests.domain.account_harness import Account, make_signal
from tests.order_builders import BTC, TimedOrderManager, make_intent

COARSE = make_instrument(BTC, tick_size=Decimal("0.5"), lot_size=Decimal("0.001"))


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


def of_version_1(journal: list[JournalEntry]) -> list[JournalEntry]:
    """Leave the definitions out."""
    events = [entry for entry in journal if not isinstance(entry.event, InstrumentDefined)]
    return [msgspec.structs.replace(entry, seq=seq) for seq, entry in enumerate(events, start=1)]


@pytest.mark.parametrize(
    "instrument",
    [
        make_instrument(BTC),
        make_instrument(kind=InstrumentKind.PERPETUAL, max_significant_digits=5, symbol="BTC", is_tradable=False),
    ],
    ids=["spot", "perpetual"],
)
def test_the_journal_gives_back_an_instrument_but_not_that_it_trades(instrument) -> None:
    event = definition(instrument, UTC)

    read = msgspec.json.decode(msgspec.json.encode(event), type=JournalEvent)

    assert defined(read) == msgspec.structs.replace(instrument, is_tradable=False)


def test_an_instrument_is_defined_before_the_first_order_in_it_and_once(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))

    (event,) = manager.journaled(InstrumentDefined)
    assert event == definition(make_instrument(BTC), UTC)
    names = [type(entry.event).__name__ for entry in manager.journal]
    assert names.index("InstrumentDefined") < names.index("OrderSubmitted")


def test_a_grid_that_changes_under_a_position_is_defined_anew(manager: TimedOrderManager) -> None:
    manager.load(COARSE)
    assert manager.journaled(InstrumentDefined) == []
    manager.load()
    manager.hold()

    manager.load(COARSE)
    manager.load(COARSE)

    assert [event.lot_size for event in manager.journaled(InstrumentDefined)][1:] == [COARSE.lot_size]


def test_a_venue_that_never_lists_its_products_again_gets_stops_and_closes(manager: TimedOrderManager) -> None:
    manager.load(COARSE)
    manager.hold("0.012")
    next_run = manager.restarted()

    next_run.hear(make_intent(Purpose.PROTECT, quantity=Decimal("0.012"), limit_price=Decimal("70000.1")))
    (stop,) = next_run.sent(SubmitOrder)
    next_run.hear(make_intent(Purpose.CLOSE, "other", quantity=Decimal("0.0123")))

    assert (stop.symbol, stop.quantity, stop.limit_price) == (BTC, Decimal("0.012"), Decimal("70000.5"))
    bare = manager.restarted()
    bare.hear(make_intent(Purpose.CLOSE, "close", quantity=Decimal("0.0123")))
    (close,) = bare.sent(SubmitOrder)
    assert (close.side, close.quantity) == (Side.SELL, Decimal("0.012"))
    assert not close.limit_price % COARSE.tick_size
    assert bare.journaled(InstrumentDefined) == []


def test_openings_wait_for_the_listing(manager: TimedOrderManager) -> None:
    manager.hold()
    next_run = manager.restarted()
    next_run.quote()

    next_run.hear(make_intent(intent_id="more"))

    (denial,) = next_run.journaled(IntentDenied)
    assert denial.reason == "venue_not_ready"


def test_what_is_held_by_a_journal_of_version_1_waits_for_the_listing_which_is_journaled(
    manager: TimedOrderManager,
) -> None:
    manager.hold()
    next_run = TimedOrderManager(journal=of_version_1(manager.journal), now=manager.now)

    next_run.hear(make_intent(Purpose.CLOSE, "close"))
    assert next_run.sent(SubmitOrder) == []
    next_run.load()
    next_run.advance(0.25)

    assert [order.intent_id for order in next_run.sent(SubmitOrder)] == ["close"]
    assert len(next_run.journaled(InstrumentDefined)) == 1


def test_a_portfolio_asks_for_stops_and_closes_while_nothing_is_listed() -> None:
    account = Account()
    account.journal(definition(ACCOUNT_BTC, UTC))
    account.hear(make_signal())
    account.execute(account.last_intent, "50000")

    again = account.restarted(is_open=False)
    again.advance(1)
    assert [intent.purpose for intent in again.intents] == [Purpose.PROTECT] * len(again.intents) != []
    again.hear(make_signal(Side.SELL, "exit", expires_at=again.now.utc_ns + 5 * 10**9))

    assert (again.last_intent.purpose, again.last_intent.intent_id) == (Purpose.CLOSE, "exit:close")
    again.hear(make_signal(Side.BUY, "more", expires_at=again.now.utc_ns + 5 * 10**9))
    assert Purpose.OPEN not in {intent.purpose for intent in again.intents}
