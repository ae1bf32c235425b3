"""What a process of this base changes in its own copy of Thespian: three costs, and one mistake."""

from __future__ import annotations

from typing import Any

import thespian.system.systemCommon
from thespian.system import transport
from thespian.system.admin.adminCore import AdminCore
from thespian.system.timing import ExpirationTimer


class NoThrottle:
    """For the throttle that puts actors to sleep above 4,480 messages a second. Our queues are bounded."""

    def __init__(self, maximum_rate: int) -> None: ...

    def __str__(self) -> str:
        return "Rate limit: none"

    def eventRatePause(self, now: Any) -> None: ...


class Identity:
    """Names an intent or envelope when somebody prints it: its address and the class of its message."""

    __slots__ = ("_named",)

    def __init__(self, named: Any) -> None:
        self._named = named

    def __str__(self) -> str:
        address = getattr(self._named, "targetAddr", None) or getattr(self._named, "sender", None)
        return f"{type(self._named).__name__}({address}, {type(self._named.message).__name__})"


NEVER = ExpirationTimer(None)


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


def apply() -> None:
    transport.TransmitIntent.__init__ = _begin_intent
    # The admin looks for this name when its logger dies, and dies of not finding it.
    AdminCore.logDefs = property(lambda self: self.logdefs)
    thespian.system.systemCommon.RateThrottle = NoThrottle
    # Both are asked for with every message, for a log that is usually off.
    for named in (transport.TransmitIntent, transport.ReceiveEnvelope):
        named.identify = lambda self: Identity(self)  # a class itself would not bind
        named.__str__ = lambda self: str(Identity(self))
