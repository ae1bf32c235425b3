"""Orders, fills and an order manager with its own time and a venue that answers when told to."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Self

import msgspec

from adapters.venues.coinbase.evidence import CoinbaseEvidence
from adapters.venues.coinbase.order_rules import CoinbaseOrders
from domain.effects import Effect, Record, Tell, WakeAt, WakeupKey
from domain.execution.manager_facts import ManagerFacts
from domain.execution.order_manager import OrderManager
from domain.execution.order_rules import OrderRulesFactory
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, Side
from domain.ledger.order_ids import NO_INSTANCE, mint_client_order_id
from domain.messages.account import Balance, RequestSnapshot, VenueSnapshot
from domain.messages.base import Message
from domain.messages.journal import JournalEntry, OrderSubmitted
from domain.messages.listing import Unread
from domain.messages.market import MarketBatch
from domain.messages.orders import (
    Fill,
    FillsReported,
    InstrumentsLoaded,
    OrderAccepted,
    OrderIntent,
    OrderReported,
    OrderStatus,
    OrderType,
    PrivateStreamChanged,
    Purpose,
    SubmitOrder,
    TimeInForce,
    VenueMoment,
)
from domain.reconciliation.evidence import EvidenceFactory
from domain.settings import Settings, VenueSettings
from tests.builders import MONO, UTC, make_instrument, make_quote, make_stream_state

BTC = "BTC-USD"
CASH = Decimal("10000")
SETTINGS = Settings(venues={"coinbase": VenueSettings(instruments=(BTC,))})


def make_order(quantity: str = "0.01", **changes) -> SubmitOrder:
    fields = {
        "client_order_id": mint_client_order_id("i-1", 0, 1),
        "intent_id": "i-1",
        "venue": "coinbase",
        "instrument": BTC,
        "symbol": BTC,
        "side": Side.BUY,
        "purpose": Purpose.OPEN,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.IOC,
        "quantity": Decimal(quantity),
        "limit_price": Decimal("64128.10"),
    }
    return SubmitOrder(**{**fields, **changes})


def make_submitted(order: SubmitOrder | None = None) -> OrderSubmitted:
    return OrderSubmitted(
        ts_event=UTC,
        order=order or make_order(),
        attempt=1,
        quote_bid=None,
        quote_ask=None,
        quote_ts_event=0,
        configuration_hash="c",
        code_version="v",
    )


def make_fill(quantity: str = "0.01", fill_id: str = "f-1", price: str = "64000", **changes) -> Fill:
    fields = {
        "venue": "coinbase",
        "fill_id": fill_id,
        "venue_order_id": "v-1",
        "instrument": BTC,
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "fee": Decimal("1"),
        "fee_currency": "USD",
        "ts_event": UTC + SECOND_NS,
    }
    return Fill(**{**fields, **changes})


def make_report(
    status: OrderStatus, quantity: str = "0", price: str = "64000", fees: str = "0", **changes
) -> OrderReported:
    fields = {
        "ts_event": UTC,
        "client_order_id": mint_client_order_id("i-1", 0, 1),
        "venue": "coinbase",
        "venue_order_id": "v-1",
        "instrument": BTC,
        "side": Side.BUY,
        "status": status,
        "cumulative_quantity": Decimal(quantity),
        "average_price": Decimal(price),
        "total_fees": Decimal(fees),
    }
    return OrderReported(**{**fields, **changes})


def make_accepted(**changes) -> OrderAccepted:
    fields = {
        "ts_event": UTC,
        "client_order_id": mint_client_order_id("i-1", 0, 1),
        "venue": "coinbase",
        "venue_order_id": "v-1",
    }
    return OrderAccepted(**{**fields, **changes})


def make_intent(purpose: Purpose = Purpose.OPEN, intent_id: str = "i-1", **changes) -> OrderIntent:
    fields = {
        "intent_id": intent_id,
        "signal_id": f"signal of {intent_id}",
        "venue": "coinbase",
        "instrument": BTC,
        "side": Side.BUY if purpose is Purpose.OPEN else Side.SELL,
        "quantity": Decimal("0.01"),
        "purpose": purpose,
        "reference_price": Decimal("64000.05"),
        "expires_at": UTC + 60 * SECOND_NS,
    }
    if purpose is Purpose.PROTECT:
        fields |= {"limit_price": Decimal("70000"), "stop_price": Decimal("61000")}
    return OrderIntent(**{**fields, **changes})


class TimedOrderManager:
    """An order manager, its journal and its wake-ups under virtual time. Venues are played by the test."""

    def __init__(
        self,
        settings: Settings = SETTINGS,
        resubmits_safely: bool = True,
        journal: Sequence[JournalEntry] = (),
        now: Instant = Instant(MONO, UTC),
        counts_since: int = UTC,
        instance: str = NO_INSTANCE,
        former_instances: Sequence[str] = (),
        order_rules: OrderRulesFactory = CoinbaseOrders,
        evidence: EvidenceFactory = CoinbaseEvidence,
    ) -> None:
        self.settings = settings
        self.resubmits_safely = resubmits_safely
        self.now = now
        self.journal = list(journal)
        self.begins_at = len(self.journal)
        self.told: list[tuple[str, Message]] = []
        self.wakeups: list[tuple[int, int, WakeupKey]] = []  # (due_ns, in which order they were set, key)
        self.wakeups_set = count()
        safely = dict.fromkeys(settings.venues, resubmits_safely)
        proofs, rules = dict.fromkeys(settings.venues, evidence), dict.fromkeys(settings.venues, order_rules)
        facts = ManagerFacts(safely, "hash", "1.0", counts_since, proofs, rules)
        self.manager = OrderManager(settings, facts, instance, former_instances)
        self.manager.replay(self.journal)
        self._perform(self.manager.recover(now))

    # ---- time and messages -------------------------------------------------------------------------------

    def hear(self, *messages: Message) -> None:
        for message in messages:
            self._perform(self.manager.apply(message, self.now))

    def advance(self, seconds: float) -> None:
        """Let time pass; wake-ups come in order, each at its moment."""
        end_ns = self.now.monotonic_ns + round(seconds * SECOND_NS)
        while self.wakeups and self.wakeups[0][0] <= end_ns:
            due_ns, _, key = heapq.heappop(self.wakeups)
            self._move_to(max(due_ns, self.now.monotonic_ns))
            self._perform(self.manager.tick(key, self.now))
        self._move_to(end_ns)

    def _move_to(self, monotonic_ns: int) -> None:
        passed_ns = monotonic_ns - self.now.monotonic_ns
        self.now = Instant(monotonic_ns, self.now.utc_ns + passed_ns)

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back; to the order manager a sleep of the machine looks like a step forward."""
        self.now = self.now._replace(utc_ns=self.now.utc_ns + round(seconds * SECOND_NS))

    def restarted(self, after_s: float = 0.1, **changes) -> Self:
        """Return the order manager of the next incarnation: only the journal is left."""
        passed_ns = round(after_s * SECOND_NS)
        now = Instant(self.now.monotonic_ns + passed_ns, self.now.utc_ns + passed_ns)
        return type(self)(self.settings, self.resubmits_safely, self.journal, now, **changes)

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Record(event):
                    seq = len(self.journal) + 1
                    self.journal.append(JournalEntry(seq=seq, recorded_at=self.now.utc_ns, event=event))
                case Tell(to, message):
                    self.told.append((to, message))
                case WakeAt(due_ns, key):
                    heapq.heappush(self.wakeups, (due_ns, next(self.wakeups_set), key))

    # ---- what came out -----------------------------------------------------------------------------------

    def sent(self, kind: type[Message]) -> list:
        """Return the messages of one kind told so far."""
        return [message for _, message in self.told if type(message) is kind]

    def journaled(self, *kinds: type[Message]) -> list:
        """Return the events of these kinds journaled in this run."""
        return [entry.event for entry in self.journal[self.begins_at :] if type(entry.event) in kinds]

    @property
    def trace(self) -> list[str]:
        """Return the names of the events journaled in this run, without reconciliation, definitions and routes."""
        names = [type(entry.event).__name__ for entry in self.journal[self.begins_at :]]
        return [
            name
            for name in names
            if name not in ("BalancesOpened", "VenueReconciled", "InstrumentDefined", "LegRouted")
        ]

    def order(self, intent_id: str = "i-1", attempt: int = 1):
        return self.manager.ledger.orders[mint_client_order_id(intent_id, 0, attempt)]

    # ---- the venue's side --------------------------------------------------------------------------------

    def load(self, instrument: Instrument | None = None, taker_fee: str = "0.006") -> None:
        instrument = instrument or make_instrument(BTC)
        self.hear(
            InstrumentsLoaded(
                ts_event=self.now.utc_ns,
                venue=instrument.venue,
                instruments=(instrument,),
                taker_fee_ratio=Decimal(taker_fee),
                maker_fee_ratio=Decimal("0.004"),
            )
        )

    def quote(self, bid: str = "64000.00", ask: str = "64000.10", venue: str = "coinbase", **state) -> None:
        quote = make_quote(bid, ask, venue=venue, is_whole=state.pop("is_whole", True))
        told = {"ts_event": self.now.utc_ns, "told_ns": self.now.monotonic_ns}
        alive = {"alive_ns": self.now.monotonic_ns, "venue": venue, **told}
        self.hear(
            MarketBatch(venue=venue, quotes=(quote,), trades=(), bars=(), state=make_stream_state(**alive | state))
        )

    def snapshot(
        self,
        usd: Decimal | str = CASH,
        btc: Decimal | str = "0",
        held: Decimal | str = "0",  # of the coins
        fills: Sequence[Fill] = (),
        open_orders: Sequence[OrderReported] = (),
        venue: str = "coinbase",
        unread: Sequence[Unread] = (),
    ) -> None:
        """Answer the newest snapshot request of `venue`; what can't be read of a balance isn't among them."""
        requests = [request for request in self.sent(RequestSnapshot) if request.venue == venue]
        unknown = {one.currency for one in unread if one.kind == "balance"}
        self.hear(
            VenueSnapshot(
                ts_event=self.now.utc_ns,
                request_id=requests[-1].request_id,
                venue=venue,
                balances=tuple(
                    Balance(currency=currency, total=Decimal(total), hold=Decimal(hold))
                    for currency, total, hold in (("USD", usd, "0"), ("BTC", btc, held))
                    if currency not in unknown
                ),
                open_orders=tuple(open_orders),
                fills=tuple(fills),
                unread=tuple(unread),
            )
        )

    def read_on(self, seconds: int = 25, **answers) -> None:
        """Let every question about the account be answered, for longer than reads may lag; by default as booked."""
        for _ in range(seconds // 5):
            self.advance(5)
            books = {currency.lower(): total for (_, _, currency), total in self.manager.books.balances.items()}
            self.snapshot(**{**books, **answers})

    def ready(self, venue: str = "coinbase", taker_fee: str = "0.006", **balances) -> TimedOrderManager:
        """Make the venue ready for openings: instruments, stream, prices and an equal comparison."""
        self.load(make_instrument(BTC, venue=venue), taker_fee)
        self.hear(PrivateStreamChanged(ts_event=self.now.utc_ns, venue=venue, is_live=True))
        self.quote(venue=venue)
        self.snapshot(venue=venue, **balances)
        return self

    def hold(self, quantity: str = "0.01") -> TimedOrderManager:
        """Open a position of ours, filled exactly; the venue's balances follow from it."""
        self.hear(make_intent(intent_id="held", quantity=Decimal(quantity)))
        order = self.sent(SubmitOrder)[-1]
        self.hear(make_accepted(client_order_id=order.client_order_id, venue_order_id="v-held"))
        fill = make_fill(quantity, "f-held", venue_order_id="v-held")
        self.fills(fill)
        return self

    def fills(self, *fills: Fill) -> None:
        self.hear(FillsReported(ts_event=self.now.utc_ns, venue=fills[0].venue, fills=fills))


def again(order: SubmitOrder, now: Instant) -> SubmitOrder:
    """Return `order` as it is sent a second time."""
    end = {"leave_by": now.utc_ns + 3 * SECOND_NS, "leave_by_ns": now.monotonic_ns + 3 * SECOND_NS}
    later_ns = end["leave_by"] - order.leave_by
    accept_until = order.accept_until and VenueMoment(utc_ns=order.accept_until.utc_ns + later_ns)
    return msgspec.structs.replace(order, is_resubmission=True, origin_read_ns=0, accept_until=accept_until, **end)


def journaled(order: SubmitOrder) -> SubmitOrder:
    """Return `order` as the journal has it: without what only this boot can read."""
    return msgspec.structs.replace(order, leave_by_ns=0)
