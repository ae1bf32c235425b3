"""The portfolio's gate once more, on the books of the journal: for an opening that moves to another venue, and for
one that was decided before others were known.

The portfolio judged the venue that it chose, by what it knew. Cash, position, limits and fees of a substitute are
judged here by the same checks, before its order is made; and so is what openings share, where one was journaled, or
moved, since the decision. What it judged for good is not judged again: the signal itself, and how many openings
there were, of which this is one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.instant import Instant
from domain.instrument import Instrument
from domain.ledger.account import Portfolio
from domain.ledger.order_ledger import OrderLedger
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import Denial, DenialReason
from domain.messages.orders import OrderIntent
from domain.messages.signals import Signal
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.opening import Opening
from domain.portfolio.opening_rate import OpeningRate
from domain.portfolio.risk_checks import (
    Check,
    SizedCheck,
    balances_known,
    cash_suffices,
    close_quantity,
    exposure_in_bounds,
    instrument_tradable,
    is_small,
    judge_sized,
    leverage_in_bounds,
    net_in_bounds,
    no_fat_finger,
    on_grid,
    positions_in_bounds,
    price_not_drifted,
    quote_believable,
    reserve_kept,
    target_pays_costs,
    venue_ready,
)
from domain.portfolio.shared_checks import Refused
from domain.portfolio.valuation import value
from domain.settings import Settings


class Checks(NamedTuple):
    """In their order: those that need no size, then those that do."""

    before: tuple[Check, ...]
    after: tuple[SizedCheck, ...]


SHARED = Checks(  # what one opening takes from another
    before=(balances_known,),
    after=(
        positions_in_bounds,
        exposure_in_bounds,
        net_in_bounds,
        leverage_in_bounds,
        cash_suffices,
        reserve_kept,
    ),
)
ALL = Checks(
    before=(
        venue_ready,
        quote_believable,
        instrument_tradable,
        price_not_drifted,
        target_pays_costs,
        *SHARED.before,
    ),
    after=(on_grid, no_fat_finger, *SHARED.after),
)


class Substitution:
    """The portfolio's limits, as the router can judge them."""

    def __init__(self, settings: Settings, ledger: OrderLedger, quotes: LatestQuotes, foreign: ForeignOrders) -> None:
        self._settings = settings
        self._ledger = ledger
        self._quotes = quotes
        self._foreign = foreign

    def refusal(
        self,
        intent: OrderIntent,
        instrument: Instrument,
        quantity: Decimal,
        now: Instant,
        checks: Checks = ALL,
    ) -> Denial:
        """Return the first check that the opening fails at `instrument`'s venue, empty when it passes all."""
        books = self._ledger.books.without(intent.intent_id)  # what it has reserved elsewhere moves along
        case = Opening(
            signal=Signal(
                ts_event=intent.expires_at,
                signal_id=intent.signal_id,
                venue=instrument.venue,
                instrument=instrument.name,
                side=intent.side,
                confidence=1.0,
                strategies=(),
                candle_close=intent.reference_price,
                expires_at=intent.expires_at,
                origin_read_ns=0,
            ),
            instrument=instrument,
            quote=self._quotes.quote(instrument.venue, instrument.name),
            now=now,
            settings=self._settings,
            portfolio=books,
            quotes=self._quotes,
            valuation=value(books, self._quotes, (), self._settings.traded, now, self._foreign.exposure()),
            pending=(),
            openings=OpeningRate(),
            foreign=self._foreign,
            unready=self._unready(books, instrument.venue),
            breach="",  # a loss halts, and halts are looked at before
        )
        verdict = judge_sized(case, quantity, checks.before, checks.after)
        return verdict.reason if isinstance(verdict, Refused) else ""

    def _unready(self, books: Portfolio, venue: str) -> Denial:
        """Return "unprotected" while a position there is not covered: nothing is added to that."""
        for key, position in books.positions.items():
            instrument = self._quotes.instrument(*key)
            if key.venue != venue or instrument is None:
                continue
            quantity = close_quantity(books, instrument, self._foreign)
            is_dust = is_small(self._quotes, key, quantity, position.average_price)
            if not is_dust and books.covered_quantity(*key) < quantity:
                return DenialReason.UNPROTECTED
        return ""
