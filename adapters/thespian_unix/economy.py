"""Spare a process of this base two costs of Thespian's that are meant for networks and for logs."""

from __future__ import annotations

from typing import Any

import thespian.system.systemCommon
from thespian.system import transport


class NoThrottle:
    """For the throttle that puts actors to sleep above 4,480 messages a second. Our queues are bounded."""

    def __init__(self, maximum_rate: int) -> None: ...

    def __str__(self) -> str:
        return "Rate limit: none"

    def eventRatePause(self, now: Any) -> None: ...


def _identify_intent(self: Any) -> str:
    return f"TransmitIntent({self.targetAddr}, {type(self.message).__name__})"


def _identify_envelope(self: Any) -> str:
    return f"ReceiveEnvelope({self.sender}, {type(self.message).__name__})"


def apply() -> None:
    thespian.system.systemCommon.RateThrottle = NoThrottle
    # Both are called for every message, for a log that is usually off: they name the message instead of
    # formatting it.
    transport.TransmitIntent.identify = _identify_intent
    transport.ReceiveEnvelope.identify = _identify_envelope
