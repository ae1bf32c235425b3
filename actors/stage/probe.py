"""Who plays a role that no actor plays: it keeps what it is told, and acknowledges it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from thespian.actors import ActorAddress

from actors.runtime.reliable_delivery import ACKNOWLEDGE, ReliableDelivery
from actors.runtime.wiring_messages import Envelope, Peer
from adapters.clock import Clock
from domain.messages.base import Message

INCARNATION = 1


class Probe:
    def __init__(
        self,
        role: str,
        clock: Clock,
        post: Callable[[ActorAddress, Envelope], None],
        hear: Callable[[str, str, Message], None],
        overhear: Callable[[Any], None],
    ) -> None:
        """Args:
        post: sends a letter as this role.
        hear: is told role, sender and message.
        overhear: is told what is no letter.
        """
        self.has_heard = False
        self._role = role
        self._clock = clock
        self._hear = hear
        self._overhear = overhear
        self._delivery = ReliableDelivery(
            role,
            INCARNATION,
            post=lambda peer, letter: post(peer.address, letter),
            wake_at=lambda due_ns, key: None,  # it acknowledges at once and sends nothing that may get lost
            survives_restart=lambda role, message: True,
            refuse=lambda role, message: None,
            counters=Counter(),
        )

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if not isinstance(message, Envelope):
            self._overhear(message)
            return
        self.has_heard = True
        now_ns = self._clock.now().monotonic_ns
        for due, content in self._delivery.hear(message, now_ns):
            self._hear(self._role, due.sender, content)
        peer = Peer(sender, message.sender_incarnation)
        self._delivery.tick(ACKNOWLEDGE, {message.sender: peer}, now_ns)
