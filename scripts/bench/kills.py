"""What can befall a running system, and who is hit. Chooses by a seed; judges nothing.

A process is known by a descriptor of it (pidfd), never by its number alone: that may be somebody else's by
the time of the next signal.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from adapters.simulator.drawn_faults import draw_fault
from domain.effects import role_of
from scripts.bench.trial import Trial, state_of
from scripts.run.processes import children_of

CRASH_WITHIN_S = 2.0  # everything is healthy again after a kill
HANG_WITHIN_S = 5.0  # after a stop

_IMPORTANT = ("order_router", "portfolio", "exchange_gateway", "supervisor")  # are hit twice as often
_LOOK_AGAIN_S = 0.002
_NEWBORN_WITHIN_S = 1.0
_REPLACED_WITHIN_S = 20.0
PRODUCTS = ("BTC-USD", "ETH-USD", "SOL-USD")
HELD_S = 15.0  # an order that should end at once: long enough that only a cancel ends it in time
READ_LAG_S = 1.0  # of the venue: its reads may show what was so long ago
_LONGEST_FAULT_S = 2.5  # a create's token must expire later than its order can arrive


class Victim(NamedTuple):
    """A process that was hit."""

    role: str  # an actor's, or "simulator"
    pid: int
    exit_fd: int  # its pidfd

    def signal(self, number: int) -> bool:
        """Send a signal; False when the process is gone."""
        try:
            signal.pidfd_send_signal(self.exit_fd, number)
        except ProcessLookupError:
            return False
        return True

    def is_gone_within(self, timeout_s: float) -> bool:
        return bool(select.select([self.exit_fd], [], [], timeout_s)[0])


class Kill(NamedTuple):
    """What was done. It is over when everything is healthy and no victim plays its role any more."""

    kind: str
    text: str
    struck_at: float  # CLOCK_MONOTONIC, of its last part
    killed: tuple[Victim, ...] = ()
    spared: tuple[Victim, ...] = ()  # stopped and resumed: they may go on, or be replaced
    within_s: float | None = None  # how soon it must be over; None: that is the venue's affair
    is_venues: bool = False  # quotes must come again, too


class Killer:
    """Strikes a trial, one kill after the other."""

    def __init__(self, trial: Trial, random: Random, tell: Callable[[str], None]) -> None:
        """Args:
        tell: adds a line to the trace.
        """
        self._trial = trial
        self._random = random
        self._tell = tell
        self._kinds: dict[Callable[[], Kill], int] = {
            self.kill: 4,
            self.kill_two: 2,
            self.kill_again: 2,
            self.kill_newborn: 2,
            self.stop_newborn: 1,
            self.stop: 3,
            self.stop_shortly: 2,
            self.stop_about_as_long_as_allowed: 2,
            self.restart: 1,
            self.fault: 4,
            self.kill_simulator: 1,
            self.stop_simulator: 1,
        }

    def strike(self) -> Kill:
        [kind] = self._random.choices(list(self._kinds), list(self._kinds.values()))
        return kind()

    # ---- crashes -------------------------------------------------------------------------------------------

    def kill(self) -> Kill:
        return self._killed("kill", self._choose(1))

    def kill_two(self) -> Kill:
        return self._killed("kill two", self._choose(2))

    def kill_again(self) -> Kill:
        """Kill an actor, and its successor as soon as that says who it is."""
        victims = self._choose(1)
        first = self._killed("kill again", victims)
        for _ in range(self._random.randint(1, 2)):
            before = victims[-1]
            status = self._trial.wait_for(
                f"a new {before.role}",
                lambda now, before=before: now["actors"][before.role]["pid"] not in (0, before.pid),
                _REPLACED_WITHIN_S,
            )
            time.sleep(self._random.uniform(0, 0.1))
            again = self._victim(before.role, status["actors"][before.role]["pid"])
            if again is not None:
                victims.append(again)
                again.signal(signal.SIGKILL)
        text = f"kill {first.killed[0].role} {len(victims)} times"
        return Kill("kill again", text, time.monotonic(), tuple(victims), within_s=CRASH_WITHIN_S)

    def kill_newborn(self) -> Kill:
        """Kill an actor, and its successor's process before that has said much."""
        victims = self._kill_and_follow("kill newborn", signal.SIGKILL)
        return Kill("kill newborn", victims[0].role, time.monotonic(), tuple(victims), within_s=CRASH_WITHIN_S)

    def stop_newborn(self) -> Kill:
        """Kill an actor, and stop its successor for good before that has said much."""
        victims = self._kill_and_follow("stop newborn", signal.SIGSTOP)
        return Kill("stop newborn", victims[0].role, time.monotonic(), tuple(victims), within_s=HANG_WITHIN_S)

    def _kill_and_follow(self, kind: str, number: int) -> list[Victim]:
        """Kill an actor, and send a signal to the process that takes its place."""
        (supervisor,) = self._victims(["supervisor"])
        (first,) = victims = self._choose(1, but=("supervisor",))
        known = set(children_of(supervisor.pid))
        os.close(supervisor.exit_fd)
        self._killed(kind, [first])
        give_up_at = time.monotonic() + _NEWBORN_WITHIN_S
        while len(victims) == 1 and time.monotonic() < give_up_at:
            time.sleep(_LOOK_AGAIN_S)
            for pid in [pid for pid in children_of(supervisor.pid) if pid not in known]:
                time.sleep(self._random.choice((0, 0.005, 0.02, 0.05)))
                newborn = self._victim(first.role, pid)
                if newborn is not None and newborn.signal(number):
                    victims.append(newborn)
        return victims

    def _killed(self, kind: str, victims: list[Victim]) -> Kill:
        roles = " and ".join(victim.role for victim in victims)
        self._tell(f"{kind}: {roles}")
        at = time.monotonic()
        for victim in victims:
            victim.signal(signal.SIGKILL)
        return Kill(kind, roles, at, tuple(victims), within_s=CRASH_WITHIN_S)

    # ---- hangs ---------------------------------------------------------------------------------------------

    def stop(self) -> Kill:
        """Stop one or two actors until they are replaced; resuming them then must do nothing."""
        victims = self._choose(self._random.choice((1, 1, 2)))
        at = self._stopped("stop", victims)
        for victim in victims:
            if not victim.is_gone_within(_REPLACED_WITHIN_S):
                victim.signal(signal.SIGCONT)
                raise TimeoutError(f"{victim.role} was stopped and nobody ended it")
            if victim.signal(signal.SIGCONT) and state_of(victim.pid) not in ("", "Z", "X"):
                raise AssertionError(f"{victim.role} (pid {victim.pid}) was ended and lives")
        roles = " and ".join(victim.role for victim in victims)
        return Kill("stop", roles, at, tuple(victims), within_s=HANG_WITHIN_S)

    def stop_shortly(self) -> Kill:
        return self._stopped_and_resumed("stop shortly", self._random.uniform(0.2, 2.0))

    def stop_about_as_long_as_allowed(self) -> Kill:
        """Resume at about the moment at which the supervisor loses patience."""
        return self._stopped_and_resumed("stop, at the limit", self._random.uniform(2.5, 4.5))

    def _stopped_and_resumed(self, kind: str, for_s: float) -> Kill:
        (victim,) = victims = self._choose(1)
        self._stopped(f"{kind}, {for_s:.1f} s", victims)
        victim.is_gone_within(for_s)
        victim.signal(signal.SIGCONT)
        text = f"{victim.role} for {for_s:.1f} s"
        return Kill(kind, text, time.monotonic(), spared=(victim,), within_s=CRASH_WITHIN_S)

    def _stopped(self, kind: str, victims: list[Victim]) -> float:
        self._tell(f"{kind}: " + " and ".join(victim.role for victim in victims))
        at = time.monotonic()
        for victim in victims:
            victim.signal(signal.SIGSTOP)
        return at

    # ---- what people do ------------------------------------------------------------------------------------

    def restart(self) -> Kill:
        (victim,) = self._choose(1, but=("supervisor",))
        self._tell(f"restart: {victim.role}")
        at = time.monotonic()
        self._trial.ask("restart", victim.role)
        return Kill("restart", victim.role, at, (victim,), within_s=CRASH_WITHIN_S)

    # ---- the venue -----------------------------------------------------------------------------------------

    def fault(self) -> Kill:
        status = self._trial.wait_for("an address", lambda now: "simulator" in now, _REPLACED_WITHIN_S)
        kinds = []
        for _ in range(self._random.choice((1, 1, 2, 4))):
            fault = draw_fault(self._random, _LONGEST_FAULT_S, PRODUCTS, {"lag": READ_LAG_S, "hold": HELD_S})
            self._tell(f"fault: {fault}")
            self._trial.inject(status, **fault)
            kinds.append(f"{fault['kind']} at {fault['where']}")
        return Kill("fault", ", ".join(kinds), time.monotonic())

    def kill_simulator(self) -> Kill:
        """Kill the simulator, now and then the one that is being revived, too."""
        kill = self._killed("kill simulator", [self._simulator()])
        for _ in range(self._random.choice((0, 0, 1))):
            time.sleep(self._random.uniform(0, 0.5))
            kill = self._killed("kill simulator", [self._simulator()])
        return kill._replace(within_s=None, is_venues=True)

    def stop_simulator(self) -> Kill:
        victim, for_s = self._simulator(), self._random.uniform(0.5, 8.0)
        self._stopped(f"stop simulator, {for_s:.1f} s", [victim])
        victim.is_gone_within(for_s)
        victim.signal(signal.SIGCONT)
        text = f"for {for_s:.1f} s"
        return Kill("stop simulator", text, time.monotonic(), spared=(victim,), is_venues=True)

    # ---- victims -------------------------------------------------------------------------------------------

    def _choose(self, count: int, but: tuple[str, ...] = ()) -> list[Victim]:
        status = self._trial.wait_for("who plays", lambda now: bool(now["actors"]), _REPLACED_WITHIN_S)
        roles = sorted(role for role in status["actors"] if role not in but)
        weights = [2 if role_of(role) in _IMPORTANT else 1 for role in roles]
        chosen: list[str] = []
        while len(chosen) < count:
            (role,) = self._random.choices(roles, weights)
            if role not in chosen:
                chosen.append(role)
        return self._victims(chosen)

    def _victims(self, roles: list[str]) -> list[Victim]:
        """Return the processes that play these roles now; they are healthy between kills."""
        status = self._trial.wait_for(
            "all processes", lambda now: all(now["actors"][role]["pid"] for role in roles), _REPLACED_WITHIN_S
        )
        victims = [self._victim(role, status["actors"][role]["pid"]) for role in roles]
        return [victim for victim in victims if victim is not None]

    def _victim(self, role: str, pid: int) -> Victim | None:
        try:
            return Victim(role, pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return None

    def _simulator(self) -> Victim:
        give_up_at = time.monotonic() + _REPLACED_WITHIN_S
        while time.monotonic() < give_up_at:
            pid = self._trial.simulator_pid()
            victim = self._victim("simulator", pid) if pid else None
            if victim is not None:
                return victim
            time.sleep(_LOOK_AGAIN_S)
        raise TimeoutError("no simulator runs")
