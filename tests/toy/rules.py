"""What orders the toy venue takes, and what proves what there. Pure."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from domain.execution.order_rules import Capabilities, Lifetime
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.messages.orders import OrderType, SubmitOrder, TimeInForce, VenueMoment
from domain.reconciliation.evidence import Absence, Ending, VenueFacts, Verdict, listed
from domain.settings import VenueSettings

ACCEPTED_WITHIN_NS = 5 * SECOND_NS  # after the last byte has left: the order says so itself
SETTLED_NS = 2 * SECOND_NS  # after an order's end no read lags behind it


def wire_id(client_order_id: str) -> str:
    """Return what the venue calls an order of ours: 0x and the digits of its UUID."""
    return f"0x{UUID(client_order_id).hex}"


def client_order_id(wire: str) -> str:
    """Return our name of what has this one there; what no UUID stands behind is somebody else's, and stays."""
    try:
        return str(UUID(wire.removeprefix("0x"))) if wire.startswith("0x") else wire
    except ValueError:
        return wire


class ToyOrders:
    """The `OrderRules` of the toy: perpetuals, triggers on the mark, accepted for as long as the order says."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(
            kinds=frozenset({InstrumentKind.PERPETUAL}),
            order_types=frozenset({OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}),
            times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
            has_post_only=True,
            has_reduce_only=True,
            cancels_by_client_id=True,
            most_submits=10,
            most_cancels=10,
        )

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        return wire_id(client_order_id)

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        return Lifetime(accept_until=VenueMoment(utc_ns=sent_by.utc_ns + ACCEPTED_WITHIN_NS))


class ToyEvidence:
    """The `Evidence` of the toy: an order carries its own last moment, and a stop that only reduces is harmless."""

    def __init__(self, settings: VenueSettings) -> None:
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=False)

    def look_from_ns(self, absence: Absence) -> int | None:
        """Once the order can't be accepted any more, and no read is as old as that. An order with no end never is."""
        return None if absence.accept_end_ns is None else absence.accept_end_ns + SETTLED_NS + 1

    def absent(self, absence: Absence) -> Verdict:
        from_ns = self.look_from_ns(absence)
        if absence.named_ns is not None:
            return Verdict(False, "the venue has named it, and forgets none")
        if from_ns is None or absence.last_look_ns < from_ns:
            return Verdict(False, "no look that is late enough")
        if absence.has_unclaimed_fill:
            return Verdict(False, "a fill that nobody claims could be its")
        return Verdict(True, "looked for later than it could be accepted")

    def ended(self, ending: Ending) -> Verdict:
        """A read is proof here: an order's end and what it had filled are one row, as old as each other."""
        if ending.is_read_alike:
            return Verdict(True, "read alike")
        return listed(ending, self.facts.read_lag_ns)

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        return Verdict(True, "a stop that only reduces takes nothing beyond the position")
