"""Whatever happens to an account, its books are what a plain recomputation says; and a restart changes nothing."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.instant import Instant
from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.definitions import definition
from domain.messages.account import Balance
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    ExternalFillSeen,
    FundingPaid,
    JournalEntry,
    JournalEvent,
    OrderFilled,
    OrderFilledProvisionally,
    PositionCorrected,
    PositionForced,
)
from domain.messages.orders import Fill, FillCause, FillKind, Purpose
from domain.numbers import use_exact_decimals
from domain.portfolio.valuation import value
from tests.builders import UTC, make_instrument
from tests.domain.ledger.plain_books import ETHER, SIZES, SPOT, SWAP, PlainBooks, Step

use_exact_decimals()

FINEST = Fraction(1, 10**18)  # what a part of a cost is rounded to
NOW = Instant(0, UTC)
PERPETUALS = (SWAP, ETHER)
encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(JournalEntry).decode


class Account:
    """The real books and the plain ones, told the same."""

    def __init__(self) -> None:
        self.books, self.restarted, self.plain = Portfolio(), Portfolio(), PlainBooks()
        self.entries: list[bytes] = []
        self.fills: list[Fill] = []  # that may be taken back
        self.waiting: list[tuple[str, Fill, Fill]] = []  # order, what its total said, the row to come
        self.number = 0
        for key in PERPETUALS:
            base = key.name.partition("-")[0]
            listed = make_instrument(
                key.name,
                venue=key.venue,
                base=base,
                kind=InstrumentKind.PERPETUAL,
                settlement="USDC",
                contract_size=SIZES[key],
            )
            self.record(definition(listed, UTC))
        for venue, currency, wallet in (("coinbase", "USD", ""), ("toy", "USDC", "perpetual")):
            total = Decimal(10000)
            balance = Balance(currency=currency, total=total, hold=Decimal(0), wallet=wallet)
            self.record(BalancesOpened(ts_event=UTC, venue=venue, balances=(balance,)))
            self.plain.wallets[venue, wallet, currency] += total

    def record(self, event: JournalEvent) -> None:
        entry = JournalEntry(seq=len(self.entries) + 1, recorded_at=UTC, event=event)
        self.entries.append(encode(entry))
        self.books.replay((entry,))
        self.restarted.replay((entry,))

    def restart(self) -> None:
        self.restarted = Portfolio()
        self.restarted.replay(map(decode, self.entries))

    # ---- what happens --------------------------------------------------------------------------------------

    def fill(self, key: InstrumentId, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, coin: str) -> Fill:
        self.number += 1
        return Fill(
            venue=key.venue,
            fill_id=f"f-{self.number}",
            venue_order_id="",
            instrument=key.name,
            side=side,
            quantity=quantity,
            price=price,
            fee=fee,
            fee_currency=coin if key == SPOT else "USDC",
            ts_event=UTC,
        )

    def ours(self, fill: Fill, order: str) -> None:
        self.record(OrderFilled(ts_event=UTC, client_order_id=order, intent_id="", purpose=Purpose.OPEN, fill=fill))
        self.plain.trade(fill, is_ours=True)

    def trade(self, *of_fill) -> None:
        fill = self.fill(*of_fill)
        self.ours(fill, fill.fill_id)
        self.plain.steps[InstrumentId.of(fill)].append(Step(self.plain.net_change(fill), fill.price))
        self.fills.append(fill)

    def total(self, *of_fill) -> None:
        """A total tells of a fill at about its price; the row comes later."""
        row = self.fill(*of_fill)
        key = InstrumentId.of(row)
        told = msgspec.structs.replace(row, price=row.price + 1, fee=Decimal(1), fee_currency=self.plain.cash(key)[2])
        self.record(
            OrderFilledProvisionally(
                ts_event=UTC,
                client_order_id=row.fill_id,
                intent_id="",
                purpose=Purpose.OPEN,
                venue=key.venue,
                instrument=key.name,
                side=told.side,
                quantity=told.quantity,
                price=told.price,
                fee=told.fee,
            )
        )
        self.plain.trade(told, is_ours=True)
        self.plain.steps[key].append(Step(self.plain.net_change(told), told.price, row.fill_id))
        self.waiting.append((row.fill_id, told, row))

    def row(self, *_) -> None:
        if self.waiting:
            order, told, row = self.waiting.pop(0)
            self.plain.trade(told, is_ours=True, sign=-1)
            self.ours(row, order)
            [step] = [step for step in self.plain.steps[InstrumentId.of(row)] if step.order == order]
            step.change, step.price, step.order = self.plain.net_change(row), row.price, ""

    def take_back(self, *_) -> None:
        if self.fills:
            fill = msgspec.structs.replace(self.fills.pop(0), kind=FillKind.REVERSAL, fill_id=f"r-{self.number}")
            self.ours(fill, fill.fill_id)
            self.plain.steps[InstrumentId.of(fill)].append(Step(self.plain.net_change(fill), fill.price))

    def external(self, *of_fill) -> None:
        fill = self.fill(*of_fill)
        self.record(ExternalFillSeen(ts_event=UTC, fill=fill))
        self.plain.trade(fill, is_ours=False)

    def forced(self, key: InstrumentId, side: Side, quantity: Decimal, price: Decimal, *_) -> None:
        if key == SPOT:
            return
        fill = self.fill(key, side, quantity, price, quantity / 4, "")  # a fee that divides without a rest
        held = self.plain.quantity(key)
        is_reduced = held * side.sign < 0
        part = min(quantity, abs(held)) if is_reduced else Decimal(0)
        fill = msgspec.structs.replace(fill, cause=FillCause.LIQUIDATION)
        self.record(PositionForced(ts_event=UTC, fill=fill))
        self.plain.trade(fill, is_ours=False)
        self.plain.fees[self.plain.cash(key)] += part / 4
        if part:
            self.plain.steps[key].append(Step(side.sign * part, price))

    def pay(self, key: InstrumentId, side: Side, quantity: Decimal, *_) -> None:
        if key != SPOT:
            self.number += 1
            venue, wallet, currency = self.plain.cash(key)
            amount = side.sign * quantity
            self.record(
                FundingPaid(
                    ts_event=UTC,
                    venue=venue,
                    instrument=key.name,
                    paid_at=UTC + self.number,
                    amount=amount,
                    currency=currency,
                    wallet=wallet,
                )
            )
            self.plain.wallets[venue, wallet, currency] += amount
            self.plain.funding += amount

    def correct(self, key: InstrumentId, side: Side, quantity: Decimal, price: Decimal, *_) -> None:
        """Cash moves by a correction, and a part of our position is there no more."""
        self.number += 1
        venue, wallet, currency = self.plain.cash(key)
        amount = side.sign * quantity
        self.record(
            BalanceCorrected(
                ts_event=UTC,
                correction_id=f"c-{self.number}",
                venue=venue,
                currency=currency,
                difference=amount,
                reason="",
                wallet=wallet,
            )
        )
        self.plain.wallets[venue, wallet, currency] += amount
        self.plain.transfers[venue, wallet, currency] += amount
        held = self.plain.quantity(key)
        lost = min(quantity, abs(held))
        gone = -lost if held > 0 else lost
        is_spot = key == SPOT
        self.record(
            PositionCorrected(
                ts_event=UTC,
                correction_id=f"p-{self.number}",
                venue=venue,
                instrument=key.name,
                quantity=lost,
                reason="",
                difference=Decimal(0) if is_spot else gone,
                price=None if is_spot else price,
            )
        )
        if lost:
            self.plain.steps[key].append(Step(gone, None if is_spot else price))
        if not is_spot:
            self.plain.held[key] += gone
            self.plain.transfers[venue, wallet, currency] += gone * SIZES[key] * price


ACTS = ("trade", "trade", "trade", "total", "row", "take_back", "external", "forced", "pay", "correct", "restart")
MARKETS = (
    (SPOT, "USD"),
    (SPOT, "BTC"),
    (SPOT, "BNB"),
    (SWAP, ""),
    (SWAP, ""),
    (ETHER, ""),
)  # and what a fee is paid in
acts = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.sampled_from(MARKETS),
        st.sampled_from(Side),
        st.integers(1, 30_000),  # tenths of thousandths
        st.integers(100, 9_999_999),  # cents
        st.integers(0, 9_999),  # of 10^-8
    ),
    min_size=5,
    max_size=25,
)
prices = st.decimals(min_value=1, max_value=99999, places=2)


def lived(trace: list) -> Account:
    account = Account()
    for act, (key, coin), side, quantity, price, fee in trace:
        numbers = (Decimal(number).scaleb(exponent) for number, exponent in ((quantity, -4), (price, -2), (fee, -8)))
        getattr(account, act)(*(() if act == "restart" else (key, side, *numbers, coin)))
    return account


def not_zero(amounts: dict) -> dict:
    return {tuple(key): amount for key, amount in amounts.items() if amount}


def told(books: Portfolio) -> tuple:
    realized = books.realized_pnl("USD"), books.realized_pnl("USDC")
    return books.wallets, books.positions, realized, books.definitions, books.last_seq


@given(acts)
def test_books_are_what_a_plain_recomputation_says_and_a_restart_anywhere_changes_nothing(trace: list) -> None:
    account = lived(trace)
    books, plain = account.books, account.plain

    assert told(account.restarted) == told(books)

    assert not_zero(books.balances) == not_zero(plain.wallets)
    assert not_zero(books.fees) == not_zero(plain.fees)
    assert not_zero(books.transfers) == not_zero(plain.transfers)
    assert not_zero(books.derivatives) == not_zero(plain.held)
    assert sum(books.funding.values()) == plain.funding
    for key in (SPOT, *PERPETUALS):
        position, exact = books.position(key), plain.result(key)
        rounded = FINEST * (1 + sum(step.price is None for step in plain.steps[key]))
        assert Fraction(position.quantity) == exact.quantity
        assert abs(Fraction(position.cost) - exact.cost) <= rounded
        assert abs(Fraction(position.realized_pnl) - exact.realized) <= rounded


@given(acts, prices, prices)
def test_worth_and_profit_are_exact_and_venues_add_up_to_the_account(trace: list, btc: Decimal, ether: Decimal) -> None:
    account = lived(trace)
    books, plain = account.books, account.plain
    marks = {SPOT: btc, SWAP: btc + 1, ETHER: ether}
    worth = {"USD": Decimal(1), "USDC": Decimal(1), "BTC": btc, "BNB": Decimal(7)}
    quotes = SimpleNamespace(
        price_of=lambda venue, currency, now: (worth[currency], True),
        asked_price=lambda venue, currency: None,
        mark=lambda venue, name, now: (marks[InstrumentId(venue, name)], True),
    )

    whole = value(books, quotes, (), ("coinbase", "toy"), NOW)

    coins = sum((amount * worth[currency] for (_, _, currency), amount in plain.wallets.items()), Decimal(0))
    marked = sum((amount * SIZES[key] * marks[key] for key, amount in plain.held.items()), Decimal(0))
    assert whole.equity == coins + marked and whole.is_complete
    each = {key: books.position(key) for key in marks}
    assert whole.unrealized_pnl == sum(it.unrealized_pnl(marks[key]) * SIZES[key] for key, it in each.items())
    realized = {key: it.realized_pnl * SIZES[key] for key, it in each.items()}
    assert books.realized_pnl("USD") == realized[SPOT]
    assert books.realized_pnl("USDC") == realized[SWAP] + realized[ETHER]
    assert whole.net.get("BTC", 0) == each[SPOT].quantity + each[SWAP].quantity * SIZES[SWAP]
    assert whole.net.get("ETH", 0) == each[ETHER].quantity
    assert whole.funding == plain.funding


@given(acts)
def test_perpetual_equity_is_what_came_in_and_what_was_earned(trace: list) -> None:
    """Cash, transfers, profit, fees and funding explain each other to the last digit, whatever is forced or corrected."""
    account = lived([act for act in trace if act[0] != "external" and act[1][0] != SPOT])
    books, mark = account.books, Decimal("123.45")
    mine = all(books.derivatives[key] == books.position(key).quantity for key in PERPETUALS)

    for key in PERPETUALS:
        position, size, cash = books.position(key), SIZES[key], account.plain.cash(key)
        opened = Decimal(10000) if key == SWAP else Decimal(0)
        earned = (position.realized_pnl + position.unrealized_pnl(mark)) * size
        equity = books.balances[cash] + books.derivatives[key] * mark * size
        if mine:
            assert equity == opened + books.transfers[cash] + earned - books.fees[cash] + books.funding[cash]
