from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from actors.components.credit_publisher import CreditPublisher
from domain.messages.market import IndexPrice
from tests.builders import MONO, UTC, make_mark, make_quote, make_stream_state, make_trade

ALL = {"reader"}


def publisher(credit: int = 1, trades_per_batch: int = 3, min_interval_ns: int = 0) -> CreditPublisher:
    link = CreditPublisher("coinbase", trades_per_batch)
    link.subscribe("reader", credit, min_interval_ns, ())
    return link


def test_a_reader_without_credit_gets_nothing_until_it_grants_more() -> None:
    link = publisher(credit=1)
    link.publish([make_quote()], [], make_stream_state())
    assert len(link.take_due(MONO, ALL)) == 1

    link.publish([make_quote()], [], make_stream_state())
    assert link.take_due(MONO, ALL) == []

    link.grant("reader", 1)
    assert len(link.take_due(MONO, ALL)) == 1


def test_a_slow_reader_sees_only_the_newest_quote_and_how_many_it_missed() -> None:
    link = publisher()

    for bid in ("1", "2", "3"):
        link.publish([make_quote(bid=bid, ask="4")], [], make_stream_state())

    [(_, batch)] = link.take_due(MONO, ALL)
    assert [quote.bid_price for quote in batch.quotes] == [Decimal("3")]
    assert batch.conflated == 2


def test_of_each_kind_of_figure_the_newest_arrives_and_is_told_once() -> None:
    link = publisher(credit=2)
    index = IndexPrice(
        venue="coinbase", instrument="BTC-USD", price=Decimal(9), ts_event=UTC, ts_init=UTC, read_ns=MONO
    )

    for price in ("1", "2"):
        link.publish([], [], make_stream_state(), [make_mark(price), make_mark("5", "ETH-USD"), index])

    [(_, batch)] = link.take_due(MONO, ALL)
    assert batch.figures == (make_mark("2"), make_mark("5", "ETH-USD"), index)
    link.publish([], [], make_stream_state())
    [(_, batch)] = link.take_due(MONO, ALL)
    assert batch.figures == ()


def test_who_subscribes_later_gets_the_figures_that_stand() -> None:
    link = publisher()
    link.publish([], [], make_stream_state(), [make_mark("2")])
    link.subscribe("late", 1, 0, ())

    link.publish([], [], make_stream_state())

    assert dict(link.take_due(MONO, {"late"}))["late"].figures == (make_mark("2"),)


def test_an_empty_hand_is_not_sent_but_a_sign_of_life_is() -> None:
    link = publisher(credit=2)
    assert link.take_due(MONO, ALL) == []

    link.publish([], [], make_stream_state())

    [(_, batch)] = link.take_due(MONO, ALL)
    assert batch.quotes == () and batch.state == make_stream_state()


def test_a_reader_that_wants_pauses_gets_them() -> None:
    link = publisher(credit=2, min_interval_ns=50)
    link.publish([make_quote()], [], make_stream_state())
    assert len(link.take_due(MONO, ALL)) == 1

    link.publish([make_quote()], [], make_stream_state())

    assert link.take_due(MONO + 49, ALL) == []
    assert link.next_due_ns(ALL) == MONO + 50
    assert len(link.take_due(MONO + 50, ALL)) == 1


def test_a_reader_that_nobody_can_reach_keeps_its_credit() -> None:
    link = publisher(credit=1)
    link.publish([make_quote()], [], make_stream_state())
    assert link.take_due(MONO, set()) == []

    assert len(link.take_due(MONO, ALL)) == 1


def test_a_restarted_reader_begins_with_full_credit() -> None:
    link = publisher(credit=1)
    link.publish([make_quote()], [], make_stream_state())
    link.take_due(MONO, ALL)

    link.renew("reader")
    link.publish([make_quote()], [], make_stream_state())

    assert len(link.take_due(MONO, ALL)) == 1


def test_history_comes_whole_in_the_first_batch_and_only_there() -> None:
    link = CreditPublisher("coinbase", 3)
    history = [make_trade(str(price), is_history=True) for price in range(1, 11)]
    link.subscribe("reader", 2, 0, (), history)

    link.publish([], [make_trade("11")], make_stream_state())
    [(_, first)] = link.take_due(MONO, ALL)
    link.publish([], [make_trade("12")], make_stream_state())
    [(_, second)] = link.take_due(MONO, ALL)

    assert [int(trade.price) for trade in first.trades] == list(range(1, 12))
    assert [int(trade.price) for trade in second.trades] == [12]
    assert first.bars == ()


@given(st.lists(st.integers(min_value=1, max_value=1000), max_size=40))
def test_every_trade_arrives_in_order_or_in_an_exact_aggregate(prices: list[int]) -> None:
    link = publisher(trades_per_batch=3)

    for price in prices:
        link.publish([], [make_trade(str(price))], make_stream_state())

    batches = [batch for _, batch in link.take_due(MONO, ALL)]
    kept = [int(trade.price) for batch in batches for trade in batch.trades]
    bars = [bar for batch in batches for bar in batch.bars]
    folded = prices[: len(prices) - len(kept)]
    assert kept == prices[len(folded) :]
    assert sum(bar.count for bar in bars) == len(folded)
    if folded:
        [bar] = bars
        assert (bar.open, bar.high, bar.low, bar.close) == (
            folded[0],
            max(folded),
            min(folded),
            folded[-1],
        )
        assert bar.volume == len(folded) * Decimal("0.01")
