"""Whatever a venue, the wires and crashes do: one attempt, every fill once, and replay equals live."""

from __future__ import annotations

from enum import IntEnum

from hypothesis import given
from hypothesis import strategies as st

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.ledger.order_ledger import OrderLedger
from domain.messages.account import RequestSnapshot
from domain.messages.base import Event
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    ExternalFillSeen,
    HaltRaised,
    PositionCorrected,
)
from domain.messages.orders import CancelOrder, PrivateStreamChanged, Purpose, QueryOrder, SubmitOrder
from domain.messages.replacements import ModifyOrder
from domain.numbers import ZERO
from tests.builders import MONO, UTC
from tests.flaky_venue import FlakyVenue
from tests.order_builders import BTC, TimedOrderManager, make_intent

COMMANDS = (SubmitOrder, CancelOrder, ModifyOrder, QueryOrder, RequestSnapshot)
PURPOSES = (Purpose.OPEN, Purpose.PROTECT, Purpose.CLOSE)


class Act(IntEnum):
    DECIDE = 0
    ANSWER = 1
    DELIVER = 2
    REPEAT = 3
    LOSE = 4
    WAIT = 5
    TRADE = 6
    END_IOC = 7
    LAND = 8
    CRASH = 9


class World:
    """An order manager and a venue with unreliable wires between them."""

    def __init__(self, resubmits_safely: bool, venue: FlakyVenue | None = None) -> None:
        self.venue = venue or FlakyVenue()
        self.manager = self._desk(resubmits_safely)
        self.commands: list = []  # told to the gateway, not yet carried out
        self.words: list[Event] = []  # of the venue, not yet heard
        self.decided = 0
        self._begin_run()

    def _desk(self, resubmits_safely: bool) -> TimedOrderManager:
        return TimedOrderManager(resubmits_safely=resubmits_safely)

    def _restarted(self) -> TimedOrderManager:
        return self.manager.restarted()

    @property
    def now(self) -> Instant:
        return self.manager.now

    def act(self, act: Act, luck: int) -> None:
        match act:
            case Act.DECIDE:
                self._decide(PURPOSES[luck % 3] if self.venue.coins else Purpose.OPEN)
            case Act.ANSWER if self.commands:
                command = self.commands.pop(luck % len(self.commands))
                self.words += self.venue.answer(command, luck, self.now)
            case Act.DELIVER if self.words:
                self.manager.hear(self.words.pop(luck % len(self.words)))
            case Act.REPEAT if self.words:
                self.manager.hear(self.words[luck % len(self.words)])
            case Act.LOSE if self.words:
                self.words.pop(luck % len(self.words))
            case Act.WAIT:
                self.manager.advance((0.1, 0.3, 1, 3, 8, 20)[luck % 6])
                self.manager.quote()
            case Act.TRADE:
                self.words += self.venue.trade(luck, self.now)
            case Act.END_IOC:
                self.words += self.venue.end_ioc(self.now)
            case Act.LAND:
                self.venue.land(self.now)
            case Act.CRASH:
                self.manager = self._restarted()
                self.commands.clear()
                self._begin_run()
        self._collect()

    def cut_the_power(self, lost: int) -> None:
        """Go on without the last entries of the journal; what was under way on our side is gone, too."""
        kinds = [type(entry.event) for entry in self.manager.journal]
        kept = max(len(kinds) - lost, kinds.index(BalancesOpened) + 1)
        del self.manager.journal[kept:]
        self.manager = self._restarted()
        self.commands.clear()
        self.words.clear()
        self._begin_run()

    def calm(self) -> None:
        """Let everybody tell the truth until nothing is left to say."""
        self.venue.land(self.now)
        for _ in range(90):
            while self.commands or self.words:
                for command in self.commands:
                    self.words += self.venue.answer(command, 0, self.now)
                self.commands.clear()
                self.words += self.venue.end_ioc(self.now)
                heard, self.words = self.words, []
                self.manager.hear(*heard)
                self._collect()
            self.act(Act.WAIT, 2)

    def _decide(self, purpose: Purpose) -> None:
        self.decided += 1
        expires_at = self.now.utc_ns + 5 * SECOND_NS
        self.manager.hear(make_intent(purpose, f"i-{self.decided}", expires_at=expires_at))

    def _begin_run(self) -> None:
        self.manager.load()
        self.manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))
        self.manager.quote()
        self._collect()
        for command in [it for it in self.commands if isinstance(it, RequestSnapshot)]:
            self.manager.hear(*self.venue.answer(command, 0, self.now))
        self._collect()

    def _collect(self) -> None:
        self.commands += [message for _, message in self.manager.told if isinstance(message, COMMANDS)]
        self.manager.told.clear()

    # ---- what must hold ----------------------------------------------------------------------------------

    def check(self) -> None:
        ledger = self.manager.manager.ledger
        for plan in ledger.plans.values():
            assert sum(not order.is_final for order in plan.attempts) <= 1
            ids = [order.id for order in plan.attempts]
            true = [self.venue.orders[it] for it in ids if it in self.venue.orders]
            assert sum(order.is_live for order in true) <= 1
        for order in ledger.orders.values():
            true_filled = self.venue.orders[order.id].filled if order.id in self.venue.orders else ZERO
            assert order.filled_quantity <= true_filled
        assert self.venue.oversold == []

    def check_truth(self) -> None:
        ledger = self.manager.manager.ledger
        for client_order_id, true in self.venue.orders.items():
            order = ledger.orders[client_order_id]
            assert order.filled_quantity == true.filled
            assert order.executions.exact_fees == sum((fill.fee for fill in true.fills), ZERO)
            assert order.is_final is not true.is_live
        assert not any(order.is_in_flight for order in ledger.live_orders())
        assert ledger.books.position(InstrumentId("coinbase", BTC)).quantity == self.venue.coins
        assert ledger.books.balances["coinbase", "", "USD"] == self.venue.cash
        assert ledger.books.balances["coinbase", "", "BTC"] == self.venue.coins
        assert self.manager.manager.report(self.now).is_reconciled
        kinds = [type(entry.event) for entry in self.manager.journal]
        assert kinds.count(BalancesOpened) == 1
        assert BalanceCorrected not in kinds and HaltRaised not in kinds


def state(ledger: OrderLedger) -> dict:
    """Return everything that a ledger knows, in comparable form."""
    known = {name: value for name, value in vars(ledger).items() if name != "books"}
    books = {name: value for name, value in vars(ledger.books).items() if name != "ledgers"}
    positions = {key: it.position for key, it in ledger.books.ledgers.items()}
    return {**known, "books": books, "positions": positions}


ACTS = st.lists(st.tuples(st.sampled_from(Act), st.integers(0, 1000)), max_size=60)


@given(acts=ACTS, resubmits_safely=st.booleans())
def test_one_attempt_every_fill_once_and_in_the_end_the_truth(acts, resubmits_safely: bool) -> None:
    world = World(resubmits_safely)

    for act, luck in acts:
        world.act(act, luck)
        world.check()
    world.calm()

    world.check()
    world.check_truth()


@given(acts=ACTS, lost=st.integers(1, 12), resubmits_safely=st.booleans())
def test_what_a_power_cut_took_from_the_journal_comes_back(acts, lost: int, resubmits_safely: bool) -> None:
    world = World(resubmits_safely)
    world.act(Act.WAIT, 0)  # a fill of the very moment at which the books were opened counts as in them
    for act, luck in acts:
        world.act(act, luck)

    world.cut_the_power(lost)
    world.calm()

    ledger = world.manager.manager.ledger
    assert ledger.books.position(InstrumentId("coinbase", BTC)).quantity == world.venue.coins
    assert ledger.books.balances["coinbase", "", "USD"] == world.venue.cash
    assert {order.id for order in ledger.live_orders()} == {
        client_order_id for client_order_id, true in world.venue.orders.items() if true.is_live
    }
    kinds = {type(entry.event) for entry in world.manager.journal}
    assert kinds.isdisjoint({BalanceCorrected, PositionCorrected, ExternalFillSeen, HaltRaised})


@given(acts=ACTS, resubmits_safely=st.booleans())
def test_replaying_the_journal_equals_having_lived_it(acts, resubmits_safely: bool) -> None:
    world = World(resubmits_safely)

    for act, luck in acts:
        world.act(act, luck)
    reborn = OrderLedger()
    reborn.replay(world.manager.journal)

    assert state(reborn) == state(world.manager.manager.ledger)


def account(books: Portfolio) -> dict:
    """Return what an account knows, whoever follows its orders."""
    own = {"_live", "ledgers", "plans"}
    known = {name: value for name, value in vars(books).items() if name not in own}
    plans = {name: (plan.key, plan.legs[0].leaves_quantity, plan.notional) for name, plan in books.plans.items()}
    orders = {name: (it.order, it.status, it.leaves_quantity) for name, it in books.orders.items()}
    return {**known, "plans": plans, "orders": orders, "positions": books.positions}


@given(acts=ACTS, resubmits_safely=st.booleans())
def test_an_account_that_follows_no_orders_itself_is_the_same(acts, resubmits_safely: bool) -> None:
    world = World(resubmits_safely)
    alone = Portfolio()  # as the portfolio's process keeps it, while the router follows each order's life

    for act, luck in acts:
        world.act(act, luck)
        alone.replay(world.manager.journal)

        assert account(alone) == account(world.manager.manager.ledger.books)


@given(acts=ACTS)
def test_the_same_input_gives_the_same_journal(acts) -> None:
    journals = []
    for _ in range(2):
        world = World(resubmits_safely=True)
        for act, luck in acts:
            world.act(act, luck)
        journals.append(world.manager.journal)

    assert journals[0] == journals[1]
    assert world.now.monotonic_ns >= MONO
