"""Coinbase's trading API: requests, their fates, and all pages of every list.

The fates follow docs/money.md section 1. A create is definitely not accepted after 400, 403, 429 or
`success: false`, and only on its first send; after anything else that is not a readable success, it may rest.

Every answer is held against its question. One that is about something else comes over a connection that is out
of step: all are given up. So they are after a create was refused, for refusals name no order: sent twice, one would
refuse the next create, too. Lists come over connections of their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from adapters.clock import Clock
from adapters.decoding import tokens
from adapters.network.http import Transport
from adapters.venues.coinbase import answers
from adapters.venues.coinbase.encode import encode_cancel, encode_create
from adapters.venues.coinbase.fields import rfc3339, share_a_book
from adapters.venues.coinbase.sign import Signer
from adapters.venues.coinbase.signed_requests import Query, Sent, SignedRequests
from adapters.venues.coinbase.touch import touch
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument
from domain.messages.account import Balance
from domain.messages.listing import Listing, Unread, chosen
from domain.messages.orders import (
    FINAL,
    CancelAccepted,
    CancelOrder,
    Fill,
    InstrumentsLoaded,
    OrderAccepted,
    OrderNotFound,
    OrderReported,
    Purpose,
    QueryOrder,
    SubmitOrder,
    TouchReported,
)
from domain.messages.positions import FundingPayment
from domain.messages.replacements import ModifyAccepted, ModifyOrder
from domain.settings import VenueSettings
from domain.text import bounded_id

log = logging.getLogger(__name__)

_PAGE = 250
_MOST_PAGES = 100  # more than can be asked for before the call's deadline
_LOOK_BACK_NS = 60 * SECOND_NS  # clocks differ: look this far before the first send
# Taker and maker of an account that trades little: what is paid while the venue doesn't tell our own.
_WORST_FEES = (Decimal("0.012"), Decimal("0.006"))
_KEPT_SENT_STAMPS = 1_000
_REFUSALS = (400, 404)  # of a question about a product that isn't there
# OPEN does not include the others, and may not combine with them. They come first: an order that moves on
# to OPEN between the two lists is then seen twice, not never.
_LIVE_STATUSES = (("PENDING", "QUEUED", "EDIT_QUEUED", "CANCEL_QUEUED"), ("OPEN",))

P = TypeVar("P", answers.OrdersPage, answers.FillsPage, answers.AccountsPage)


class CoinbaseClient(SignedRequests):
    """A TradingVenue. Threads may share it."""

    resubmits_safely = True  # a client_order_id is used once, for good

    def __init__(self, settings: VenueSettings, signer: Signer, transport: Transport, clock: Clock) -> None:
        super().__init__(settings, signer, transport, clock)
        self._instruments: dict[str, Instrument] = {}  # symbol -> what load_instruments found
        self._fees = _WORST_FEES
        self._sent: dict[str, int] = {}  # client_order_id -> CLOCK_MONOTONIC ns of its last send
        self._sent_lock = threading.Lock()

    def sent_ns(self, client_order_id: str) -> int | None:
        """Return when the order's answered create was handed to the socket (CLOCK_MONOTONIC)."""
        return self._sent.get(client_order_id)

    # ---- orders --------------------------------------------------------------------------------------

    def submit_order(self, command: SubmitOrder, timeout_s: float) -> OrderAccepted:
        return self._create(command, encode_create(command), self._deadline_ns(timeout_s))

    def submit_many(self, commands: Sequence[SubmitOrder], timeout_s: float) -> Sequence[OrderAccepted | VenueError]:
        raise self._failed(Rejected, "one order per request is placed here", "not_offered")

    def cancel_order(self, command: CancelOrder, timeout_s: float) -> CancelAccepted:
        [fate] = self.cancel_many([command], timeout_s)
        if isinstance(fate, VenueError):
            raise fate
        return fate

    def cancel_many(self, commands: Sequence[CancelOrder], timeout_s: float) -> Sequence[CancelAccepted | VenueError]:
        named = [command.venue_order_id for command in commands if command.venue_order_id]
        if not named:
            return [self._unnamed() for _ in commands]
        body = encode_cancel(named)
        sent = self._exchange("POST", "/orders/batch_cancel", self._deadline_ns(timeout_s), body=body)
        answer = sent.answer
        if answer.status in (400, 403):
            raise self._status_error(sent.refusal, answer)
        if answer.status != 200:
            raise self._status_error(Ambiguous, answer)
        results = self._read(answer, answers.CancelAnswer, Ambiguous).results
        verdicts = {verdict.order_id: verdict for verdict in reversed(results)}
        return [self._cancel_fate(command, verdicts.get(command.venue_order_id), sent) for command in commands]

    def _unnamed(self) -> VenueError:
        return self._failed(Rejected, "Coinbase cancels by its own id only", "no_venue_order_id")

    def _cancel_fate(
        self, command: CancelOrder, verdict: answers.CancelVerdict | None, sent: Sent
    ) -> CancelAccepted | VenueError:
        body = sent.answer.body
        if not command.venue_order_id:
            return self._unnamed()
        if verdict is None:
            return self._about_something_else(Ambiguous, "no verdict on the cancel", body)
        if not verdict.success:
            reason = verdict.failure_reason
            return self._failed(sent.refusal, f"cancel refused: {reason}", reason, body)
        return CancelAccepted(ts_event=self._utc_ns(), client_order_id=command.client_order_id, venue=self.venue)

    def modify_order(self, command: ModifyOrder, timeout_s: float) -> ModifyAccepted:
        raise self._failed(Rejected, "orders are cancelled here, and made anew", "not_offered")

    def find_order(self, query: QueryOrder, timeout_s: float) -> OrderReported | OrderNotFound:
        deadline_ns = self._deadline_ns(timeout_s)
        if query.venue_order_id:
            report = self._get_order(query, self._deadline_ns(timeout_s / 2))
            if report is not None:
                return report
            if not query.client_order_id:
                raise self._failed(Retryable, "an order unknown so far", "not_found")
        began = self._clock.now()
        unread: list[Unread] = []
        unnamed: list[OrderReported] = []
        # What seems to be from the venue's future was stamped by a clock of ours that was wrong.
        sent_at = min(query.sent_at, self._time.utc_ns(began))
        since = [("start_date", rfc3339(sent_at - _LOOK_BACK_NS))]
        for page in self._pages("/orders/historical/batch", since, answers.OrdersPage, deadline_ns):
            listed = self._rows(answers.orders, page, self._utc_ns())
            for report in listed:
                if self._is_of(report, query):
                    return report
            if not query.venue_order_id:
                unnamed += [one for one in listed if not one.client_order_id]
            unread += [one for one in listed.unread if _may_be(one, query)]
        if unread:
            # It may be there, where we can't read it: this was no full look.
            raise self._failed(Retryable, f"{unread[0]}: {unread[0].reason}", "unreadable")
        return OrderNotFound(
            ts_event=self._utc_ns(),
            client_order_id=query.client_order_id,
            venue=self.venue,
            listing_began_at=began.utc_ns,
            listing_began_ns=began.monotonic_ns,
            unnamed=tuple(one for one in unnamed if one.instrument == query.instrument),
        )

    def _is_of(self, report: OrderReported, query: QueryOrder) -> bool:
        """Tell whether a row is of the order asked about: by our name of it, or by the venue's where ours isn't said."""
        is_named = bool(report.venue_order_id) and report.venue_order_id == query.venue_order_id
        if not report.client_order_id or not query.client_order_id:
            return is_named
        is_ours = report.client_order_id == query.client_order_id
        if is_named and not is_ours:
            raise self._about_something_else(Retryable, "told of an order under another's name")
        return is_ours

    def _get_order(self, query: QueryOrder, deadline_ns: int) -> OrderReported | None:
        """Return one order; None when this way doesn't lead to it and the list is another chance."""
        try:
            path = f"/orders/historical/{quote(query.venue_order_id, safe='')}"
            answer = self._ask(path, deadline_ns, known=(404,))
            if answer.status == 404:
                return None  # a young order may not be readable yet
            row = self._read(answer, answers.OrderAnswer, Retryable).order
            told = (row.order_id or "", row.client_order_id or "")
            asked = (query.venue_order_id, query.client_order_id)
            if not _agree(told, asked):
                raise self._about_something_else(Retryable, "told of another order", answer.body)
            if not any(one == other for one, other in zip(told, asked) if one):
                return None  # it doesn't say which order it tells of
        except Retryable as error:
            if error.is_throttled:
                raise  # it wants fewer requests, not others
            return None
        return self._converted(answers.order_reported, row, self._utc_ns())

    def list_open_orders(self, timeout_s: float) -> Listing[OrderReported]:
        deadline_ns = self._deadline_ns(timeout_s)
        found: dict[tuple[str, str], OrderReported] = {}  # both names -> order
        unread: list[Unread] = []
        for statuses in _LIVE_STATUSES:
            query = [("order_status", status) for status in statuses]
            for page in self._pages("/orders/historical/batch", query, answers.OrdersPage, deadline_ns):
                listed = self._rows(answers.orders, page, self._utc_ns())
                if any(report.status in FINAL for report in listed):
                    raise self._about_something_else(Retryable, "a list of other orders than live ones")
                found |= {(one.venue_order_id, one.client_order_id): one for one in listed}
                unread += listed.unread
        return Listing.of(found.values(), unread)

    def list_fills(self, since: int, timeout_s: float, venue_order_ids: Sequence[str] = ()) -> Listing[Fill]:
        query = [("start_sequence_timestamp", rfc3339(since))] if since else []
        query += [("order_ids", order_id) for order_id in venue_order_ids]
        # fill_id -> as told, once: pages may overlap while new fills arrive. Other numbers are the order manager's to judge.
        found: dict[str, list[Fill]] = {}
        unread: list[Unread] = []
        asked = self._clock.now()
        for page in self._pages("/orders/historical/fills", query, answers.FillsPage, self._deadline_ns(timeout_s)):
            listed = self._rows(answers.fills, page, self._instruments)
            listed = Listing.of((self._dated(fill, asked) for fill in listed), listed.unread)
            if venue_order_ids and any(fill.venue_order_id not in venue_order_ids for fill in listed):
                raise self._about_something_else(Retryable, "fills of other orders")
            for fill in listed:
                if fill not in found.setdefault(fill.fill_id, []):
                    found[fill.fill_id].append(fill)
            unread += listed.unread
        oldest_first = sorted(found.values(), key=lambda told: (told[0].ts_event, told[0].fill_id))
        return Listing.of((fill for told in oldest_first for fill in told), unread)

    def _dated(self, fill: Fill, asked: Instant) -> Fill:
        """Date a fill that claims to be from the future as of the question: it is booked, and nothing waits for its time."""
        if fill.ts_event <= self._time.latest_ns(self._clock.now()):
            return fill
        log.warning("fill_from_the_future fill_id=%s ts_event=%d", fill.fill_id, fill.ts_event)
        return replace(fill, ts_event=self._time.utc_ns(asked))

    # ---- account and products ------------------------------------------------------------------------

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> InstrumentsLoaded:
        """Raises Fatal, besides Retryable, when Coinbase lists none of the names."""
        deadline_ns = self._deadline_ns(timeout_s)
        listed = chosen(self._listed(names, deadline_ns), names)
        if not listed:
            reasons = dict.fromkeys(one.reason for one in listed.unread)
            text = f"{'; '.join(reasons)} at coinbase: {', '.join(names)}"
            raise self._failed(Fatal, text, "unknown_product")
        self._instruments = {each.symbol: each for each in listed}
        is_fee_known = self._ask_fees(self._deadline_ns(timeout_s / 2))
        taker_fee_ratio, maker_fee_ratio = self._fees
        return InstrumentsLoaded(
            ts_event=self._utc_ns(),
            venue=self.venue,
            instruments=tuple(listed),
            left_out=listed.unread,
            taker_fee_ratio=taker_fee_ratio,
            maker_fee_ratio=maker_fee_ratio,
            is_fee_known=is_fee_known,
        )

    def _ask_fees(self, deadline_ns: int) -> bool:
        """Ask for our fees, and return whether they were told; else the last ones, or the worst, stand.

        Nothing that reduces risk needs them, so they never keep the products from being known.
        """
        try:
            answer = self._ask("/transaction_summary", deadline_ns)
            tier = self._read(answer, answers.TransactionSummary, Retryable).fee_tier
            taker = self._converted(tokens.number, tier.taker_fee_rate)
            self._fees = taker, self._converted(tokens.number, tier.maker_fee_rate)
        except VenueError:
            return False
        return True

    def read_touch(self, instrument: str, timeout_s: float) -> TouchReported:
        query = [("product_id", instrument), ("limit", "1")]
        answer = self._ask("/product_book", self._deadline_ns(timeout_s), query)
        with self._reading(Retryable, answer.body):
            told = touch(answer.body)
        if told.product and not share_a_book(told.product, instrument):
            raise self._about_something_else(Retryable, "told of another product", answer.body)
        return TouchReported(
            ts_event=self._utc_ns(),
            venue=self.venue,
            instrument=instrument,
            bid_price=told.bid,
            ask_price=told.ask,
            last_price=told.last,
        )

    def _listed(self, names: Sequence[str], deadline_ns: int) -> Listing[Instrument]:
        """Return what is listed of these names: asked for together, or one by one if a name spoils the question."""
        query = [("product_ids", name) for name in names]
        answer = self._ask("/products", deadline_ns, query, known=_REFUSALS)
        if answer.status == 200:
            listed = self._rows(answers.instruments, self._read(answer, answers.ProductsPage, Retryable))
            if any(one.name not in names for one in listed):
                raise self._about_something_else(Retryable, "a list of other products")
            return listed
        if len(names) == 1:
            return Listing()
        each = [self._listed((name,), deadline_ns) for name in names]
        return Listing.of(
            (one for listing in each for one in listing), (one for listing in each for one in listing.unread)
        )

    def list_balances(self, timeout_s: float) -> Listing[Balance]:
        pages = self._pages("/accounts", [], answers.AccountsPage, self._deadline_ns(timeout_s))
        return answers.balances([raw for page in pages for raw in self._rows(answers.accounts, page)])

    def list_positions(self, timeout_s: float) -> None:
        """Return None: its spot products are coins, and no position is kept of them."""

    def list_funding(self, since: int, timeout_s: float) -> Listing[FundingPayment]:
        return Listing()

    # ---- creates -------------------------------------------------------------------------------------

    def _create(self, command: SubmitOrder, body: bytes, deadline_ns: int) -> OrderAccepted:
        ttl_s = self._settings.create_ttl_s(command.purpose is not Purpose.OPEN)
        sent = self._exchange("POST", "/orders", deadline_ns, body=body, ttl_s=ttl_s)
        answer = sent.answer
        self._note_sent(command.client_order_id, answer.sent_ns)
        if answer.status != 200:
            self._transport.close()
        if answer.status in (400, 403):
            raise self._status_error(sent.refusal, answer)
        if answer.status == 429:
            raise self._status_error(Retryable if sent.is_only else Ambiguous, answer)
        if answer.status != 200:
            raise self._status_error(Ambiguous, answer)
        created = self._read(answer, answers.CreateAnswer, Ambiguous)
        if not created.success:
            self._transport.close()
            error = created.error_response or answers.CreateError()
            # Somebody's order has this id: ours, from a send that we believe did not arrive.
            is_duplicate = "DUPLICATE_CLIENT_ORDER_ID" in error.reason
            fate = Ambiguous if is_duplicate else sent.refusal
            raise self._failed(fate, error.message or error.reason, error.reason, answer.body)
        order = created.success_response
        if order is None or not order.order_id:
            raise self._failed(Ambiguous, "accepted without an order id", "unreadable", answer.body)
        if bounded_id(order.order_id) != order.order_id:
            raise self._failed(Ambiguous, "accepted under an id that is none", "unreadable", answer.body)
        if not order.client_order_id and (order.product_id, order.side) != (command.symbol, command.side):
            raise self._failed(Ambiguous, "accepted who knows what", "unreadable", answer.body)
        if order.client_order_id and order.client_order_id != command.client_order_id:
            raise self._about_something_else(Ambiguous, "accepted another order", answer.body)
        return OrderAccepted(
            ts_event=self._utc_ns(),
            client_order_id=command.client_order_id,
            venue=self.venue,
            venue_order_id=order.order_id,
        )

    def _note_sent(self, client_order_id: str, sent_ns: int) -> None:
        with self._sent_lock:
            self._sent[client_order_id] = sent_ns
            if len(self._sent) > _KEPT_SENT_STAMPS:
                del self._sent[next(iter(self._sent))]

    def _pages(self, path: str, query: Query, shape: type[P], deadline_ns: int) -> Iterator[P]:
        """Yield every page of a list. Each cursor is used once: a venue that repeats one would never end.

        A list names no question, and what it lacks is a proof: each page has a connection of its own.
        """
        cursor, seen = "", set()
        for _ in range(_MOST_PAGES):
            extra = [("limit", str(_PAGE))] + ([("cursor", cursor)] if cursor else [])
            page = self._read(self._ask(path, deadline_ns, query + extra, is_alone=True), shape, Retryable)
            yield page
            cursor = _next_cursor(page)
            if not cursor:
                return
            if cursor in seen:
                raise self._failed(Retryable, "the venue repeats a page", "cursor_loop")
            seen.add(cursor)
        raise self._failed(Retryable, f"a list of more than {_MOST_PAGES} pages", "oversize")


def _next_cursor(page: answers.OrdersPage | answers.FillsPage | answers.AccountsPage) -> str:
    """Return the cursor of the next page; "" when this was the last. Fills have no has_next."""
    if isinstance(page, answers.FillsPage):
        return (page.cursor or "") if page.fills else ""
    return (page.cursor or "") if page.has_next else ""


def _agree(told: tuple[str, str], asked: tuple[str, str]) -> bool:
    """Tell whether no name of an order is another than asked for; one that is empty was not said."""
    return all(one == other for one, other in zip(told, asked) if one and other)


def _may_be(unread: Unread, query: QueryOrder) -> bool:
    """Tell whether a row that can't be read may be the order that is asked about."""
    if unread.client_order_id:
        return unread.client_order_id == query.client_order_id
    if query.venue_order_id and unread.venue_order_id:
        return unread.venue_order_id == query.venue_order_id
    return unread.instrument in ("", query.instrument)
