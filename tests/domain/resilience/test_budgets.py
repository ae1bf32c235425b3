"""A request leaves when every limit that it counts in can pay, and costs in each what the venue says."""

from __future__ import annotations

import pytest

from domain.instant import SECOND_NS
from domain.messages.budgets import BudgetLine
from domain.resilience.budgets import BucketTerms, Budgets, Cost, RequestKind, one_budget
from domain.settings import VenueSettings

K = RequestKind
# As venues have them: weights for an address, orders for an account with cancels apart, orders for a block.
WEIGHT = BucketTerms(
    name="weight", per_second=20, burst=1_200, reserved=240, costs={K.READ: Cost(20), K.SUBMIT: Cost(1, 1, 40)}
)
ACTIONS = BucketTerms(
    name="actions",
    per_second=0.1,
    burst=10,
    reserved=2,
    costs={K.SUBMIT: Cost(0, 1), K.MODIFY: Cost(0, 1)},
    only=frozenset({K.SUBMIT, K.MODIFY}),
)
CANCELS = BucketTerms(
    name="cancels", per_second=0.1, burst=20, costs={K.CANCEL: Cost(0, 1)}, only=frozenset({K.CANCEL})
)
BLOCK = BucketTerms(
    name="block", per_second=4, burst=4, most_in_a_second=4, costs={K.SUBMIT: Cost(0, 1)}, only=frozenset({K.SUBMIT})
)


@pytest.fixture
def budgets() -> Budgets:
    return Budgets((WEIGHT, ACTIONS, CANCELS), 0)


def left(budgets: Budgets, now_ns: int = 0) -> dict[str, int]:
    return {line.name: line.left for line in budgets.lines(now_ns)}


def test_a_request_costs_in_each_limit_what_the_venue_says(budgets: Budgets) -> None:
    assert budgets.take(0, kind=K.READ) == 0
    assert left(budgets) == {"weight": 1_180, "actions": 10, "cancels": 20}

    assert budgets.take(0, kind=K.SUBMIT, orders=3) == 0
    assert left(budgets) == {"weight": 1_179, "actions": 7, "cancels": 20}

    assert budgets.take(0, is_reducing=True, kind=K.CANCEL, orders=15) == 0
    assert left(budgets) == {"weight": 1_178, "actions": 7, "cancels": 5}


def test_a_large_batch_weighs_more(budgets: Budgets) -> None:
    assert WEIGHT.cost(K.SUBMIT, 1, 39) == 1
    assert WEIGHT.cost(K.SUBMIT, 1, 40) == 2
    assert WEIGHT.cost(K.SUBMIT, 1, 85) == 3


def test_what_one_limit_cannot_pay_takes_from_none(budgets: Budgets) -> None:
    assert budgets.take(0, kind=K.SUBMIT, orders=8) == 0
    before = left(budgets)

    wait_ns = budgets.take(0, kind=K.SUBMIT)

    assert wait_ns == 10 * SECOND_NS
    assert left(budgets) == before
    assert budgets.take(wait_ns, kind=K.SUBMIT) == 0


def test_cancels_and_what_reduces_go_on_where_openings_have_spent_theirs(budgets: Budgets) -> None:
    assert budgets.take(0, kind=K.SUBMIT, orders=8) == 0

    assert budgets.take(0, kind=K.SUBMIT) > 0
    assert budgets.take(0, is_reducing=True, kind=K.SUBMIT) == 0
    assert budgets.take(0, is_reducing=True, kind=K.CANCEL) == 0


def test_a_limit_per_block_holds_in_any_second() -> None:
    budgets = Budgets((BLOCK,), 0)
    assert budgets.take(0, kind=K.SUBMIT, orders=4) == 0

    assert budgets.take(SECOND_NS // 2, kind=K.SUBMIT) == SECOND_NS // 2
    assert budgets.take(SECOND_NS, kind=K.SUBMIT, orders=4) == 0


def test_requests_beyond_what_was_paid_for_are_a_debt_and_unused_ones_come_back(budgets: Budgets) -> None:
    budgets.take(0, kind=K.READ)
    budgets.charge(2, K.READ)
    assert left(budgets)["weight"] == 1_140

    budgets.charge(-3, K.READ)
    assert left(budgets)["weight"] == 1_200


def test_a_pause_that_the_venue_asks_for_is_kept_in_all_limits(budgets: Budgets) -> None:
    budgets.hold(0, 5 * SECOND_NS)

    assert budgets.take(0, kind=K.CANCEL) == 5 * SECOND_NS
    assert budgets.take(0, kind=K.READ) == 5 * SECOND_NS


def test_where_a_venue_counts_requests_only_all_kinds_are_alike() -> None:
    budgets = Budgets(one_budget(VenueSettings(requests_per_second=8)), 0)

    for kind in RequestKind:
        assert budgets.take(0, kind=kind, orders=50) == 0

    assert budgets.lines(0) == (BudgetLine(name="requests", left=4, burst=8, per_second=8),)
