"""Whether the venue's truth, the journal and what the system said of its portfolio are one. Every function
returns what is wrong, in words; nothing means that all is well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.storage.journal_reader import JournalReader
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.position import Position
from domain.ledger.wallet import Wallet
from domain.messages.journal import (
    BalanceCorrected,
    ExternalFillSeen,
    HaltRaised,
    JournalEntry,
    OrderFilled,
    OrderSubmitted,
)
from domain.messages.orders import Fill
from domain.numbers import ZERO, plain
from scripts.bench.trial import Status

REST_NS = SECOND_NS  # a fill younger than this may be known to the venue only


@dataclass
class Books:
    """A journal, read from its first entry to its last as a router does that starts."""

    ledger: OrderLedger = field(default_factory=OrderLedger)
    submitted: set[str] = field(default_factory=set)  # every client_order_id ever used
    fills: dict[str, Fill] = field(default_factory=dict)  # fill_id -> exact execution
    halts: list[str] = field(default_factory=list)  # reasons, oldest first
    wrongs: list[str] = field(default_factory=list)  # what no journal may hold


def read_books(journal: Path) -> Books:
    books = Books()
    with closing(JournalReader(journal)) as reader:
        for entry in reader.scan():
            books.wrongs += _wrongs(books, entry)
            books.ledger.replay((entry,))
    return books


def _wrongs(books: Books, entry: JournalEntry) -> Iterator[str]:
    """Take note of one entry before it is applied, and yield what is wrong with it."""
    match entry.event:
        case OrderSubmitted(order=order):
            if order.client_order_id in books.submitted:
                yield f"entry {entry.seq}: the id {order.client_order_id} is used twice"
            plan = books.ledger.plans.get(order.intent_id)
            if plan is None or plan.live_attempt is not None:
                yield f"entry {entry.seq}: {order.client_order_id} is sent without an intent of its own"
            books.submitted.add(order.client_order_id)
        case OrderFilled(fill=fill):
            if fill.fill_id in books.fills:
                yield f"entry {entry.seq}: the fill {fill.fill_id} is booked twice"
            books.fills[fill.fill_id] = fill
        case BalanceCorrected(currency=currency, difference=difference):
            yield f"entry {entry.seq}: a correction of {plain(difference)} {currency}"
        case ExternalFillSeen(fill=fill):
            yield f"entry {entry.seq}: {fill.fill_id} was taken for somebody else's"
        case HaltRaised(reason=reason):
            books.halts.append(reason)


# ---- the portfolio -----------------------------------------------------------------------------------------


def compare_with_report(journal: Path, report: Status, stopped_ns: int) -> list[str]:
    """Compare the journal with what the portfolio, which followed it live, said at the end of a run.

    A resting order may still fill between the last reconciliation, of which the report tells, and the end.

    Args:
        stopped_ns: when the run was told to stop, UTC.
    """
    portfolio = Portfolio()
    with closing(JournalReader(journal)) as reader:
        entries = reader.read()
    before = [entry for entry in entries if entry.recorded_at < stopped_ns]
    portfolio.replay(before)
    wrongs = list(_differences(portfolio, report))
    for entry in entries[len(before) :]:
        if not wrongs:
            break
        portfolio.replay((entry,))
        wrongs = list(_differences(portfolio, report))
    return wrongs


def _differences(portfolio: Portfolio, report: Status) -> Iterator[str]:
    positions = {":".join(key): plain(position.quantity) for key, position in portfolio.positions.items()}
    dollars = {
        "cash": (_dollars(portfolio.balances), 2),
        "fees": (_dollars(portfolio.fees), 8),
        "realized_pnl": (portfolio.realized_pnl("USD"), 8),
    }
    yield from _difference("positions", report["positions"], positions)
    for name, (amount, digits) in dollars.items():
        if abs(Decimal(report[name]) - amount) > Decimal(1).scaleb(-digits):
            yield f"{name}: the portfolio says {report[name]}, the journal {plain(amount)}"
    yield from _difference("corrections", report["corrections"], 0)
    yield from _difference("unconfirmed", report["orders"]["unconfirmed"], 0)
    yield from _difference("reconciled", report["reconciled"], True)


def _dollars(amounts: Mapping[Wallet, Decimal]) -> Decimal:
    return sum((amount for wallet, amount in amounts.items() if wallet.currency == "USD"), ZERO)


# ---- the venue ---------------------------------------------------------------------------------------------


def is_at_rest(truth: dict[str, Any], now_ns: int) -> bool:
    """Tell whether the venue's last fill is old enough to be known to everybody."""
    newest = max((fill["time_ns"] for fill in truth["fills"]), default=0)
    return newest < now_ns - REST_NS


def compare_with_truth(books: Books, truth: dict[str, Any]) -> Iterator[str]:
    """Compare the journal with the venue, at rest."""
    ledger = books.ledger
    yield from _difference("ids used twice at the venue", truth["duplicate_client_order_ids"], [])
    unknown = sorted({order["client_order_id"] for order in truth["orders"]} - books.submitted)
    yield from _difference("orders at the venue that the journal doesn't know", unknown, [])
    by_id = {order["order_id"]: order["client_order_id"] for order in truth["orders"]}
    resting = sorted(by_id[order_id] for order_id in truth["open_orders"])
    yield from _difference("open orders", resting, sorted(ledger.live))

    fills = {fill["entry_id"]: _facts_of_row(fill) for fill in truth["fills"]}
    yield from _difference_of_maps("fill", fills, {key: _facts(fill) for key, fill in books.fills.items()})
    balances = {currency: Decimal(one["total"]) for currency, one in truth["balances"].items()}
    ours = {wallet.currency: total for wallet, total in ledger.books.balances.items()}
    yield from _difference_of_maps("balance", _not_zero(balances), _not_zero(ours))
    positions: dict[str, Position] = defaultdict(Position)
    for fill in truth["fills"]:
        traded = Side(fill["side"]), Decimal(fill["size"]), Decimal(fill["price"])
        positions[fill["product_id"]] = positions[fill["product_id"]].after(*traded)
    theirs = {name: position.quantity for name, position in positions.items()}
    mine = {name: position.quantity for (_, name), position in ledger.books.positions.items()}
    yield from _difference_of_maps("position", _not_zero(theirs), _not_zero(mine))


def _facts_of_row(fill: dict[str, Any]) -> tuple[object, ...]:
    money = Decimal(fill["size"]), Decimal(fill["price"]), Decimal(fill["fee"])
    return fill["product_id"], fill["side"], *money


def _facts(fill: Fill) -> tuple[object, ...]:
    return fill.instrument, fill.side.value, fill.quantity, fill.price, fill.fee


def _not_zero(amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    return {name: amount for name, amount in amounts.items() if amount}


def _difference(what: str, theirs: Any, ours: Any) -> Iterator[str]:
    if theirs != ours:
        yield f"{what}: {theirs}, where it should be {ours}"


def _difference_of_maps(what: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            yield f"{what} {key}: the venue says {theirs.get(key)}, the journal {ours.get(key)}"
