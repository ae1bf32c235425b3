"""Answers "how are you?": puts everybody's reports on the status board."""

from __future__ import annotations

import logging

import msgspec

from actors.runtime.base_actor import BaseActor
from domain.account_binding import account_of
from domain.effects import Role
from domain.messages.base import Event
from domain.messages.system import (
    ActorReported,
    AlarmOver,
    AlarmRaised,
    RequestStatus,
    StatusReported,
    TotalsKept,
)
from domain.mode_label import mode_label
from domain.reports.status_board import StatusBoard

log = logging.getLogger(__name__)


class Monitor(BaseActor):
    """Hears every report; asked by the supervisor on the launcher's behalf."""

    def started(self) -> None:
        venues = tuple(self.settings.venues)
        self.board = StatusBoard(venues, mode_label(self.settings), self.clock.now(), account_of(self.settings).mode)

    def receiveMsg_ActorReported(self, report: ActorReported, sender: str) -> None:
        if self.board.on_actor(report):
            self._leave_totals()

    def peer_appeared(self, role: str) -> None:
        if role == Role.SUPERVISOR:
            self._leave_totals()

    def _leave_totals(self) -> None:
        """Leave with the supervisor what the next monitor could not learn from anybody alive."""
        self.tell(Role.SUPERVISOR, self.board.kept_totals(self.clock.now().utc_ns))

    def receiveMsg_TotalsKept(self, kept: TotalsKept, sender: str) -> None:
        self.board.adopt(kept)

    def receiveMsg_AlarmRaised(self, alarm: AlarmRaised, sender: str) -> None:
        if self.board.on_alarm(alarm):
            self._leave_totals()

    def receiveMsg_AlarmOver(self, event: AlarmOver, sender: str) -> None:
        if self.board.on_alarm_over(event):
            log.warning("alarm_over subject=%s text=%s", event.subject, event.text)
            self._leave_totals()

    def receiveMsg_Event(self, event: Event, sender: str) -> None:
        self.board.hear(event)

    def receiveMsg_RequestStatus(self, command: RequestStatus, sender: str) -> None:
        now = self.clock.now()
        status = {**self.board.status(now), "view": self.board.view(now)}
        if command.with_metrics:
            status["metrics"] = self.board.metrics()
        self.answer(
            StatusReported(
                ts_event=now.utc_ns,
                status=msgspec.json.encode(status),
                journal_seq=self.board.journal_seq,
            )
        )
