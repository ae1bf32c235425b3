"""Signed requests to Coinbase: fresh tokens, and the fate of all sends of one request.

A 401 proves nothing, so what follows it is a second send, and no refusal of that one is proof either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from adapters.clock import Clock
from adapters.network.addresses import read_address
from adapters.network.http import ALONE, Response, Transport
from adapters.venues.coinbase import answers, public_answers
from adapters.venues.coinbase.sign import TOKEN_TTL_S, Signer
from adapters.venues.venue_client import VenueClient, http_date_ns
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.settings import VenueSettings
from domain.streams.health import LONGEST_ROUND_TRIP_NS, ClockReading

URL = "https://api.coinbase.com"
PREFIX = "/api/v3/brokerage"

Query = list[tuple[str, str]]


T = TypeVar("T")


class Sent(NamedTuple):
    """An answer, and whether it is to the only send of its request: else another may have been taken."""

    answer: Response
    is_only: bool

    @property
    def refusal(self) -> type[VenueError]:
        """Return what a refusal means."""
        return Rejected if self.is_only else Ambiguous


class SignedRequests(VenueClient):
    """What every signed call to Coinbase goes through. Threads may share it."""

    venue = "coinbase"

    def __init__(self, settings: VenueSettings, signer: Signer, transport: Transport, clock: Clock) -> None:
        super().__init__(transport, clock)
        base = read_address(settings.rest_url or URL)
        self._origin, self._host = f"{base.scheme}://{base.netloc}", base.netloc
        self._settings = settings
        self._signer = signer
        self._is_denied = False  # the last answer refused our token, twice

    def _ask(
        self,
        path: str,
        deadline_ns: int,
        query: Query | None = None,
        known: tuple[int, ...] = (),
        is_alone: bool = False,
    ) -> Response:
        """Read something: whatever goes wrong, nothing has happened, and the same read may be made again.

        Args:
            is_alone: the answer doesn't say what was asked, so it must come over a connection of its own.
        """
        with self._asking():
            answer = self._exchange("GET", path, deadline_ns, query, is_alone=is_alone).answer
        if answer.status == 200 or answer.status in known:
            return answer
        fate = Fatal if answer.status == 403 else Retryable
        raise self._status_error(fate, answer)

    def _exchange(
        self,
        method: str,
        path: str,
        deadline_ns: int,
        query: Query | None = None,
        body: bytes = b"",
        ttl_s: float = TOKEN_TTL_S,
        is_alone: bool = False,
    ) -> Sent:
        """Send a request with a fresh token; once more when the first token is refused.

        A throttled Coinbase has answered 401 to good credentials, so only the second one says that they are bad,
        and the request of the first may have been taken: that the second one was not sent is no proof. Tokens of
        another time than its own it refuses as well; where its answer is dated so, it is asked for the time before
        the second one is signed. While they are known to be bad, one send is enough.
        """
        sent = self._attempt(method, path, deadline_ns, query, body, ttl_s, is_alone)
        if sent.status != 401:
            self._is_denied = False
            return Sent(sent, is_only=True)
        if self._is_denied:
            raise self._status_error(Fatal, sent)
        try:
            again = self._attempt(method, path, deadline_ns, query, body, ttl_s, is_alone)
        except Retryable as error:
            raise self._failed(Ambiguous, f"answered with 401, then {error}", error.code) from None
        self._is_denied = again.status == 401
        if self._is_denied:
            raise self._status_error(Fatal, again)
        return Sent(again, is_only=False)

    def _attempt(
        self,
        method: str,
        path: str,
        deadline_ns: int,
        query: Query | None,
        body: bytes,
        ttl_s: float,
        is_alone: bool,
    ) -> Response:
        asked, left_s = self._clock.now(), self._left_s(deadline_ns)
        uri = f"{method} {self._host}{PREFIX}{path}"
        token = self._signer.token(self._time.utc_ns(asked), ttl_s, uri=uri)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= (ALONE,) if is_alone else ()
        url = f"{self._origin}{PREFIX}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._send(method, url, headers, body, left_s)
        if answer.status == 401 and not self._is_denied:
            dated_ns = http_date_ns(answer.headers.get("date", ""))
            if dated_ns and self._time.differs(dated_ns, asked, self._clock.now()):
                self._read_clock(deadline_ns)
        return answer

    def _read_clock(self, deadline_ns: int) -> None:
        """Ask what the time is: the date of a refusal may say anything, and is no more than a reason to ask.

        Where no answer comes, what was known before still signs.
        """
        asked, within_s = self._clock.now(), LONGEST_ROUND_TRIP_NS / SECOND_NS
        try:
            left_s = min(self._left_s(deadline_ns), within_s)
            answer = self._send("GET", f"{self._origin}{PREFIX}/time", {}, b"", left_s)
            if answer.status != 200:
                return
            with self._reading(Retryable, answer.body):
                venue_ns = public_answers.time(answer.body)
        except VenueError:
            return
        self._time.clock_read(ClockReading(venue_ns, asked, self._clock.now()))

    # ---- fates ---------------------------------------------------------------------------------------

    def _about_something_else(self, fate: type[VenueError], text: str, raw: bytes = b"") -> VenueError:
        """Return the error of an answer to another question; every connection may be as far out of step, so none stays."""
        self._transport.close()
        return self._failed(fate, text, "unreadable", raw)

    def _read(self, answer: Response, shape: type[T], fate: type[VenueError]) -> T:
        with self._reading(fate, answer.body):
            return answers.read(answer.body, shape)

    def _rows(self, read: Callable[..., T], *arguments: Any) -> T:
        """Read the rows of a page; one of too many is none."""
        with self._reading(Retryable):
            return read(*arguments)

    def _converted(self, convert: Callable[..., T], *arguments: Any) -> T:
        """Convert what a read returned; an unknown word in it (a new status) leaves the question open."""
        with self._reading(Retryable):
            return answers.converted(convert, *arguments)

    def _status_error(self, fate: type[VenueError], answer: Response) -> VenueError:
        code = answers.error_code(answer.body) or str(answer.status)
        error = self._failed(fate, f"answered with {answer.status}", code, answer.body)
        error.denied_with = str(answer.status) if answer.status in (401, 403) else ""
        return self._throttled(error, answer)
