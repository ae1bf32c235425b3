"""What an exchange asks of whatever keeps a client's money there: coins in a wallet, or margin behind positions."""

from __future__ import annotations

from typing import Protocol

from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.venue_order import Fill, NewOrder, VenueOrder


class Account(Protocol):
    @property
    def ledger(self) -> Ledger:
        """Return its balances and what is held of them."""
        ...

    def check(self, asked: NewOrder) -> None:
        """Say no to an order that the account can't bear.

        Raises:
            Refused: with the reason.
        """
        ...

    def hold(self, order: VenueOrder) -> None:
        """Set what the rest of a live order holds, in place of what it held before."""
        ...

    def release(self, order: VenueOrder) -> None:
        """Give back what an order holds: it has ended."""
        ...

    def book(self, fill: Fill) -> None:
        """Move what a trade moves."""
        ...
