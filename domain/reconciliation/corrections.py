"""What becomes of differences that nothing explains: corrections with deterministic ids, and a halt for large ones."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.outbox import Outbox
from domain.ledger.wallet import Holding, Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.halts import HaltKind
from domain.messages.journal import BalanceCorrected, PositionCorrected
from domain.messages.positions import VenuePosition
from domain.numbers import ZERO, plain
from domain.reconciliation.differences import Differences, Phantoms
from domain.reconciliation.ownership import Ownership
from domain.settings import Settings


class Corrections:
    """Puts our books right, and tells a person."""

    def __init__(self, settings: Settings, outbox: Outbox, quotes: LatestQuotes, ownership: Ownership) -> None:
        self._halts_above = settings.orders.correction_halts_above
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._ownership = ownership

    def make(
        self,
        venue: str,
        differences: Differences,
        phantoms: Phantoms,
        positions: Iterable[VenuePosition],
        now: Instant,
    ) -> None:
        """Correct all of it.

        Args:
            positions: as the venue keeps them.
        """
        worst = self._worst(venue, differences, phantoms)
        worth = self._worth(worst, now)  # at the prices of before
        besides = self._besides(venue, differences, phantoms, worst, now)
        prices = {position.instrument: position.mark_price or position.entry_price for position in positions}
        id_prefix = f"{venue}:{self._ledger.last_seq}"
        for holding, difference in differences.items():
            if isinstance(holding, Wallet):
                self._outbox.record(
                    BalanceCorrected(
                        ts_event=now.utc_ns,
                        correction_id=f"{id_prefix}:{holding}",
                        venue=venue,
                        currency=holding.currency,
                        difference=difference,
                        reason="no fill explains it",
                        wallet=holding.wallet,
                        worth=self._value_of(holding, difference, now),
                    )
                )
        changed = {holding.name for holding in differences if isinstance(holding, InstrumentId)}
        for name in sorted(phantoms.keys() | changed):
            key, quantity = InstrumentId(venue, name), phantoms.get(name, ZERO)
            difference = differences.get(key, ZERO)
            is_derivative = self._ledger.books.terms(key).is_perpetual
            self._outbox.record(
                PositionCorrected(
                    ts_event=now.utc_ns,
                    correction_id=f"{id_prefix}:{name}",
                    venue=venue,
                    instrument=name,
                    quantity=quantity,
                    reason="not held any more" if quantity else "no fill explains it",
                    difference=difference,
                    price=self._price(key, now, prices.get(name)) if is_derivative else None,
                    worth=besides.get(name, ZERO),
                )
            )
            if quantity:
                text = f"{plain(quantity)} of our position is not held there any more: it is ours no more"
            else:
                text = f"the venue keeps {plain(difference)} more than our books have: it is not ours"
            self._outbox.alarm(f"{venue}:{name}", text, now.utc_ns)
        if worth is None or worth > self._halts_above:
            amount = "of unknown worth" if worth is None else f"worth {plain(worth)} USD"
            self._outbox.halt(venue, HaltKind.CORRECTED, f"balance corrected by something {amount}", now.utc_ns)
        elif (sum_of_day := self._ledger.recent_corrections.worth(venue, now.utc_ns)) > self._halts_above:
            reason = f"balances corrected by {plain(sum_of_day)} USD within 24 hours, little by little"
            self._outbox.halt(venue, HaltKind.CORRECTED, reason, now.utc_ns)

    def _price(self, key: InstrumentId, now: Instant, told: Decimal | None = None) -> Decimal | None:
        """Return what a derivative is worth; its entry where nobody tells another."""
        mark, _ = self._quotes.mark(*key, now)
        return told or mark or self._ledger.books.position(key).average_price or None

    def _worst(self, venue: str, differences: Differences, phantoms: Phantoms) -> Differences:
        """Return what was corrected; what left a balance and a position left once."""
        worst, lost = dict(differences), dict[Wallet, Decimal]()
        for name, quantity in phantoms.items():
            if base := self._ownership.base_of(venue, name):
                wallet = Wallet(venue, "", base)
                lost[wallet] = lost.get(wallet, ZERO) + quantity
            else:
                worst.setdefault(InstrumentId(venue, name), -quantity)
        for wallet, quantity in lost.items():
            worst[wallet] = -max(abs(worst.get(wallet, ZERO)), quantity)
        return worst

    def _besides(
        self, venue: str, differences: Differences, phantoms: Phantoms, worst: Differences, now: Instant
    ) -> dict[str, Decimal | None]:
        """Return what corrections of positions are worth beyond those of balances, by the instrument's name."""
        left = dict(worst)
        besides: dict[str, Decimal | None] = {}
        for name in sorted(phantoms.keys() | {it.name for it in differences if isinstance(it, InstrumentId)}):
            key, base = InstrumentId(venue, name), self._ownership.base_of(venue, name)
            holding = Wallet(venue, "", base) if base and key not in left else key
            lost = left.pop(holding, ZERO)
            counted = min(ZERO, differences.get(holding, ZERO)) if isinstance(holding, Wallet) else ZERO
            besides[name] = self._value_of(holding, lost - counted, now) if lost else ZERO
        return besides

    def _value_of(self, holding: Holding, difference: Decimal, now: Instant) -> Decimal | None:
        if isinstance(holding, Wallet):
            price, _ = self._quotes.price_of(holding.venue, holding.currency, now)
        elif price := self._price(holding, now):
            price *= self._ledger.books.terms(holding).contract_size
        return None if price is None else difference * price

    def _worth(self, differences: Differences, now: Instant) -> Decimal | None:
        """Return what differences are worth in USD; None when one cannot be priced.

        What came and what went may be the two legs of one trade: the larger of the two sums, not both, was at stake.
        """
        came = went = ZERO
        for holding, difference in differences.items():
            worth = self._value_of(holding, difference, now)
            if worth is None:
                return None
            came += max(ZERO, worth)
            went += max(ZERO, -worth)
        return max(came, went)
