"""The router asks a venue's rules: what it takes, what it calls ours, and until when one can be accepted."""

from __future__ import annotations

from decimal import Decimal

from adapters.venues.coinbase.order_rules import CoinbaseOrders
from domain.execution.order_rules import Capabilities, Lifetime, OrderRulebook, PlainOrders
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.messages.denials import DenialReason
from domain.messages.journal import IntentDenied, OrderSubmitted
from domain.messages.orders import (
    CancelOrder,
    CancelProtection,
    OrderNotFound,
    OrderType,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
    VenueClockSeen,
    VenueMoment,
)
from domain.reconciliation.evidence import Absence, Ending, VenueFacts, Verdict
from domain.settings import Settings, VenueSettings
from tests.builders import UTC
from tests.order_builders import TimedOrderManager, make_intent


class Numbered(PlainOrders):
    """A venue that counts our orders, forgets a cancel's ours-by-name no more, and reckons in blocks."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(cancels_by_client_id=True, has_reduce_only=True)

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        return f"#{number}"

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        end = VenueMoment(height=sent_by.height + 5)
        return Lifetime(accept_until=end, live_until=end)


class InBlocks:
    """Proof of absence by height: a look asked for once the last block has passed in which it might trade."""

    def __init__(self, settings: VenueSettings) -> None:
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=False)

    def look_from_ns(self, absence: Absence) -> int | None:
        return 0 if absence.look_height >= absence.live_until_height else None

    def absent(self, absence: Absence) -> Verdict:
        return Verdict(absence.look_height >= absence.live_until_height, f"block {absence.look_height}")

    def ended(self, ending: Ending) -> Verdict:
        return Verdict(True, "")

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        return Verdict(True, "reduce-only")


class LimitsOnly(PlainOrders):
    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(order_types=frozenset({OrderType.LIMIT}))


def numbered() -> TimedOrderManager:
    manager = TimedOrderManager(order_rules=Numbered, evidence=InBlocks).ready()
    manager.hear(VenueClockSeen(ts_event=UTC, venue="coinbase", height=100))
    return manager


def test_a_venue_names_our_orders_in_its_own_form_and_the_journal_keeps_that() -> None:
    manager = numbered()
    manager.hear(make_intent())

    (order,) = [event.order for event in manager.journaled(OrderSubmitted)]

    assert (order.venue_client_id, order.wire_id, order.live_until) == ("#1", "#1", VenueMoment(height=105))
    assert manager.sent(SubmitOrder)[0].venue_client_id == "#1"


def test_the_count_goes_on_over_a_restart() -> None:
    manager = numbered()
    manager.hear(make_intent())

    assert manager.restarted(order_rules=Numbered, evidence=InBlocks).manager.ledger.submitted == {"coinbase": 1}


def test_where_the_venue_takes_our_id_an_unproven_order_is_cancelled_at_once() -> None:
    manager = numbered()
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))

    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))

    (cancel,) = manager.sent(CancelOrder)
    assert (cancel.wire_id, cancel.venue_order_id) == ("#2", "")
    assert cancel.live_until == manager.sent(SubmitOrder)[-1].live_until


def test_what_reduces_is_reduce_only_where_the_venue_has_that() -> None:
    manager = numbered()
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))

    assert [order.reduce_only for order in manager.sent(SubmitOrder)] == [False, True]


def test_an_order_of_a_venue_in_blocks_is_absent_once_a_later_question_misses_it() -> None:
    manager = numbered()
    manager.hear(make_intent())
    name = manager.sent(SubmitOrder)[0].client_order_id
    manager.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=name, venue="coinbase", reason="timeout"))
    manager.advance(0.25)
    manager.hear(not_found(manager))
    assert not manager.order().is_final  # asked for in block 100, and it may trade until 105

    manager.hear(VenueClockSeen(ts_event=UTC, venue="coinbase", height=105))
    manager.hear(not_found(manager))
    assert not manager.order().is_final  # the question was asked before that block

    manager.advance(0.5)
    manager.hear(not_found(manager))

    assert manager.order().evidence == "absent:block 105"


def not_found(manager: TimedOrderManager) -> OrderNotFound:
    return OrderNotFound(
        ts_event=manager.now.utc_ns,
        client_order_id=manager.sent(QueryOrder)[-1].client_order_id,
        venue="coinbase",
        listing_began_at=manager.now.utc_ns,
        listing_began_ns=manager.now.monotonic_ns,
    )


def test_a_height_never_falls() -> None:
    manager = numbered()
    manager.hear(VenueClockSeen(ts_event=UTC, venue="coinbase", height=99))
    manager.hear(make_intent())

    assert manager.sent(SubmitOrder)[0].live_until == VenueMoment(height=105)


def test_what_a_venue_lacks_is_denied_and_nothing_is_sent() -> None:
    """EX-05"""
    manager = TimedOrderManager(order_rules=LimitsOnly).ready()
    manager.hold()
    sent = len(manager.sent(SubmitOrder))

    manager.hear(make_intent(Purpose.PROTECT, intent_id="stop"))

    assert [event.reason for event in manager.journaled(IntentDenied)] == [DenialReason.NOT_OFFERED]
    assert len(manager.sent(SubmitOrder)) == sent


def test_coinbase_may_accept_an_order_as_long_as_its_token_lives_after_the_last_send() -> None:
    manager = TimedOrderManager(order_rules=CoinbaseOrders).ready()
    manager.hear(make_intent())

    within_s = manager.settings.orders.send_within_s + 5 + 30
    assert manager.sent(SubmitOrder)[0].accept_until == VenueMoment(utc_ns=UTC + round(within_s * SECOND_NS))


def test_coinbase_has_no_reduce_only_and_no_perpetuals() -> None:
    book = OrderRulebook(Settings(), {"coinbase": CoinbaseOrders})

    assert book.takes("coinbase", InstrumentKind.SPOT, OrderType.BRACKET, TimeInForce.GTC)
    assert not book.takes("coinbase", InstrumentKind.PERPETUAL, OrderType.LIMIT, TimeInForce.IOC)
    assert not book.takes("coinbase", InstrumentKind.SPOT, OrderType.STOP, TimeInForce.GTC)


def test_an_order_has_its_end_also_while_nobody_has_told_the_venues_clock() -> None:
    """Else it could never be proven absent: what reduces a position waits for no stream."""
    manager = TimedOrderManager(order_rules=CoinbaseOrders).ready()
    manager.hold()
    next_run = manager.restarted(order_rules=CoinbaseOrders)
    next_run.load()
    next_run.hear(make_intent(Purpose.CLOSE, "exit", expires_at=next_run.now.utc_ns + 60 * SECOND_NS))

    assert next_run.sent(SubmitOrder)[-1].accept_until is not None
