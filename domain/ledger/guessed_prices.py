"""Fills booked at a price that we reckon with, because the venue told none: no equity rests on them.

Each waits for the exact fill that replaces it; where the venue never lists one, for a person who lets it stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId
from domain.ledger.position import Execution
from domain.messages.journal import HaltCleared, OrderFilledProvisionally, TotalsStand
from domain.numbers import ZERO


@dataclass
class Guess:
    """What one order has filled at such a price."""

    key: InstrumentId
    quantity: Decimal = ZERO
    stands: bool = False  # the venue has not listed its fills for so long that a person was told


@dataclass
class GuessedPrices:
    """A fold of the journal."""

    _guesses: dict[str, Guess] = field(default_factory=dict)  # client_order_id ->

    def __iter__(self) -> Iterator[InstrumentId]:
        return (guess.key for guess in self._guesses.values())

    def filled(self, event: OrderFilledProvisionally) -> None:
        if event.is_price_guessed:
            guess = self._guesses.setdefault(event.client_order_id, Guess(InstrumentId.of(event)))
            guess.quantity += event.quantity

    def replaced(self, pieces: Iterable[Execution]) -> None:
        """Take off what exact fills have replaced."""
        for piece in pieces:
            if piece.is_price_guessed:
                guess = self._guesses.get(piece.client_order_id)
                if guess is None:
                    continue  # a person has taken the guess for good before its row came
                guess.quantity -= piece.quantity
                if guess.quantity <= 0:
                    del self._guesses[piece.client_order_id]

    def stand(self, event: TotalsStand) -> None:
        if guess := self._guesses.get(event.client_order_id):
            guess.stands = True

    def resumed(self, event: HaltCleared) -> None:
        """Take a person's word for all that stands in a scope; a halt that ended by itself is none."""
        if not event.reason:
            self._guesses = {
                name: guess
                for name, guess in self._guesses.items()
                if not (guess.stands and event.scope == str(guess.key))
            }
