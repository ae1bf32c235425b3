"""A toy venue of perpetuals, in memory and without a wire: the simulated account at Hyperliquid, and what goes wrong there.

It stands on a `World`, whose public market of that venue stays as it is. Faults are those of `adapters/simulator`, ordered
in the same words; what needs a wire (an unreadable row, a wrong token) has no place here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from adapters.clock import Clock
from adapters.simulator.connection import Connection, draw_handshake
from adapters.simulator.engine.margin_account import Held
from adapters.simulator.engine.past_exchange import PastExchange
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.refusals import Refused
from adapters.simulator.engine.venue_order import NewOrder, VenueOrder
from adapters.simulator.faults import MARKET_STREAM, PRIVATE_STREAM, Fault, FaultPlan, Suffering, read_fault
from adapters.simulator.wire import Handshake
from adapters.simulator.world import World
from domain.errors import Ambiguous, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from tests.toy.rows import VENUE
from tests.toy.stream import ToySession

PRIVATE_PATH = "/private"
UNFIT = frozenset(  # they need a wire, or a venue that keeps an order waiting
    "401 echo informational drip malformed odd_row epoch_time hold wrong_sequence crossed_book no_snapshot".split()
    + "bad_utf8 bad_frame binary empty oversize".split()
)

T = TypeVar("T")


class ToyVenue:
    """One account, and the road to it.

    Attributes:
        is_refusing: nothing listens: requests fail before their first byte is sent.
        requests: where each that was sent went, in order.
        margin_set: the venue's spelling -> leverage, and whether its margin is isolated, as they are told; of others it
            tells neither. The account itself is cross, at the highest leverage.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = FaultPlan()
        self.is_refusing = False
        self.requests: list[str] = []
        self.margin_set: dict[str, tuple[Decimal, bool]] = {}
        self._fails = False  # the order that is being placed, after it was accepted

    @property
    def exchange(self) -> PerpetualExchange:
        exchange = self.world.exchanges[VENUE]
        assert isinstance(exchange, PerpetualExchange)
        return exchange

    def order(self, wire_id: str) -> VenueOrder | None:
        """Return what is kept under one of our ids, whatever reads show."""
        return next((each for each in self.exchange.orders.values() if each.asked.client_order_id == wire_id), None)

    # ---- faults ------------------------------------------------------------------------------------------

    def inject(self, kind: str, where: str = "any", **more: Any) -> None:
        """Order one fault. What strikes the public market or the venue as a whole is the world's to enact.

        Raises:
            InvalidFault: it has no place here.
        """
        order = {"kind": kind, "where": where, "venue": VENUE, **more}
        if kind in ("down", "halt") or where == MARKET_STREAM:
            self.world.inject(order)
            return
        names = self.exchange.market.products
        self.faults.add(read_fault(order, {VENUE: Suffering(("account",), names, UNFIT)}))

    def is_down(self, venue: str, now_ns: int) -> bool:
        return self.is_refusing or self.world.is_down(venue, now_ns)

    # ---- streams: what a `MemoryDialer` asks of a world ---------------------------------------------------

    def draw_latency_s(self) -> float:
        return self.world.draw_latency_s()

    def shake_hands(self, venue: str, path: str) -> Handshake:
        if path == PRIVATE_PATH:
            return draw_handshake(self.faults, PRIVATE_STREAM)
        return self.world.shake_hands(venue, path)

    def open_stream(self, venue: str, path: str, now_ns: int) -> Connection:
        if path != PRIVATE_PATH:
            return self.world.open_stream(venue, path, now_ns)
        self.world.advance(now_ns)
        session = ToySession(self.exchange)
        return Connection(session, self.faults, self.world.advance, lambda: None, partial(self.is_down, VENUE))

    # ---- requests ----------------------------------------------------------------------------------------

    def ask(
        self,
        where: str,
        act: Callable[[int, PerpetualExchange | PastExchange], T],
        timeout_s: float,
        clock: Clock,
        spend: Callable[[float], None],
    ) -> T:
        """Carry one request there and its answer back, as far as no fault keeps either from arriving.

        Args:
            act: what the venue does with it: of its time (UTC ns), and of the account as it shows that to reads.
        """
        if self.is_down(VENUE, clock.now().utc_ns):
            raise Retryable("request not sent: refused", venue=VENUE, code="refused")
        fault = self.faults.draw(where)
        self.requests.append(where)
        lag_s = self.world.draw_latency_s() / 2
        spend(min(lag_s, timeout_s))
        arrived_ns = clock.now().utc_ns
        self.world.advance(arrived_ns)
        self._fail_before(where, fault, act, arrived_ns, timeout_s - lag_s, spend)
        exchange: PerpetualExchange | PastExchange = self.exchange
        if fault and fault.kind == "lag":
            exchange = PastExchange(self.exchange, arrived_ns - int(fault.seconds * SECOND_NS))
        self._fails = fault is not None and fault.kind == "fail"
        try:
            answer = act(arrived_ns, exchange)
        except Refused as refused:
            spend(lag_s)
            raise Rejected("refused", venue=VENUE, code=refused.why.name) from None
        late_s = fault.seconds if fault and fault.kind == "delay" else 0.0
        if (fault and fault.kind == "timeout_after_accept") or 2 * lag_s + late_s >= timeout_s:
            spend(max(0.0, timeout_s - lag_s))
            raise self._unanswered(where, "timeout")
        spend(lag_s + late_s)
        if fault and fault.kind == "5xx_after_accept":
            raise self._unanswered(where, "502")
        return answer

    def _fail_before(
        self,
        where: str,
        fault: Fault | None,
        act: Callable[[int, Any], Any],
        now_ns: int,
        left_s: float,
        spend: Callable[[float], None],
    ) -> None:
        """Raise what comes of a fault that keeps the venue from doing anything now."""
        match fault.kind if fault else "":
            case "429" | "retry_after":
                # A create was not accepted, nor was a read; what a cancel came to is open (docs/money.md 1).
                kind = Ambiguous if where == "cancel" else Retryable
                asked_ns = int(fault.retry_after * SECOND_NS) if fault else 0
                error = kind("too many requests", venue=VENUE, code="429", retry_after_ns=asked_ns)
                error.is_throttled = True
                raise error
            case "5xx":
                raise self._unanswered(where, "503")
            case "refuse":
                raise self._unanswered(where, "reset")
            case "reject":
                raise Rejected("refused", venue=VENUE, code="UNWANTED")
            case "timeout_before_accept":
                spend(max(0.0, left_s))
                raise self._unanswered(where, "timeout")
            case "late_accept":
                self._arrive_later(act, now_ns + int(fault.seconds * SECOND_NS) if fault else 0)
                spend(max(0.0, left_s))
                raise self._unanswered(where, "timeout")

    def _arrive_later(self, act: Callable[[int, Any], Any], due_ns: int) -> None:
        """Let an order land when its sender may long have given up: it may be too late for it."""

        def arrive(at_ns: int) -> None:
            with suppress(Refused, VenueError):
                act(at_ns, self.exchange)

        self.exchange.market.agenda.at(due_ns, arrive)

    def _unanswered(self, where: str, code: str) -> VenueError:
        kind = Ambiguous if where in ("submit", "cancel") else Retryable
        return kind(f"request sent, no usable answer: {code}", venue=VENUE, code=code)

    # ---- what it does ------------------------------------------------------------------------------------

    def place(self, asked: NewOrder, accept_until_ns: int, now_ns: int) -> VenueOrder:
        """Accept an order, unless it says that it is too late for it, or its name was used."""
        if accept_until_ns and now_ns > accept_until_ns:
            raise Rejected("too late", venue=VENUE, code="EXPIRED")
        if self.order(asked.client_order_id) is not None:
            raise Rejected("this name was used", venue=VENUE, code="DUPLICATE")
        if self._fails:
            return self.exchange.submit_and_fail(asked, now_ns)
        return self.exchange.submit(asked, now_ns)

    def positions(self, exchange: PerpetualExchange | PastExchange) -> dict[str, Held]:
        """Return what is held, or was at the time that a lagging read shows."""
        if isinstance(exchange, PerpetualExchange):
            return exchange.account.positions
        held: dict[str, Held] = {}
        for fill in exchange.fills:
            name = fill.order.asked.product_id
            change = fill.order.asked.side.sign * fill.quantity
            held[name] = held.get(name, Held()).after(change, fill.price)
        return {name: each for name, each in held.items() if each.quantity}
