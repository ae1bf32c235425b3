"""Answers "how are you?": puts everybody's reports on the status board."""

from __future__ import annotations

import msgspec

from actors.shell import Shell
from domain.effects import Role
from domain.messages import Event
from domain.status import StatusBoard
from domain.system_messages import ActorReported, RequestStatus, StatusReported, TotalsKept


class Monitor(Shell):
    """Hears every report; asked by the supervisor on the launcher's behalf."""

    def started(self) -> None:
        system = self.settings.system
        self.board = StatusBoard(tuple(self.settings.venues), system.profile, self.clock.now())

    def receiveMsg_ActorReported(self, report: ActorReported, sender: str) -> None:
        if self.board.hear_actor(report):
            self._leave_totals()

    def peer_appeared(self, role: str) -> None:
        if role == Role.SUPERVISOR:
            self._leave_totals()

    def _leave_totals(self) -> None:
        """Leave with the supervisor what the next monitor could not learn from anybody alive."""
        totals = {role: dict(counts) for role, counts in self.board.earlier.items()}
        self.tell(Role.SUPERVISOR, TotalsKept(ts_event=self.clock.now().utc_ns, totals=totals))

    def receiveMsg_TotalsKept(self, kept: TotalsKept, sender: str) -> None:
        self.board.adopt(kept.totals)

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
