"""A portfolio manager with a journal and a clock: what it tells is kept, what a test journals comes back."""

from __future__ import annotations

from decimal import Decimal

from domain.effects import Effect, Role, Tell, WakeAt
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, Side
from domain.messages.account import Balance, ValueTransfer
from domain.messages.base import Event, Message
from domain.messages.journal import (
    BalancesOpened,
    IntentAccepted,
    IntentDone,
    JournalEntry,
    JournalExtended,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
)
from domain.messages.market import MarketBatch
from domain.messages.orders import (
    Fill,
    InstrumentsLoaded,
    OrderAccepted,
    OrderIntent,
    OrderStatus,
    OrderType,
    Purpose,
    RequestTouch,
    SubmitOrder,
    TimeInForce,
)
from domain.messages.signals import Signal
from domain.messages.system import AlarmRaised, EndExit, MarkEquity, VenueReadyChanged, WishExit
from domain.portfolio.portfolio_manager import BEAT, PortfolioManager
from domain.settings import PROFILES, RiskSettings, Settings
from tests.builders import MONO, UTC, make_instrument, make_quote, make_stream_state

# Small lots and fees of nothing but the taker's; each test changes what it is about.
LOOSE = RiskSettings(**{**PROFILES["demo"]["risk"], "max_positions": 5})
BTC = make_instrument(lot_size=Decimal("0.0001"), min_quantity=Decimal("0.0001"))
FEE_RATIO = Decimal("0.006")


def make_signal(side: Side = Side.BUY, signal_id: str = "s1", **changes) -> Signal:
    fields = {
        "ts_event": UTC,
        "signal_id": signal_id,
        "venue": "coinbase",
        "instrument": "BTC-USD",
        "side": side,
        "confidence": 0.75,
        "strategies": ("fast_scalping",),
        "candle_close": Decimal("50000"),
        "expires_at": UTC + 5 * SECOND_NS,
        "origin_read_ns": MONO,
    }
    return Signal(**{**fields, **changes})


def make_intent(intent_id: str = "s1:open", instrument: str = "BTC-USD", **changes) -> OrderIntent:
    fields = {
        "intent_id": intent_id,
        "signal_id": "s1",
        "venue": "coinbase",
        "instrument": instrument,
        "side": Side.BUY,
        "quantity": Decimal("0.01"),
        "purpose": Purpose.OPEN,
        "reference_price": Decimal("50000"),
        "expires_at": UTC + 5 * SECOND_NS,
    }
    return OrderIntent(**{**fields, **changes})


def accepted(intent: OrderIntent, ts_event: int = UTC) -> IntentAccepted:
    return IntentAccepted(ts_event=ts_event, intent=intent)


def submitted(intent: OrderIntent, quantity: Decimal | None = None) -> OrderSubmitted:
    order = SubmitOrder(
        client_order_id=f"order:{intent.intent_id}",
        intent_id=intent.intent_id,
        venue=intent.venue,
        instrument=intent.instrument,
        symbol=intent.instrument,
        side=intent.side,
        purpose=intent.purpose,
        order_type=OrderType.BRACKET if intent.purpose is Purpose.PROTECT else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC if intent.purpose is Purpose.PROTECT else TimeInForce.IOC,
        quantity=quantity or intent.quantity,
        limit_price=intent.limit_price or intent.reference_price,
        stop_price=intent.stop_price,
    )
    return OrderSubmitted(
        ts_event=UTC,
        order=order,
        attempt=1,
        quote_bid=None,
        quote_ask=None,
        quote_ts_event=0,
        configuration_hash="",
        code_version="",
    )


def filled(intent: OrderIntent, price: str, quantity: str = "", fee: str = "0") -> OrderFilled:
    fill = Fill(
        venue=intent.venue,
        fill_id=f"{intent.intent_id}/{quantity}@{price}",
        venue_order_id="",
        instrument=intent.instrument,
        side=intent.side,
        quantity=Decimal(quantity) if quantity else intent.quantity,
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency="USD",
        ts_event=UTC,
    )
    return OrderFilled(
        ts_event=UTC,
        client_order_id=f"order:{intent.intent_id}",
        intent_id=intent.intent_id,
        purpose=intent.purpose,
        fill=fill,
    )


class Account:
    """Time stands still but for `advance`; the wall clock walks with the monotonic one."""

    def __init__(self, settings: Settings = Settings(risk=LOOSE), cash: str = "10000") -> None:
        self.settings = settings
        self.manager = PortfolioManager(settings)
        self.now = Instant(MONO, UTC)
        self.entries: list[JournalEntry] = []
        self.told: list[Message] = []  # to the router, newest last
        self.alarms: list[AlarmRaised] = []  # to the person
        self.asked: list[str] = []  # instruments whose price a venue was asked for
        self._wakeups: list[int] = []
        self._perform(self.manager.replay((), self.now))
        balance = Balance(currency="USD", total=Decimal(cash), hold=Decimal(0))
        self.journal(BalancesOpened(ts_event=UTC, venue="coinbase", balances=(balance,)))
        self.open_market()

    def load(self, *instruments: Instrument) -> None:
        self.hear(
            InstrumentsLoaded(
                ts_event=UTC,
                venue="coinbase",
                instruments=instruments,
                taker_fee_ratio=FEE_RATIO,
                maker_fee_ratio=Decimal("0.004"),
            )
        )

    def open_market(self) -> None:
        """Let the portfolio manager hear what a healthy venue tells first."""
        self.load(BTC, make_instrument("ETH-USD"))
        self.hear(VenueReadyChanged(ts_event=UTC, venue="coinbase", is_ready=True))
        self.price("49999", "50001")

    @property
    def intents(self) -> list[OrderIntent]:
        return [message for message in self.told if isinstance(message, OrderIntent)]

    @property
    def last_intent(self) -> OrderIntent:
        return self.intents[-1]

    @property
    def quantity(self) -> Decimal:
        return self.manager.portfolio.position(InstrumentId("coinbase", "BTC-USD")).quantity

    def hear(self, message: Message) -> list[Message]:
        """Give the portfolio manager a message; return what it told the router."""
        return self._perform(self.manager.apply(message, self.now))

    def journal(self, *events: Event) -> list[Message]:
        """Append to the journal and publish, as the router does."""
        added = tuple(
            JournalEntry(seq=seq, recorded_at=self.now.utc_ns, event=event)
            for seq, event in enumerate(events, start=len(self.entries) + 1)
        )
        self.entries += added
        return self.hear(JournalExtended(ts_event=self.now.utc_ns, entries=added))

    def price(self, bid: str, ask: str, instrument: str = "BTC-USD", state: dict | None = None, **quote) -> None:
        self.hear(
            MarketBatch(
                venue="coinbase",
                quotes=(make_quote(bid, ask, instrument, **quote),),
                trades=(),
                bars=(),
                state=make_stream_state(**{**self._told(), **(state or {})}),
            )
        )

    def _told(self) -> dict[str, int]:
        now_ns = self.now.monotonic_ns
        return {"alive_ns": now_ns, "ts_event": self.now.utc_ns, "told_ns": now_ns}

    def advance(self, seconds: float, bid: str = "", ask: str = "") -> list[Message]:
        """Let time pass with its beats, with a fresh quote before each when a price is given."""
        told: list[Message] = []
        until = self.now.monotonic_ns + int(seconds * SECOND_NS)
        while self._wakeups and min(self._wakeups) <= until:
            due = min(self._wakeups)
            self._wakeups.remove(due)
            self._move_to(due)
            if bid:
                self.price(bid, ask)
            told += self._perform(self.manager.tick(BEAT, self.now))
        self._move_to(until)
        return told

    def execute(self, intent: OrderIntent, price: str, quantity: str = "", fee: str = "0") -> list[Message]:
        """Journal an intent's life to its end, filled at once."""
        fill = filled(intent, price, quantity, fee)
        return self.journal(
            accepted(intent, self.now.utc_ns),
            submitted(intent),
            fill,
            *ended(intent, fill.fill.quantity),
        )

    def rest(self, intent: OrderIntent) -> list[Message]:
        """Journal an intent whose order the venue took and keeps."""
        return self.journal(
            accepted(intent, self.now.utc_ns),
            submitted(intent),
            OrderAccepted(
                ts_event=UTC,
                client_order_id=f"order:{intent.intent_id}",
                venue="coinbase",
                venue_order_id="v",
            ),
        )

    def restarted(self, is_open: bool = True) -> Account:
        """Return an account whose portfolio manager has read the same journal, and heard the market open if it `is_open`."""
        other = Account.__new__(Account)
        other.settings, other.now, other.entries = self.settings, self.now, list(self.entries)
        other.told, other.alarms, other.asked, other._wakeups = [], [], [], []
        other.manager = PortfolioManager(self.settings)
        other._perform(other.manager.replay(other.entries, other.now))
        if is_open:
            other.open_market()
        return other

    def _move_to(self, monotonic_ns: int) -> None:
        passed = monotonic_ns - self.now.monotonic_ns
        self.now = Instant(monotonic_ns, self.now.utc_ns + passed)

    def _perform(self, effects: list[Effect]) -> list[Message]:
        told: list[Message] = []
        for effect in effects:
            if isinstance(effect, WakeAt):
                self._wakeups.append(effect.due_ns)
            elif isinstance(effect, Tell) and effect.to == Role.MONITOR:
                self.alarms.append(effect.message)
            elif isinstance(effect, Tell) and isinstance(effect.message, RequestTouch):
                assert effect.to == Role.EXCHANGE_GATEWAY.at(effect.message.venue)
                self.asked.append(effect.message.instrument)
            elif isinstance(effect, Tell):
                assert effect.to == Role.ORDER_ROUTER
                # Marks of equity, of transfers and of exits are bookkeeping; the tests about them look at `told`.
                self.told.append(effect.message)
                if not isinstance(effect.message, MarkEquity | ValueTransfer | WishExit | EndExit):
                    told.append(effect.message)
        return told


def ended(intent: OrderIntent, quantity: Decimal) -> tuple[OrderClosed, IntentDone]:
    closed = OrderClosed(
        ts_event=UTC,
        client_order_id=f"order:{intent.intent_id}",
        intent_id=intent.intent_id,
        status=OrderStatus.FILLED if quantity == intent.quantity else OrderStatus.CANCELED,
        filled_quantity=quantity,
        evidence="reported:stream",
    )
    return closed, IntentDone(ts_event=UTC, intent_id=intent.intent_id, filled_quantity=quantity)
