"""How actors write to each other: acknowledgements, inherited children, questions and answers, on the stage."""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime.acknowledged_link import AGAIN_AFTER_NS, MOST_KEPT
from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import Envelope
from actors.stage.stage import Stage
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.messages.base import Command, Message
from domain.messages.system import Unanswered

ANNA, BERT = "anna", "bert"


class Say(Command, kw_only=True):
    """A test to Anna: tell Bert."""

    word: str


class Word(Command, kw_only=True):
    word: str


class Flood(Command, kw_only=True):
    """A test to Anna: tell Bert all these numbers."""

    words: int


class Wonder(Command, kw_only=True):
    """A test to Anna: ask Bert."""

    word: str
    within_s: float = 5.0


class Anna(BaseActor):
    def started(self) -> None:
        self.refusals: list[Message] = []
        self.answers: list[Any] = []

    def receiveMsg_Say(self, command: Say, sender: str) -> None:
        self.tell(BERT, Word(word=command.word))

    def receiveMsg_Flood(self, command: Flood, sender: str) -> None:
        for number in range(command.words):
            self.tell(BERT, Word(word=str(number)))

    def receiveMsg_Wonder(self, command: Wonder, sender: str) -> None:
        self.ask(BERT, Word(word=command.word), self.answers.append, command.within_s)

    def receiveMsg_Word(self, word: Word, sender: str) -> None:
        self.tell(Role.MONITOR, word)

    def refused(self, role: str, message: Message) -> None:
        self.refusals.append(message)

    def survives_restart(self, role: str, message: Message) -> bool:
        return message.word != "once"


class Bert(BaseActor):
    def started(self) -> None:
        self.heard: list[str] = []

    def receiveMsg_Word(self, word: Word, sender: str) -> None:
        self.heard.append(word.word)
        if word.word == "break":
            raise ValueError("broken by a word")
        if word.word != "silence":
            self.answer(Word(word=f"re: {word.word}"))


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.cast(Anna, ANNA)
    return stage


@pytest.fixture
def bert(stage: Stage) -> Bert:
    return stage.cast(Bert, BERT)


def letters(stage: Stage) -> list[Envelope]:
    """Keep every envelope posted from now on."""
    kept: list[Envelope] = []
    post = stage.system.post

    def keep(sender: Any, target: Any, message: Any) -> None:
        if isinstance(message, Envelope):
            kept.append(message)
        post(sender, target, message)

    stage.system.post = keep
    return kept


# ---- acknowledged delivery -------------------------------------------------------------------------------


def test_a_batch_is_acknowledged_once_and_nothing_is_sent_again(stage: Stage, bert: Bert) -> None:
    posted = letters(stage)

    stage.tell(ANNA, *(Say(word=str(number)) for number in range(100)))
    stage.advance(seconds=1)

    assert bert.heard == [str(number) for number in range(100)]
    acknowledgements = [letter for letter in posted if letter.to == ANNA and letter.message is None]
    assert [letter.handled for letter in acknowledgements] == [(0, 100)]
    assert stage.actor(ANNA).counters["resent"] == 0


def test_an_acknowledgement_rides_on_whatever_goes_that_way(stage: Stage, bert: Bert) -> None:
    posted = letters(stage)

    stage.tell(ANNA, Wonder(word="how"))

    [answer] = [letter for letter in posted if letter.to == ANNA and letter.sender == BERT]
    assert (answer.message.word, answer.handled) == ("re: how", (0, 0))  # not handled before its handler is through
    stage.tell(ANNA, Wonder(word="again"))
    assert posted[-1].handled == (0, 1)
    assert all(letter.message is not None for letter in posted)


def test_what_is_being_handled_is_acknowledged_afterwards_though_something_went_that_way(
    stage: Stage, bert: Bert
) -> None:
    posted = letters(stage)

    stage.tell(ANNA, Wonder(word="how"))
    stage.advance(seconds=1)

    assert [letter.handled for letter in posted if (letter.sender, letter.to) == (BERT, ANNA)][-1] == (0, 1)
    assert stage.actor(ANNA).counters["resent"] == 0


def test_a_stranger_is_acknowledged_as_soon_as_its_address_is_known(stage: Stage) -> None:
    posted = letters(stage)
    early = Envelope(ANNA, 1, BERT, 1, 0, Word(word="early"), number=1)
    stage.post(stage._outside, stage._who_plays(ANNA).address, early)
    stage.advance(seconds=1)

    stage.cast(Bert, BERT)
    stage.advance(seconds=0.1)

    assert [letter.handled for letter in posted if letter.to == BERT] == [(0, 1)]


def test_what_a_dead_peer_left_is_handed_to_its_heir_in_order(stage: Stage, bert: Bert) -> None:
    stage.crash(BERT)

    stage.tell(ANNA, *(Say(word=word) for word in ("one", "once", "two")))
    inherited = stage.cast(Bert, BERT)

    assert inherited.heard == ["one", "two"]
    assert stage.actor(ANNA).counters["handed_on"] == 2


def test_what_was_acknowledged_is_not_handed_on(stage: Stage, bert: Bert) -> None:
    stage.tell(ANNA, Say(word="old"))
    stage.advance(seconds=0.1)
    stage.crash(BERT)

    inherited = stage.cast(Bert, BERT)

    assert inherited.heard == []


def test_a_lost_message_comes_again_and_the_others_wait_for_it(stage: Stage, bert: Bert) -> None:
    post, lost = stage.system.post, []

    def lose_the_first(sender: Any, target: Any, message: Any) -> None:
        if isinstance(message, Envelope) and message.to == BERT and not lost:
            lost.append(message)
        else:
            post(sender, target, message)

    stage.system.post = lose_the_first
    stage.tell(ANNA, Say(word="first"), Say(word="second"))
    assert bert.heard == []
    stage.advance(seconds=AGAIN_AFTER_NS / SECOND_NS)

    assert bert.heard == ["first", "second"]


def test_an_old_incarnation_is_not_heard_once_its_heir_has_spoken(stage: Stage, bert: Bert) -> None:
    stage.crash(ANNA)
    stage.cast(Anna, ANNA)
    stage.tell(ANNA, Say(word="new"))
    old = Envelope(BERT, 1, ANNA, 1, 0, Word(word="old"), number=1)

    stage.system.post(stage._outside, stage._who_plays(BERT).address, old)
    stage.settle()

    assert bert.heard == ["new"]
    assert bert.counters["outdated"] == 1


def test_a_full_link_refuses_in_the_senders_own_hands(stage: Stage) -> None:
    stage.tell(ANNA, Flood(words=MOST_KEPT + 2))  # nobody plays Bert

    assert [word.word for word in stage.actor(ANNA).refusals] == [str(MOST_KEPT), str(MOST_KEPT + 1)]


# ---- questions -------------------------------------------------------------------------------------------


def test_an_answer_comes_back_to_its_question(stage: Stage, bert: Bert) -> None:
    stage.tell(ANNA, Wonder(word="one"), Wonder(word="two"))

    assert [answer.word for answer in stage.actor(ANNA).answers] == ["re: one", "re: two"]


def test_a_question_without_an_answer_ends_at_its_deadline(stage: Stage, bert: Bert) -> None:
    stage.tell(ANNA, Wonder(word="silence", within_s=5))

    stage.advance(seconds=4.9)
    assert stage.actor(ANNA).answers == []
    stage.advance(seconds=0.2)

    [unanswered] = stage.actor(ANNA).answers
    assert (type(unanswered), unanswered.role, unanswered.reason) == (Unanswered, BERT, "timeout")


def test_a_late_answer_is_dropped_and_counted(stage: Stage) -> None:
    stage.tell(ANNA, Wonder(word="slow", within_s=1))
    stage.advance(seconds=2)

    late = Envelope(ANNA, 1, BERT, 1, 0, Word(word="late"), reply_to=1)
    stage.system.post(stage._outside, stage._who_plays(ANNA).address, late)
    stage.advance(seconds=1)

    anna = stage.actor(ANNA)
    assert [type(answer) for answer in anna.answers] == [Unanswered]
    anna.report_now()
    assert anna.counters["late_answers"] == 1


def test_who_fails_over_a_question_says_so_with_the_cause(stage: Stage, bert: Bert) -> None:
    stage.tell(ANNA, Wonder(word="break"))

    [unanswered] = stage.actor(ANNA).answers
    assert (unanswered.role, unanswered.request) == (BERT, 1)
    assert unanswered.reason == "ValueError: broken by a word"
