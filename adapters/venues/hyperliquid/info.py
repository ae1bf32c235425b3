"""What can be asked of Hyperliquid's markets: listings, one book, and the past. Nothing here trades or signs.

Every question is a read: whatever goes wrong, nothing has happened, and it may be asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from adapters.clock import Clock
from adapters.network.http import Transport
from adapters.venues.hyperliquid import answers
from adapters.venues.hyperliquid.coins import coin_of
from adapters.venues.hyperliquid.encode import encode_question
from adapters.venues.hyperliquid.market_rows import INTERVALS, VENUE
from adapters.venues.venue_client import MarketClient
from domain.errors import Rejected
from domain.instant import SECOND_NS
from domain.instrument import Instrument
from domain.market.order_book import OrderBook
from domain.messages.listing import Listing
from domain.messages.market import Candle, FundingRate, Trade
from domain.settings import VenueSettings

URL = "https://api.hyperliquid.xyz"

_CANDLES_PER_QUESTION = 500  # it answers with 5,000 at most, and the weight of an answer grows with it
_MILLISECOND_NS = 1_000_000

T = TypeVar("T")


class InfoClient(MarketClient):
    """Times are UTC ns; ranges include both ends."""

    venue = VENUE
    lags_ns = SECOND_NS  # blocks are closer to each other than that
    refusals = (400, 422)  # 422: a question that can't be understood

    def __init__(self, settings: VenueSettings, transport: Transport, clock: Clock) -> None:
        super().__init__(transport, clock)
        self._url = f"{(settings.rest_url or URL).rstrip('/')}/info"
        self._timepieces = deque(settings.instruments)  # whose books show the time; the first one is asked

    def read_time(self, timeout_s: float) -> int:
        """Return the time of the newest block, the one clock that the venue shows and stamps by."""
        deadline_ns = self._deadline_ns(timeout_s)
        for _ in range(len(self._timepieces) - 1):
            try:
                return self._shown(deadline_ns)
            except Rejected:  # one name that isn't listed keeps the time from nobody
                self._timepieces.rotate(-1)
        return self._shown(deadline_ns)

    def _shown(self, deadline_ns: int) -> int:
        return self.find_order_book(self._timepieces[0], self._left_s(deadline_ns)).ts_event

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> Listing[Instrument]:
        """Return what is listed under these names, in their order; no names: all there is.

        Raises:
            Fatal: not one of the names is listed.
        """
        return self._chosen(self._ask(answers.instruments, timeout_s, "meta"), names, "unknown_coin")

    def find_order_book(self, instrument: str, timeout_s: float, significant_digits: int | None = None) -> OrderBook:
        """Return up to 20 levels a side; fewer `significant_digits` (2 to 5) make them coarser.

        Raises:
            Rejected: the venue knows no such coin.
        """
        limits = {} if significant_digits is None else {"nSigFigs": significant_digits}
        coin = coin_of(instrument)
        book = self._ask(lambda body: answers.order_book(body, coin), timeout_s, "l2Book", coin=coin, **limits)
        if book is None:
            raise self._failed(Rejected, f"not listed at hyperliquid: {instrument}", "unknown_coin")
        return book

    def list_trades(self, instrument: str, timeout_s: float) -> tuple[Trade, ...]:
        """Return the newest prints, oldest first: the venue keeps no more for the public."""
        now = self._clock.now()
        return self._ask(lambda body: answers.trades(body, now), timeout_s, "recentTrades", coin=coin_of(instrument))

    def list_candles(
        self, instrument: str, interval: str, start: int, end: int, timeout_s: float
    ) -> tuple[Candle, ...]:
        """Return the bars that open from `start` to `end`, oldest first; the last may still be forming.

        Args:
            interval: one of INTERVALS.
        """
        deadline_ns = self._deadline_ns(timeout_s)
        span_ns = _CANDLES_PER_QUESTION * INTERVALS[interval]

        def ask(first: int) -> tuple[Candle, ...]:
            asked = {
                "coin": coin_of(instrument),
                "interval": interval,
                "startTime": first // _MILLISECOND_NS,
                "endTime": min(first + span_ns - 1, end) // _MILLISECOND_NS,
            }
            return self._ask(answers.candles, self._left_s(deadline_ns), "candleSnapshot", req=asked)

        return self._bars(start, end, span_ns, ask)

    def list_funding_rates(self, instrument: str, start: int, end: int, timeout_s: float) -> tuple[FundingRate, ...]:
        """Return what was paid from `start` to `end`, oldest first, however many answers that takes."""
        deadline_ns = self._deadline_ns(timeout_s)
        found: dict[int, FundingRate] = {}  # ts_event -> rate
        while start <= end:
            now = self._clock.now()
            rates = self._ask(
                partial(answers.funding_rates, now=now),
                self._left_s(deadline_ns),
                "fundingHistory",
                coin=coin_of(instrument),
                startTime=-(-start // _MILLISECOND_NS),
                endTime=end // _MILLISECOND_NS,
            )
            news = {rate.ts_event: rate for rate in rates if start <= rate.ts_event <= end}
            if not news:
                break
            found |= news
            start = max(news) + 1
        return tuple(found[ts_event] for ts_event in sorted(found))

    # ---- requests ----------------------------------------------------------------------------------------

    def _ask(self, read: Callable[[bytes], T], timeout_s: float, kind: str, **parameters: Any) -> T:
        body = encode_question(kind, **parameters)
        headers = {"Content-Type": "application/json"}
        return self._answer(read, timeout_s, "POST", self._url, headers, body)
