"""What anybody may ask of Coinbase's markets: listings, one book, and the past. Nothing here trades or signs.

Every question is a read: whatever goes wrong, nothing has happened, and it may be asked again. Prints come
the newest first, so they are read backwards, page by page; bars are asked for in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

from adapters.clock import Clock
from adapters.network.http import Transport
from adapters.venues.coinbase import public_answers as answers
from adapters.venues.coinbase.market_rows import age
from adapters.venues.coinbase.signed_requests import PREFIX, URL, Query
from adapters.venues.venue_client import MarketClient
from domain.errors import Retryable
from domain.instant import SECOND_NS
from domain.instrument import Instrument
from domain.market.order_book import OrderBook
from domain.messages.listing import Listing, Unread
from domain.messages.market import Candle, Trade
from domain.settings import VenueSettings

_MINUTE_NS = 60 * SECOND_NS
GRANULARITIES = {  # the venue's word -> ns
    "ONE_MINUTE": _MINUTE_NS,
    "FIVE_MINUTE": 5 * _MINUTE_NS,
    "FIFTEEN_MINUTE": 15 * _MINUTE_NS,
    "THIRTY_MINUTE": 30 * _MINUTE_NS,
    "ONE_HOUR": 60 * _MINUTE_NS,
    "TWO_HOUR": 120 * _MINUTE_NS,
    "SIX_HOUR": 360 * _MINUTE_NS,
    "ONE_DAY": 1_440 * _MINUTE_NS,
}
_MOST_PRODUCTS = 250
_MOST_PAGES = 100
_MOST_TRADES = 1_000
_CANDLES_PER_QUESTION = 300  # it refuses to give more than 350

T = TypeVar("T")


class PublicClient(MarketClient):
    """Times are UTC ns; ranges include both ends."""

    venue = "coinbase"
    refusals = (400, 403, 404)

    def __init__(self, settings: VenueSettings, transport: Transport, clock: Clock) -> None:
        super().__init__(transport, clock)
        self._url = f"{(settings.rest_url or URL).rstrip('/')}{PREFIX}"

    def read_time(self, timeout_s: float) -> int:
        """Return what the venue's clock shows, in UTC ns."""
        return self._answer(answers.time, timeout_s, "GET", f"{self._url}/time", {}, b"")

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> Listing[Instrument]:
        """Return what is listed under these names, in their order; no names: all spot there is.

        Raises:
            Fatal: not one of the names is listed.
        """
        deadline_ns = self._deadline_ns(timeout_s)
        found: dict[str, Instrument] = {}  # name -> instrument: pages shift when something is listed
        unread: list[Unread] = []  # likewise
        for _ in range(_MOST_PAGES):
            offset = str(len(found) + sum(each.count for each in unread))
            query = [("product_type", "SPOT"), ("limit", str(_MOST_PRODUCTS)), ("offset", offset)]
            query += [("product_ids", name) for name in names]
            page = self._ask(answers.instruments, deadline_ns, "products", query)
            news = {each.name: each for each in page if each.name not in found}
            known = {each.instrument for each in unread if each.count == 1}
            odd = [each for each in page.unread if each.instrument not in known]
            found |= news
            unread += odd
            if not (news or odd) or len(page) + sum(each.count for each in page.unread) < _MOST_PRODUCTS:
                return self._chosen(Listing.of(found.values(), unread), names, "unknown_product")
        raise self._failed(Retryable, f"a list of more than {_MOST_PAGES} pages", "oversize")

    def find_order_book(self, instrument: str, timeout_s: float, most: int = 0) -> OrderBook:
        """Return a book, or only its `most` best levels a side.

        Raises:
            Rejected: the venue knows no such product.
        """
        query = [("product_id", instrument), *([("limit", str(most))] if most else [])]
        return self._ask(
            lambda body: answers.order_book(body, instrument),
            self._deadline_ns(timeout_s),
            "product_book",
            query,
        )

    def list_trades(self, instrument: str, since: int, timeout_s: float) -> tuple[Trade, ...]:
        """Return the prints since then, oldest first and each once, however many pages that takes."""
        deadline_ns = self._deadline_ns(timeout_s)
        now = self._clock.now()
        found: dict[str, Trade] = {}  # trade id -> trade: pages meet in a second
        query = [("limit", str(_MOST_TRADES)), ("start", str(since // SECOND_NS))]
        until: Query = []
        while True:
            page = self._ask(
                lambda body: answers.trades(body, now),
                deadline_ns,
                f"products/{quote(instrument)}/ticker",
                [*query, *until],
            )
            news = {trade.trade_id: trade for trade in page if trade.trade_id not in found}
            found |= news
            if not news or len(page) < _MOST_TRADES or page[0].ts_event < since:
                break
            until = [("end", str(-(-page[0].ts_event // SECOND_NS)))]
        recent = (trade for trade in found.values() if trade.ts_event >= since)
        return tuple(sorted(recent, key=age))

    def list_candles(
        self, instrument: str, granularity: str, start: int, end: int, timeout_s: float
    ) -> tuple[Candle, ...]:
        """Return the bars that open from `start` to `end`, oldest first; the last may still be forming.

        Where nothing was traded, the venue has no bar.

        Args:
            granularity: one of GRANULARITIES.
        """
        deadline_ns = self._deadline_ns(timeout_s)
        interval_ns = GRANULARITIES[granularity]
        span_ns = _CANDLES_PER_QUESTION * interval_ns

        def ask(first: int) -> tuple[Candle, ...]:
            return self._ask(
                lambda body: answers.candles(body, instrument, interval_ns),
                deadline_ns,
                f"products/{quote(instrument)}/candles",
                [
                    ("granularity", granularity),
                    ("start", str(first // SECOND_NS)),
                    ("end", str(min(first + span_ns, end) // SECOND_NS)),
                ],
            )

        return self._bars(start, end, span_ns, ask)

    # ---- requests ----------------------------------------------------------------------------------------

    def _ask(self, read: Callable[[bytes], T], deadline_ns: int, path: str, query: Query) -> T:
        url = f"{self._url}/market/{path}?{urlencode(query)}"
        return self._answer(read, self._left_s(deadline_ns), "GET", url, {}, b"")
