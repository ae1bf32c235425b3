"""One attempt of a plan as the venue shall get it: its names, its kind, its prices, and until when it can be accepted."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.execution.order_rules import OrderRulebook, order_kind
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument
from domain.ledger.order_ids import mint_client_order_id
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.plans import Plan
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import Purpose, SubmitOrder, VenueMoment
from domain.settings import Settings


class Attempts:
    """Makes the orders that the executor sends; what was made is journaled before it leaves."""

    def __init__(
        self, settings: Settings, ledger: OrderLedger, quotes: LatestQuotes, rulebook: OrderRulebook, instance: str
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._quotes = quotes
        self._rulebook = rulebook
        self._instance = instance
        self._send_within_ns = round(settings.orders.send_within_s * SECOND_NS)

    def make(self, plan: Plan, instrument: Instrument, quantity: Decimal, price: Decimal, now: Instant) -> SubmitOrder:
        """Return the next attempt, as the journal shall keep it.

        Args:
            quantity: base units, on the lot.
            price: its worst; of a bracket its target. Quote currency, on the tick.
        """
        intent, rules = plan.intent, self._rulebook.at(instrument.venue)
        stop_price = intent.stop_price if intent.purpose is Purpose.PROTECT else None
        order_type, time_in_force = order_kind(intent)
        name = mint_client_order_id(intent.intent_id, 0, len(plan.attempts) + 1, self._instance)
        venue_client_id = rules.venue_client_id(name, self._ledger.submitted[instrument.venue] + 1)
        order = SubmitOrder(
            client_order_id=name,
            intent_id=intent.intent_id,
            venue=instrument.venue,
            instrument=instrument.name,
            symbol=instrument.symbol,
            side=intent.side,
            purpose=intent.purpose,
            order_type=order_type,
            time_in_force=time_in_force,
            quantity=quantity,
            limit_price=price,
            stop_price=stop_price and instrument.round_price(stop_price, intent.side),
            leave_by=now.utc_ns + self._send_within_ns,
            origin_read_ns=intent.origin_read_ns,
            venue_client_id="" if venue_client_id == name else venue_client_id,
            reduce_only=rules.capabilities.has_reduce_only and intent.purpose is not Purpose.OPEN,
        )
        return self._living(order, now)

    def again(self, order: SubmitOrder, now: Instant) -> SubmitOrder:
        """Return the same id and body for another send."""
        leave_by = now.utc_ns + self._send_within_ns
        return self._living(
            msgspec.structs.replace(order, is_resubmission=True, leave_by=leave_by, origin_read_ns=0), now
        )

    def changed(
        self, order: SubmitOrder, quantity: Decimal, limit_price: Decimal, stop_price: Decimal | None, now: Instant
    ) -> SubmitOrder:
        """Return an order as it shall be at the venue from now on."""
        terms = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
        leave_by = now.utc_ns + self._send_within_ns
        return self._living(msgspec.structs.replace(order, leave_by=leave_by, origin_read_ns=0, **terms), now)

    def told(self, order: SubmitOrder, now: Instant) -> SubmitOrder:
        """Return an order as it travels: with its deadline on the clock that decides, which no journal keeps."""
        return msgspec.structs.replace(order, leave_by_ns=now.monotonic_ns + self._send_within_ns)

    def _living(self, order: SubmitOrder, now: Instant) -> SubmitOrder:
        timeout_s = self._settings.create_timeout_s(order.venue, order.purpose is not Purpose.OPEN)
        within_ns = self._send_within_ns + round(timeout_s * SECOND_NS)
        # By our own clock where nobody has told us the venue's: the venue goes by its own all the same, and so do the
        # proofs, once it is told. An order without an end might never be proven absent.
        utc_ns = self._quotes.venue_now(order.venue, now).utc_ns
        height = self._quotes.venue_moment(order.venue, now).height
        sent_by = VenueMoment(utc_ns=utc_ns + within_ns, height=height)
        lifetime = self._rulebook.at(order.venue).lifetime(order, sent_by)
        return msgspec.structs.replace(order, accept_until=lifetime.accept_until, live_until=lifetime.live_until)
