"""Coinbase and the toy venue of perpetuals on one stage: every actor, the real codecs, one latent price per asset."""

from __future__ import annotations

from adapters.ports import VenueKit
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.signals import Signal
from tests.toy.kit import URLS as TOY_URLS
from tests.toy.kit import toy_kit
from tests.toy.rows import VENUE
from tests.toy.venue import ToyVenue
from tests.workflows.trading_scenario import URLS, TradingScenario


class TwoVenues(TradingScenario):
    """One stage with both behind it.

    Attributes:
        toy: the venue itself, whose faults are ordered there.
    """

    venues = ("coinbase", VENUE)
    addresses = {"coinbase": URLS, VENUE: TOY_URLS}
    trades = {"VENUES__HYPERLIQUID__TAKES_ORDERS": "true"}
    toy: ToyVenue | None = None

    def _kits(self) -> dict[str, VenueKit]:
        self.toy = self.toy or ToyVenue(self.world)
        return {**super()._kits(), VENUE: toy_kit(self.toy, lambda: self.stage.clock, self._register)}

    def signal(self, side: Side, venue: str = VENUE, instrument: str = "BTC-USD") -> None:
        """Let the portfolio hear an opinion of this moment, as sure as can be."""
        now, manager = self.stage.clock.now(), self.stage.actor(Role.PORTFOLIO).manager
        self.stage.tell(
            Role.PORTFOLIO,
            Signal(
                ts_event=now.utc_ns,
                signal_id=f"test:{venue}:{instrument}:{now.utc_ns}",
                venue=venue,
                instrument=instrument,
                side=side,
                confidence=1.0,
                strategies=("test",),
                candle_close=manager.quotes.price(venue, instrument),
                expires_at=now.utc_ns + 5 * SECOND_NS,
                origin_read_ns=0,
            ),
        )

    def move(self, base: str, ratio: float) -> None:
        """Let an asset be worth so many times as much, everywhere: makers, oracle and marks follow as they do."""
        self.world.markets["coinbase"].products[f"{base}-USD"]._latents[base] *= ratio
