"""What actors may rely on when they speak to each other, requirement by requirement (AM-01 to AM-15).

Acknowledgements, questions and deadlines (AM-04, AM-05, AM-07) are in `test_reliable_delivery.py`; recovery from
the journal and the whole road (AM-06, AM-09, AM-12) are in `tests/workflows` and `tests/system`.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.components.market_reader import MarketReader
from actors.dead_letters import DeadLetters
from actors.exchange_gateway import ExchangeGateway
from actors.price_feed import PriceFeed
from actors.runtime.base_actor import BaseActor
from actors.stage.exploration import explore
from actors.stage.stage import Stage
from adapters.thespian_unix.outgoing import Limits
from domain.effects import Role, Tell, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Message
from domain.messages.journal import OrderSubmitted
from domain.messages.market import MarketBatch
from domain.messages.orders import SubmitOrder
from domain.messages.system import AlarmRaised, LetterDied
from tests.actors.fakes import FakeVenue
from tests.actors.stage.cast import Count, Echo, Halt, Player, Send, Tick, counts
from tests.builders import make_quote
from tests.order_builders import make_order
from tests.workflows.trading_scenario import TradingScenario

FEED = Role.PRICE_FEED.at("coinbase")


def test_am_01_one_message_is_handled_once_and_its_answer_reaches_whoever_spoke() -> None:
    def scenario(stage: Stage) -> None:
        stage.cast(Echo, "echo")
        stage.tell("echo", Count(number=1), sender="anna")
        stage.tell("echo", Count(number=2), sender="bert")

        stage.inbox("anna").assert_exactly(Count(number=1))
        stage.inbox("bert").assert_exactly(Count(number=2))

    explore(scenario, seeds=range(5))


def test_am_02_a_thousand_messages_of_one_sender_arrive_in_order_each_once() -> None:
    stage = Stage(seed=2)
    stage.cast(Player, "player")

    stage.tell("player", Send(to=Role.PORTFOLIO, counts=1000))

    stage.inbox(Role.PORTFOLIO).assert_exactly(*counts(1000))


def test_am_03_five_senders_are_all_heard_and_each_in_its_order() -> None:
    stage = Stage(seed=3)
    for number in range(5):
        stage.cast(Player, f"player:{number}")

    for number in range(5):
        stage.tell(f"player:{number}", Send(to=Role.PORTFOLIO, counts=200))

    inbox = stage.inbox(Role.PORTFOLIO)
    assert len(inbox) == 1000
    for number in range(5):
        inbox.sent_by(f"player:{number}").assert_exactly(*counts(200))


@pytest.mark.parametrize("seed", range(6))
def test_am_03_neither_loss_nor_delay_nor_doubling_costs_a_message_or_its_place(seed: int) -> None:
    stage = Stage(seed=seed)
    stage.cast(Player, "player")
    message_faults = stage.disturb(lose=0.2, double=0.2, late=0.2, reorder=0.2, between=("player", Role.PORTFOLIO))

    stage.tell("player", Send(to=Role.PORTFOLIO, counts=60))
    stage.wait_for(Role.PORTFOLIO, Count, times=60, within_s=60)
    stage.advance(seconds=5)

    stage.inbox(Role.PORTFOLIO).assert_exactly(*counts(60))
    assert set(message_faults.counts) == {"lost", "doubled", "late", "reordered"}


def test_am_08_a_handler_that_raises_after_an_order_left_makes_no_second_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = TradingScenario(VENUES__COINBASE__REQUEST_TIMEOUT_S="1")
    broken: list[str] = []
    submit = ExchangeGateway.receiveMsg_SubmitOrder

    def submit_and_fail(gateway: ExchangeGateway, command: SubmitOrder, sender: str) -> None:
        submit(gateway, command, sender)
        if not broken:
            broken.append(command.client_order_id)
            raise ValueError("half done")

    monkeypatch.setattr(ExchangeGateway, "receiveMsg_SubmitOrder", submit_and_fail)
    scenario.stage.boot()
    others = {actor.role: actor for actor in scenario.stage.actors() if isinstance(actor, BaseActor)}
    gateway = Role.EXCHANGE_GATEWAY.at("coinbase")

    scenario.run_until_filled(1)
    scenario.stage.advance(seconds=2)

    assert len(scenario.stage.failures) == 1 and "half done" in scenario.stage.failures[0]
    assert scenario.truth()["duplicate_client_order_ids"] == []
    submitted = [event.order.client_order_id for event in scenario.journaled(OrderSubmitted)]
    assert submitted.count(broken[0]) == 1
    survivors = {role for role, actor in others.items() if scenario.stage.actor(role) is actor}
    assert survivors == others.keys() - {gateway}


@pytest.mark.parametrize("sender", ["feed", "trader"])
def test_am_10_a_cancel_is_handled_before_the_prices_that_wait(sender: str) -> None:
    stage = Stage()
    for role in ("feed", "trader", "router"):
        stage.cast(Player, role)
    stage.hang("router")

    stage.tell("feed", Send(to="router", ticks=500))
    stage.tell(sender, Send(to="router", halts=1))
    stage.resume("router")

    heard = [message for _, message in stage.actor("router").heard]
    assert heard[0] == Halt()
    assert len(heard) == 501


def test_am_11_traders_share_nothing_and_cannot_change_what_they_were_told() -> None:
    stage = Stage()
    anna, bert = stage.cast(Player, "anna"), stage.cast(Player, "bert")
    told = Count(number=1)

    stage.tell("anna", told)
    stage.tell("bert", told)

    [[_, at_anna]], [[_, at_bert]] = anna.heard, bert.heard
    assert at_anna == at_bert == told
    assert at_anna is not at_bert and at_anna is not told
    with pytest.raises(AttributeError, match="immutable"):
        at_anna.number = 2


class GossipWakeup(WakeupKind):
    SPEAK = "speak"


class Gossip(BaseActor):
    """Tells its neighbour a number four times a second, and keeps what it hears."""

    def started(self) -> None:
        self.heard: list[int] = []
        self.said = 0
        _, number = self.role.split(":")
        self.neighbour = f"gossip:{(int(number) + 1) % 20}"
        self.wake_at(self.clock.now().monotonic_ns, WakeupKey(GossipWakeup.SPEAK))

    def receiveMsg_Count(self, count: Count, sender: str) -> None:
        self.heard.append(count.number)

    def receiveMsg_Tick(self, tick: Tick, sender: str) -> None:
        self.counters["ticks"] += 1

    def tick(self, key: WakeupKey, now: Instant) -> list[Tell]:
        self.wake_at(now.monotonic_ns + SECOND_NS // 4, key)
        self.said += 1
        return [
            Tell(self.neighbour, Tick(price=self.said)),
            Tell(self.neighbour, Count(number=self.said)),
        ]


def test_am_13_twenty_actors_under_load_and_with_message_faults_neither_lock_up_nor_lose_anything() -> None:
    stage = Stage(seed=13)
    gossips = [stage.cast(Gossip, f"gossip:{number}") for number in range(20)]
    stage.disturb(lose=0.05, double=0.05, late=0.1, reorder=0.05)
    for hung in ("gossip:3", "gossip:4"):
        stage.hang(hung)
    stage.advance(seconds=2)
    for hung in ("gossip:3", "gossip:4"):
        stage.resume(hung)

    stage.advance(seconds=3)
    stage.calm()
    said = [gossip.said for gossip in gossips]
    stage.wait_until(lambda: all(len(gossips[place].heard) >= said[place - 1] for place in range(20)), 20)

    for gossip in gossips:
        assert gossip.heard == list(range(1, len(gossip.heard) + 1))
        assert gossip.counters["ticks"]
    assert min(said) >= 12


class Reader(MarketReader):
    """Keeps the batches it got."""

    def started(self) -> None:
        self.batches: list[MarketBatch] = []
        self.subscribe()

    def on_market(self, batch: MarketBatch) -> None:
        self.batches.append(batch)


def test_am_14_a_reader_that_hangs_misses_prices_and_finds_the_newest_and_how_many_it_missed() -> None:
    venue = FakeVenue()
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    feed = stage.cast(PriceFeed, FEED)
    stage.advance(seconds=0.05)
    reader = stage.cast(Reader, "reader")
    stage.hang("reader")

    for price in range(64_000, 64_050):
        venue.hear(venue.market, make_quote(bid=str(price), ask=str(price + 1)))
    in_flight = stage.settings.market_data.credit
    stage.resume("reader")

    newest = [quote.bid_price for batch in reader.batches for quote in batch.quotes]
    assert newest[-1] == Decimal(64_049)
    assert len(newest) <= in_flight + 2
    assert sum(batch.conflated for batch in reader.batches) == feed.publisher.conflated == 50 - len(newest)


def test_am_14_commands_that_find_no_room_come_back_to_whoever_sent_them() -> None:
    stage = Stage(limits=Limits(window=4, queued=4))
    player = stage.cast(Player, "player")
    stage.hang(Role.PORTFOLIO)

    stage.tell("player", Send(to=Role.PORTFOLIO, counts=10))
    assert player.refusals == [Count(number=8), Count(number=9)]
    assert player.counters["busy"] == 2

    stage.resume(Role.PORTFOLIO)
    stage.wait_for(Role.PORTFOLIO, Count, times=8)
    stage.advance(seconds=5)
    stage.inbox(Role.PORTFOLIO).assert_exactly(*counts(8))


@pytest.mark.parametrize(("message", "is_money"), [(make_order(), True), (Tick(price=1), False)])
def test_am_15_a_message_to_a_dead_actor_is_recorded_and_money_rings_the_bell(message: Message, is_money: bool) -> None:
    stage = Stage()
    letters = stage.cast(DeadLetters, Role.DEAD_LETTERS)
    stage.cast(Player, Role.ORDER_ROUTER)
    stage.hang(Role.ORDER_ROUTER)

    stage.tell(Role.ORDER_ROUTER, message, sender="portfolio")
    stage.crash(Role.ORDER_ROUTER)
    stage.settle()

    died = stage.wait_for(Role.RECORDER, LetterDied)
    assert (died.to, died.kind, died.sender) == ("order_router", type(message).__name__, "portfolio")
    assert died.is_money is is_money
    assert len(stage.inbox(Role.MONITOR).of(AlarmRaised)) == letters.counters["money_letters"] == is_money
