"""All that is on its way out of this process: one connection per receiver, and none holds up another."""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Callable
from typing import Any

from thespian.actors import ActorSystemMessage
from thespian.system.transport import SendStatus, TransmitIntent

from adapters.thespian_unix.connections import SendingEnd
from adapters.thespian_unix.lanes import lane_of, overtakes
from adapters.thespian_unix.listener import may_come_back
from adapters.thespian_unix.outgoing import Limits
from adapters.thespian_unix.poller import Poller

# While a handler runs, its first message to a receiver leaves at once, the others in batches or at its end:
# waking another process costs more than all the rest. The stock base sends nothing at all before that end.
BATCH = 32  # messages
# Why a connection fails that would succeed later: our descriptors or memory, or the receiver's backlog.
# Anything else says that nobody is there.
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN}
LOOK_AGAIN_S = 0.01  # for a receiver whose place in the directory was taken away
STALLED_AFTER_S = 1.0  # without any progress, a receiver is no longer waited for


class Post:
    """Sends intents, as Thespian calls a message with a target and callbacks.

    An intent's `tx_done` is called once: Sent when its bytes leave the queue, DeadTarget when nobody is
    there, Failed when there is no room for it. One that was Sent and never handled, since its receiver died,
    goes to `on_lost`.
    """

    def __init__(
        self,
        own_path: str,
        poller: Poller,
        limits: Limits,
        on_refused: Callable[[TransmitIntent], None],
        on_lost: Callable[[TransmitIntent], None],
        keep_place: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        keep_place: looks whether our own place in the directory was taken away; if so, others lost theirs, too.
        """
        self._own_path = own_path
        self._poller = poller
        self._limits = limits
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._keep_place = keep_place
        self._by_path: dict[str, SendingEnd] = {}
        self._by_descriptor: dict[int, SendingEnd] = {}
        self._is_batching = False
        self._written: set[SendingEnd] = set()  # since batching began

    def begin_batch(self) -> None:
        self._is_batching = True

    def end_batch(self) -> None:
        """Write what was held back."""
        self._is_batching = False
        while self._written:
            end = self._written.pop()
            if end.queue.queued:
                self._write(end)

    def send(self, intent: TransmitIntent, path: str, payload: bytes) -> None:
        try:
            end = self._by_path.get(path) or self._connect(path)
        except OSError as error:
            if error.errno in NO_ROOM:
                self._refuse(intent)
            else:
                intent.tx_done(SendStatus.DeadTarget)
            return
        message = intent.message
        if not end.is_waiting:
            end.moved_s = time.monotonic()
        is_vital = isinstance(message, ActorSystemMessage)
        if end.queue.offer(intent, payload, lane_of(message), overtakes(message), is_vital):
            if end not in self._written or end.queue.queued >= BATCH:
                self._write(end)
            if self._is_batching:
                self._written.add(end)
        else:
            self._refuse(intent)

    def handle(self, descriptor: int, events: int) -> bool:
        """Do what an event asks for; return False if the descriptor isn't one of ours."""
        end = self._by_descriptor.get(descriptor)
        if end is None:
            return False
        if events & ~select.EPOLLOUT and not end.read():
            self._drop(end)
        else:
            self._write(end)
        return True

    def flush(self, until_s: float | None) -> int:
        """Write, and receive nothing, until nothing waits; return for how many receivers something does.

        A receiver that makes no progress for a while doesn't count: hung, it must not hang others. What waits
        for it goes on when it does.
        """
        while True:
            now_s = time.monotonic()
            waiting = [end for end in self._by_path.values() if end.is_waiting]
            moving_until_s = [end.moved_s + STALLED_AFTER_S for end in waiting]
            patient_s = max((moment for moment in moving_until_s if moment > now_s), default=None)
            if patient_s is None:
                return 0
            if until_s is not None and until_s <= now_s:
                return len(waiting)
            events = select.poll()
            for end in waiting:
                events.register(end.fileno, end.wanted_interest())
            give_up_s = patient_s if until_s is None else min(patient_s, until_s)
            for descriptor, event in events.poll((give_up_s - now_s) * 1000):
                self.handle(descriptor, event)

    def give_up(self) -> None:
        """Take back what is queued, as lost: this process ends."""
        for end in list(self._by_path.values()):
            for intent in end.queue.withdraw():
                self._finish(intent)

    def wait_for_end_of(self, path: str, until_s: float) -> None:
        """Wait until the receiver, if we have a connection to it, is gone."""
        while (end := self._by_path.get(path)) and (left_s := until_s - time.monotonic()) > 0:
            events = select.poll()
            events.register(end.fileno, select.POLLIN)
            for descriptor, event in events.poll(left_s * 1000):
                self.handle(descriptor, event)

    def waiting(self) -> list[tuple[str, int, list[TransmitIntent]]]:
        """Return (path, messages on the way and not known to be handled, queued intents) per receiver."""
        return [(end.path, end.queue.unhandled, end.queue.waiting()) for end in self._by_path.values()]

    def close(self) -> None:
        for end in self._by_path.values():
            end.close()
        self._by_path.clear()
        self._by_descriptor.clear()

    def _refuse(self, intent: TransmitIntent) -> None:
        self._on_refused(intent)
        intent.tx_done(SendStatus.Failed)

    def _connect(self, path: str) -> SendingEnd:
        end = self._open(path)
        self._by_path[path] = self._by_descriptor[end.fileno] = end
        self._poller.add(end.fileno, 0)  # tells of the receiver's death by itself
        return end

    def _open(self, path: str) -> SendingEnd:
        while True:
            try:
                return SendingEnd(path, self._own_path, self._limits)
            except FileNotFoundError:
                self._keep_place()
                if not may_come_back():
                    raise
                time.sleep(LOOK_AGAIN_S)

    def _write(self, end: SendingEnd) -> None:
        if self._by_path.get(end.path) is not end:
            return  # dropped meanwhile
        try:
            released = end.write()
        except OSError:
            self._drop(end)
            return
        if released:
            end.moved_s = time.monotonic()
            for intent in released:
                intent.tx_done(SendStatus.Sent)
        interest = end.wanted_interest()
        if interest != end.interest and self._by_path.get(end.path) is end:
            end.interest = interest
            self._poller.change(end.fileno, interest)

    def _drop(self, end: SendingEnd) -> None:
        if self._by_path.get(end.path) is not end:
            return
        del self._by_path[end.path]
        end.read()  # the last acknowledgements: what was handled is not lost
        del self._by_descriptor[end.fileno]
        self._poller.remove(end.fileno)
        end.close()
        on_the_way, queued = end.queue.abandon()
        for intent in on_the_way + queued:
            self._finish(intent)

    def _finish(self, intent: Any) -> None:
        if intent.result is None:
            intent.tx_done(SendStatus.DeadTarget)
        else:
            self._on_lost(intent)
