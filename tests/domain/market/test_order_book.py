from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.market.order_book import Level, OrderBook, Top


def bid(price: str, quantity: str) -> Level:
    return Level(True, Decimal(price), Decimal(quantity))


def ask(price: str, quantity: str) -> Level:
    return Level(False, Decimal(price), Decimal(quantity))


def book() -> OrderBook:
    book = OrderBook()
    book.replace([bid("99", "1"), bid("98", "2"), ask("101", "3"), ask("102", "4")], ts_event=10)
    return book


def top(bid_price: str, bid_quantity: str, ask_price: str, ask_quantity: str) -> Top:
    return Top(Decimal(bid_price), Decimal(bid_quantity), Decimal(ask_price), Decimal(ask_quantity))


def test_a_snapshot_gives_the_best_of_both_sides() -> None:
    assert book().top() == top("99", "1", "101", "3")


def test_a_book_without_a_snapshot_has_no_top_and_ignores_changes() -> None:
    empty = OrderBook()

    empty.change([bid("1", "1"), ask("2", "1")], ts_event=1)

    assert empty.top() is None
    assert not empty.is_whole


def test_changes_are_absolute_quantities() -> None:
    changed = book()

    changed.change([bid("99", "7")], ts_event=11)

    assert changed.top() == top("99", "7", "101", "3")


def test_zero_in_any_spelling_removes_a_level() -> None:
    changed = book()

    changed.change([bid("99.00", "0.00000000"), ask("101", "0")], ts_event=11)

    assert changed.top() == top("98", "2", "102", "4")


def test_removing_a_level_we_never_held_is_normal() -> None:
    changed = book()

    changed.change([bid("50", "0")], ts_event=11)

    assert changed.top() == book().top()


def test_a_suspect_book_has_no_top_until_its_next_snapshot() -> None:
    suspect = book()

    suspect.invalidate()
    assert suspect.top() is None

    suspect.replace([bid("5", "1"), ask("6", "1")], ts_event=12)
    assert suspect.top() == top("5", "1", "6", "1")


def test_a_one_sided_book_has_no_top() -> None:
    one_sided = OrderBook()

    one_sided.replace([bid("5", "1")], ts_event=1)

    assert one_sided.top() is None


def test_its_time_never_runs_backwards() -> None:
    changed = book()

    changed.change([bid("99", "5")], ts_event=3)

    assert changed.ts_event == 10


def test_the_best_levels_come_best_first_and_no_more_than_asked_for() -> None:
    full = book()

    assert full.levels(1) == ((bid("99", "1"),), (ask("101", "3"),))
    assert full.levels(5) == ((bid("99", "1"), bid("98", "2")), (ask("101", "3"), ask("102", "4")))
    assert full.levels(0) == ((), ())
    full.invalidate()
    assert full.levels(5) == ((), ())


LEVELS = st.lists(
    st.builds(
        Level,
        is_bid=st.booleans(),
        price=st.integers(1, 12).map(Decimal),
        quantity=st.integers(0, 2).map(Decimal),
    ),
    max_size=40,
)


@given(snapshot=LEVELS, changes=LEVELS)
def test_the_top_is_that_of_a_naive_book(snapshot: list[Level], changes: list[Level]) -> None:
    book = OrderBook()
    book.replace(snapshot, ts_event=1)
    book.change(changes, ts_event=2)

    naive = {(level.is_bid, level.price): level.quantity for level in snapshot + changes}
    bids = [price for (is_bid, price), quantity in naive.items() if is_bid and quantity]
    asks = [price for (is_bid, price), quantity in naive.items() if not is_bid and quantity]
    if bids and asks:
        best_bid, best_ask = max(bids), min(asks)
        expected = Top(best_bid, naive[True, best_bid], best_ask, naive[False, best_ask])
        assert book.top() == expected
    else:
        assert book.top() is None
