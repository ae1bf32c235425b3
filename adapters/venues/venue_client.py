"""What is alike for all clients of venues: every call has one deadline, every error names the venue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import ClassVar, TypeVar

from adapters import tickets
from adapters.clock import Clock
from adapters.decoding.answers import UnreadableAnswer
from adapters.network.http import Response, Transport
from adapters.network.retry_after import asked_pause_ns
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import Instrument
from domain.messages.listing import Listing, chosen
from domain.messages.market import Candle
from domain.stamps import is_sane
from domain.streams.venue_time import VenueTime

log = logging.getLogger(__name__)

T = TypeVar("T")


class VenueClient:
    """Requests to one venue. Calls block, and end within `timeout_s` seconds."""

    venue: ClassVar[str]
    lags_ns: ClassVar[int] = 0  # of the time that is read, behind the newest stamps
    retry_after_unit_ns: ClassVar[int] = SECOND_NS  # of a bare number in Retry-After

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._time = VenueTime()

    def follow(self, time: VenueTime) -> None:
        """Sign, stamp and look back by this reckoning of the venue's time from now on."""
        self._time = time

    def close(self) -> None:
        self._transport.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        tickets.count()
        try:
            return self._transport.send(method, url, headers, body, timeout_s)
        except (Retryable, Ambiguous) as error:
            raise self._failed(type(error), str(error), error.code) from None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Raise Retryable where a question may have been taken: it changed nothing, and may be asked again."""
        try:
            yield
        except Ambiguous as error:
            raise self._failed(Retryable, str(error), error.code) from None

    @contextmanager
    def _reading(self, fate: type[VenueError], raw: bytes = b"") -> Iterator[None]:
        """Raise `fate` where an answer proves unreadable."""
        try:
            yield
        except UnreadableAnswer as error:
            raise self._failed(fate, str(error), error.code, raw) from None

    def _utc_ns(self) -> int:
        """Return the venue's time, as well as it is known."""
        return self._time.utc_ns(self._clock.now())

    def _deadline_ns(self, timeout_s: float) -> int:
        return self._clock.now().monotonic_ns + int(timeout_s * SECOND_NS)

    def _left_s(self, deadline_ns: int) -> float:
        """Return how long a request may take yet, after waiting for our turn. Raises Retryable when it is too late."""
        if not tickets.await_turn(deadline_ns):
            raise self._failed(Retryable, "our own limit leaves no time to ask", "timeout")
        left_s = (deadline_ns - self._clock.now().monotonic_ns) / SECOND_NS
        if left_s <= 0:
            raise self._failed(Retryable, "no time left to ask", "timeout")
        return left_s

    def _throttled(self, error: VenueError, answer: Response) -> VenueError:
        """Note on an error that the venue wants fewer requests, if that is so, and for how long."""
        if answer.status == 429:
            error.is_throttled = True
            utc_ns = self._clock.now().utc_ns
            error.retry_after_ns = asked_pause_ns(answer.headers, self.retry_after_unit_ns, utc_ns)
        return error

    def _failed(self, fate: type[VenueError], text: str, code: str, raw: bytes = b"") -> VenueError:
        return fate(text, venue=self.venue, code=code, raw=raw)


class MarketClient(VenueClient):
    """Asks what anybody may know. Whatever goes wrong, nothing has happened, and it may be asked again.

    Attributes:
        refusals: statuses with which the venue says that it understood, and won't.
    """

    refusals: ClassVar[tuple[int, ...]]

    def _answer(
        self,
        read: Callable[[bytes], T],
        timeout_s: float,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> T:
        with self._asking():
            answer = self._send(method, url, headers, body, timeout_s)
        if answer.status != 200:
            raise self._status_error(answer)
        with self._reading(Retryable, answer.body):
            return read(answer.body)

    def _status_error(self, answer: Response) -> VenueError:
        fate = Rejected if answer.status in self.refusals else Retryable
        error = self._failed(fate, f"answered with {answer.status}", str(answer.status), answer.body)
        return self._throttled(error, answer)

    def _bars(self, start: int, end: int, span_ns: int, ask: Callable[[int], Iterable[Candle]]) -> tuple[Candle, ...]:
        """Return the bars that open from `start` to `end`, oldest first and each once.

        Args:
            span_ns: how much of it one question may cover.
            ask: puts the question that begins with this time.
        """
        found: dict[int, Candle] = {}  # open_ts -> bar: questions may meet in one
        for first in range(start, end + 1, span_ns):
            found |= {bar.open_ts: bar for bar in ask(first) if start <= bar.open_ts <= end}
        return tuple(found[open_ts] for open_ts in sorted(found))

    def _chosen(self, listed: Listing[Instrument], names: Sequence[str], unknown: str) -> Listing[Instrument]:
        """Return those with these names, in their order, and which are left out; no names: all.

        Args:
            unknown: the code of an error that says that none of them is listed.
        """
        found = chosen(listed, names) if names else listed
        for one in found.unread:
            log.warning("instrument_left_out venue=%s name=%s reason=%s", self.venue, one.instrument, one.reason)
        if names and not found:
            raise self._failed(Fatal, f"not listed at {self.venue}: {', '.join(names)}", unknown)
        return found


def http_date_ns(text: str) -> int:
    """Return an answer's `Date` in UTC ns, to the second; 0 where there is none that can be one."""
    try:
        found_ns = int(parsedate_to_datetime(text).timestamp()) * SECOND_NS
    except (ValueError, TypeError, OverflowError):
        return 0
    return found_ns if is_sane(found_ns) else 0
