"""Fills booked at a price that we reckon with, because the venue told none: no equity rests on them.

Each waits for the exact fills that replace it; where the venue never lists them, for a person who lets it stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId
from domain.ledger.position import TOLD, Execution
from domain.messages.journal import HaltCleared, OrderFilledProvisionally, TotalsStand


@dataclass
class Guess:
    """What has filled at one such price, and no row has replaced yet."""

    client_order_id: str
    key: InstrumentId
    quantity: Decimal


@dataclass
class GuessedPrices:
    """A fold of the journal. Each guess has a number, for one order may have several: a row replaces what it is of."""

    _guesses: dict[int, Guess] = field(default_factory=dict)  # number ->
    _standing: dict[str, InstrumentId] = field(default_factory=dict)  # client_order_ids of which a person was told
    _newest: int = TOLD

    def __iter__(self) -> Iterator[InstrumentId]:
        return (guess.key for guess in self._guesses.values())

    def filled(self, event: OrderFilledProvisionally) -> int:
        """Return the number of the guess, TOLD where the venue told the price."""
        if not event.is_price_guessed:
            return TOLD
        self._newest += 1
        self._guesses[self._newest] = Guess(event.client_order_id, InstrumentId.of(event), event.quantity)
        return self._newest

    def replaced(self, pieces: Iterable[Execution]) -> None:
        """Take off what exact fills have replaced."""
        for piece in pieces:
            guess = self._guesses.get(piece.guess)
            if guess is None:
                continue  # its price was told, or a person has taken the guess for good before its row came
            guess.quantity -= piece.quantity
            if not guess.quantity:
                del self._guesses[piece.guess]

    def stand(self, event: TotalsStand) -> None:
        self._standing[event.client_order_id] = InstrumentId.of(event)

    def resumed(self, event: HaltCleared) -> None:
        """Take a person's word for all that has filled of what stands in a scope; a halt that ended by itself is none.

        What fills later of the same order is a guess again.
        """
        if event.reason:
            return
        taken = {name for name, key in self._standing.items() if event.scope == str(key)}
        for name in taken:
            del self._standing[name]
        for number in [number for number, guess in self._guesses.items() if guess.client_order_id in taken]:
            del self._guesses[number]
