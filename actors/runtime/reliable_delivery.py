"""All links of one actor: which messages are acknowledged, what must be sent again, what is owed to whom.

It decides about envelopes; the base actor carries them. `acknowledged_link.py` has the rules of one link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from actors.runtime.acknowledged_link import Kept, ReceivingLink, SendingLink
from actors.runtime.wiring_messages import NOTHING_HANDLED, Envelope, Handled, Peer
from domain.effects import Role, WakeupKey, WakeupKind
from domain.instant import SECOND_NS
from domain.messages.base import Lane, Message

ACKNOWLEDGE_AFTER_NS = SECOND_NS // 50  # for something to be sent that way anyhow

# Their reports are late or lost without harm, and they must never be waited for.
_OBSERVERS = (Role.MONITOR, Role.RECORDER, Role.DEAD_LETTERS)


class DeliveryWakeup(WakeupKind):
    ACKNOWLEDGE = "acknowledge"  # to whomever that is owed
    AGAIN = "again"  # to the role


ACKNOWLEDGE = WakeupKey(DeliveryWakeup.ACKNOWLEDGE)


class ReliableDelivery:
    """Stamps what leaves, sorts what arrives."""

    def __init__(
        self,
        role: str,
        incarnation: int,
        post: Callable[[Peer, Envelope], None],
        wake_at: Callable[[int, WakeupKey], None],
        survives_restart: Callable[[str, Message], bool],
        refuse: Callable[[str, Message], None],
        counters: Counter[str],
    ) -> None:
        """Args:
        post: carries an envelope to a peer.
        wake_at: asks to be woken, with a key that comes back to `tick`.
        survives_restart: tells whether a message that one incarnation of a role may not have handled is for the next.
        refuse: hears of each message to a role for which there is no room.
        """
        self._role = role
        self._incarnation = incarnation
        self._post = post
        self._wake_at = wake_at
        self._survives_restart = survives_restart
        self._refuse = refuse
        self._counters = counters
        self._sending: dict[str, SendingLink] = {}  # role -> link
        self._receiving: dict[str, ReceivingLink] = {}
        self._watched: set[str] = set()  # roles with a wake-up for what they don't acknowledge
        self._is_owing = False  # the wake-up for acknowledgements is asked for

    # ---- out ---------------------------------------------------------------------------------------------

    def tell(
        self,
        role: str,
        peer: Peer | None,
        message: Message,
        now_ns: int,
        request: int = 0,
        reply_to: int = 0,
    ) -> bool:
        """Send, or keep for whoever will play `role`. Returns False when there is no room or nobody to keep it for."""
        if message.lane is Lane.BULK or role in _OBSERVERS:
            if peer is None:
                self._counters["unwired"] += 1
                return False
            self._post(peer, self._envelope(role, peer, message, now_ns, request=request, reply_to=reply_to))
            return True
        if peer is None and not self._survives_restart(role, message):
            self._counters["unwired"] += 1
            return False
        link = self._link(role, peer, now_ns)
        if link.is_full:
            self._counters["refused"] += 1
            self._refuse(role, message)
            return False
        kept = link.keep(message, now_ns, request, reply_to)
        if peer is not None:
            self._send(role, peer, kept, now_ns)
            self._watch(role, link)
        return True

    def appeared(self, role: str, peer: Peer, now_ns: int) -> None:
        """Hand the new player of a role what the last one left unacknowledged; acknowledge what it said before."""
        heard = self._receiving.get(role)
        if heard is not None and heard.owes:
            self._owe(now_ns)
        link = self._sending.get(role)
        if link is None or link.incarnation == peer.incarnation:
            return
        for kept in link.begin(peer.incarnation, now_ns, lambda message: self._survives_restart(role, message)):
            self._counters["handed_on"] += 1
            self._send(role, peer, kept, now_ns)
        self._watch(role, link)

    def take_back(self, envelope: Envelope) -> None:
        """Never send this message again: it came back, and its sender is told so."""
        link = self._sending.get(envelope.to)
        if link is not None and link.incarnation == envelope.to_incarnation and envelope.number:
            link.take_back(Lane(envelope.lane), envelope.number)

    # ---- in ----------------------------------------------------------------------------------------------

    def hear(self, envelope: Envelope, now_ns: int) -> Iterator[tuple[Envelope, Message]]:
        """Yield what is to be handled now, and how it came. Going on after one says that it has been handled."""
        sending = self._sending.get(envelope.sender)
        if sending is not None and sending.incarnation == envelope.sender_incarnation:
            sending.acknowledged(envelope.handled, now_ns)
        if not envelope.number:
            if envelope.message is not None:
                yield envelope, envelope.message
            return
        link = self._receiving.get(envelope.sender)
        if link is None or link.incarnation < envelope.sender_incarnation:
            link = self._receiving[envelope.sender] = ReceivingLink(envelope.sender_incarnation)
        elif link.incarnation > envelope.sender_incarnation:
            self._counters["outdated"] += 1  # the next incarnation has spoken already
            return
        if not link.put(envelope):
            self._counters["duplicates"] += 1
        while (next_one := link.next()) is not None:
            if next_one.message is not None:
                yield next_one, next_one.message
            link.done(next_one)
        self._owe(now_ns)

    # ---- by time -----------------------------------------------------------------------------------------

    def tick(self, key: WakeupKey, peers: Mapping[str, Peer], now_ns: int) -> None:
        if key.kind is DeliveryWakeup.ACKNOWLEDGE:
            self._is_owing = False
            for role, heard in self._receiving.items():
                if heard.owes and role in peers:
                    self._acknowledge(role, peers[role], now_ns)
            return
        role = key.name
        self._watched.discard(role)
        link, peer = self._sending[role], peers.get(role)
        if peer is None or peer.incarnation != link.incarnation:
            return  # the next incarnation gets everything
        for kept in link.take_due(now_ns):
            self._counters["resent"] += 1
            self._send(role, peer, kept, now_ns)
        self._watch(role, link)

    # ---- links -------------------------------------------------------------------------------------------

    def _link(self, role: str, peer: Peer | None, now_ns: int) -> SendingLink:
        link = self._sending.get(role)
        if link is None:
            link = self._sending[role] = SendingLink()
        if peer is not None and link.incarnation != peer.incarnation:
            self.appeared(role, peer, now_ns)
        return link

    def _watch(self, role: str, link: SendingLink) -> None:
        if link.due_ns is not None and role not in self._watched:
            self._watched.add(role)
            self._wake_at(link.due_ns, WakeupKey(DeliveryWakeup.AGAIN, role))

    def _owe(self, now_ns: int) -> None:
        if not self._is_owing:
            self._is_owing = True
            self._wake_at(now_ns + ACKNOWLEDGE_AFTER_NS, ACKNOWLEDGE)

    def _acknowledge(self, role: str, peer: Peer, now_ns: int) -> None:
        self._post(peer, self._envelope(role, peer, None, now_ns, lane=Lane.URGENT))

    # ---- envelopes ---------------------------------------------------------------------------------------

    def _send(self, role: str, peer: Peer, kept: Kept, now_ns: int) -> None:
        self._post(
            peer,
            self._envelope(
                role,
                peer,
                kept.message,
                now_ns,
                lane=kept.lane,
                number=kept.number,
                after=kept.after,
                request=kept.request,
                reply_to=kept.reply_to,
            ),
        )

    def _envelope(self, role: str, peer: Peer, message: Message | None, now_ns: int, **rest: int) -> Envelope:
        return Envelope(
            role,
            peer.incarnation,
            self._role,
            self._incarnation,
            now_ns,
            message,
            handled=self._handled(role, peer),
            **rest,
        )

    def _handled(self, role: str, peer: Peer) -> Handled:
        """Return how far `peer` has been heard: that much rides on whatever goes to it."""
        link = self._receiving.get(role)
        if link is None or link.incarnation != peer.incarnation:
            return NOTHING_HANDLED
        return link.acknowledge()
