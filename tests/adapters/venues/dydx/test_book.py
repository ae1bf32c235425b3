from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.venues.dydx.book import UncrossedBook
from domain.market.order_book import Level, Top


def bid(price: str, quantity: str = "1") -> Level:
    return Level(True, Decimal(price), Decimal(quantity))


def ask(price: str, quantity: str = "1") -> Level:
    return Level(False, Decimal(price), Decimal(quantity))


def book(*levels: Level) -> UncrossedBook:
    new = UncrossedBook()
    new.replace(levels or (bid("98"), bid("99"), ask("101"), ask("102")), now_ns=0)
    return new


def touch(of: UncrossedBook) -> tuple[str, str]:
    top = of.top()
    return str(top.bid_price), str(top.ask_price)


def test_sizes_are_absolute_and_zero_in_any_spelling_removes() -> None:
    one = book()

    one.change([bid("99", "7"), ask("101.0", "0.00")], now_ns=1)

    assert one.top() == Top(Decimal("99"), Decimal("7"), Decimal("102"), Decimal("1"))


def test_the_later_of_two_entries_for_one_level_counts() -> None:
    one = book()

    one.change([bid("99", "7"), bid("99", "3"), bid("98", "0"), bid("98", "2"), bid("99", "0")], now_ns=1)

    assert (one.top().bid_price, one.top().bid_quantity) == (Decimal("98"), Decimal("2"))


def test_of_a_crossing_pair_the_older_level_goes_and_is_doubted() -> None:
    one = book()

    one.change([bid("101", "5")], now_ns=10)

    assert touch(one) == ("101", "102")
    assert one.has_snapshot and not one.is_whole
    assert one.doubted_since_ns == 10


def test_a_bid_that_is_older_than_a_crossing_ask_goes() -> None:
    one = book()
    one.change([bid("100")], now_ns=1)

    one.change([ask("99.5")], now_ns=2)

    assert touch(one) == ("99", "99.5")


def test_a_locked_book_counts_as_crossed() -> None:
    one = book()

    one.change([ask("99")], now_ns=1)

    assert touch(one) == ("98", "99")


def test_a_bid_may_cross_several_asks() -> None:
    one = book(bid("99"), ask("101"), ask("102"), ask("103"))

    one.change([bid("102.5")], now_ns=1)

    assert touch(one) == ("102.5", "103")


def test_the_venues_own_word_ends_the_doubt() -> None:
    one = book()
    one.change([bid("101", "5")], now_ns=10)

    one.change([ask("101", "0")], now_ns=11)

    assert one.is_whole
    assert touch(one) == ("101", "102")


def test_a_level_that_the_venue_sets_again_is_the_newer_one() -> None:
    one = book()
    one.change([bid("101", "5")], now_ns=10)

    one.change([ask("101", "2")], now_ns=20)

    assert touch(one) == ("99", "101")
    assert one.doubted_since_ns == 20  # the bid, now


def test_the_oldest_doubt_tells_since_when() -> None:
    one = book(bid("98"), bid("99"), ask("101"), ask("102"), ask("103"))

    one.change([bid("101")], now_ns=10)
    one.change([bid("102")], now_ns=20)

    assert one.doubted_since_ns == 10


def test_a_snapshot_ends_all_doubts() -> None:
    one = book()
    one.change([bid("101")], now_ns=10)

    one.replace([bid("99"), ask("101")], now_ns=20)

    assert one.is_whole
    assert touch(one) == ("99", "101")


def test_without_a_snapshot_changes_mean_nothing() -> None:
    one = UncrossedBook()
    one.change([bid("99"), ask("101")], now_ns=1)
    assert one.top() is None

    other = book()
    other.invalidate()
    other.change([bid("99.5")], now_ns=2)
    assert other.top() is None and not other.has_snapshot


LEVELS = st.builds(
    Level,
    st.booleans(),
    st.integers(1, 8).map(Decimal),
    st.sampled_from([Decimal("0"), Decimal("1"), Decimal("2")]),
)


@given(st.lists(LEVELS, max_size=8), st.lists(st.lists(LEVELS, min_size=1, max_size=3), max_size=12))
def test_it_is_never_crossed_and_never_older_than_the_venues_last_word(
    first: list[Level], changes: list[list[Level]]
) -> None:
    one = UncrossedBook()
    one.replace(first, now_ns=0)

    for now_ns, levels in enumerate(changes, start=1):
        one.change(levels, now_ns)
        top = one.top()
        assert top is None or not top.is_crossed
        newest = levels[-1]  # nothing can have pushed it out
        if top is not None and newest.quantity:
            best = top.bid_price if newest.is_bid else top.ask_price
            assert best >= newest.price if newest.is_bid else best <= newest.price
