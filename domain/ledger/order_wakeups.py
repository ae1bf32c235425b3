"""What the order manager wants to be woken for."""

from __future__ import annotations

from domain.effects import WakeupKind


class OrderWakeup(WakeupKind):
    """What the machines around the order ledger want to be woken for."""

    ACKNOWLEDGE = "acknowledge"  # of the order by its client_order_id, as the four after it
    QUERY = "query"
    CANCEL = "cancel"
    OVERDUE = "overdue"
    ENDING = "ending"
    PLAN = "plan"  # of the intent
    RECONCILE = "reconcile"  # of the venue
    OWNER = "owner"  # of the order by its venue_order_id, at that venue
    WIND_DOWN = "wind_down"
