"""A breaker's audience hears what it thinks, from its start on."""

from __future__ import annotations

from actors.circuit_breaker import CircuitBreaker
from actors.stage.stage import Stage
from domain.effects import Role
from domain.messages.system import BreakerChanged, BreakerState, Operation, OperationEnded

BREAKER = Role.CIRCUIT_BREAKER.at("coinbase")


def test_a_new_breaker_takes_back_what_the_one_before_it_said() -> None:
    stage = Stage()
    stage.cast(CircuitBreaker, BREAKER)
    for _ in range(stage.settings.breaker.failures):
        ended = OperationEnded(ts_event=1, venue="coinbase", operation=Operation.SUBMIT, succeeded=False)
        stage.tell(BREAKER, ended)

    def newest(role: str) -> BreakerState:
        heard = [told for told in stage.received[role] if isinstance(told, BreakerChanged)]
        return [told.state for told in heard if told.operation is Operation.SUBMIT][-1]

    audience = [str(Role.ORDER_ROUTER), str(Role.PORTFOLIO), Role.EXCHANGE_GATEWAY.at("coinbase")]
    before = [newest(role) for role in audience]
    stage.crash(BREAKER)
    stage.cast(CircuitBreaker, BREAKER)

    assert before == [BreakerState.OPEN] * 3
    assert [newest(role) for role in audience] == [BreakerState.CLOSED] * 3
