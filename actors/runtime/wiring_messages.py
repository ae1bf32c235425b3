"""The messages that set actors up and tell them about each other. They hold addresses and factories, so
unlike domain messages they pickle plainly."""

from __future__ import annotations

from typing import Any, NamedTuple

from thespian.actors import ActorAddress

from adapters.ports import Toolbox
from domain.messages.base import Lane, Message
from domain.messages.system import ActorLine
from domain.settings import Settings

Handled = tuple[int, int]  # how many urgent and how many normal messages of a peer have been handled
NOTHING_HANDLED: Handled = (0, 0)


class Envelope:
    """One domain message on its way between two roles, in the message's own lane where the transport has lanes.

    It names the receiver's role and incarnation because the stock base reuses addresses: a message for a dead
    actor may reach a stranger. `sent_ns` (CLOCK_MONOTONIC) measures the hop.

    What acknowledged delivery needs: `number` in the pair's `lane` (0: not acknowledged), how many normal messages
    come `after` which this one may be handled, and how many of the receiver's own messages the sender has `handled`.
    An envelope without a message only acknowledges, or fills the number of a message that was taken back.

    `request` asks for an answer, and names it; `reply_to` is the request that this answers.
    """

    __slots__ = (
        "to",
        "to_incarnation",
        "sender",
        "sender_incarnation",
        "sent_ns",
        "message",
        "lane",
        "number",
        "after",
        "handled",
        "request",
        "reply_to",
    )

    def __init__(
        self,
        to: str,
        to_incarnation: int,
        sender: str,
        sender_incarnation: int,
        sent_ns: int,
        message: Message | None,
        lane: int | None = None,  # the message's own
        number: int = 0,
        after: int = 0,
        handled: Handled = NOTHING_HANDLED,
        request: int = 0,
        reply_to: int = 0,
    ) -> None:
        self.to = to
        self.to_incarnation = to_incarnation
        self.sender = sender
        self.sender_incarnation = sender_incarnation
        self.sent_ns = sent_ns
        self.message = message
        self.lane = int(lane if lane is not None else message.lane if message is not None else Lane.URGENT)
        self.number = number
        self.after = after
        self.handled = handled
        self.request = request
        self.reply_to = reply_to

    @property
    def overtakes(self) -> bool:
        """Tell a transport with lanes that a mere acknowledgement need not wait for anything."""
        return self.message is None and not self.number

    def __reduce__(self) -> tuple[type[Envelope], tuple[object, ...]]:
        return Envelope, (
            self.to,
            self.to_incarnation,
            self.sender,
            self.sender_incarnation,
            self.sent_ns,
            self.message,
            self.lane,
            self.number,
            self.after,
            self.handled,
            self.request,
            self.reply_to,
        )

    def __str__(self) -> str:
        return "Envelope"  # formatted several times per hop by Thespian


class Peer(NamedTuple):
    """Who plays a role now."""

    address: ActorAddress
    incarnation: int


class _Wiring:
    """A plain message whose text is cheap and never shows settings."""

    def __str__(self) -> str:
        return type(self).__name__


class InheritedChild(NamedTuple):
    """One child as a dead supervisor left it to the next."""

    address: ActorAddress
    line: ActorLine


class StartActor(_Wiring):
    """Supervisor to a new child: your role, and what you need for it. Answered by ActorStarted once state is rebuilt."""

    def __init__(
        self,
        role: str,
        incarnation: int,
        settings: Settings,
        toolbox: Toolbox,
        peers: dict[str, Peer],
        inherited: dict[str, InheritedChild] | None = None,
    ) -> None:
        self.role = role
        self.incarnation = incarnation
        self.settings = settings
        self.toolbox = toolbox
        self.peers = peers
        self.inherited = inherited or {}  # role -> child; only a later supervisor gets any


class ActorIdentified(_Wiring):
    """A child to Supervisor, before it rebuilds its state: this is my process, kill it if I don't come up."""

    def __init__(self, role: str, incarnation: int, pid: int) -> None:
        self.role = role
        self.incarnation = incarnation
        self.pid = pid


class ActorStarted(_Wiring):
    """A child to Supervisor: my state is rebuilt, I take messages."""

    def __init__(self, role: str, incarnation: int) -> None:
        self.role = role
        self.incarnation = incarnation


class ActorAlive(_Wiring):
    """A child to Supervisor: a sign of life, at each reporting interval."""

    def __init__(self, role: str, incarnation: int) -> None:
        self.role = role
        self.incarnation = incarnation


class ActorRebuilding(_Wiring):
    """A child to Supervisor, on to the launcher: how far it is with the journal before it takes messages."""

    def __init__(self, role: str, incarnation: int, step: str, done: int, total: int) -> None:
        self.role = role
        self.incarnation = incarnation
        self.step = step  # "checking" or "replaying"
        self.done = done  # entries
        self.total = total


class RollCalled(_Wiring):
    """A new supervisor to a child of a dead one: speak to me from now on. Answered by ActorStarted."""

    def __init__(self, supervisor: Peer) -> None:
        self.supervisor = supervisor


class ActorFailed(_Wiring):
    """A handler raised: the actor has stopped listening and wants to be replaced."""

    def __init__(self, role: str, incarnation: int, error: str) -> None:
        self.role = role
        self.incarnation = incarnation
        self.error = error


class Rewired(_Wiring):
    """The whole table of who plays what; sent at every change."""

    def __init__(self, peers: dict[str, Peer]) -> None:
        self.peers = peers  # role -> Peer; a role that nobody plays now is absent


class LauncherAsked(_Wiring):
    """The launcher to Supervisor. `verb` is "hello", "status", "metrics", "reset_metrics", "stop", "resume",
    "restart", "alarm", "alarm_over" or "halt"."""

    def __init__(
        self,
        request_id: int,
        verb: str,
        *,
        deadline_ns: int = 0,
        role: str = "",
        scope: str = "",
        text: str = "",
        kind: str = "",
    ) -> None:
        self.request_id = request_id
        self.verb = verb
        self.deadline_ns = deadline_ns  # for "stop"; CLOCK_MONOTONIC
        self.role = role  # for "restart"
        self.scope = scope  # for "resume": of the halts; empty: all
        self.text = text  # of an alarm or a halt; for "resume": why everything must be halted again at once
        self.kind = kind  # of that halt


class LauncherTold(_Wiring):
    """Supervisor to the launcher."""

    def __init__(self, kind: str, message: Any, request_id: int = 0) -> None:
        # "status", "wound_down", "running", "gave_up", "roster", "alive", "rebuilding", "restarting", "resumed" or "refused"
        self.kind = kind
        self.message = message
        self.request_id = request_id


class Roster(NamedTuple):
    """What the launcher keeps in case the supervisor dies."""

    supervisor_pid: int
    children: dict[str, InheritedChild]  # role -> child
