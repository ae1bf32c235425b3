"""What the stages of one thread and of real processes share: probes, and waiting for what they hear."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import LauncherTold
from actors.stage.inbox import Heard, Inbox, Pattern, listed
from domain.effects import Role
from domain.messages.base import Message
from domain.settings import Settings

TEST = "test"  # the role of the test itself


class StageBase(ABC):
    """A stage as a test speaks to it. Roles that nobody plays are probes, which keep what they are told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.received: dict[str, list[Message]] = defaultdict(list)  # role nobody plays -> what it was told
        self.told: list[LauncherTold] = []  # what the supervisor told the launcher
        self.overheard: list[Any] = []  # wiring messages to probes, such as ActorFailed
        self.dead: list[Any] = []  # dead letters while nobody handles them
        self._probed = {TEST}  # roles that the product does not have
        self._heard: list[Heard] = []  # by all probes, in receive order
        self._inboxes: dict[str, Inbox] = {}

    def roles(self) -> set[str]:
        """Return everybody whom an actor may want to speak to."""
        at_venues = (Role.PRICE_FEED, Role.EXCHANGE_GATEWAY, Role.CIRCUIT_BREAKER)
        venues = {role.at(venue) for role in at_venues for venue in self.settings.venues}
        return {str(role) for role in Role} | venues | self._probed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the play."""

    # ---- acting ------------------------------------------------------------------------------------------

    @abstractmethod
    def cast(self, actor_class: type[BaseActor], role: str, settings: Settings | None = None) -> Any:
        """Let `actor_class` play `role`."""

    @abstractmethod
    def tell(self, role: str, *messages: Message, sender: str = TEST) -> None:
        """Send to whoever plays `role`, as `sender`; answers reach the sender's inbox."""

    @abstractmethod
    def crash(self, role: str) -> None:
        """kill -9."""

    @abstractmethod
    def hang(self, role: str) -> None:
        """SIGSTOP: it takes no mail and no timer, and its mail queues up."""

    @abstractmethod
    def resume(self, role: str) -> None:
        """SIGCONT."""

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Let time pass."""

    # ---- looking -----------------------------------------------------------------------------------------

    @abstractmethod
    def now_s(self) -> float:
        """Return the seconds since the stage opened."""

    def hear(self, role: str, sender: str, message: Message) -> None:
        """Keep what a probe was told."""
        self.received[role].append(message)
        heard = Heard(len(self._heard) + 1, self.now_s(), sender, role, message)
        self._heard.append(heard)
        self.inbox(role).heard.append(heard)

    def overhear(self, message: Any) -> None:
        """Keep what a probe was told that is no letter."""
        (self.told if isinstance(message, LauncherTold) else self.overheard).append(message)

    def inbox(self, role: str) -> Inbox:
        """Return what a probe was told so far, with senders, times and claims to make about it."""
        return self._inboxes.setdefault(role, Inbox(role))

    def wait_until(self, condition: Callable[[], bool], within_s: float = 5.0, what: str = "") -> None:
        """Let time pass until `condition()` holds.

        Args:
            what: says in the failure what was waited for.

        Raises:
            AssertionError: it does not within `within_s`; the text tells what did happen.
        """
        began = len(self._heard)
        if not self._passes_until(condition, within_s):
            what = what or getattr(condition, "__qualname__", "the condition")
            trace = f"not within {within_s:g} s: {what}\n{self._arrived(began)}\n{self.context()}"
            raise AssertionError(trace.rstrip())

    def wait_for(self, role: str, pattern: Pattern, times: int = 1, within_s: float = 5.0) -> Message:
        """Let time pass until a probe was told so many messages that fit; return the last one of them."""
        name = getattr(pattern, "__name__", pattern)
        what = f"{role} is told {name}" + (f", {times} times" if times > 1 else "")
        self.wait_until(lambda: len(self.inbox(role).of(pattern)) >= times, within_s, what)
        return self.inbox(role).of(pattern)[times - 1]

    def context(self) -> str:
        """Return what else a failure should tell."""
        return ""

    @abstractmethod
    def _passes_until(self, condition: Callable[[], bool], within_s: float) -> bool: ...

    def _arrived(self, began: int) -> str:
        meanwhile, before = self._heard[began:], self._heard[:began]
        texts = [f"arrived meanwhile: {len(meanwhile) or 'nothing'}", listed(meanwhile)]
        texts += [f"arrived before: {len(before)}", listed(before)] if before else []
        return "\n".join(text for text in texts if text)
