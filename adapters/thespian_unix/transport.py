"""Thespian's transport over AF_UNIX: whose turn it is, and what becomes of what can't be delivered.

One instance per actor, admin, logger or door from outside. Its loop takes turns: sockets, one WatchMessage,
the wake-ups that are due, a few messages, and again, so that none of them starves the others. A lock is held
while it runs; a thread that finds it taken leaves its message and rings the bell.

What becomes of a message that is not handled: Busy when the queue for its receiver is full, a dead letter
when the receiver died before it acknowledged; it vanishes only with a sender that died before writing it.
Receivers acknowledge at the end of each turn of messages. So a dead letter may be false: for up to
TURN_MESSAGES - 1 messages handled in the turn in which the receiver died, within TURN_S before its last
handler began. Whoever sends them again needs a receiver that drops duplicates by id.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemMessage,
    DeadEnvelope,
    WakeupMessage,
    WatchMessage,
)
from thespian.system.addressManager import ActorLocalAddress, CannotPickleAddress
from thespian.system.messages.multiproc import ChildMayHaveDied
from thespian.system.timing import ExpirationTimer, timePeriodSeconds
from thespian.system.transport import (
    ExternalInterfaceTransportInit,
    ReceiveEnvelope,
    SendStatus,
    Thespian__Run_HandlerResult,
    Thespian__Run_Terminated,
    Thespian__UpdateWork,
    TransmitIntent,
    TransmitOnly,
)
from thespian.system.utilis import thesplog

from adapters.thespian_unix import economy, forking, lifelines, naming, socket_directory
from adapters.thespian_unix.address import UnixAddress, new_name
from adapters.thespian_unix.door import Door, leave
from adapters.thespian_unix.endpoints import ContextEndpoint, ProcessEndpoint
from adapters.thespian_unix.lanes import NORMAL, URGENT, lane_of, overtakes
from adapters.thespian_unix.lifelines import Lifeline
from adapters.thespian_unix.mailbox import Entry
from adapters.thespian_unix.messages import Busy, Undecodable
from adapters.thespian_unix.obligations import Obligations
from adapters.thespian_unix.outgoing import Limits
from adapters.thespian_unix.poller import Poller
from adapters.thespian_unix.post import Post
from adapters.thespian_unix.reception import Reception, Undecoded
from adapters.thespian_unix.wakeups import Wakeups

PICKLE_PROTOCOL = 5
# A turn for messages. An urgent one that arrives meanwhile waits no longer than this and the handler at work.
TURN_MESSAGES = 8
TURN_S = 0.0005
ADMIN_GRACE_S = 1.0  # for what the others still do when it has ended
LAST_WRITES_WITHIN_S = 7.0  # when an actor exits; hung receivers are given up earlier
MOST_FROM_THREADS = 10_000  # messages; beyond, threads are slowed down
SLOWED_S = 0.01


class UnixTransport(Obligations):
    def __init__(self, role: Any, *arguments: Any) -> None:
        """Open a door into the system of `arguments[0]`, its capabilities, or be what an endpoint says."""
        self._door: Door | None = None
        if isinstance(role, ExternalInterfaceTransportInit):
            self._admin = naming.admin_by_capabilities(arguments[0])
            self._lifelines: tuple[Lifeline, ...] = (lifelines.this_process(grace_s=0),)
            self._door = Door(_path(self._admin))
        elif isinstance(role, ProcessEndpoint | ContextEndpoint):
            self._admin, self._lifelines = role.admin, role.lifelines
        else:
            raise TypeError(f"unexpected endpoint {role!r}")

        self._directory = Path(_path(self._admin)).parent
        assigned = getattr(role, "assigned", None)
        self.myAddress = assigned or ActorAddress(UnixAddress(str(self._directory / new_name())))
        self._own_path = _path(self.myAddress)
        self._turn = threading.RLock()
        self._from_threads: deque[tuple[TransmitIntent, bytes]] = deque()
        self._poller = Poller()
        self._reception = Reception(self._own_path, self._poller, self._may_stay, self._door)
        self.place = self._reception.place  # for whoever has to tell a person
        self.opened_modes = self._reception.opened_modes  # likewise
        give_back = self._on_refused, self._on_lost
        self._post = Post(self._own_path, self._poller, Limits(), *give_back, self._reception.keep_place)
        self._wakeups = Wakeups()
        self._is_process = isinstance(role, ProcessEndpoint)
        self._is_open = True
        self._must_stop = self._must_drain = False  # asked by abort_run
        self._may_have_lost_child = self._was_told_to_exit = False  # set by signal handlers
        self._given_up = 0  # messages that a full queue refused and no actor was told of
        self._was_refused = False
        forking.hold(self)
        if self._is_process:
            economy.apply()
            lifelines.end_with(self._lifelines, self._clear_up)
            Finalize(None, self._leave_process, exitpriority=-1)
        else:
            # Also for a system that was shut down by one of its actors, or not at all.
            self._leave = weakref.finalize(self, leave, os.getpid(), self._own_path, self._door)

    # ---- making processes --------------------------------------------------------------------------------

    def prepEndpoint(self, assigned: ActorAddress, capabilities: dict[str, Any]) -> ProcessEndpoint:
        """Return what the process about to be started needs."""
        self._reception.keep_place()  # it has to find us
        forking.making_actor(True)
        is_admin = self.myAddress == self._admin
        needed = self._lifelines + ((lifelines.this_process(ADMIN_GRACE_S),) if is_admin else ())
        details = assigned.addressDetails
        if isinstance(details, ActorLocalAddress):
            return ProcessEndpoint(details.addressInstanceNum, None, self._admin, needed)
        return ProcessEndpoint(None, assigned, self._admin, needed)

    def connectEndpoint(self, endpoint: ProcessEndpoint) -> None:
        forking.making_actor(False)

    def external_transport_clone(self) -> UnixTransport:
        return UnixTransport(ContextEndpoint(self._admin, self._lifelines))

    def deadAddress(self, address_manager: Any, child: ActorAddress) -> None:
        """Remove the socket of a child that was killed. Connections to it tell of its end themselves."""
        address = address_manager.exportAddr(child)
        if address is not None:
            Path(_path(address)).unlink(missing_ok=True)

    # ---- sending -----------------------------------------------------------------------------------------

    def scheduleTransmit(self, address_manager: Any, intent: TransmitIntent, has_exclusive_flag: bool = False) -> None:
        """Send, from any thread.

        Raises:
            CannotPickleAddress: the target, or an address in the message, isn't known yet; try again then.
            Exception: whatever pickling the message raises.
        """
        if address_manager:
            target, message = address_manager.prepMessageSend(intent.targetAddr, intent.message)
            if message is SendStatus.DeadTarget:
                intent.tx_done(SendStatus.Sent)  # Thespian's way to drop what nobody must bounce
                return
            if not target:
                raise CannotPickleAddress(intent.targetAddr)
            intent.changeTargetAddr(target)
            intent.changeMessage(message)
        if isinstance(intent.message, Thespian__UpdateWork):
            intent.tx_done(SendStatus.Sent)
            return
        payload = pickle.dumps(intent.message, PICKLE_PROTOCOL)
        if self._turn.acquire(blocking=False):
            try:
                self._send(intent, payload)
            finally:
                self._turn.release()
            return
        if len(self._from_threads) >= MOST_FROM_THREADS:
            time.sleep(SLOWED_S)
        self._from_threads.append((intent, payload))
        self._poller.ring()

    def _send(self, intent: TransmitIntent, payload: bytes) -> None:
        path = getattr(intent.targetAddr.addressDetails, "path", "")
        if path == self._own_path:
            message = pickle.loads(payload)  # a copy, as everybody else would get
            envelope = ReceiveEnvelope(intent.targetAddr, message)
            self._reception.put_own(envelope, lane_of(message), overtakes(message))
            intent.tx_done(SendStatus.Sent)
        else:
            self._post.send(intent, path, payload)

    def _send_what_threads_left(self) -> None:
        while self._from_threads:
            self._send(*self._from_threads.popleft())

    def _on_refused(self, intent: TransmitIntent) -> None:
        """Say Busy to our actor. Outside, and for Thespian's own messages, nobody would hear: they fail."""
        if not self._is_process or isinstance(intent.message, ActorSystemMessage | logging.LogRecord):
            self._given_up += 1
            self._was_refused = True
            thesplog("queue is full: gave up %s", intent.identify(), level=logging.ERROR)
        else:
            busy = ReceiveEnvelope(intent.targetAddr, Busy(intent.targetAddr, intent.message))
            self._reception.put_own(busy, NORMAL)

    def _on_lost(self, intent: TransmitIntent) -> None:
        """Make a dead letter of what the receiver took and never handled."""
        message = intent.message
        is_letter = not isinstance(message, ActorSystemMessage | logging.LogRecord)
        if is_letter and intent.targetAddr != self._admin:
            self.scheduleTransmit(None, TransmitIntent(self._admin, DeadEnvelope(intent.targetAddr, message)))

    # ---- running -----------------------------------------------------------------------------------------

    def run(self, handler: Any, maximum: timedelta | None = None) -> Any:
        """Give messages to `handler` until it returns something false, `abort_run`, or the time is over.

        Without a handler, return the first envelope. With TransmitOnly, receive nothing, and return for how
        many receivers something still waits. Return None when the time is over.
        """
        until_s = None if maximum is None else time.monotonic() + max(0.0, timePeriodSeconds(maximum))
        with self._turn:
            try:
                self._reception.look_after()
                self._send_what_threads_left()
                if handler is TransmitOnly:
                    return self._post.flush(until_s) or int(self._was_refused)  # makes `tell` look, and raise
                return self._receive(handler, until_s)
            finally:
                self._must_stop = self._must_drain = self._was_refused = False

    def _receive(self, handler: Callable[[ReceiveEnvelope], Any] | None, until_s: float | None) -> Any:
        while True:
            if self._must_stop:
                return self._stopped(Thespian__Run_Terminated())
            ready = self._turn_of_sockets(until_s)
            result = self._turn_of_watches(handler, ready) if ready else None
            result = self._turn_of_wakeups(handler) if result is None else result
            result = self._turn_of_messages(handler) if result is None else result
            if result is not None:
                return result
            if until_s is not None and until_s <= time.monotonic():
                return None

    def _turn_of_sockets(self, until_s: float | None) -> list[int]:
        """Move bytes; wait if there is nothing else to do. Return the watched descriptors that are ready."""
        events, ready, has_rung = self._poller.poll(0)
        if not (events or ready or has_rung or self._reception.mailbox or self._must_stop):
            events, ready, has_rung = self._poller.poll(self._patience_s(until_s))
        for descriptor, event in events:
            if not self._reception.handle(descriptor, event):
                self._post.handle(descriptor, event)
        self._reception.look_after()
        if has_rung:
            self._send_what_threads_left()
            self._receive_signals()
        return ready

    def _patience_s(self, until_s: float | None) -> float:
        known = (until_s, self._wakeups.next_due_s(), self._reception.next_look_s())
        moments = [moment for moment in known if moment is not None]
        return max(0.0, min(moments) - time.monotonic())

    def _receive_signals(self) -> None:
        if self._may_have_lost_child:
            self._may_have_lost_child = False
            self._hurry(ChildMayHaveDied())
        if self._was_told_to_exit:
            self._was_told_to_exit = False
            self._hurry(ActorExitRequest())

    def _hurry(self, message: ActorSystemMessage) -> None:
        self._reception.put_own(ReceiveEnvelope(self.myAddress, message), URGENT, overtakes=True)

    def _turn_of_watches(self, handler: Any, ready: list[int]) -> Any:
        # First of all after the poll: any message may change what is watched.
        return self._deliver(handler, ReceiveEnvelope(self.myAddress, WatchMessage(ready)))

    def _turn_of_wakeups(self, handler: Any) -> Any:
        now_s = time.monotonic()  # read once: a wake-up that sets the next one at once must not keep the turn
        while wakeup := self._wakeups.take_due(now_s):
            delay = wakeup.delay if isinstance(wakeup.delay, timedelta) else timedelta(seconds=wakeup.delay)
            envelope = ReceiveEnvelope(self.myAddress, WakeupMessage(delay, wakeup.payload))
            result = self._deliver(handler, envelope)
            if result is not None:
                return result
        return None

    def _turn_of_messages(self, handler: Any) -> Any:
        until_s = time.monotonic() + TURN_S
        try:
            for _ in range(TURN_MESSAGES):
                entry = self._reception.mailbox.take()
                if entry is None:
                    return None
                result = self._deliver_entry(handler, entry)
                if result is not None or time.monotonic() > until_s:
                    return result
            return None
        finally:
            self._reception.acknowledge()

    def _deliver_entry(self, handler: Any, entry: Entry) -> Any:
        try:
            envelope = self._reception.open(entry)
        except Undecoded as error:
            thesplog("can't unpickle from %s: %s", error.sender, error.reason, level=logging.ERROR)
            letter = DeadEnvelope(self.myAddress, Undecodable(error.sender, error.reason, error.size))
            self.scheduleTransmit(None, TransmitIntent(self._admin, letter))
            self._reception.settle(entry)
            return None
        if isinstance(envelope.message, ActorExitRequest):
            self._reception.acknowledge()  # whoever hears of our end must know first what was handled
        return self._deliver(handler, envelope, entry)

    def _deliver(self, handler: Any, envelope: ReceiveEnvelope, entry: Entry | None = None) -> Any:
        """Return what `run` shall return, or None to go on."""
        answer = self._handle(handler, envelope) if handler else None
        if entry is not None:
            self._reception.settle(entry)
        if handler is None:
            return envelope
        if not answer:
            return self._stopped(Thespian__Run_HandlerResult(answer))
        return self._stopped(Thespian__Run_Terminated()) if self._must_stop else None

    def _handle(self, handler: Any, envelope: ReceiveEnvelope) -> Any:
        self._post.begin_batch()
        try:
            return handler(envelope)
        finally:
            self._post.end_batch()

    def _stopped(self, result: Any) -> Any:
        if self._must_drain:
            self._reception.acknowledge()
            self._post.flush(time.monotonic() + LAST_WRITES_WITHIN_S)
            self._post.give_up()
            self._post.flush(time.monotonic() + LAST_WRITES_WITHIN_S)
        return result

    def abort_run(self, drain: bool = False) -> None:
        """End the current run, or the next one at its start; `drain` means for good."""
        self._must_stop = True
        self._must_drain = self._must_drain or drain

    def interrupt_wait(self, signal_shutdown: bool = False, check_children: bool = False) -> None:
        """Take note of a signal. Called by its handler."""
        self._was_told_to_exit |= signal_shutdown
        self._may_have_lost_child |= check_children
        self._poller.ring()

    def addWakeup(self, delay: timedelta | float, payload: Any) -> None:
        self._wakeups.add(time.monotonic() + timePeriodSeconds(delay), delay, payload)
        if self._turn.acquire(blocking=False):
            self._turn.release()
        else:
            self._poller.ring()  # another thread's loop may be waiting for longer than that

    def set_watch(self, descriptors: list[int]) -> None:
        self._poller.watch(descriptors)

    def _updateStatusResponse(self, response: Any) -> None:
        for path, unhandled, queued in self._post.waiting():
            for intent in queued:
                response.addPendingMessage(self.myAddress, intent.targetAddr, str(intent.message))
            response.addKeyVal(path, f"unhandled={unhandled} queued={len(queued)}")
        response.addKeyVal("given up", self._given_up)
        response.addKeyVal("mailbox", len(self._reception.mailbox))
        timers = [ExpirationTimer(wakeup.due_s - time.monotonic()) for wakeup in self._wakeups]
        response.addWakeups([(self.myAddress, timer) for timer in timers])

    # ---- ending ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close a door into the system. After a shutdown, the launcher's waits until the rest is gone."""
        with self._turn:
            if not self._is_open:
                return
            self._is_open = False
            self._post.flush(time.monotonic() + 1.0)
            if self._door:
                self._door.wait_until_all_left(self._post)
            forking.release(self)
            self.close_descriptors()
            self._leave()

    def close_descriptors(self) -> None:
        self._post.close()
        self._reception.close()
        self._poller.close()

    def _may_stay(self) -> bool:
        return self._is_open and all(map(lifelines.is_alive, self._lifelines))

    def _leave_process(self) -> None:
        is_orphan = not all(map(lifelines.is_alive, self._lifelines))
        socket_directory.clear_up(Path(self._own_path), is_orphan and self.myAddress == self._admin)

    def _clear_up(self) -> None:
        self._is_open = False
        socket_directory.clear_up(Path(self._own_path), self.myAddress == self._admin)


def _path(address: ActorAddress) -> str:
    return str(address.addressDetails.path)
