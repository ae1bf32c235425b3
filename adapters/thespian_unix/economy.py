"""Patches to Thespian 4.0.1 in a process of this base, each with its reason: costs per message, a delay, a mistake."""

from __future__ import annotations

from typing import Any

from thespian.system import systemCommon, transport
from thespian.system.admin.adminCore import AdminCore
from thespian.system.messages.multiproc import EndpointConnected
from thespian.system.timing import ExpirationTimer

from adapters.thespian_unix.lanes import URGENT

NEVER = ExpirationTimer(None)


def _send_at_once(self: Any, intent: Any, curtime: Any = None) -> None:
    """Send without the throttle that puts actors to sleep above 4,480 messages/s. Our queues are bounded."""
    self._send_intent_to_transport(intent)


def _begin_intent(
    self: Any,
    targetAddr: Any,
    msg: Any,
    onSuccess: Any = None,
    onError: Any = None,
    maxPeriod: Any = None,
    retryPeriod: Any = transport.TRANSMIT_RETRY_PERIOD,
) -> None:
    """Set an intent up without a timer: here none is retried, or given up for its age."""
    self._targetAddr, self._message = targetAddr, msg
    self._callbackTo = transport.ResultCallback(onSuccess, onError)
    self._resultsts, self._quitTime = None, NEVER
    self._attempts, self.transmit_retry_period = 0, retryPeriod


def _end_intent(self: Any, status: Any) -> None:
    """Set the result, and call back whom it concerns: for nearly every message nobody."""
    self._resultsts = status
    callback = self._callbackTo
    if status is not transport.SendStatus.Sent or callback._successTo or callback._thenTo:
        callback.resultCallback(status, self)


def _itself(self: Any) -> Any:
    return self


def _name(self: Any) -> str:
    """Name an intent or envelope by its address and the class of its message."""
    address = getattr(self, "targetAddr", None) or getattr(self, "sender", None)
    return f"{type(self).__name__}({address}, {type(self.message).__name__})"


def apply() -> None:
    systemCommon.systemCommonBase._send_intent = _send_at_once
    systemCommon.RateThrottle = lambda most: f"no limit, instead of {most} messages/s"  # for status reports
    transport.TransmitIntent.__init__ = _begin_intent
    transport.TransmitIntent.tx_done = _end_intent
    # A new actor's first word: what was sent to it waits for that, and not for all that its parent has to do.
    EndpointConnected.lane = URGENT
    # The admin looks for this name when its logger dies, and dies of not finding it.
    AdminCore.logDefs = property(lambda self: self.logdefs)
    # Their names are asked for with every message, for a log that is usually off.
    for named in (transport.TransmitIntent, transport.ReceiveEnvelope):
        named.identify = _itself
        named.__str__ = _name
