"""The one list of venues: a name, and the factories that build everything it adds.

The factories take the venue's settings and run in the process that uses what they build: that is where the
keys are read. They are module-level functions, so they travel to an actor by name.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from adapters.clock import SystemClock
from adapters.key_vault import VAULT
from adapters.network.http import HttpTransport
from adapters.network.websocket import WebSocketDialer
from adapters.ports import VenueKit
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.evidence import CoinbaseEvidence
from adapters.venues.coinbase.market_stream import MarketStream
from adapters.venues.coinbase.order_rules import CoinbaseOrders
from adapters.venues.coinbase.private_stream import PrivateStream
from adapters.venues.coinbase.public_client import PublicClient
from adapters.venues.coinbase.sign import load_signer
from adapters.venues.dydx.indexer import IndexerClient
from adapters.venues.dydx.market_stream import MarketStream as DydxMarketStream
from adapters.venues.hyperliquid.info import InfoClient
from adapters.venues.hyperliquid.market_stream import MarketStream as HyperliquidMarketStream
from domain.errors import Fatal
from domain.settings import VenueSettings


def coinbase_trading(settings: VenueSettings) -> CoinbaseClient:
    transport = HttpTransport(settings.workers, settings.connect_timeout_s)
    return CoinbaseClient(settings, load_signer(settings, VAULT), transport, SystemClock())


def coinbase_clock(settings: VenueSettings) -> PublicClient:
    return PublicClient(settings, _one_connection(settings), SystemClock())


def coinbase_market_stream(settings: VenueSettings) -> MarketStream:
    return MarketStream(settings)


def coinbase_private_stream(settings: VenueSettings) -> PrivateStream:
    return PrivateStream(settings, load_signer(settings, VAULT).token)


def dydx_market_stream(settings: VenueSettings) -> DydxMarketStream:
    return DydxMarketStream(settings)


def dydx_clock(settings: VenueSettings) -> IndexerClient:
    return IndexerClient(settings, _one_connection(settings), SystemClock())


def hyperliquid_market_stream(settings: VenueSettings) -> HyperliquidMarketStream:
    return HyperliquidMarketStream(settings)


def hyperliquid_clock(settings: VenueSettings) -> InfoClient:
    return InfoClient(settings, _one_connection(settings), SystemClock())


def _one_connection(settings: VenueSettings) -> HttpTransport:
    return HttpTransport(1, settings.connect_timeout_s)


def websocket_dialer(settings: VenueSettings) -> WebSocketDialer:
    path = settings.stream_token_file
    return WebSocketDialer(partial(_stream_token, Path(path)) if path else None)


def _stream_token(path: Path) -> str:
    """Return the token that the file holds now: whoever refreshes it need not restart us."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Fatal("cannot read the token for the stream", code="token_file") from None
    if not token.isprintable() or not token:
        raise Fatal("the file for the stream's token holds none", code="token_file")
    return token


VENUES: dict[str, VenueKit] = {
    "coinbase": VenueKit(
        trading=coinbase_trading,
        market_stream=coinbase_market_stream,
        private_stream=coinbase_private_stream,
        dialer=websocket_dialer,
        venue_clock=coinbase_clock,
        resubmits_safely=CoinbaseClient.resubmits_safely,
        evidence=CoinbaseEvidence,
        order_rules=CoinbaseOrders,
    ),
    "dydx": VenueKit(
        trading=None,
        market_stream=dydx_market_stream,
        private_stream=None,
        dialer=websocket_dialer,
        venue_clock=dydx_clock,
        resubmits_safely=False,
    ),
    "hyperliquid": VenueKit(
        trading=None,
        market_stream=hyperliquid_market_stream,
        private_stream=None,
        dialer=websocket_dialer,
        venue_clock=hyperliquid_clock,
        resubmits_safely=False,
    ),
}
