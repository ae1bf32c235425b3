"""A perpetual is held on either side: opened, protected by a stop and a target, and closed by the opposite trade."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instrument import InstrumentKind, Side
from domain.ledger.definitions import definition
from domain.messages.account import Balance
from domain.messages.denials import DenialReason
from domain.messages.journal import BalancesOpened, IntentAccepted, OrderClosed, OrderSubmitted
from domain.messages.market import MarketBatch
from domain.messages.orders import (
    CancelProtection,
    Leg,
    OrderAccepted,
    OrderIntent,
    OrderStatus,
    OrderType,
    Purpose,
)
from domain.messages.system import VenueReadyChanged
from domain.numbers import use_exact_decimals
from domain.settings import Settings
from tests.builders import UTC, make_instrument, make_mark, make_stream_state
from tests.domain.account_harness import LOOSE, Account, accepted, ended, filled, make_signal, submitted

use_exact_decimals()

BTC = make_instrument(
    lot_size=Decimal("0.0001"),
    min_quantity=Decimal("0.0001"),
    kind=InstrumentKind.PERPETUAL,
    settlement="USD",
    max_leverage=Decimal(10),
)
SHORTS = Settings(risk=replace(LOOSE, allow_short=True, leverage=2.0))
BID, ASK = "49999", "50001"


class Perpetuals(Account):
    """One perpetual, marked at the middle of its book."""

    def __init__(self, settings: Settings = SHORTS) -> None:
        super().__init__(settings)

    def open_market(self) -> None:
        collateral = Balance(currency="USD", total=Decimal(10_000), hold=Decimal(0), wallet="perpetual")
        self.load(BTC)
        self.journal(definition(BTC, UTC), BalancesOpened(ts_event=UTC, venue="coinbase", balances=(collateral,)))
        self.hear(VenueReadyChanged(ts_event=UTC, venue="coinbase", is_ready=True))
        self.price(BID, ASK)

    def price(self, bid: str, ask: str, *args, **changes) -> None:
        super().price(bid, ask, *args, **changes)
        mark = make_mark(str((Decimal(bid) + Decimal(ask)) / 2))
        state = make_stream_state(**self._told())
        self.hear(MarketBatch(venue="coinbase", quotes=(), trades=(), bars=(), state=state, figures=(mark,)))

    def stand(self, intent: OrderIntent) -> list:
        """Journal a protective intent whose order the venue took."""
        kind = {Leg.STOP: OrderType.STOP, Leg.TARGET: OrderType.TAKE_PROFIT}[intent.leg]
        order = submitted(intent)
        sent = replace(order, order=replace(order.order, order_type=kind, reduce_only=True))
        name = sent.order.client_order_id
        told = OrderAccepted(ts_event=UTC, client_order_id=name, venue="coinbase", venue_order_id=f"v-{name}")
        return self.journal(accepted(intent, self.now.utc_ns), sent, told)

    def short(self) -> Perpetuals:
        self.hear(make_signal(Side.SELL))
        self.execute(self.last_intent, "50000")
        return self

    def protected(self) -> Perpetuals:
        """Let stop and target stand at the venue."""
        while self.last_intent.purpose is Purpose.PROTECT and self.last_intent.leg is not Leg.TARGET:
            self.stand(self.last_intent)
            self.advance(1, BID, ASK)
        self.stand(self.last_intent)
        return self


@pytest.fixture
def account() -> Perpetuals:
    return Perpetuals()


def test_a_signal_to_sell_opens_a_short_where_that_is_allowed(account: Perpetuals) -> None:
    account.hear(make_signal(Side.SELL))

    intent = account.last_intent
    assert (intent.purpose, intent.side) == (Purpose.OPEN, Side.SELL)
    assert intent.quantity * 50_001 <= LOOSE.max_order_notional


def test_elsewhere_it_only_ever_closes() -> None:
    account = Perpetuals(Settings(risk=replace(LOOSE, allow_short=False)))

    account.hear(make_signal(Side.SELL))

    assert account.intents == []
    assert account.manager.decisions == {"no_position": 1}


def test_spot_never_goes_short() -> None:
    account = Account(SHORTS)

    account.hear(make_signal(Side.SELL))

    assert account.intents == []


def test_an_opposite_signal_closes_and_only_the_next_one_opens(account: Perpetuals) -> None:
    account.short().protected()
    short = -account.quantity

    account.hear(make_signal(Side.BUY, "s2"))
    close = account.last_intent
    assert (close.purpose, close.side, close.quantity) == (Purpose.CLOSE, Side.BUY, short)
    account.execute(close, "50000")
    assert account.quantity == 0

    account.advance(1, BID, ASK)
    account.hear(make_signal(Side.BUY, "s3"))
    assert (account.last_intent.purpose, account.last_intent.side) == (Purpose.OPEN, Side.BUY)


def test_more_of_the_same_side_is_not_opened(account: Perpetuals) -> None:
    account.short().protected()

    account.hear(make_signal(Side.SELL, "s2"))

    assert account.manager.decisions["already_short"] == 1


def test_a_signal_against_an_opening_under_way_is_an_exit(account: Perpetuals) -> None:
    account.hear(make_signal(Side.SELL))
    opening = account.last_intent
    account.journal(accepted(opening), submitted(opening))

    account.hear(make_signal(Side.BUY, "s2"))
    assert account.manager.decisions["pending"] == 1
    account.journal(filled(opening, "50000"), *ended(opening, opening.quantity))

    assert (account.last_intent.purpose, account.last_intent.side) == (Purpose.CLOSE, Side.BUY)


def test_a_short_gets_its_stop_above_and_then_its_target_below(account: Perpetuals) -> None:
    account.short()
    stop = account.last_intent
    assert (stop.leg, stop.side, stop.quantity) == (Leg.STOP, Side.BUY, -account.quantity)
    assert (stop.stop_price, stop.limit_price) == (Decimal("52500.00"), Decimal("53550.00"))  # 5 %, and 2 % beyond

    account.stand(stop)
    account.advance(1, BID, ASK)

    target = account.last_intent
    assert (target.leg, target.side) == (Leg.TARGET, Side.BUY)
    assert (target.stop_price, target.limit_price) == (Decimal("45000.00"), Decimal("45900.00"))
    account.stand(target)
    assert account.advance(10, BID, ASK) == []


def test_only_the_stop_is_cover(account: Perpetuals) -> None:
    account.short()
    target = replace(account.last_intent, leg=Leg.TARGET)
    account.stand(target)

    told = account.advance(7, BID, ASK)

    closes = [intent for intent in told if isinstance(intent, OrderIntent) and intent.purpose is Purpose.CLOSE]
    assert closes[0].signal_id.startswith("uncovered:")


def test_what_has_grown_gets_a_second_stop_and_no_stop_makes_way(account: Perpetuals) -> None:
    account.short()
    stop = account.last_intent
    opening = account.intents[0]
    account.protected()

    late = filled(opening, "50000", "0.0040")
    told = account.journal(late) + account.advance(1, BID, ASK)

    assert not any(isinstance(each, CancelProtection) for each in told)
    assert (account.last_intent.leg, account.last_intent.quantity) == (Leg.STOP, Decimal("0.0040"))
    assert account.last_intent.intent_id != stop.intent_id


def test_what_is_left_of_a_flat_position_is_withdrawn(account: Perpetuals) -> None:
    account.short().protected()
    account.hear(make_signal(Side.BUY, "s2"))

    told = account.execute(account.last_intent, "50000") + account.advance(1, BID, ASK)

    assert CancelProtection(venue="coinbase", instrument="BTC-USD", reason="flat") in told


def test_stops_of_the_other_side_guard_nothing_and_go(account: Perpetuals) -> None:
    account.short().protected()
    account.hear(make_signal(Side.BUY, "s2"))
    account.execute(account.last_intent, "50000")
    account.hear(make_signal(Side.BUY, "s3"))  # before the venue has let the old ones go
    opening = account.last_intent
    assert opening.purpose is Purpose.OPEN
    account.execute(opening, "50000")

    told = account.advance(1, BID, ASK)

    reasons = [each.reason for each in told if isinstance(each, CancelProtection)]
    assert set(reasons) <= {"of a position that is over", "flat"} and reasons
    assert account.manager.portfolio.covered_quantity("coinbase", "BTC-USD") == 0


def test_nothing_is_opened_against_the_assets_other_positions(account: Perpetuals) -> None:
    eth = make_instrument("BTC-USDC", kind=InstrumentKind.PERPETUAL, settlement="USD")
    account.load(BTC, eth)
    account.journal(definition(eth, UTC))
    account.short().protected()
    account.price(BID, ASK, "BTC-USDC")

    account.hear(make_signal(Side.BUY, "s2", instrument="BTC-USDC"))

    assert account.manager.decisions[DenialReason.AGAINST_NET] == 1


def test_a_restart_knows_both_ids_that_a_signal_may_have_caused(account: Perpetuals) -> None:
    account.short()

    again = account.restarted()
    again.hear(make_signal(Side.SELL))

    assert [intent.purpose for intent in again.intents if intent.purpose is not Purpose.PROTECT] == []


def test_a_stop_that_jumped_closes_a_short(account: Perpetuals) -> None:
    account.short().protected()

    told = account.advance(4, "54000", "54010")

    assert [each.signal_id.partition(":")[0] for each in told if isinstance(each, OrderIntent)][:1] == ["stop_jumped"]
    assert account.last_intent.side is Side.BUY


def test_a_target_that_is_reached_before_it_rests_is_taken_at_once(account: Perpetuals) -> None:
    account.short()
    account.stand(account.last_intent)

    account.advance(1, "44989", "44991")

    close = account.last_intent
    assert (close.purpose, close.side, close.reason) == (Purpose.CLOSE, Side.BUY, "target_reached")


def test_an_ended_stop_is_made_anew(account: Perpetuals) -> None:
    account.short().protected()
    stop = next(entry.event for entry in account.entries if _is_stop(entry.event))
    done = OrderClosed(
        ts_event=UTC,
        client_order_id=stop.order.client_order_id,
        intent_id=stop.order.intent_id,
        status=OrderStatus.CANCELED,
        filled_quantity=Decimal(0),
        evidence="reported:stream",
    )
    intent = next(
        entry.event.intent
        for entry in account.entries
        if isinstance(entry.event, IntentAccepted) and entry.event.intent.intent_id == stop.order.intent_id
    )

    account.journal(done, ended(intent, Decimal(0))[1])
    account.advance(1, BID, ASK)

    assert account.last_intent.leg is Leg.STOP


def _is_stop(event: object) -> bool:
    return isinstance(event, OrderSubmitted) and event.order.leg is Leg.STOP
