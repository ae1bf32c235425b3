"""Exact fills on their way to the router: those of the private stream as they are, else read over REST.

A stream that tells totals only, or that is silent, has its fills read behind each total that grew. One that tells
fills has them checked by whoever reads the account, under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from actors.components.fills_due import READ_FILLS, FillsDue
from actors.components.venue_calls import Call, Urgency
from actors.components.venue_line import VenueLine
from actors.runtime.base_actor import BaseActor
from adapters.ports import TradingVenue
from domain.effects import Role
from domain.errors import VenueError
from domain.instant import SECOND_NS
from domain.messages.account import RowsUnread
from domain.messages.listing import Listing
from domain.messages.orders import Fill, FillsReported, OrderReported
from domain.resilience.backoff import Backoff
from domain.streams.venue_time import VenueTime

_AFTER_NS = 20_000_000  # totals come in bursts: one read of the fills for all of them
_AFTER_STREAM_NS = SECOND_NS // 2  # a stream that tells fills itself may tell them after the total


class FillReads:
    """What one gateway knows of fills, and reads of them."""

    def __init__(
        self, actor: BaseActor, venue: str, client: TradingVenue, line: VenueLine, time: VenueTime, timeout_s: float
    ) -> None:
        self._actor = actor
        self._venue = venue
        self._client = client
        self._line = line
        self._time = time
        self._timeout_s = timeout_s
        self._due = FillsDue()
        self._backoff = Backoff(SECOND_NS // 10, 2.0, 4 * SECOND_NS, 0.1)
        self._stream_tells = False  # since it was opened

    def on_totals(self, report: OrderReported) -> None:
        """Totals grew, or an end came without: see that the exact fills behind them come, too."""
        if self._due.is_due(report):
            self._want((report.venue_order_id,), _AFTER_STREAM_NS if self._stream_tells else _AFTER_NS)

    def on_stream(self, event: FillsReported) -> None:
        """Hand on what the stream tells: who books it knows what it has had."""
        self._stream_tells = True
        self._due.heard(event.fills)
        self._actor.tell(Role.ORDER_ROUTER, event)

    def stream_is_gone(self) -> None:
        """Wait for it no more."""
        self._stream_tells = False
        if self._due.is_any_wanted:
            self.read()

    def _want(self, venue_order_ids: Iterable[str], delay_ns: int) -> None:
        self._due.want(venue_order_ids)
        self._actor.wake_at(self._actor.clock.now().monotonic_ns + delay_ns, READ_FILLS)

    def read(self) -> None:
        """Ask for what is due; called at each READ_FILLS."""
        if wanted := self._due.take():
            run = partial(self._client.list_fills, 0, self._timeout_s, wanted)
            # What filled is known from totals only until then, and no comparison of balances can be made.
            answered = partial(self._answered, wanted)
            self._line.make(Call(run, answered, Urgency.ASKING, requests=1, within_s=self._timeout_s))

    def _answered(self, wanted: tuple[str, ...], result: Any) -> None:
        if isinstance(result, VenueError):
            self._actor.counters["fill_read_failures"] += 1
            self._want(wanted, self._backoff.next_delay_ns(self._actor.toolbox.uniform()))
            return
        self._backoff.reset()
        self.tell(result)

    def tell(self, result: Listing[Fill] | VenueError) -> None:
        """Tell the router what a read brought."""
        if isinstance(result, VenueError):
            return
        about: dict[str, Any] = {"ts_event": self._time.utc_ns(self._actor.clock.now()), "venue": self._venue}
        if result:
            self._actor.tell(Role.ORDER_ROUTER, FillsReported(**about, fills=tuple(result)))
        if result.unread:
            self._actor.tell(Role.ORDER_ROUTER, RowsUnread(**about, rows=result.unread))
