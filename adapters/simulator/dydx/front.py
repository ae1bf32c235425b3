"""The simulated dYdX v4: its indexer's REST API and websocket. Orders are not taken here yet."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from uuid import UUID, uuid5

from adapters.simulator.dydx.channels import CHANNELS
from adapters.simulator.dydx.indexer import LISTED, Indexer
from adapters.simulator.dydx.rest import DydxRest
from adapters.simulator.dydx.stream import DydxSession
from adapters.simulator.engine.margin_account import Ratios
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.records import Terms
from adapters.simulator.front import Front, Ground, open_margin_account
from adapters.simulator.wire import Request, Response

STREAM_PATH = "/v4/ws"
COLLATERAL = "USDC"
TAKER_FEE_RATIO, MAKER_FEE_RATIO = Decimal("0.0005"), Decimal("0.0001")  # of the lowest tier
CONNECTIONS = UUID("5b0ed6a5-6d7d-4b0c-8f1b-0c3a3c9c7c55")  # namespace of connection ids


class DydxFront(Front):
    venue = "dydx"
    channels = tuple(CHANNELS)
    # Nobody signs in, nobody orders; a snapshot is the answer to a subscription.
    unfit_faults = ("401", "late_accept", "reject", "fail", "hold", "lag", "missing_rows", "no_snapshot")

    exchange: PerpetualExchange

    def __init__(self, ground: Ground) -> None:
        self.indexer = Indexer(ground.market, ground.settings.seed)
        self.exchange = open_margin_account(
            ground,
            Terms(ground.settings.accounts.dydx, TAKER_FEE_RATIO, MAKER_FEE_RATIO),
            COLLATERAL,
            self.indexer.oracle_price,
            ratios_of,
        )
        self.indexer.on_funding = self.exchange.pay_funding
        self._rest = DydxRest(self.indexer, ground.faults)
        self._connections = count(1)

    def rest(self, request: Request, now_ns: int) -> Response:
        return self._rest.handle(request, now_ns)

    def open_stream(self, path: str, now_ns: int) -> DydxSession:
        connection_id = uuid5(CONNECTIONS, f"{now_ns}:{next(self._connections)}")
        return DydxSession(self.indexer, connection_id, now_ns)

    def addresses(self, netloc: str) -> dict[str, str]:
        return {"rest_url": f"http://{netloc}", "market_stream_url": f"ws://{netloc}{STREAM_PATH}"}


def ratios_of(ticker: str) -> Ratios:
    return Ratios(LISTED[ticker].initial_margin, LISTED[ticker].maintenance_margin)
