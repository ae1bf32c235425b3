"""The simulated Hyperliquid: its info endpoint and its websocket. The account is there; orders are not taken yet."""

from __future__ import annotations

from decimal import Decimal

from adapters.simulator.engine.margin_account import Ratios
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.records import Terms
from adapters.simulator.front import Front, Ground, open_margin_account
from adapters.simulator.hyperliquid.channels import CHANNELS
from adapters.simulator.hyperliquid.rest import HyperliquidRest
from adapters.simulator.hyperliquid.stream import HyperliquidSession
from adapters.simulator.hyperliquid.venue import LISTED, Venue
from adapters.simulator.wire import Request, Response
from domain.numbers import divide

STREAM_PATH = "/ws"  # where clients look for it beside the info endpoint
COLLATERAL = "USDC"
TAKER_FEE_RATIO, MAKER_FEE_RATIO = Decimal("0.00045"), Decimal("0.00015")  # of the lowest tier


class HyperliquidFront(Front):
    venue = "hyperliquid"
    channels = tuple(CHANNELS)
    # Nothing is numbered; nobody signs in, nobody orders.
    unfit_faults = (
        "wrong_sequence",
        "401",
        "late_accept",
        "reject",
        "fail",
        "hold",
        "lag",
        "missing_rows",
        "no_snapshot",
    )

    exchange: PerpetualExchange

    def __init__(self, ground: Ground) -> None:
        self.knowledge = Venue(ground.market)
        self.exchange = open_margin_account(
            ground,
            Terms(ground.settings.accounts.hyperliquid, TAKER_FEE_RATIO, MAKER_FEE_RATIO),
            COLLATERAL,
            self.knowledge.mark_price,
            ratios_of,
        )
        self.knowledge.on_funding = self.exchange.pay_funding
        self._rest = HyperliquidRest(self.knowledge, ground.faults)

    def rest(self, request: Request, now_ns: int) -> Response:
        return self._rest.handle(request, now_ns)

    def open_stream(self, path: str, now_ns: int) -> HyperliquidSession:
        return HyperliquidSession(self.knowledge, now_ns)

    def addresses(self, netloc: str) -> dict[str, str]:
        return {"rest_url": f"http://{netloc}", "market_stream_url": f"ws://{netloc}{STREAM_PATH}"}


def ratios_of(coin: str) -> Ratios:
    """Return the margins at the highest leverage: to keep a position, half of what opens it is needed."""
    initial = divide(Decimal(1), Decimal(LISTED[coin].max_leverage))
    return Ratios(initial, divide(initial, Decimal(2)))
