"""The simulated venues as a child process of the launcher, and how real settings come to point at them.

The child runs this very module; its settings come on standard input, its addresses as one JSON line on
standard output. It has a session of its own, so Ctrl-C reaches the launcher alone, and dies with it. What the
simulated account is, outlives it in the data directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from adapters.simulator.venue_clock import VenueClock
from domain.errors import InvalidSetting, NzezaError
from domain.settings import Settings, SimulatorSettings, VenueSettings
from scripts.run.logs import log_here, make_room
from scripts.run.signals import STOPPING

_RUN = (sys.executable, "-P", "-m", "scripts.run.simulated_venues")
_READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 0.5
_LOOK_AGAIN_MS = 50
STOP = signal.SIGINT  # the one that the child obeys: others are for the launcher, whom the venues must outlive


def check_account(settings: SimulatorSettings, directory: Path, journal: Path, tell: Callable[[str], None]) -> None:
    """Refuse to open a new simulated account beside a journal: the two would never agree.

    Of balances that were set for an account that there is already, `tell` a person that they change nothing.

    Raises:
        InvalidSetting: and says what to do.
    """
    from adapters.simulator.store import ACCOUNT_FILE, has_account

    is_there, default = has_account(directory), SimulatorSettings()
    for name in ("balances", "accounts"):
        is_set = getattr(settings, name) != getattr(default, name)
        if is_there and is_set and not settings.fresh_account:
            tell(f"simulator.{name} is for a new account only: the one that there is goes on with what it holds")
    if not journal.exists():
        return  # an account without a journal is fine: what is in it counts as inventory
    advice = f"move or remove {str(directory)!r} to start afresh"
    if settings.fresh_account:
        raise InvalidSetting(
            f"simulator.fresh_account = true: must be false beside the journal of the last account; {advice}"
        )
    if not is_there:
        raise InvalidSetting(
            f"system.data_directory: holds a journal without its simulated account ({ACCOUNT_FILE}); {advice}"
        )


class SimulatedVenues:
    """A running simulator. `endpoints` is what it printed when it was ready."""

    def __init__(
        self,
        settings: SimulatorSettings,
        directory: Path,
        log_path: Path,
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start it and wait until it serves.

        Args:
            is_unwanted: asked while waiting; once true, waiting ends.

        Raises:
            InvalidSetting: a port or file it was told to use cannot be.
            NzezaError: it ended instead of serving.
        """
        self._settings = settings
        self._directory = directory
        self._log_path = log_path
        self._clock = VenueClock()  # one for all lives of the venues
        self._spawn()
        answer = self._answer(is_unwanted)
        if "error" in answer:
            self.stop()
            raise self._refusal(answer)
        self.endpoints = answer
        # A revived venue must be found where it was, with the account that it had.
        control_port = urlsplit(self.endpoints["control"]).port
        self._settings = msgspec.structs.replace(settings, port_base=control_port, fresh_account=False)

    def _spawn(self) -> None:
        make_room(self._log_path)
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                # The directory is the last word: by it, one that was left over is found.
                [*_RUN, str(self._log_path), str(self._clock.utc_at_boot_ns), str(self._directory)],
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None  # they are pipes
        self._said = self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended already, which is seen later
            self._process.stdin.write(msgspec.json.encode(self._settings))
            self._process.stdin.close()

    def _answer(self, is_unwanted: Callable[[], bool]) -> dict[str, Any]:
        """Return where it serves, or why it doesn't; waits until it does either."""
        give_up_at = time.monotonic() + _READY_WITHIN_S
        ready = select.poll()
        ready.register(self._said, select.POLLIN)
        while not ready.poll(_LOOK_AGAIN_MS):
            if is_unwanted():
                return {"error": "it was not waited for, since we were told to stop"}
            if time.monotonic() > give_up_at:
                return {"error": f"it did not serve within {_READY_WITHIN_S:g} s"}
        line = self._said.readline()
        return json.loads(line) if line else {"error": "it ended at once"}

    def _refusal(self, answer: dict[str, Any]) -> NzezaError:
        if answer.get("is_setting"):
            return InvalidSetting(answer["error"])
        return NzezaError(f"the simulator did not start: {answer['error']} (see {self._log_path})")

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def revive(self) -> None:
        """Start one that has died again: real venues come back, too. Doesn't wait until it serves.

        Raises:
            NzezaError: it did not die, but refused to start when it was revived before; or its account is gone.
        """
        said = self._said.read()  # of the first one, `_answer` has read all there was
        self._said.close()
        if said:
            answer = json.loads(said)
            if "error" in answer:
                raise self._refusal(answer)
        from adapters.simulator.store import ACCOUNT_FILE, has_account

        if not has_account(self._directory):
            raise NzezaError(
                f"the simulator has ended, and its account ({ACCOUNT_FILE}) was emptied or removed: start afresh"
            )
        self._spawn()

    def stop(self) -> None:
        """End it; whatever was answered is kept."""
        if self.is_alive():
            self._process.send_signal(STOP)
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def lead(self, settings: Settings) -> Settings:
        """Return `settings` with every simulated venue's addresses and key file filled in."""
        venues = {
            name: self._lead_one(name, venue) if venue.mode == "simulated" else venue
            for name, venue in settings.venues.items()
        }
        return msgspec.structs.replace(settings, venues=venues)

    def _lead_one(self, name: str, venue: VenueSettings) -> VenueSettings:
        return msgspec.structs.replace(venue, **self.endpoints["venues"][name])


def _environment() -> dict[str, str]:
    """Return our environment, in which `scripts` is this package: the user's directory may hold another."""
    project = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([project, others] if others else [project])}


def main() -> int:
    for number in set(STOPPING) - {STOP}:
        signal.signal(number, signal.SIG_IGN)
    from adapters.simulator.server import serve  # aiohttp: only this process needs it
    from domain.numbers import use_exact_decimals

    use_exact_decimals()
    log_here(Path(sys.argv[1]))
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=SimulatorSettings)

    def tell(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), flush=True)

    try:
        clock = VenueClock(int(sys.argv[2]))
        serve(settings, Path(sys.argv[3]), tell, dies_with_parent=True, clock=clock)
    except InvalidSetting as error:
        signal.signal(STOP, signal.SIG_IGN)  # we end, and are told to as soon as this is read
        tell({"error": str(error), "is_setting": True})
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
