"""The router journals before it sends, and neither crashes nor lost gateways make a second order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from actors import order_router as router_module
from actors.order_router import OrderRouter
from actors.runtime.wiring_messages import ActorRebuilding, Envelope
from actors.stage.stage import Stage
from actors.stage.toolbox import START, MemoryJournal
from domain.effects import Role, Tell
from domain.errors import Fatal
from domain.messages.account import Balance, RequestSnapshot, VenueSnapshot
from domain.messages.base import Event
from domain.messages.halts import HaltLine, RaiseHalt, ResumeTrading, TradingResumed
from domain.messages.journal import (
    HaltRaised,
    IntentAccepted,
    IntentDenied,
    JournalEntry,
    JournalExtended,
    OrderSubmitted,
)
from domain.messages.market import MarketBatch
from domain.messages.orders import (
    FillsReported,
    InstrumentsLoaded,
    OrderAccepted,
    OrderNotSent,
    OrderUnconfirmed,
    PrivateStreamChanged,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import AlarmOver, AlarmRaised, OrdersReported, ProveJournal, VenueReadyChanged
from tests.builders import make_instrument, make_quote, make_stream_state
from tests.order_builders import journaled as as_journaled
from tests.order_builders import make_fill, make_intent

GATEWAY = Role.EXCHANGE_GATEWAY.at("coinbase")
NOW = START.utc_ns


@pytest.fixture
def stage() -> Stage:
    """A router whose venue is ready for openings; everybody else is a probe."""
    stage = Stage()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)
    return stage


def make_ready(stage: Stage) -> None:
    loaded = InstrumentsLoaded(
        ts_event=NOW,
        venue="coinbase",
        instruments=(make_instrument(),),
        taker_fee_ratio=Decimal("0.006"),
        maker_fee_ratio=Decimal("0.004"),
    )
    batch = MarketBatch(venue="coinbase", quotes=(make_quote(),), trades=(), bars=(), state=make_stream_state())
    live = PrivateStreamChanged(ts_event=NOW, venue="coinbase", is_live=True)
    for message in (loaded, live, batch):
        stage.tell(Role.ORDER_ROUTER, message, sender=GATEWAY)
    answer_snapshot(stage)


def answer_snapshot(stage: Stage) -> None:
    request = told(stage, RequestSnapshot)[-1]
    stage.tell(
        Role.ORDER_ROUTER,
        VenueSnapshot(
            ts_event=NOW,
            request_id=request.request_id,
            venue="coinbase",
            balances=(Balance(currency="USD", total=Decimal(10000), hold=Decimal(0)),),
            open_orders=(),
            fills=(),
        ),
    )


def told(stage: Stage, kind: type, role: str = GATEWAY) -> list:
    return [message for message in stage.received[role] if isinstance(message, kind)]


def journaled(stage: Stage, kind: type) -> list:
    return [entry.event for entry in stage.journal.read() if isinstance(entry.event, kind)]


def test_an_intent_told_again_and_again_is_journaled_and_sent_once(stage: Stage) -> None:
    for _ in range(3):
        stage.tell(Role.ORDER_ROUTER, make_intent())

    assert len(journaled(stage, IntentAccepted)) == 1
    assert len(told(stage, SubmitOrder)) == 1


def test_what_leaves_was_journaled_first(stage: Stage) -> None:
    journaled_at_send = []
    post = stage.system.post

    def looking(sender, target, message):
        if isinstance(getattr(message, "message", None), SubmitOrder):
            journaled_at_send.extend(journaled(stage, OrderSubmitted))
        post(sender, target, message)

    stage.system.post = looking
    stage.tell(Role.ORDER_ROUTER, make_intent())

    [order] = told(stage, SubmitOrder)
    assert [event.order for event in journaled_at_send] == [as_journaled(order)]


def test_the_portfolio_hears_every_entry_once_in_order(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent())

    heard = [entry.seq for extended in told(stage, JournalExtended, Role.PORTFOLIO) for entry in extended.entries]
    assert heard == list(range(1, len(stage.journal.read()) + 1))


def test_a_restarted_router_asks_about_what_it_had_sent_and_sends_nothing_again(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent())
    [order] = told(stage, SubmitOrder)

    stage.crash(Role.ORDER_ROUTER)
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    stage.tell(Role.ORDER_ROUTER, make_intent())

    assert len(told(stage, SubmitOrder)) == 1
    assert told(stage, QueryOrder)[0].client_order_id == order.client_order_id


def test_an_order_for_a_gateway_that_is_down_is_known_not_to_have_left(stage: Stage) -> None:
    router = stage.actor(Role.ORDER_ROUTER)
    del router.peers[GATEWAY]

    stage.tell(Role.ORDER_ROUTER, make_intent())

    assert told(stage, SubmitOrder) == []
    assert [event.reason for event in journaled(stage, OrderNotSent)] == ["gateway_down"]


def test_a_resubmission_that_cannot_leave_says_nothing_about_the_first_send(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent())
    [order] = told(stage, SubmitOrder)
    again = msgspec.structs.replace(order, is_resubmission=True)

    router = stage.actor(Role.ORDER_ROUTER)
    del router.peers[GATEWAY]
    router.perform([Tell(GATEWAY, again)])

    assert journaled(stage, OrderNotSent) == []
    assert [event.is_void for event in journaled(stage, OrderUnconfirmed)] == [True]


def test_a_new_gateway_makes_orders_in_flight_doubtful_at_once(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent())

    stage.actor(Role.ORDER_ROUTER).peer_appeared(GATEWAY)
    stage.settle()

    assert [event.reason for event in journaled(stage, OrderUnconfirmed)] == ["gateway_restarted"]
    assert len(told(stage, QueryOrder)) >= 1


class FullDisk(MemoryJournal):
    """A journal that can't be written before its reserve is given up."""

    is_full = False

    def append(self, events: Sequence[Event], recorded_at: int) -> tuple[JournalEntry, ...]:
        if self.is_full:
            raise Fatal("no space left on device", code="disk_full")
        return super().append(events, recorded_at)

    def take_reserve(self) -> bool:
        return not self.is_full

    def release_reserve(self) -> None:
        self.is_full = False


def test_a_full_disk_halts_openings_but_loses_nothing_that_was_decided() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = journal = FullDisk()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)

    journal.is_full = True
    stage.tell(Role.ORDER_ROUTER, make_intent())
    stage.tell(Role.ORDER_ROUTER, make_intent(intent_id="i-2"))

    router = stage.actor(Role.ORDER_ROUTER)
    assert [event.intent.intent_id for event in journaled(stage, IntentAccepted)] == ["i-1"]
    assert [event.reason for event in journaled(stage, IntentDenied)] == ["halted"]
    assert told(stage, AlarmRaised, Role.MONITOR)[-1].text == "halted: journal_failed"
    # In the order in which the order manager decided it, so that a replay stands where the order manager stands.
    assert [entry.event for entry in journal.read()][-2:] == [
        *journaled(stage, HaltRaised),
        *journaled(stage, IntentDenied),
    ]
    assert router.manager.ledger.last_seq == len(journal.lines)


class NoRoom(MemoryJournal):
    """A journal on a disk that has no room for its reserve."""

    has_room = False

    def take_reserve(self) -> bool:
        return self.has_room


def test_without_a_reserve_openings_are_halted_from_the_start_until_there_is_room_and_a_person_resumes() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = journal = NoRoom()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)
    assert [event.reason for event in journaled(stage, HaltRaised)] == ["disk_full"]

    stage.tell(Role.ORDER_ROUTER, ResumeTrading())
    stage.tell(Role.ORDER_ROUTER, make_intent())
    assert [event.reason for event in journaled(stage, IntentDenied)] == ["halted"]

    journal.has_room = True
    stage.tell(Role.ORDER_ROUTER, ResumeTrading())
    answer_snapshot(stage)
    stage.tell(Role.ORDER_ROUTER, make_intent(intent_id="i-2"))
    assert [event.intent.intent_id for event in journaled(stage, IntentAccepted)] == ["i-2"]


def test_halts_of_an_earlier_run_are_reported_at_once() -> None:
    stage = Stage()
    now = stage.clock.now().utc_ns
    stage.toolbox.memory_journal.append([HaltRaised(ts_event=now, scope="all", reason="recorder gave up")], now)

    stage.cast(OrderRouter, Role.ORDER_ROUTER)

    [report] = told(stage, OrdersReported, Role.MONITOR)
    assert report.halts == (HaltLine(scope="all", reason="recorder gave up", since=now, kind="gave_up:recorder"),)


def test_a_person_who_resumes_hears_what_was_cleared_and_what_stands() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = NoRoom()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    stage.tell(Role.ORDER_ROUTER, RaiseHalt(scope="coinbase", reason="looked odd"))

    answers = [resume(stage, scope) for scope in ("coinbase", "", "")]

    assert [[halt.reason for halt in answer.cleared] for answer in answers] == [["looked odd"], [], []]
    assert [[halt.reason for halt in answer.standing] for answer in answers] == [["disk_full"]] * 3
    assert not any(answer.is_rebased for answer in answers)


def test_losses_are_measured_anew_only_when_a_halt_for_a_loss_is_cleared(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, RaiseHalt(scope="all", reason="daily_loss"))

    first, second = resume(stage), resume(stage)

    assert (first.is_rebased, second.is_rebased) == (True, False)
    assert (second.cleared, second.standing) == ((), ())


def test_a_cause_that_only_the_launcher_sees_is_halted_again_in_the_same_breath(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, RaiseHalt(scope="all", reason="looked odd"))

    for _ in range(2):
        answer = resume(stage, still="the data directory was moved")
        assert [halt.reason for halt in answer.standing] == ["the data directory was moved"]
    answer_snapshot(stage)
    stage.tell(Role.ORDER_ROUTER, make_intent())
    assert [event.reason for event in journaled(stage, IntentDenied)] == ["halted"]

    assert resume(stage).standing == ()


def resume(stage: Stage, scope: str = "", still: str = "") -> TradingResumed:
    answers: list[TradingResumed] = []
    stage.actor(Role.ORDER_ROUTER).answer = answers.append
    stage.tell(Role.ORDER_ROUTER, ResumeTrading(scope=scope, still=still))
    return answers[0]


def test_an_order_that_a_full_queue_gave_back_is_known_not_to_have_left(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent())
    [order] = told(stage, SubmitOrder)

    stage.actor(Role.ORDER_ROUTER).receiveMsg_Busy(Refusal(Envelope(GATEWAY, 1, "r", 1, 0, order)), None)
    stage.settle()

    assert [event.reason for event in journaled(stage, OrderNotSent)] == ["gateway_busy"]


class Refusal(NamedTuple):
    """What a transport with bounded queues gives back; any object with the message in it will do."""

    message: Envelope


def hold_coins(stage: Stage) -> None:
    stage.tell(Role.ORDER_ROUTER, make_intent(intent_id="i-0"))
    [order] = told(stage, SubmitOrder)
    accepted = OrderAccepted(
        ts_event=NOW, client_order_id=order.client_order_id, venue="coinbase", venue_order_id="v-1"
    )
    fill = make_fill(venue_order_id="v-1")
    for message in (accepted, FillsReported(ts_event=NOW, venue="coinbase", fills=(fill,))):
        stage.tell(Role.ORDER_ROUTER, message, sender=GATEWAY)


class Locked(MemoryJournal):
    """A journal whose lock another program may hold: entries go beside it meanwhile."""

    is_locked = False

    def append(self, events: Sequence[Event], recorded_at: int) -> tuple[JournalEntry, ...]:
        if self.is_locked:
            self.holdup = "another program holds the journal"
        return super().append(events, recorded_at)

    def tend(self) -> None:
        if not self.is_locked:
            self.holdup = ""


def test_while_another_program_holds_the_journal_openings_wait_and_reducing_orders_leave() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = journal = Locked()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)
    hold_coins(stage)

    journal.is_locked = True
    stage.tell(Role.ORDER_ROUTER, make_intent(Purpose.CLOSE, "i-1"))
    stage.tell(Role.ORDER_ROUTER, make_intent(intent_id="i-2"))

    assert [event.reason for event in journaled(stage, IntentDenied)] == ["journal_locked"]
    assert told(stage, SubmitOrder)[-1].intent_id == "i-1"
    assert journaled(stage, HaltRaised) == []  # no loss: nothing that a person must clear
    router = stage.actor(Role.ORDER_ROUTER)
    [halt] = router.manager.halts
    assert halt.reason.startswith("journal_locked: another program holds the journal")
    assert told(stage, VenueReadyChanged, Role.PORTFOLIO)[-1].reason == "journal"
    assert told(stage, AlarmRaised, Role.MONITOR)[-1].subject == "journal"


def test_when_the_lock_is_gone_openings_go_on_by_themselves() -> None:
    stage = Stage()
    stage.toolbox.memory_journal = journal = Locked()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)
    journal.is_locked = True
    stage.tell(Role.ORDER_ROUTER, make_intent(intent_id="i-1"))
    assert stage.actor(Role.ORDER_ROUTER).manager.halts

    journal.is_locked = False
    stage.advance(seconds=1)

    assert stage.actor(Role.ORDER_ROUTER).manager.halts == ()
    assert told(stage, VenueReadyChanged, Role.PORTFOLIO)[-1].is_ready
    [alarm] = told(stage, AlarmRaised, Role.MONITOR)
    [over] = told(stage, AlarmOver, Role.MONITOR)
    assert (over.subject, over.text) == (alarm.subject, alarm.text)


class Torn(MemoryJournal):
    """A journal whose file is spoiled while it is written, and recovered by the next writer."""

    is_torn = False

    def append(self, events: Sequence[Event], recorded_at: int) -> tuple[JournalEntry, ...]:
        if self.is_torn:
            raise Fatal("database disk image is malformed", code="damaged")
        return super().append(events, recorded_at)

    def tend(self) -> None:
        if self.is_torn:
            raise Fatal("the journal's file was cut", code="damaged")


@pytest.mark.parametrize("notices", ["by writing", "by looking", "by a reader's word"])
def test_a_journal_that_is_torn_under_the_router_ends_it_before_anything_leaves(notices: str) -> None:
    stage = Stage()
    stage.toolbox.memory_journal = journal = Torn()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)
    make_ready(stage)

    journal.is_torn = True
    if notices == "by writing":
        stage.tell(Role.ORDER_ROUTER, make_intent())
    elif notices == "by a reader's word":
        stage.tell(Role.ORDER_ROUTER, ProveJournal())
    stage.advance(seconds=1)

    assert told(stage, SubmitOrder) == []
    assert Role.ORDER_ROUTER not in {cell.actor.role for cell in stage.system.living.values()}


def test_a_long_replay_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_module, "_TOLD_EVERY", 2)
    told: list[Any] = []
    monkeypatch.setattr(OrderRouter, "_tell_supervisor", lambda self, message: told.append(message))
    stage = Stage()
    halts = [HaltRaised(ts_event=NOW, scope=str(number), reason="") for number in range(5)]
    stage.journal.append(halts, NOW)

    stage.cast(OrderRouter, Role.ORDER_ROUTER)

    progress = [(one.done, one.total) for one in told if isinstance(one, ActorRebuilding)]
    assert progress == [(2, 5), (4, 5)]
