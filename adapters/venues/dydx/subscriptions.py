"""What we subscribe to on dYdX, what was answered, and what to ask for again.

The venue takes a snapshot before it registers a subscription, and loses what changes in between without a
sign. So each subscription is renewed from time to time, one after the other. Refuses to know what channels
say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from adapters.venues.dydx.decode import BLOCK_HEIGHT, CANDLES, MARKETS, ORDERBOOK, TRADES
from domain.instant import SECOND_NS

RENEWED_EVERY_NS = 600 * SECOND_NS
REPEATED_AFTER_NS = SECOND_NS  # the venue hangs up on the third request for the same in a second

_RESOLUTION = "1MIN"
_BATCHED = (MARKETS, CANDLES)  # nobody waits for these, so they may come every 250 ms


class Subscription(NamedTuple):
    channel: str
    id: str = ""  # empty where the channel is one for all

    @property
    def name(self) -> str:
        """Return what people and watchdogs call it: "v4_orderbook:BTC-USD"."""
        return f"{self.channel}:{self.id}" if self.id else self.channel

    @property
    def spelled(self) -> str:
        """Return how the venue's error texts name it."""
        return f"({self.channel}-{self.id or self.channel})"


class Subscriptions:
    """All of one connection. Times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self, instruments: Sequence[str]) -> None:
        self.all = (
            Subscription(BLOCK_HEIGHT),  # first: before the venue's time is known, nothing can be dated
            *(Subscription(ORDERBOOK, name) for name in instruments),
            *(Subscription(TRADES, name) for name in instruments),
            Subscription(MARKETS),
            *(Subscription(CANDLES, f"{name}/{_RESOLUTION}") for name in instruments),
        )
        self.restart()

    def restart(self) -> None:
        """Begin with a new connection, which has not been opened yet."""
        self._waiting: set[Subscription] = set()  # asked for and not answered yet
        self._refused: set[Subscription] = set()
        self._asked_ns: dict[Subscription, int] = {}  # subscription -> when we asked for it last
        self._due_ns: dict[Subscription, int] = {}  # subscription -> when to ask for it (again)

    def open(self, now_ns: int) -> None:
        """Ask for everything: the venue listens."""
        self._due_ns = dict.fromkeys(self.all, now_ns)

    def find(self, channel: str, message_id: str) -> Subscription | None:
        """Return the subscription that a message belongs to, if it is one of ours."""
        found = Subscription(channel, "" if message_id == channel else message_id)
        return found if found in self.all else None

    def named_in(self, text: str) -> Subscription | None:
        """Return the subscription that an error text is about, if it is one of ours."""
        return next((one for one in self.all if one.spelled in text), None)

    def is_waiting(self, one: Subscription) -> bool:
        return one in self._waiting

    def answered(self, one: Subscription) -> None:
        self._waiting.discard(one)

    def refused(self, one: Subscription) -> None:
        """Note that the venue knows no such thing: on this connection it is not asked again."""
        self._waiting.discard(one)
        self._due_ns.pop(one, None)
        self._refused.add(one)

    def is_refused(self, one: Subscription) -> bool:
        return one in self._refused

    def renew(self, one: Subscription, now_ns: int) -> None:
        """Ask for a new snapshot as soon as the venue lets us, unless one is on its way."""
        if one in self._asked_ns and one in self._due_ns and one not in self._waiting:
            soonest_ns = max(now_ns, self._asked_ns[one] + REPEATED_AFTER_NS)
            self._due_ns[one] = min(self._due_ns[one], soonest_ns)

    def take_due(self, now_ns: int) -> list[tuple[Subscription, tuple[str, ...]]]:
        """Return what must be asked for now, with the frames that do, and expect that they are sent."""
        due = [one for one, at_ns in self._due_ns.items() if at_ns <= now_ns and one not in self._waiting]
        asking: list[tuple[Subscription, tuple[str, ...]]] = []
        for one in due:
            subscribe = _message("subscribe", one)
            if one in self._asked_ns:  # to subscribe twice is an error
                asking.append((one, (_message("unsubscribe", one), subscribe)))
                self._due_ns[one] = now_ns + RENEWED_EVERY_NS
            else:  # spread the renewals, so that never all prices wait for theirs at once
                asking.append((one, (subscribe,)))
                nth = self.all.index(one) + 1
                self._due_ns[one] = now_ns + nth * RENEWED_EVERY_NS // len(self.all)
            self._waiting.add(one)
            self._asked_ns[one] = now_ns
        return asking


def _message(message_type: str, one: Subscription) -> str:
    message: dict[str, str | bool] = {"type": message_type, "channel": one.channel}
    if one.id:  # v4_markets with an instrument as its id would be answered, and never updated
        message["id"] = one.id
    if message_type == "subscribe":
        message["batched"] = one.channel in _BATCHED
    return msgspec.json.encode(message).decode()
