"""What every simulated venue shows the world's sockets: a front that answers, and a session per websocket.

A front speaks its venue's protocol over its market; it knows neither sockets nor what goes wrong between its
streams and their clients: that is `connection.py`'s. Faults of requests are its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.api_key import ApiKey
from adapters.simulator.engine.agenda import Agenda
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.margin_account import MarginAccount, Ratios
from adapters.simulator.engine.market import Market
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.records import AccountRecord, Records, Terms
from adapters.simulator.engine.refusals import Refusal
from adapters.simulator.faults import MARKET_STREAM, FaultPlan
from adapters.simulator.wire import Frame, Request, Response
from domain.settings import SimulatorSettings


class Ground(NamedTuple):
    """What a venue is built on."""

    settings: SimulatorSettings
    market: Market
    faults: FaultPlan
    start_ns: int  # UTC; the market still has to be brought up to it
    records: Records | None  # of an earlier life
    key: ApiKey | None  # the one clients have from then

    @property
    def record(self) -> AccountRecord | None:
        """Return what was kept of the account here."""
        return self.records.accounts.get(self.market.venue) if self.records else None

    @property
    def agenda(self) -> Agenda:
        return self.market.agenda


class Session(ABC):
    """One websocket, as its venue sees it: texts in, frames out. The world has advanced to `now_ns` already.

    Attributes:
        place: what a fault calls this stream.
        close_code: None while the venue keeps the connection; what the last poll returned is still sent.
    """

    place = MARKET_STREAM

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._stalled: dict[str, int] = {}  # channel -> until when it says nothing, UTC ns

    @abstractmethod
    def receive(self, text: str | bytes, now_ns: int) -> None:
        """Take one message of the client; the answer comes with the next poll."""

    @abstractmethod
    def poll(self, now_ns: int) -> list[Frame]:
        """Return the frames that are due, in order."""

    def pong(self, now_ns: int) -> None:
        """Hear the answer to a ping frame. A venue that sends none doesn't care."""

    def stall(self, channel: str, until_ns: int) -> None:
        """Say nothing on one channel for a while."""
        self._stalled[channel] = until_ns

    def is_stalled(self, channel: str, now_ns: int) -> bool:
        return now_ns < self._stalled.get(channel, 0)

    def renumbered(self, frame: Frame) -> Frame | None:
        """Return the frame with a number that is out of line; None when this one carries no number."""
        return None

    def crossed(self, frame: Frame) -> Frame | None:
        """Return the frame with its best bid above its best ask; None when it tells of no book."""
        return None


class Front(ABC):
    """One venue.

    Attributes:
        channels: what can be subscribed to, for faults that strike one channel.
        unfit_faults: kinds that this venue's protocol has no place for.
        exchange: its core, with the account there.
        key: what its clients sign with.
    """

    venue: str
    channels: Collection[str]
    unfit_faults: Collection[str] = ()
    exchange: Exchange
    key: ApiKey | None = None

    @abstractmethod
    def rest(self, request: Request, now_ns: int) -> Response:
        """Answer one request; `delay_s` and `drop` of the answer are the caller's to enact."""

    @abstractmethod
    def open_stream(self, path: str, now_ns: int) -> Session:
        """Accept one websocket."""

    def place(self, path: str) -> str:
        """Return what a fault calls the stream at this path."""
        return MARKET_STREAM

    def word(self, refusal: Refusal) -> str:
        """Return the venue's own word for why it doesn't take an order."""
        return refusal.name

    @abstractmethod
    def addresses(self, netloc: str) -> dict[str, str]:
        """Return the URLs at "host:port", by the names they have in a venue's settings."""


def open_margin_account(
    ground: Ground,
    terms: Terms,
    collateral: str,
    mark: Callable[[str], Decimal],
    ratios: Callable[[str], Ratios],
) -> PerpetualExchange:
    """Return the core of a venue of perpetuals with its account: the one that was kept, or a new one.

    Args:
        terms: of a new one.
    """
    record = ground.record
    terms = record.terms if record else terms
    account = MarginAccount(terms, ground.market.products, collateral, mark, ratios)
    return PerpetualExchange(ground.settings, ground.market, terms, account, mark, ground.start_ns, record)
