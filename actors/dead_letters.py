"""What reached nobody: counted by kind, the newest kept, an alarm when money was in it."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from thespian.actors import DeadEnvelope

from actors.shell import Shell
from actors.wiring import Envelope
from domain.effects import Role
from domain.order_messages import (
    CancelOrder,
    FillsReported,
    OrderAccepted,
    OrderIntent,
    OrderReported,
    SubmitOrder,
)
from domain.system_messages import LetterDied

log = logging.getLogger(__name__)

_MONEY = (SubmitOrder, CancelOrder, OrderIntent, OrderAccepted, OrderReported, FillsReported)
_KEPT = 100


class DeadLetters(Shell):
    """The system's one dead-letter handler. Money in a dead letter heals by query and reconciliation."""

    def started(self) -> None:
        self.newest: deque[LetterDied] = deque(maxlen=_KEPT)
        self.handleDeadLetters(True)

    def receiveMsg_DeadEnvelope(self, dead: DeadEnvelope, sender: Any) -> None:
        letter = dead.deadMessage
        is_wired = isinstance(letter, Envelope)
        message = letter.message if is_wired else letter
        died = LetterDied(
            ts_event=self.clock.now().utc_ns,
            to=letter.to if is_wired else "",
            sender=letter.sender if is_wired else "",
            kind=type(message).__name__,
            is_money=isinstance(message, _MONEY),
        )
        self.newest.append(died)
        self.counters["dead_letters"] += 1
        if died.is_money:
            self.counters["money_letters"] += 1
            log.error("money_letter_died kind=%s to=%s sender=%s", died.kind, died.to, died.sender)
        if died.to != Role.RECORDER:  # a recorder that is gone would make a new letter of every one we tell
            self.tell(Role.RECORDER, died)
