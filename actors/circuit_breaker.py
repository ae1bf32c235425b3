"""One venue's breakers, one per guarded operation."""

from __future__ import annotations

from actors.runtime.base_actor import BaseActor
from domain.effects import Effect, Role, WakeupKey, venue_of
from domain.instant import Instant
from domain.messages.system import Operation, OperationEnded, ResetBreakerMetrics
from domain.resilience import circuit_breaker as machine


class CircuitBreaker(BaseActor):
    """Counts how a venue's calls end and publishes what may be tried."""

    def started(self) -> None:
        venue = venue_of(self.role)
        callers = {
            Operation.DATA: Role.PRICE_FEED.at(venue),
            Operation.SUBMIT: Role.EXCHANGE_GATEWAY.at(venue),
            Operation.CANCEL: Role.EXCHANGE_GATEWAY.at(venue),
        }
        self.breakers = {
            operation: machine.CircuitBreaker(
                venue,
                operation,
                self.settings.breaker,
                (caller, Role.ORDER_ROUTER, Role.PORTFOLIO, Role.RECORDER, Role.MONITOR),
                self.clock.now(),
            )
            for operation, caller in callers.items()
        }
        for breaker in self.breakers.values():
            self.perform(breaker.announce(self.clock.now()))  # in place of what an earlier one said

    def peer_appeared(self, role: str) -> None:
        for breaker in self.breakers.values():
            if role in breaker.audience:
                now = self.clock.now()
                self.perform(tell for tell in breaker.announce(now) if tell.to == role)

    def receiveMsg_OperationEnded(self, event: OperationEnded, sender: str) -> None:
        self.perform(self.breakers[event.operation].apply(event, self.clock.now()))

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        return self.breakers[Operation(key.name)].tick(key, now)

    def receiveMsg_ResetBreakerMetrics(self, command: ResetBreakerMetrics, sender: str) -> None:
        for breaker in self.breakers.values():
            breaker.reset_metrics(self.clock.now())
        self.report()

    def report(self) -> None:
        now = self.clock.now()
        for breaker in self.breakers.values():
            self.tell(Role.MONITOR, breaker.metrics(now))
