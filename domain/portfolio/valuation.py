"""What the account is worth now. Refuses to hide what it cannot price: `is_complete` tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import DOLLARS, LatestQuotes
from domain.messages.orders import OrderIntent, Purpose
from domain.numbers import ZERO


class Valuation(NamedTuple):
    """The account in dollars. Cost is kept apart: a marked value never enters a balance."""

    equity: Decimal
    cash: Decimal
    unrealized_pnl: Decimal
    fees: Decimal
    transfers: Decimal  # what came or went without a trade, at its worth then; performance leaves it out
    net: dict[str, Decimal]  # base asset -> signed quantity of our positions
    gross: dict[str, Decimal]  # base asset -> notional held, ours or not, plus what open decisions may add
    is_complete: bool  # every asset priced freshly, every balance known, every fill at a price that was told
    # What makes it incomplete: "SOL-USD", "coinbase balances", "BTC-USD fill price", "BTC-USD mark".
    missing: tuple[str, ...] = ()
    funding: Decimal = ZERO  # received less paid; in the balances already
    # The notionals of `gross` once more: signed, base asset -> (spot and perpetuals of all venues summed; orders that
    # are not ours left out, for nobody knows what they are for), and venue -> all of them there.
    net_notional: Mapping[str, Decimal] = MappingProxyType({})
    by_venue: Mapping[str, Decimal] = MappingProxyType({})
    # CLOCK_MONOTONIC of the oldest answer among the prices that were asked for; None: streams tell all of them.
    heard_ns: int | None = None

    @property
    def exposure(self) -> Decimal:
        """Return the notionals of all positions together, in the currency of the equity."""
        return sum(self.gross.values(), ZERO)

    @property
    def performance(self) -> Decimal:
        """Return equity without transfers: what profit and loss are measured on."""
        return self.equity - self.transfers


def value(
    portfolio: Portfolio,
    quotes: LatestQuotes,
    pending: Iterable[OrderIntent],
    venues: Iterable[str],
    now: Instant,
    foreign: Mapping[tuple[str, str], Decimal] = MappingProxyType({}),
) -> Valuation:
    """Return the account's worth, decisions that may still trade included in its gross exposure.

    Args:
        pending: intents decided but not journaled yet.
        venues: where we trade; each one's balances must be known.
        foreign: (venue, base asset) -> what live orders that are not ours may add.
    """
    equity = cash = fees = funding = unrealized = ZERO
    transfers = portfolio.wallets.transferred
    net: dict[str, Decimal] = defaultdict(Decimal)
    gross: dict[str, Decimal] = defaultdict(Decimal)
    signed: dict[str, Decimal] = defaultdict(Decimal)
    by_venue: dict[str, Decimal] = defaultdict(Decimal)
    missing = {f"{venue} balances": None for venue in venues if venue not in portfolio.venues}
    missing |= {f"{key.name} fill price": None for key in portfolio.guessed_prices}

    for (venue, _, currency), total in portfolio.balances.items():
        if not total:
            continue
        price, is_fresh = quotes.price_of(venue, currency, now)
        if not is_fresh:
            missing[f"{currency}-{DOLLARS[0]}"] = None
        if price is None:
            continue
        equity += total * price
        if currency in DOLLARS:
            cash += total
        else:
            gross[currency] += abs(total) * price
            signed[currency] += total * price
            by_venue[venue] += abs(total) * price
    for key, quantity in portfolio.derivatives.items():
        if not quantity:
            continue
        terms, (mark, is_fresh) = portfolio.terms(key), quotes.mark(*key, now)
        price, _ = quotes.price_of(key.venue, terms.settlement, now)
        if not is_fresh or price is None:
            missing[f"{key.name} mark"] = None
        # Raw cash alone would be no worth of anything: at its entry a position is worth what was paid for it.
        mark = portfolio.position(key).average_price if mark is None else mark
        worth = quantity * terms.contract_size * mark * (price or ZERO)
        equity += worth
        gross[terms.base] += abs(worth)
        signed[terms.base] += worth
        by_venue[key.venue] += abs(worth)
    for (venue, _, currency), amount in portfolio.funding.items():
        funding += amount * (quotes.price_of(venue, currency, now)[0] or ZERO)
    for (venue, _, currency), amount in portfolio.fees.items():
        fees += amount * (quotes.price_of(venue, currency, now)[0] or ZERO)
    for (venue, _, currency), amount in portfolio.transfers.items():
        transfers += amount * (quotes.price_of(venue, currency, now)[0] or ZERO)
    for key, position in portfolio.positions.items():
        terms = portfolio.terms(key)
        net[terms.base] += position.quantity * terms.contract_size
        mark, _ = quotes.mark(*key, now)
        if mark is not None:
            unrealized += position.unrealized_pnl(mark) * terms.contract_size
    opening = [(plan.key, plan.intent, plan.notional) for plan in portfolio.plans.values()]
    opening += [(InstrumentId.of(it), it, it.quantity * it.reference_price) for it in pending]
    for key, intent, price_of_all in opening:
        if intent.purpose is Purpose.OPEN:
            terms = portfolio.terms(key)
            notional = price_of_all * terms.contract_size
            gross[terms.base] += notional
            signed[terms.base] += intent.side.sign * notional
            by_venue[key.venue] += notional
    for (venue, base), notional in foreign.items():
        gross[base] += notional
        by_venue[venue] += notional

    asked = (quotes.asked_price(venue, currency) for venue, _, currency in portfolio.wallets.to_price)
    return Valuation(
        equity=equity,
        cash=cash,
        unrealized_pnl=unrealized,
        fees=fees,
        transfers=transfers,
        net=dict(net),
        gross=dict(gross),
        is_complete=not missing,
        missing=tuple(missing),
        funding=funding,
        net_notional=dict(signed),
        by_venue=dict(by_venue),
        heard_ns=min((price.heard_ns for price in asked if price), default=None),
    )
