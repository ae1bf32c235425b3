"""Coinbase's rules of proof, as docs/money.md 1 and 2 have them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from adapters.venues.coinbase.evidence import CoinbaseEvidence
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.reconciliation.evidence import Absence, Ending, NoEvidence, Rules
from domain.settings import Settings, VenueSettings

S = SECOND_NS
SENT = 1_000 * S
EXPIRED = SENT + 30 * S
RULES = CoinbaseEvidence(VenueSettings())
GONE = Absence(
    accept_until_ns=EXPIRED,
    apart_ns=10 * S,
    first_look_ns=EXPIRED,
    last_look_ns=EXPIRED + 15 * S,
    holds_read_ns=EXPIRED + 15 * S,
)


def but(**changes) -> Absence:
    return msgspec.structs.replace(GONE, **changes)


def test_two_looks_after_the_token_and_the_read_lag_with_nothing_held_prove_absence() -> None:
    assert RULES.absent(GONE) == (True, "twice 15.0 s apart")


@pytest.mark.parametrize(
    "absence",
    [
        but(first_look_ns=None),
        but(last_look_ns=EXPIRED + 15 * S - 1),
        but(first_look_ns=EXPIRED + 6 * S, last_look_ns=EXPIRED + 16 * S - 1),
        but(holds_read_ns=None),
        but(holds_read_ns=EXPIRED + 15 * S - 1),
        but(may_be_held=True),
        but(has_unclaimed_fill=True),
    ],
)
def test_less_than_that_proves_nothing(absence: Absence) -> None:
    assert not RULES.absent(absence).is_proven


def test_the_first_look_that_counts_begins_after_the_token_the_second_after_the_lag() -> None:
    assert RULES.look_from_ns(but(first_look_ns=None)) == EXPIRED
    assert RULES.look_from_ns(but(first_look_ns=EXPIRED + 1)) == EXPIRED + 15 * S
    assert RULES.look_from_ns(but(first_look_ns=EXPIRED + 9 * S)) == EXPIRED + 19 * S


def test_an_order_that_was_named_shows_in_every_read_from_the_read_lag_on() -> None:
    named = but(named_ns=SENT, apart_ns=2 * S, first_look_ns=None)

    assert RULES.look_from_ns(named) == SENT + 15 * S
    assert RULES.absent(but(named_ns=SENT, apart_ns=2 * S, first_look_ns=SENT + 15 * S)).is_proven


def test_a_close_may_go_beside_an_unproven_stop_on_spot_only_and_where_coins_are_for_one_of_them() -> None:
    def may(kind: InstrumentKind, is_in_place: bool = False, spare: Decimal | None = Decimal(0)) -> bool:
        return RULES.close_beside(kind, is_in_place, spare).is_proven

    assert may(InstrumentKind.SPOT)
    assert not may(InstrumentKind.SPOT, is_in_place=True)
    assert not may(InstrumentKind.PERPETUAL)
    assert not may(InstrumentKind.SPOT, spare=Decimal("0.00000001"))
    assert not may(InstrumentKind.SPOT, spare=None)


LISTED = Ending(ended_ns=SENT, is_read_alike=True, has_rested=False, may_be_repeated=True, listed_ns=SENT + 15 * S + 1)


@pytest.mark.parametrize(
    ("changes", "is_proven"),
    [
        ({}, True),
        ({"is_read_alike": False}, True),
        ({"listed_ns": None}, False),
        ({"listed_ns": SENT + 15 * S}, False),
        ({"has_unclaimed_fill": True}, False),
        ({"is_balance_apart": True}, False),
        ({"listed_ns": None, "has_rested": True}, True),
        ({"listed_ns": None, "has_rested": True, "is_read_alike": False}, False),
        ({"listed_ns": None, "may_be_repeated": False}, True),
        ({"listed_ns": None, "may_be_repeated": False, "is_read_alike": False}, False),
    ],
)
def test_how_much_had_filled_at_an_end_a_late_list_proves_or_a_read_where_that_does_no_harm(changes, is_proven) -> None:
    assert RULES.ended(msgspec.structs.replace(LISTED, **changes)).is_proven is is_proven


def test_a_venue_without_rules_proves_nothing_and_lets_nothing_be_sold_twice() -> None:
    rules = Rules(Settings(), {}).at("elsewhere")

    assert isinstance(rules, NoEvidence)
    assert not rules.absent(GONE).is_proven and rules.look_from_ns(GONE) is None
    assert not rules.close_beside(InstrumentKind.SPOT, False, Decimal(0)).is_proven
    assert rules.ended(LISTED).is_proven
    assert not rules.ended(msgspec.structs.replace(LISTED, listed_ns=None, has_rested=True)).is_proven
