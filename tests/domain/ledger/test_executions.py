from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.executions import Executions, Step
from domain.messages.orders import FillKind
from domain.numbers import divide
from tests.order_builders import make_fill


def D(text: str) -> Decimal:
    return Decimal(text)


ELSE = D("64000")  # the price of what is told without one


def booked(*fills, total: tuple[str, str, str] | None = None) -> Executions:
    executions = Executions()
    if total:
        executions.book_provisional(executions.step_to(*map(D, total), ELSE))
    for fill in fills:
        executions.book_exact(fill)
    return executions


def test_a_fill_id_counts_once() -> None:
    executions = booked(make_fill("0.4"), make_fill("0.4"))

    assert executions.filled_quantity == D("0.4")


def test_a_total_is_provisional_until_exact_rows_replace_it() -> None:
    executions = booked(total=("0.5", "100", "3"))
    assert (executions.filled_quantity, executions.provisional_quantity) == (D("0.5"), D("0.5"))

    executions.book_exact(make_fill("0.2", "a", "99", fee=D("1.25")))
    assert (executions.filled_quantity, executions.provisional_quantity) == (D("0.5"), D("0.3"))

    executions.book_exact(make_fill("0.3", "b", "101", fee=D("1.75")))
    assert (executions.filled_quantity, executions.provisional_quantity) == (D("0.5"), D("0"))
    assert executions.exact_fees == D("3")


def test_the_step_between_two_totals_has_its_own_price_and_fee() -> None:
    executions = booked(total=("1", "100", "2"))

    step = executions.step_to(D("3"), D("110"), D("7"), ELSE)

    assert step == Step(D("2"), D("115"), D("5"))


@pytest.mark.parametrize("unsaid", [None, Decimal(0)])
def test_a_total_without_a_price_is_booked_at_another_until_the_rows_tell(unsaid: Decimal | None) -> None:
    executions = booked(total=("1", "100", "2"))

    assert executions.step_to(D("3"), unsaid, None, D("120")) == Step(D("2"), D("120"), D("0"), True)


def test_a_total_that_is_not_said_adds_nothing() -> None:
    assert booked().step_to(None, D("100"), D("2"), ELSE) is None


def test_an_older_or_equal_total_adds_nothing() -> None:
    executions = booked(total=("1", "100", "2"))

    assert executions.step_to(D("1"), D("100"), D("2"), ELSE) is None
    assert executions.step_to(D("0.5"), D("100"), D("1"), ELSE) is None


def test_an_average_rounded_too_coarsely_never_makes_a_price_of_zero_or_less() -> None:
    executions = booked(make_fill("10", price="1.4"))

    step = executions.step_to(D("10.1"), D("1"), D("2"), ELSE)  # 10.1 x 1 is less than 10 x 1.4

    assert step.price == D("1")


def test_a_reversal_takes_back_and_a_correction_adds_in_any_order() -> None:
    rows = [
        make_fill("0.5", "a"),
        make_fill("0.5", "b", kind=FillKind.REVERSAL),
        make_fill("0.4", "c", kind=FillKind.CORRECTION),
    ]

    for order in permutations(rows):
        assert booked(*order, total=("0.5", "64000", "1")).filled_quantity == D("0.4")


def test_a_total_repeated_after_a_reversal_adds_nothing() -> None:
    executions = booked(make_fill("0.5", "a"), make_fill("0.5", "b", kind=FillKind.REVERSAL))

    assert executions.step_to(D("0.5"), D("64000"), D("1"), ELSE) is None


@given(
    trades=st.lists(st.tuples(st.integers(1, 50), st.integers(90, 110)), min_size=1, max_size=6),
    shuffled=st.randoms(use_true_random=False),
)
def test_rows_and_totals_in_any_order_with_repeats_agree_on_the_quantity(trades, shuffled) -> None:
    words, traded, spent = [], Decimal(0), Decimal(0)
    for number, (quantity, price) in enumerate(trades):
        traded += quantity
        spent += quantity * price
        words.append(make_fill(str(quantity), f"f-{number}", str(price), fee=D("1")))
        words.append((traded, divide(spent, traded), Decimal(number + 1)))
    words += shuffled.sample(words, len(words) // 2)
    shuffled.shuffle(words)

    executions = Executions()
    for word in words:
        if isinstance(word, tuple):
            if step := executions.step_to(*word, ELSE):
                executions.book_provisional(step)
        else:
            executions.book_exact(word)
        assert executions.filled_quantity <= traded

    assert executions.filled_quantity == traded
    assert executions.provisional_quantity == 0
    assert executions.exact_fees == len(trades)
