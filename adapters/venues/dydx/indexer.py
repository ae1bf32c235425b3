"""What can be asked of dYdX's markets: listings, one book, and the past. Nothing here trades or signs.

Every question is a read: whatever goes wrong, nothing has happened, and it may be asked again. The indexer
gives at most 1,000 rows at once, the newest first, so the past is read backwards, page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlencode

from adapters.clock import Clock
from adapters.network.http import Transport
from adapters.venues.dydx import answers
from adapters.venues.dydx.rows import RESOLUTIONS, VENUE
from adapters.venues.venue_client import MarketClient
from domain.instant import SECOND_NS
from domain.instrument import Instrument
from domain.market.order_book import OrderBook
from domain.messages.listing import Listing
from domain.messages.market import Candle, FundingRate, Trade
from domain.settings import VenueSettings

URL = "https://indexer.dydx.trade"

_MOST_ROWS = 1_000
# A block bears the time of the votes for the one before it, and has to get through the indexer: so much may
# the newest one be older than the indexer's own clock while all is well.
_BLOCK_AGE_NS = 2 * SECOND_NS
_MICROSECOND_NS = 1_000
_MILLISECOND_NS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class IndexerClient(MarketClient):
    """Times are UTC ns; ranges include both ends."""

    venue = VENUE
    lags_ns = _BLOCK_AGE_NS
    retry_after_unit_ns = _MILLISECOND_NS
    refusals = (400, 403, 404)

    def __init__(self, settings: VenueSettings, transport: Transport, clock: Clock) -> None:
        super().__init__(transport, clock)
        self._url = f"{(settings.rest_url or URL).rstrip('/')}/v4"

    def read_time(self, timeout_s: float) -> int:
        """Return a time that the blocks have reached, by which the stream is stamped (UTC ns)."""
        return self._ask(answers.time, timeout_s, "time") - _BLOCK_AGE_NS

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> Listing[Instrument]:
        """Return what is listed under these names, in their order; no names: all there is.

        Raises:
            Fatal: not one of the names is listed.
        """
        found = self._ask(answers.instruments, timeout_s, "perpetualMarkets")
        return self._chosen(found, names, "unknown_ticker")

    def find_order_book(self, instrument: str, timeout_s: float) -> OrderBook:
        """Return up to 100 levels a side, uncrossed by the venue.

        Raises:
            Rejected: the venue knows no such market.
        """
        return self._ask(answers.order_book, timeout_s, f"orderbooks/perpetualMarket/{quote(instrument)}")

    def list_trades(self, instrument: str, since: int, timeout_s: float) -> tuple[Trade, ...]:
        """Return the prints since then, oldest first and each once, however many pages that takes."""
        deadline_ns = self._deadline_ns(timeout_s)
        now = self._clock.now()
        found: dict[str, Trade] = {}  # trade id -> trade: pages meet in a block
        before: dict[str, int] = {}
        while True:
            page = self._ask(
                lambda body: answers.trades(body, instrument, now),
                self._left_s(deadline_ns),
                f"trades/perpetualMarket/{quote(instrument)}",
                limit=_MOST_ROWS,
                **before,
            )
            news = {trade.trade_id: trade for trade in page.trades if trade.trade_id not in found}
            found |= news
            if not news or len(page.trades) < _MOST_ROWS or page.trades[0].ts_event < since:
                break
            before = {"createdBeforeOrAtHeight": page.oldest_height}
        recent = (trade for trade in found.values() if trade.ts_event >= since)
        return tuple(sorted(recent, key=lambda trade: (trade.ts_event, trade.trade_id)))

    def list_candles(
        self, instrument: str, resolution: str, start: int, end: int, timeout_s: float
    ) -> tuple[Candle, ...]:
        """Return the bars that open from `start` to `end`, oldest first; the last may still be forming.

        Args:
            resolution: one of `rows.RESOLUTIONS`.
        """
        deadline_ns = self._deadline_ns(timeout_s)
        span_ns = _MOST_ROWS * RESOLUTIONS[resolution]

        def ask(first: int) -> tuple[Candle, ...]:
            return self._ask(
                answers.candles,
                self._left_s(deadline_ns),
                f"candles/perpetualMarkets/{quote(instrument)}",
                resolution=resolution,
                fromISO=_iso(first),
                toISO=_iso(min(first + span_ns, end + _MILLISECOND_NS)),  # it leaves out the end
                limit=_MOST_ROWS,
            )

        return self._bars(start, end, span_ns, ask)

    def list_funding_rates(self, instrument: str, start: int, end: int, timeout_s: float) -> tuple[FundingRate, ...]:
        """Return what was paid from `start` to `end`, oldest first, however many pages that takes."""
        deadline_ns = self._deadline_ns(timeout_s)
        now = self._clock.now()
        found: dict[int, FundingRate] = {}  # ts_event -> rate
        before = end
        while before >= start:
            page = self._ask(
                lambda body: answers.funding_rates(body, now),
                self._left_s(deadline_ns),
                f"historicalFunding/{quote(instrument)}",
                effectiveBeforeOrAt=_iso(before),
                limit=_MOST_ROWS,
            )
            found |= {rate.ts_event: rate for rate in page if start <= rate.ts_event <= end}
            if len(page) < _MOST_ROWS:
                break
            before = page[0].ts_event - _MILLISECOND_NS
        return tuple(found[ts_event] for ts_event in sorted(found))

    # ---- requests ----------------------------------------------------------------------------------------

    def _ask(self, read: Callable[[bytes], T], timeout_s: float, path: str, **parameters: str | int) -> T:
        url = f"{self._url}/{path}"
        if parameters:
            url += f"?{urlencode(parameters)}"
        return self._answer(read, timeout_s, "GET", url, {}, b"")


def _iso(time_ns: int) -> str:
    """Return UTC text with milliseconds, cut and not rounded."""
    moment = _EPOCH + timedelta(microseconds=time_ns // _MICROSECOND_NS)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
