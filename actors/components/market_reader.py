"""The reader's side of the market-data links: subscribes to every feed and pays each batch back with credit."""

from __future__ import annotations

from actors.runtime.base_actor import BaseActor
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.messages.market import MarketBatch
from domain.messages.system import GrantCredit, SubscribeMarketData

_FEEDS = f"{Role.PRICE_FEED}:"


class MarketReader(BaseActor):
    """An actor that follows the prices of all venues. Subclasses write `on_market(batch)`."""

    min_interval_s = 0.0  # at most one batch per feed in this time
    wants_history = False

    def on_market(self, batch: MarketBatch) -> None:
        raise NotImplementedError

    def subscribe(self) -> None:
        """Ask every feed that is there now; `peer_appeared` does the rest."""
        for role in list(self.peers):
            self._ask(role)

    def peer_appeared(self, role: str) -> None:
        self._ask(role)

    def _ask(self, role: str) -> None:
        if role.startswith(_FEEDS):
            interval_ns = int(self.min_interval_s * SECOND_NS)
            credit = self.settings.market_data.credit
            self.tell(
                role,
                SubscribeMarketData(credit=credit, min_interval_ns=interval_ns, wants_history=self.wants_history),
            )

    def receiveMsg_MarketBatch(self, batch: MarketBatch, sender: str) -> None:
        self.on_market(batch)
        self.tell(sender, GrantCredit(batches=1))
