"""Books kept the plain way, to hold the real ones against: every number is added up anew, in fractions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.instrument import InstrumentId
from domain.messages.orders import Fill, FillKind

SPOT = InstrumentId("coinbase", "BTC-USD")
SWAP = InstrumentId("toy", "BTC-USD")
ETHER = InstrumentId("other", "ETH-USD")
SIZES = {SPOT: Decimal(1), SWAP: Decimal("0.1"), ETHER: Decimal(1)}  # base units per contract


@dataclass
class Step:
    """What happened to one position, in its place."""

    change: Decimal  # signed
    price: Decimal | None  # None: it left at cost
    order: str = ""  # of a total that still waits for its row


@dataclass
class Result:
    """A position by average cost, exactly."""

    quantity: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    realized: Fraction = Fraction(0)
    left_at_cost: Fraction = Fraction(0)


class PlainBooks:
    """One wallet or position at a time; nothing is clever here."""

    def __init__(self) -> None:
        self.wallets: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self.held: dict[InstrumentId, Decimal] = defaultdict(Decimal)  # contracts, ours or not
        self.fees: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self.funding = Decimal(0)
        self.transfers: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self.steps: dict[InstrumentId, list[Step]] = defaultdict(list)

    def cash(self, key: InstrumentId) -> tuple[str, str, str]:
        return (key.venue, "", "USD") if key == SPOT else (key.venue, "perpetual", "USDC")

    def quantity(self, key: InstrumentId) -> Decimal:
        quantity = Decimal(0)
        for step in self.steps[key]:
            quantity += step.change
        return quantity

    def trade(self, fill: Fill, is_ours: bool, share: Decimal = Decimal(1), sign: int = 1) -> None:
        """Move wallets by a fill; with a sign of -1 take it back."""
        key = InstrumentId.of(fill)
        sign = -sign if fill.kind is FillKind.REVERSAL else sign
        bought = sign * (fill.quantity if fill.side == "BUY" else -fill.quantity)
        if key == SPOT:
            self.wallets["coinbase", "", "BTC"] += bought
            self.wallets["coinbase", "", fill.fee_currency] -= sign * fill.fee
        else:
            self.held[key] += bought
            self.wallets[self.cash(key)] -= sign * fill.fee
        self.wallets[self.cash(key)] -= bought * fill.price * SIZES[key]
        if is_ours and key == SPOT and fill.fee_currency == "BTC":
            self.fees[self.cash(key)] += sign * fill.fee * fill.price
        elif is_ours:
            self.fees[self.cash(key)[:2] + (fill.fee_currency,)] += sign * fill.fee * share

    def net_change(self, fill: Fill) -> Decimal:
        """Return by how much a fill changes a position: what is kept back of the coins is none."""
        change = fill.quantity if fill.side == "BUY" else -fill.quantity
        if InstrumentId.of(fill) == SPOT and fill.fee_currency == "BTC":
            change -= fill.fee
        return -change if fill.kind is FillKind.REVERSAL else change

    def result(self, key: InstrumentId) -> Result:
        now = Result()
        for step in self.steps[key]:
            change = Fraction(step.change)
            if step.price is None:
                gone = now.cost * abs(change / now.quantity) if now.quantity else Fraction(0)
                now.quantity, now.cost = now.quantity + change, now.cost - gone
                now.left_at_cost += gone
                continue
            price = Fraction(step.price)
            closed = min(abs(change), abs(now.quantity)) if change * now.quantity < 0 else Fraction(0)
            if closed:
                part = now.cost * closed / abs(now.quantity)
                direction = 1 if now.quantity > 0 else -1
                now.realized += direction * closed * price - part
                now.cost -= part
                now.quantity -= direction * closed
                change += direction * closed
            now.quantity += change
            now.cost += change * price
        return now
