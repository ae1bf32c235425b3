"""The simulated Coinbase Advanced: one account and its API key behind REST and two streams."""

from __future__ import annotations

from adapters.simulator.api_key import ApiKey
from adapters.simulator.coinbase.auth import KeyRing
from adapters.simulator.coinbase.channels import CHANNELS
from adapters.simulator.coinbase.refusals import in_words
from adapters.simulator.coinbase.rest import CoinbaseRest
from adapters.simulator.coinbase.stream import StreamSession
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.records import Terms
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.spot_account import SpotAccount
from adapters.simulator.faults import MARKET_STREAM, PRIVATE_STREAM
from adapters.simulator.front import Front, Ground
from adapters.simulator.wire import Request, Response
from domain.settings import SimulatorSettings

PRIVATE_PATH = "/user"  # of the stream with our orders; any other path is the market's


class CoinbaseFront(Front):
    exchange: Exchange
    key: ApiKey
    venue = "coinbase"
    channels = tuple(CHANNELS)

    def __init__(self, ground: Ground) -> None:
        settings, market, record = ground.settings, ground.market, ground.record
        terms = record.terms if record else terms_of(settings)
        account = SpotAccount(terms, market.products)
        self.exchange = Exchange(settings, market, terms, account, ground.start_ns, record)
        self.keys = KeyRing()
        self.key = ground.key or self.keys.issue()  # may trade
        self.keys.admit(self.key)
        self._rest = CoinbaseRest(self.exchange, self.keys, ground.faults)

    def rest(self, request: Request, now_ns: int) -> Response:
        return self._rest.handle(request, now_ns)

    def open_stream(self, path: str, now_ns: int) -> StreamSession:
        return StreamSession(self.exchange, self.keys, self.place(path), now_ns)

    def place(self, path: str) -> str:
        return PRIVATE_STREAM if path.rstrip("/") == PRIVATE_PATH else MARKET_STREAM

    def word(self, refusal: Refusal) -> str:
        return in_words(Refused(refusal)).reason

    def addresses(self, netloc: str) -> dict[str, str]:
        return {
            "rest_url": f"http://{netloc}",
            "market_stream_url": f"ws://{netloc}/",
            "private_stream_url": f"ws://{netloc}{PRIVATE_PATH}",
        }


def terms_of(settings: SimulatorSettings) -> Terms:
    """Return what a new account here is opened with."""
    return Terms(settings.balances, settings.taker_fee_ratio, settings.maker_fee_ratio)
