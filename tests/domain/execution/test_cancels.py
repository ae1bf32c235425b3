"""A wish to cancel is repeated until the order's end is proven, whatever reads say, at a pace that starves nobody."""

from collections.abc import Callable

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.account import RequestSnapshot, SnapshotFailed
from domain.messages.base import Event, Message
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    CancelProtection,
    CancelRejected,
    CancelUnconfirmed,
    OrderStatus,
    Purpose,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import AlarmOver, AlarmRaised
from tests.order_builders import TimedOrderManager, make_accepted, make_intent, make_report

S = OrderStatus
PULL = CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resized")

Play = Callable[[TimedOrderManager, Message], Event | None]


@pytest.fixture
def holding() -> TimedOrderManager:
    """A position of 0.01 with a resting bracket, v-1; nothing else is in flight."""
    manager = TimedOrderManager().ready()
    manager.hold()
    held = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.told.clear()
    return manager


def refuses(manager: TimedOrderManager, order: CancelOrder) -> CancelRejected:
    return CancelRejected(
        ts_event=manager.now.utc_ns, client_order_id=order.client_order_id, venue="coinbase", code="NOT_NOW"
    )


def loses(manager: TimedOrderManager, order: CancelOrder) -> CancelUnconfirmed:
    return CancelUnconfirmed(
        ts_event=manager.now.utc_ns, client_order_id=order.client_order_id, venue="coinbase", reason="timeout"
    )


def accepts(manager: TimedOrderManager, order: CancelOrder) -> CancelAccepted:
    return CancelAccepted(ts_event=manager.now.utc_ns, client_order_id=order.client_order_id, venue="coinbase")


def says_it_lives(manager: TimedOrderManager, query: QueryOrder) -> Event:
    return make_report(S.OPEN, side=Side.SELL)


def fails_to_read(manager: TimedOrderManager, query: QueryOrder) -> Event:
    return QueryFailed(
        ts_event=manager.now.utc_ns, client_order_id=query.client_order_id, venue="coinbase", reason="503"
    )


def play(manager: TimedOrderManager, seconds: int, cancels: Play | None, queries: Play | None) -> list[float]:
    """Let a venue answer each tenth of a second; return when cancels were sent, in seconds."""
    sent_s, begun_ns, done = [], manager.now.monotonic_ns, 0
    for _ in range(10 * seconds):
        for _, message in manager.told[done:]:
            done += 1
            if isinstance(message, CancelOrder):
                sent_s.append((manager.now.monotonic_ns - begun_ns) / SECOND_NS)
                answer = cancels and cancels(manager, message)
            elif isinstance(message, QueryOrder):
                answer = queries and queries(manager, message)
            elif isinstance(message, RequestSnapshot):
                answer = SnapshotFailed(
                    ts_event=manager.now.utc_ns, request_id=message.request_id, venue="coinbase", reason="503"
                )
            else:
                answer = None
            if answer:
                manager.hear(answer)
        manager.advance(0.1)
    return sent_s


@pytest.mark.parametrize("cancels", [refuses, loses, accepts, None])
@pytest.mark.parametrize("queries", [says_it_lives, fails_to_read, None])
def test_a_cancel_is_repeated_at_growing_pauses_whatever_venue_and_reads_say(
    holding: TimedOrderManager, cancels: Play | None, queries: Play | None
) -> None:
    holding.hear(PULL)

    sent_s = play(holding, 20, cancels, queries)

    assert [round(at) for at in sent_s] == [0, 1, 3, 7, 12, 17]


def test_a_close_leaves_once_a_repeated_cancel_has_worked_though_no_read_ever_did(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close", expires_at=holding.now.utc_ns + 600 * SECOND_NS))

    play(holding, 60, loses, fails_to_read)
    assert holding.sent(SubmitOrder) == []
    holding.quote()
    holding.hear(make_report(S.CANCELED, side=Side.SELL))  # the stream tells

    assert [order.intent_id for order in holding.sent(SubmitOrder)] == ["close"]


def test_a_refused_cancel_costs_a_few_questions_and_entries_only(holding: TimedOrderManager) -> None:
    holding.hear(PULL)

    sent_s = play(holding, 600, refuses, says_it_lives)

    assert len(sent_s) < 130
    assert len(holding.sent(QueryOrder)) < 3 * len(sent_s)
    assert len(holding.journaled(CancelRejected)) == 1  # the same word again is no news


def test_a_person_is_told_once_of_an_order_that_will_not_go(holding: TimedOrderManager) -> None:
    holding.hear(PULL)

    play(holding, 120, refuses, says_it_lives)

    texts = [alarm.text for alarm in holding.sent(AlarmRaised) if "cancel" in alarm.text]
    assert texts == ["not canceled for 32 s: refused: NOT_NOW"]
    assert not [over for over in holding.sent(AlarmOver) if "cancel" in over.text]

    holding.hear(make_report(S.CANCELED, side=Side.SELL))

    assert [over.text for over in holding.sent(AlarmOver) if "cancel" in over.text] == texts


def test_an_end_that_is_proven_ends_the_wish(holding: TimedOrderManager) -> None:
    holding.hear(PULL)
    holding.hear(make_report(S.CANCELED, side=Side.SELL))

    assert len(play(holding, 60, refuses, says_it_lives)) == 1


def test_a_restarted_desk_takes_up_the_wish(holding: TimedOrderManager) -> None:
    holding.hear(PULL)

    next_run = holding.restarted()

    assert [round(at) for at in play(next_run, 9, loses, fails_to_read)] == [0, 1, 3, 7]


def test_an_order_that_will_not_go_keeps_no_venue_from_being_compared(holding: TimedOrderManager) -> None:
    holding.hear(PULL, refuses(holding, CancelOrder(
        client_order_id=make_accepted().client_order_id, venue="coinbase", venue_order_id="v-1"
    )))  # fmt: skip

    holding.advance(5)
    holding.snapshot(usd="9359", btc="0.01", open_orders=[make_report(S.OPEN, side=Side.SELL)])

    assert holding.manager.report(holding.now).is_reconciled


def test_repeats_of_many_orders_share_one_pace() -> None:
    manager = TimedOrderManager().ready()
    manager.hold("0.2")
    brackets = []
    for number in range(20):
        intent = make_intent(intent_id=f"i-{number}")
        manager.hear(intent)
        if len(manager.sent(SubmitOrder)) == number + 2:
            order = manager.sent(SubmitOrder)[-1].client_order_id
            manager.hear(make_accepted(client_order_id=order, venue_order_id=f"v-{number}"))
            brackets.append(manager.manager.ledger.orders[order])
    manager.told.clear()
    for order in brackets:
        manager.manager._cancels.wish(order, "test", manager.now)

    manager.advance(10)

    assert len(brackets) == 20
    assert len(manager.sent(CancelOrder)) <= 20 + 10 * 4
