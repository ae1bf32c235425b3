"""The proof that a trial ends with would notice anything that is wrong with the books."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.storage.journal import SqliteJournal
from domain.messages.account import Balance
from domain.messages.base import Event
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    ExternalFillSeen,
    IntentAccepted,
    IntentDone,
    OrderClosed,
    OrderFilled,
)
from domain.messages.orders import OrderStatus, Purpose
from scripts.bench.proof import compare_with_report, compare_with_truth, read_books
from tests.builders import UTC
from tests.order_builders import make_accepted, make_fill, make_intent, make_submitted

ID = make_submitted().order.client_order_id


def a_bought_coin() -> list[Event]:
    """Return what is journaled when 0.01 BTC are bought for 640 USD and a fee of 1 USD."""
    usd = Balance(currency="USD", total=Decimal(10000), hold=Decimal(0))
    identity = {"ts_event": UTC, "client_order_id": ID, "intent_id": "i-1"}
    return [
        BalancesOpened(ts_event=UTC, venue="coinbase", balances=(usd,)),
        IntentAccepted(ts_event=UTC, intent=make_intent()),
        make_submitted(),
        make_accepted(),
        OrderFilled(**identity, purpose=Purpose.OPEN, fill=make_fill()),
        OrderClosed(**identity, status=OrderStatus.FILLED, filled_quantity=Decimal("0.01"), evidence="filled"),
        IntentDone(ts_event=UTC, intent_id="i-1", filled_quantity=Decimal("0.01")),
    ]


def its_truth() -> dict[str, Any]:
    fill = {
        "entry_id": "f-1",
        "product_id": "BTC-USD",
        "side": "BUY",
        "price": "64000",
        "size": "0.01",
        "fee": "1",
        "time_ns": UTC,
    }
    return {
        "orders": [{"order_id": "v-1", "client_order_id": ID}],
        "fills": [fill],
        "balances": {"USD": {"total": "9359"}, "BTC": {"total": "0.01"}},
        "open_orders": [],
        "duplicate_client_order_ids": [],
    }


def its_report() -> dict[str, Any]:
    return {
        "positions": {"coinbase:BTC-USD": "0.01"},
        "cash": "9359.00",
        "fees": "1",
        "realized_pnl": "0",
        "corrections": 0,
        "orders": {"unconfirmed": 0},
        "reconciled": True,
    }


def journal_of(events: list[Event], directory: Path) -> Path:
    path = directory / "journal.sqlite"
    journal = SqliteJournal(path, code_version="test")
    journal.append(events, recorded_at=UTC)
    journal.close()
    return path


def test_books_that_are_right_are_found_right(tmp_path: Path) -> None:
    path = journal_of(a_bought_coin(), tmp_path)

    assert read_books(path).wrongs == []
    assert list(compare_with_truth(read_books(path), its_truth())) == []
    assert compare_with_report(path, its_report(), UTC) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda truth: truth["orders"].append({"order_id": "v-2", "client_order_id": "stranger"}),
        lambda truth: truth["open_orders"].append("v-1"),
        lambda truth: truth["duplicate_client_order_ids"].append(ID),
        lambda truth: truth["fills"].append({**truth["fills"][0], "entry_id": "f-2"}),
        lambda truth: truth["fills"].clear(),
        lambda truth: truth["fills"][0].update(price="64000.01"),
        lambda truth: truth["fills"][0].update(fee="1.01"),
        lambda truth: truth["balances"]["USD"].update(total="9358"),
        lambda truth: truth["balances"].pop("BTC"),
    ],
)
def test_a_truth_that_differs_in_anything_is_told(spoil: Callable[[dict], Any], tmp_path: Path) -> None:
    truth = its_truth()
    spoil(truth)

    assert list(compare_with_truth(read_books(journal_of(a_bought_coin(), tmp_path)), truth))


@pytest.mark.parametrize(
    "event",
    [
        make_submitted(),
        a_bought_coin()[4],
        ExternalFillSeen(ts_event=UTC, fill=make_fill(fill_id="f-9")),
        BalanceCorrected(
            ts_event=UTC,
            correction_id="c-1",
            venue="coinbase",
            currency="USD",
            difference=Decimal(1),
            reason="no fill explains it",
        ),
    ],
)
def test_a_journal_that_holds_what_it_must_not_is_told(event: Event, tmp_path: Path) -> None:
    assert len(read_books(journal_of([*a_bought_coin(), event], tmp_path)).wrongs) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"positions": {}},
        {"cash": "9360.00"},
        {"fees": "2"},
        {"realized_pnl": "1"},
        {"corrections": 1},
        {"orders": {"unconfirmed": 1}},
        {"reconciled": False},
    ],
)
def test_a_report_that_differs_in_anything_is_told(change: dict[str, Any], tmp_path: Path) -> None:
    path = journal_of(a_bought_coin(), tmp_path)

    assert len(compare_with_report(path, {**its_report(), **change}, UTC)) == 1
