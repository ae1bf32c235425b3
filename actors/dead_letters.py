"""What reached nobody: counted by kind, the newest kept, an alarm when money was in it."""

from __future__ import annotations

from collections import deque
from typing import Any

from thespian.actors import DeadEnvelope

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import Envelope
from domain.effects import Role
from domain.messages.account import FundingReported, RowsUnread
from domain.messages.journal import JournalExtended
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    CancelProtection,
    CancelRejected,
    CancelUnconfirmed,
    FillsReported,
    OrderAccepted,
    OrderIntent,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderUnconfirmed,
    SubmitOrder,
)
from domain.messages.replacements import ModifyAccepted, ModifyOrder, ModifyRejected, ModifyUnconfirmed
from domain.messages.system import LetterDied

_MONEY = (
    *(OrderIntent, SubmitOrder, CancelOrder, CancelProtection),
    *(OrderAccepted, OrderRejected, OrderNotSent, OrderUnconfirmed, OrderReported, FillsReported),
    *(FundingReported, RowsUnread),
    *(CancelAccepted, CancelRejected, CancelUnconfirmed, JournalExtended),
    *(ModifyOrder, ModifyAccepted, ModifyRejected, ModifyUnconfirmed),
)
_KEPT = 100


class DeadLetters(BaseActor):
    """The system's one dead-letter handler.

    Money in a letter finds its way without us: its sender keeps it until it is acknowledged, and hands it to
    whoever plays the role next, or asks the venue about it. If the sender died as well, the journal, a query
    and reconciliation heal it.
    """

    def started(self) -> None:
        self.newest: deque[LetterDied] = deque(maxlen=_KEPT)
        self.handleDeadLetters(True)

    def receiveMsg_DeadEnvelope(self, dead: DeadEnvelope, sender: Any) -> None:
        letter = dead.deadMessage
        is_wired = isinstance(letter, Envelope)
        if is_wired and letter.message is None:
            return  # a mere acknowledgement: whoever waited for it is gone
        message = letter.message if is_wired else letter
        self._keep(
            LetterDied(
                ts_event=self.clock.now().utc_ns,
                to=letter.to if is_wired else "",
                sender=letter.sender if is_wired else "",
                kind=type(message).__name__,
                is_money=isinstance(message, _MONEY),
                is_rerouted=is_wired and self._is_sent_again(letter),
            )
        )

    def _is_sent_again(self, letter: Envelope) -> bool:
        """Tell whether the sender keeps the message, and lives."""
        peer = self.peers.get(letter.sender)
        return letter.number > 0 and peer is not None and peer.incarnation == letter.sender_incarnation

    def _keep(self, died: LetterDied) -> None:
        self.newest.append(died)
        self.counters["dead_letters"] += 1
        self.counters[f"dead_letters:{died.kind}"] += 1
        if died.is_money:
            self.counters["money_letters"] += 1
            follows = "its sender looks after it" if died.is_rerouted else "reconciliation will tell"
            self.alarm("dead letter", f"{died.kind} from {died.sender} to {died.to}: {follows}")
        if died.to != Role.RECORDER:  # a recorder that is gone would make a new letter of every one we tell
            self.tell(Role.RECORDER, died)
