"""What orders Hyperliquid takes, and what proves what there, as docs/money.md 1 and 2 have it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from adapters.venues.hyperliquid.actions import expires_after, order_terms
from adapters.venues.hyperliquid.evidence import HyperliquidEvidence
from adapters.venues.hyperliquid.order_rules import HyperliquidOrders
from domain.errors import Rejected
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.ledger.order_ids import TAG, mint_client_order_id
from domain.messages.orders import OrderType, TimeInForce, VenueMoment
from domain.reconciliation.evidence import Absence, Ending
from domain.settings import VenueSettings
from tests.adapters.venues.hyperliquid.orders import perpetual, submit
from tests.builders import UTC

S = SECOND_NS
RULES = HyperliquidOrders(VenueSettings())
EVIDENCE = HyperliquidEvidence(VenueSettings(read_lag_s=2.0))
END = 1_000 * S
GONE = Absence(accept_until_ns=0, apart_ns=10 * S, accept_end_ns=END, last_look_ns=END + 2 * S + 1)


def but(**changes) -> Absence:
    return msgspec.structs.replace(GONE, **changes)


# ---- orders ----------------------------------------------------------------------------------------------


def test_our_id_at_the_venue_is_the_digits_of_our_uuid_with_our_tag_first() -> None:
    cloid = RULES.venue_client_id(mint_client_order_id("intent", 0, 1, "12ab"), 7)

    assert cloid.startswith(f"0x{TAG}12ab8") and len(cloid) == 34
    assert order_terms(submit(venue_client_id=cloid), perpetual(), 0).c == cloid


def test_an_order_can_be_accepted_for_five_seconds_and_says_so() -> None:
    lifetime = RULES.lifetime(submit(), VenueMoment(utc_ns=UTC))

    assert expires_after([lifetime.accept_until]) == (UTC + 5 * S) // 1_000_000
    assert lifetime.live_until is None


@pytest.mark.parametrize("kind", OrderType)
@pytest.mark.parametrize("lasts", TimeInForce)
def test_the_venue_is_said_to_take_just_what_can_be_written(kind: OrderType, lasts: TimeInForce) -> None:
    able = RULES.capabilities
    stop_price = None if kind is OrderType.LIMIT else Decimal(49_000)
    command = submit(order_type=kind, time_in_force=lasts, stop_price=stop_price)

    if kind in able.order_types and lasts in able.times_in_force:
        order_terms(command, perpetual(), 0)
    else:
        with pytest.raises(Rejected):
            order_terms(command, perpetual(), 0)


def test_what_else_the_venues_orders_can_be() -> None:
    able = RULES.capabilities

    assert able.kinds == frozenset(InstrumentKind)
    assert able.has_post_only and able.has_reduce_only and able.cancels_by_client_id and able.replaces
    assert able.most_submits == able.most_cancels == 39  # forty weigh as much as two


# ---- proof -----------------------------------------------------------------------------------------------


def test_one_look_later_than_two_seconds_after_its_own_end_proves_an_order_absent() -> None:
    assert EVIDENCE.look_from_ns(GONE) == END + 2 * S + 1
    assert EVIDENCE.absent(GONE).is_proven


@pytest.mark.parametrize(
    "absence",
    [
        but(last_look_ns=END + 2 * S),
        but(accept_end_ns=None),
        but(named_ns=END),
        but(has_unclaimed_fill=True),
    ],
)
def test_less_than_that_proves_nothing(absence: Absence) -> None:
    assert not EVIDENCE.absent(absence).is_proven


def test_an_order_without_an_end_is_never_looked_for_in_vain() -> None:
    assert EVIDENCE.look_from_ns(but(accept_end_ns=None)) is None


LISTED = Ending(ended_ns=END, is_read_alike=True, has_rested=True, may_be_repeated=True, listed_ns=END + 2 * S + 1)


@pytest.mark.parametrize(
    ("changes", "is_proven"),
    [
        ({}, True),
        ({"listed_ns": None}, False),
        ({"listed_ns": END + 2 * S}, False),
        ({"has_unclaimed_fill": True}, False),
        ({"is_balance_apart": True}, False),
    ],
)
def test_how_much_had_filled_at_an_end_the_list_of_fills_tells_and_no_status(changes, is_proven: bool) -> None:
    assert EVIDENCE.ended(msgspec.structs.replace(LISTED, **changes)).is_proven is is_proven


@pytest.mark.parametrize("is_in_place", [True, False])
def test_a_close_goes_beside_a_stop_that_only_reduces_and_on_spot_it_waits(is_in_place: bool) -> None:
    assert EVIDENCE.close_beside(InstrumentKind.PERPETUAL, is_in_place, None).is_proven
    assert not EVIDENCE.close_beside(InstrumentKind.SPOT, is_in_place, Decimal(0)).is_proven


def test_holds_prove_no_coins_and_reads_lag_as_settings_say() -> None:
    assert (EVIDENCE.facts.read_lag_ns, EVIDENCE.facts.holds_prove_coins) == (2 * S, False)
