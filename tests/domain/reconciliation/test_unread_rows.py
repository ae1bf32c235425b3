"""A row that nobody can read is told, and is in the way of what it may be about and of nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import Balance, RequestSnapshot, RowsUnread, VenueSnapshot
from domain.messages.halts import ResumeTrading
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    IntentDenied,
    OrderClosed,
    OrderSubmitted,
)
from domain.messages.listing import UNREAD_KEPT, Listing, Unread
from domain.messages.orders import InstrumentsLoaded, OrderStatus, QueryOrder
from domain.messages.system import AlarmRaised
from domain.numbers import ZERO
from domain.reconciliation.unread_rows import FILLS_KEPT
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

BAD_FILL = Unread(kind="fill", reason="unknown trade type", row_id="f-odd", venue_order_id="v-x", instrument=BTC)
OTHER_FILL = Unread(kind="fill", reason="?", row_id="f-doge", venue_order_id="v-y", instrument="DOGE-USD")
BAD_BTC = Unread(kind="balance", reason="?", currency="BTC")
BAD_USD = Unread(kind="balance", reason="?", currency="USD")
BAD_DOGE = Unread(kind="balance", reason="?", currency="DOGE")
BAD_ORDER = Unread(kind="order", reason="unknown status", venue_order_id="v-z", instrument=BTC)


def look_again(manager: TimedOrderManager, **answer) -> None:
    """Let the next comparison come, answered like this."""
    manager.advance(6)
    manager.quote()
    manager.snapshot(**answer)


def refusal(manager: TimedOrderManager, intent_id: str = "i-1") -> str:
    """Return why an opening is refused now; empty when it is sent."""
    manager.quote()
    manager.hear(make_intent(intent_id=intent_id, expires_at=manager.now.utc_ns + 10**10))
    denied = [event.reason for event in manager.journaled(IntentDenied) if event.intent_id == intent_id]
    return denied[0] if denied else ""


def alarms(manager: TimedOrderManager) -> list[str]:
    return [f"{alarm.subject}: {alarm.text}" for alarm in manager.sent(AlarmRaised)]


@pytest.mark.parametrize(
    ("unread", "reason"),
    [
        (BAD_FILL, "unread_fill"),
        (Unread(kind="fill", reason="?"), "unread_fill"),  # it may be about anything
        (BAD_ORDER, "unread_order"),
        (BAD_BTC, "unread_balance"),
        (BAD_USD, "unread_balance"),
        (OTHER_FILL, ""),
        (BAD_DOGE, ""),
        (Unread(kind="order", reason="?", instrument="DOGE-USD"), ""),
        (Unread(kind="fill", reason="?", venue_order_id="somebody's"), ""),
    ],
)
def test_an_unread_row_is_told_once_and_blocks_only_what_it_is_about(unread: Unread, reason: str) -> None:
    manager = TimedOrderManager().ready()

    look_again(manager, unread=[unread])
    look_again(manager, unread=[unread])

    [alarm] = [text for text in alarms(manager) if "can't be read" in text]
    assert alarm.startswith(f"coinbase {unread.kind} rows: {unread} can't be read ")
    assert refusal(manager) == reason
    assert manager.journaled(BalanceCorrected) == []


def test_a_fill_blocks_also_when_it_is_not_listed_any_more_until_it_can_be_read() -> None:
    manager = TimedOrderManager().ready()
    look_again(manager, unread=[BAD_FILL])
    look_again(manager)
    assert refusal(manager, "i-1") == "unread_fill"

    readable = make_fill(fill_id="f-odd", venue_order_id="v-x", ts_event=manager.now.utc_ns)
    manager.fills(readable)
    manager.hear(make_report(OrderStatus.FILLED, client_order_id="by-hand", venue_order_id="v-x"))

    assert refusal(manager, "i-2") == ""


def test_a_person_may_say_that_an_unread_fill_does_not_matter() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(RowsUnread(ts_event=manager.now.utc_ns, venue="coinbase", rows=(BAD_FILL,)))
    assert refusal(manager, "i-1") == "unread_fill"

    manager.hear(ResumeTrading())

    assert refusal(manager, "i-2") == ""


def test_an_order_blocks_as_long_as_it_is_listed_unread() -> None:
    manager = TimedOrderManager().ready()
    look_again(manager, unread=[BAD_ORDER])
    look_again(manager)

    assert refusal(manager) == ""


def test_an_unread_row_of_our_order_leaves_its_fate_open_and_asks() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(make_intent())
    [submitted] = manager.journaled(OrderSubmitted)
    ours = submitted.order.client_order_id
    manager.hear(make_accepted(), make_report(OrderStatus.OPEN))
    unread = Unread(kind="order", reason="unknown status", client_order_id=ours, instrument=BTC)

    manager.hear(RowsUnread(ts_event=manager.now.utc_ns, venue="coinbase", rows=(unread,)))
    manager.advance(1)

    assert [query.client_order_id for query in manager.sent(QueryOrder)][-1:] == [ours]
    assert manager.journaled(OrderClosed) == []


def test_an_unknown_balance_is_neither_zero_nor_corrected() -> None:
    manager = TimedOrderManager().ready()
    for _ in range(5):
        look_again(manager, unread=[BAD_USD])

    assert manager.journaled(BalanceCorrected) == []
    assert manager.manager.books.balances["coinbase", "", "USD"] == CASH
    look_again(manager)
    assert refusal(manager) == ""


def test_other_currencies_are_compared_while_one_is_unknown() -> None:
    manager = TimedOrderManager().ready()
    for _ in range(6):
        look_again(manager, btc="1", unread=[BAD_USD])

    assert [event.currency for event in manager.journaled(BalanceCorrected)] == ["BTC"]


def test_a_fill_that_cannot_be_read_is_not_explained_away_by_a_correction() -> None:
    manager = TimedOrderManager().ready()
    for _ in range(5):
        look_again(manager, usd="9360", btc="0.01", unread=[BAD_FILL])

    assert manager.journaled(BalanceCorrected) == []


def test_a_currency_that_could_not_be_read_at_the_opening_is_opened_late_and_is_no_profit() -> None:
    manager = TimedOrderManager()
    manager.ready(btc="2", unread=[BAD_BTC])
    assert ("coinbase", "", "BTC") not in manager.manager.books.balances

    again = manager.restarted()
    again.ready(btc="2")

    [late] = again.journaled(BalancesOpened)
    [first] = list(manager.journaled(BalancesOpened))
    assert (late.ts_event, [balance.currency for balance in late.balances]) == (first.ts_event, ["BTC"])
    assert again.manager.books.balances["coinbase", "", "BTC"] == 2
    assert again.manager.books.transfers["coinbase", "", "BTC"] == Decimal(2)
    assert again.journaled(BalanceCorrected) == []


def test_without_its_cash_an_account_is_not_opened() -> None:
    manager = TimedOrderManager()
    manager.ready(unread=[BAD_USD])

    assert manager.journaled(BalancesOpened) == []
    manager.advance(1.1)
    assert len(manager.sent(RequestSnapshot)) > 1
    manager.snapshot()
    assert refusal(manager) == ""


def test_what_a_person_has_settled_does_not_block_again_when_it_is_listed_again() -> None:
    manager = TimedOrderManager().ready()
    look_again(manager, unread=[BAD_FILL])
    manager.hear(ResumeTrading())

    look_again(manager, unread=[BAD_FILL])

    assert refusal(manager) == ""


def test_fills_are_listed_from_before_an_unread_one_on_also_after_a_restart() -> None:
    manager = TimedOrderManager().ready()
    look_again(manager)
    before = manager.sent(RequestSnapshot)[-1].fills_since
    for _ in range(30):
        look_again(manager, unread=[BAD_FILL])

    assert manager.sent(RequestSnapshot)[-1].fills_since <= before + 10 * 10**9
    assert manager.restarted().sent(RequestSnapshot)[-1].fills_since <= before + 10 * 10**9


def test_an_unread_fill_of_what_we_do_not_trade_holds_nothing_back() -> None:
    manager = TimedOrderManager().ready()
    before = manager.sent(RequestSnapshot)[-1].fills_since
    for _ in range(30):
        look_again(manager, unread=[OTHER_FILL])

    assert manager.sent(RequestSnapshot)[-1].fills_since > before + 60 * 10**9


def test_what_is_not_listed_any_more_takes_no_openings() -> None:
    manager = TimedOrderManager().ready()
    gone = Unread(kind="instrument", instrument=BTC, reason="not listed")

    manager.hear(
        InstrumentsLoaded(
            ts_event=manager.now.utc_ns,
            venue="coinbase",
            instruments=(),
            taker_fee_ratio=Decimal("0.006"),
            maker_fee_ratio=Decimal("0.004"),
            left_out=(gone,),
        )
    )

    assert refusal(manager) == "not_tradable"


@pytest.mark.parametrize("kind", ["order", "fill"])
def test_a_row_that_stands_for_many_blocks_all_as_it_may_be_about_anything(kind: str) -> None:
    manager = TimedOrderManager().ready()

    look_again(manager, unread=[Unread(kind=kind, reason="?", count=300)])

    assert refusal(manager) == f"unread_{kind}"
    [alarm] = [text for text in alarms(manager) if "can't be read" in text]
    assert alarm.startswith(f"coinbase {kind} rows: 300 {kind} rows can't be read (?): no openings in anything there")


@pytest.mark.parametrize(("told", "reason"), [(["USD"], "unread_balance"), (["USD", "BTC"], "")])
def test_many_unread_balances_block_what_needs_a_currency_that_is_not_told(told: list[str], reason: str) -> None:
    manager = TimedOrderManager().ready()
    manager.advance(6)

    manager.hear(
        VenueSnapshot(
            ts_event=manager.now.utc_ns,
            request_id=manager.sent(RequestSnapshot)[-1].request_id,
            venue="coinbase",
            balances=tuple(Balance(currency=one, total=CASH if one == "USD" else ZERO, hold=ZERO) for one in told),
            open_orders=(),
            fills=(),
            unread=(Unread(kind="balance", reason="?", count=300),),
        )
    )

    assert refusal(manager) == reason


@pytest.mark.parametrize(("listed_after", "reason"), [(300, ""), (301, "unread_fill")])
def test_many_unread_fills_block_until_a_person_resumes_and_more_of_them_block_again(
    listed_after: int, reason: str
) -> None:
    manager = TimedOrderManager().ready()
    many = Unread(kind="fill", reason="?", count=300)
    look_again(manager, unread=[many])
    look_again(manager)
    assert refusal(manager, "i-1") == "unread_fill"

    manager.hear(ResumeTrading())
    look_again(manager, unread=[replace(many, count=listed_after)])

    assert refusal(manager, "i-2") == reason


def test_a_flood_of_unread_fills_elsewhere_makes_nobody_forget_one_here() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(RowsUnread(ts_event=manager.now.utc_ns, venue="coinbase", rows=(BAD_FILL,)))

    flood = (replace(OTHER_FILL, row_id=f"f-{number}") for number in range(FILLS_KEPT + 10))
    manager.hear(RowsUnread(ts_event=manager.now.utc_ns, venue="coinbase", rows=tuple(flood)))

    assert refusal(manager) == "unread_fill"
    assert len(manager.manager._unread._fills) <= FILLS_KEPT


def foreign(kind: str, **about) -> list[Unread]:
    """Return more rows than are told apart, of orders that are not ours."""
    rows = range(UNREAD_KEPT + 25)
    return [Unread(kind=kind, reason="?", venue_order_id=f"theirs-{number}", **about) for number in rows]


@pytest.mark.parametrize(
    "unread",
    [
        foreign("order", instrument="DOGE-USD"),
        foreign("fill", instrument="DOGE-USD"),
        [Unread(kind="balance", reason="?", currency=f"C{number}") for number in range(500)],
        [Unread(kind="order", reason="?", client_order_id=f"theirs-{number}") for number in range(500)],
        foreign("order")[:500],
        foreign("fill")[:500],
    ],
    ids=["orders", "fills", "balances", "orders by their names", "by the venue's", "fills of others"],
)
def test_what_others_have_takes_no_opening_however_much_of_it_cannot_be_read(unread: list[Unread]) -> None:
    manager = TimedOrderManager().ready()
    for _ in range(3):
        look_again(manager, unread=Listing.of([], unread).unread)

    assert len([text for text in alarms(manager) if "can't be read" in text]) == 1
    assert refusal(manager) == ""


def test_a_flood_of_fills_of_others_takes_no_openings_and_no_memory() -> None:
    manager = TimedOrderManager().ready()
    rows = [
        *(replace(OTHER_FILL, row_id=f"f-{number}") for number in range(FILLS_KEPT + 10)),
        *(Unread(kind="fill", reason="?", row_id=f"g-{n}", venue_order_id="theirs") for n in range(FILLS_KEPT)),
        *(replace(OTHER_FILL, row_id=f"h-{n}", instrument=f"M{n}-USD") for n in range(2 * FILLS_KEPT + 10)),
    ]
    manager.hear(RowsUnread(ts_event=manager.now.utc_ns, venue="coinbase", rows=tuple(rows)))

    assert refusal(manager) == ""
    assert len(manager.manager._unread._fills) + len(manager.manager._unread._sums) <= FILLS_KEPT


def test_a_row_with_our_tag_that_nobody_knows_may_be_about_anything() -> None:
    manager = TimedOrderManager().ready()
    ours = mint_client_order_id("lost", 0, 1)

    look_again(manager, unread=[Unread(kind="order", reason="?", client_order_id=ours, venue_order_id="v-9")])

    assert refusal(manager) == "unread_order"


def test_many_rows_are_one_alarm_of_one_subject_that_names_one_which_matters() -> None:
    manager = TimedOrderManager().ready()
    strange = [Unread(kind="order", reason="?", venue_order_id=f"o-{n}", instrument="DOGE-USD") for n in range(19)]

    look_again(manager, unread=[*strange, BAD_ORDER, Unread(kind="order", reason="?", count=40)])

    [alarm] = [text for text in alarms(manager) if "can't be read" in text]
    assert alarm.startswith(f"coinbase order rows: {BAD_ORDER} can't be read")
    assert alarm.endswith("; nor can 59 more")
