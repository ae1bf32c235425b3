"""What the client makes of answers that the simulated venue never gives."""

import json
import tracemalloc
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import jwt
import msgspec
import pytest

from adapters.network.http import ALONE, Response
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.sign import Signer
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.messages.listing import UNREAD_KEPT
from domain.messages.orders import CancelOrder, OrderNotFound, OrderStatus, Purpose, QueryOrder
from domain.settings import VenueSettings
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock, order

SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EMPTY_PAGE = {"orders": [], "has_next": False, "cursor": ""}


class Script:
    """A transport that gives the next answer of a list, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.asked: list[tuple[str, str, dict, str]] = []  # method, path, query, token
        self.alone: list[bool] = []  # whether each question had a connection of its own
        self.closed = 0
        self._answers = list(answers)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        address = urlsplit(url)
        token = headers["Authorization"].removeprefix("Bearer ")
        self.asked.append((method, address.path, dict(parse_qsl(address.query)), token))
        self.alone.append(dict([ALONE]).items() <= headers.items())
        answer = self._answers.pop(0)
        if isinstance(answer, VenueError):
            raise answer
        status, value = answer
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Response(status, {}, body, sent_ns=1)

    def close(self) -> None:
        self.closed += 1


def client_of(script: Script, **settings) -> CoinbaseClient:
    return CoinbaseClient(VenueSettings(**settings), Signer("key-1", SEED), script, ManualClock())


def fate(*answers: tuple[int, object]) -> VenueError:
    with pytest.raises(VenueError) as raised:
        client_of(Script(*answers)).submit_order(order(), 5)
    return raised.value


def refusal(reason: str) -> dict:
    return {"success": False, "error_response": {"error": reason, "message": "no"}}


def success(**changes) -> dict:
    response = {"order_id": "venue-1", "client_order_id": order().client_order_id, **changes}
    return {"success": True, "success_response": response}


def row(client_order_id: str | None, **changes) -> dict:
    order_row = {"order_id": f"venue-{client_order_id}", "product_id": "BTC-USD", "side": "BUY"}
    return {**order_row, "status": "OPEN", "client_order_id": client_order_id, **changes}


def query(venue_order_id: str = "") -> QueryOrder:
    return QueryOrder(
        client_order_id="ours",
        venue="coinbase",
        instrument="BTC-USD",
        sent_at=UTC,
        venue_order_id=venue_order_id,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, Rejected), (403, Rejected), (429, Retryable), (404, Ambiguous), (302, Ambiguous), (500, Ambiguous)],
)
def test_the_status_of_a_create_decides_its_fate(status: int, expected: type) -> None:
    error = fate((status, {"error": "WORD"}))

    assert (type(error), error.code) == (expected, "WORD")


def test_a_duplicate_id_means_that_it_was_accepted_before() -> None:
    error = fate((200, refusal("DUPLICATE_CLIENT_ORDER_ID")))

    assert (type(error), error.code) == (Ambiguous, "DUPLICATE_CLIENT_ORDER_ID")


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True},
        success(order_id=""),
        success(order_id="a\x00"),
        success(client_order_id="another"),
        success(client_order_id=""),
        {},
        b"",
        b"<html>",
        [],
    ],
)
def test_a_success_that_cannot_be_understood_is_ambiguous(answer) -> None:
    assert type(fate((200, answer))) is Ambiguous


def test_a_success_that_leaves_out_our_name_is_one_if_it_tells_what_we_sent() -> None:
    nameless = {"client_order_id": None, "side": "BUY"}

    accepted = client_of(Script((200, success(**nameless, product_id="BTC-USD")))).submit_order(order(), 5)

    assert (accepted.client_order_id, accepted.venue_order_id) == (order().client_order_id, "venue-1")
    assert type(fate((200, success(**nameless, product_id="ETH-USD")))) is Ambiguous


def test_a_refusal_may_come_with_placeholders_and_success_decides_alone() -> None:
    answer = {**success(), "error_response": {"error": "UNKNOWN_FAILURE_REASON"}}

    assert client_of(Script((200, answer))).submit_order(order(), 5).venue_order_id == "venue-1"


def test_the_token_of_a_create_dies_early_and_names_the_request() -> None:
    script = Script((200, success()), (200, EMPTY_PAGE), (200, EMPTY_PAGE))
    client = client_of(script, order_token_ttl_s=30)

    client.submit_order(order(), 5)
    client.list_open_orders(5)

    tokens = [jwt.decode(token, options={"verify_signature": False}) for *_, token in script.asked]
    assert [token["exp"] - token["nbf"] for token in tokens] == [30, 120, 120]
    assert tokens[0]["uri"] == "POST api.coinbase.com/api/v3/brokerage/orders"
    assert tokens[1]["uri"] == "GET api.coinbase.com/api/v3/brokerage/orders/historical/batch"
    assert tokens[0]["nbf"] == UTC // SECOND_NS


@pytest.mark.parametrize(("purpose", "lives_s"), [(Purpose.OPEN, 30), (Purpose.CLOSE, 5), (Purpose.PROTECT, 5)])
def test_what_reduces_risk_is_sooner_proven_dead(purpose: Purpose, lives_s: int) -> None:
    script = Script((200, success()))

    client_of(script).submit_order(order(purpose=purpose), 5)

    token = jwt.decode(script.asked[0][-1], options={"verify_signature": False})
    assert token["exp"] - token["nbf"] == lives_s


def test_an_order_is_looked_for_from_a_minute_before_it_was_sent() -> None:
    script = Script((200, {"orders": [row("theirs"), row("ours")]}))

    found = client_of(script).find_order(query(), 5)

    (_, path, asked, _) = script.asked[0]
    assert found.client_order_id == "ours"
    assert path.endswith("/orders/historical/batch")
    assert asked["start_date"] == "2026-05-28T20:25:40.000000Z"
    assert "order_status" not in asked


def test_a_known_order_is_read_directly_and_searched_for_when_it_is_not_there() -> None:
    found = Script((200, {"order": row("ours", order_id="venue-1", status="FILLED")}))
    lagging = Script((404, {"error": "NOT_FOUND"}), (200, {"orders": [row("ours")]}))

    assert client_of(found).find_order(query("venue-1"), 5).status is OrderStatus.FILLED
    assert client_of(lagging).find_order(query("venue-1"), 5).status is OrderStatus.OPEN
    assert found.asked[0][1].endswith("/orders/historical/venue-1")


@pytest.mark.parametrize("nameless", [None, ""])
def test_a_known_order_is_found_by_the_venues_name_where_ours_is_left_out(nameless: str | None) -> None:
    ours = row(nameless, order_id="venue-1")
    direct, listed = Script((200, {"order": ours})), Script((404, b""), (200, {"orders": [row("theirs"), ours]}))

    for script in (direct, listed):
        assert client_of(script).find_order(query("venue-1"), 5).venue_order_id == "venue-1"
        assert script.closed == 0


@pytest.mark.parametrize("nameless", [None, ""])
def test_a_known_order_is_found_by_our_name_where_the_venues_is_left_out(nameless: str | None) -> None:
    ours = row("ours", order_id=nameless)
    direct, listed = Script((200, {"order": ours})), Script((404, b""), (200, {"orders": [ours]}))

    for script in (direct, listed):
        assert client_of(script).find_order(query("venue-1"), 5).client_order_id == "ours"
        assert script.closed == 0


def test_our_order_under_another_of_our_names_is_no_answer() -> None:
    script = Script((404, b""), (200, {"orders": [row("theirs", order_id="venue-1")]}))

    with pytest.raises(Retryable):
        client_of(script).find_order(query("venue-1"), 5)


def test_a_look_that_shows_orders_without_a_name_says_which() -> None:
    nameless = [row(None, order_id=name) for name in ("venue-1", "venue-2")]
    elsewhere = row(None, order_id="venue-3", product_id="ETH-USD")

    found = client_of(Script((200, {"orders": [*nameless, elsewhere]}))).find_order(query(), 5)

    assert [report.venue_order_id for report in found.unnamed] == ["venue-1", "venue-2"]


def test_orders_without_the_venues_name_do_not_hide_each_other_and_without_any_are_unread() -> None:
    rows = [row("one", order_id=None), row("two", order_id=None), row("", order_id=None)]

    listed = client_of(Script((200, EMPTY_PAGE), (200, {"orders": rows}))).list_open_orders(5)

    assert [report.client_order_id for report in listed] == ["one", "two"]
    assert [one.instrument for one in listed.unread] == ["BTC-USD"]


def test_whose_order_a_venue_id_names_is_not_looked_for_in_the_list() -> None:
    lagging, found = Script((404, b"")), Script((200, {"order": row("theirs", order_id="venue-1", status="FILLED")}))
    whose = msgspec.structs.replace(query("venue-1"), client_order_id="")

    with pytest.raises(Retryable):
        client_of(lagging).find_order(whose, 5)
    assert client_of(found).find_order(whose, 5).client_order_id == "theirs"


@pytest.mark.parametrize("failure", [(500, b"oops"), (200, b"oops")])
def test_an_order_whose_own_address_fails_is_looked_for_in_the_list(failure: tuple[int, bytes]) -> None:
    script = Script(failure, (200, {"orders": [row("ours", status="CANCELLED")]}))

    assert client_of(script).find_order(query("venue-1"), 5).status is OrderStatus.CANCELED


def test_a_venue_that_asks_for_fewer_requests_gets_no_second_one() -> None:
    script = Script((429, b""))

    with pytest.raises(Retryable):
        client_of(script).find_order(query("venue-1"), 5)


def test_a_status_that_nobody_knows_leaves_the_question_open() -> None:
    with pytest.raises(Retryable):
        client_of(Script((200, {"orders": [row("ours", status="HALTED")]}))).find_order(query(), 5)


def test_a_venue_that_repeats_a_page_is_not_read_for_ever() -> None:
    page = {"orders": [row("theirs")], "has_next": True, "cursor": "same"}

    with pytest.raises(Retryable) as failure:
        client_of(Script(*[(200, page)] * 9)).find_order(query(), 5)

    assert failure.value.code == "cursor_loop"


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.list_open_orders(5),
        lambda client: client.find_order(query(), 5),
        lambda client: client.list_fills(0, 5),
        lambda client: client.list_balances(5),
    ],
)
@pytest.mark.parametrize("rows", [501, 300_000])
def test_a_page_of_more_rows_than_a_page_has_is_no_page(ask: Callable, rows: int) -> None:
    """It costs no more than to count, and nothing in it, or missing in it, is believed."""
    nothing = b"0," * (rows - 1) + b"0"
    body = b'{"orders":[%b],"fills":[%b],"accounts":[%b]}' % (nothing, nothing, nothing)
    tracemalloc.start()
    with pytest.raises(Retryable) as failure:
        ask(client_of(Script(*[(200, body)] * 2)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert failure.value.code == "oversize"
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.list_open_orders(5),
        lambda client: client.find_order(query(), 5),
        lambda client: client.list_fills(0, 5),
        lambda client: client.list_balances(5),
    ],
)
def test_no_late_copy_of_an_answer_passes_for_a_list(ask: Callable) -> None:
    """A list says not what was asked, and what it lacks is a proof: every page has a connection of its own."""
    page = {"orders": [], "fills": [1], "accounts": [], "has_next": True}
    script = Script((200, {**page, "cursor": "1"}), *[(200, {**page, "has_next": False, "fills": []})] * 2)

    ask(client_of(script))

    assert len(script.alone) >= 2 and all(script.alone)


def test_an_order_waits_for_no_connection_of_its_own() -> None:
    script = Script((200, success()))

    client_of(script).submit_order(order(), 5)

    assert (script.alone, script.closed) == ([False], 0)


@pytest.mark.parametrize("answer", [(200, refusal("NO_FUNDS")), (400, {}), (403, {}), (429, b""), (500, b"")])
def test_a_refusal_that_names_no_order_is_the_last_answer_of_its_connection(answer: tuple) -> None:
    """Sent twice, it would refuse the next order, which may rest."""
    script = Script(answer)

    with pytest.raises(VenueError):
        client_of(script).submit_order(order(), 5)

    assert script.closed == 1


def test_a_list_without_end_is_not_read_for_ever() -> None:
    pages = ({"orders": [], "has_next": True, "cursor": str(number)} for number in range(1_000))
    script = Script(*[(200, page) for page in pages])

    with pytest.raises(Retryable) as failure:
        client_of(script).list_open_orders(5)

    assert failure.value.code == "oversize"
    assert len(script.asked) == 100


def test_an_order_that_may_be_among_rows_that_are_not_kept_is_not_called_absent() -> None:
    strange = [row(f"odd-{number}", status="ODD") for number in range(250)]
    script = Script((200, {"orders": [*strange, row("ours", status="ODD")]}))

    with pytest.raises(Retryable) as failure:
        client_of(script).find_order(query(), 5)

    assert failure.value.code == "unreadable"


def test_a_balance_is_unknown_also_where_its_row_is_not_kept() -> None:
    strange = [{"currency": f"C{number}", "available_balance": {"value": "x"}} for number in range(400)]
    dollars = [
        {"currency": "USD", "available_balance": {"value": value}, "hold": {"value": "0"}} for value in ("5", "x")
    ]
    pages = [
        (200, {"accounts": [dollars[0], *strange], "has_next": True, "cursor": "1"}),
        (200, {"accounts": strange, "has_next": True, "cursor": "2"}),
        (200, {"accounts": [*strange, dollars[1]]}),
    ]

    listed = client_of(Script(*pages)).list_balances(5)

    assert list(listed) == []
    assert listed.unread[-1].count == 1_201 - UNREAD_KEPT


def test_orders_on_their_way_to_the_book_are_open_orders_too() -> None:
    pending, resting = {"orders": [row("a", status="PENDING")]}, {"orders": [row("b"), row("a")]}
    script = Script((200, pending), (200, resting))

    listed = client_of(script).list_open_orders(5)

    assert [report.client_order_id for report in listed] == ["a", "b"]
    assert script.asked[1][2]["order_status"] == "OPEN"


def test_a_key_without_permission_to_read_is_fatal() -> None:
    with pytest.raises(Fatal):
        client_of(Script((403, {"error": "PERMISSION_DENIED"}))).list_balances(5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, {"results": []}), Ambiguous),
        ((200, {"results": [{"order_id": "another", "success": True}]}), Ambiguous),
        ((404, b""), Ambiguous),
        ((429, b""), Ambiguous),
        ((400, {"error": "INVALID_ARGUMENT"}), Rejected),
    ],
)
def test_a_cancel_is_settled_only_by_a_verdict_on_its_order(answer, expected: type) -> None:
    """F07"""
    command = CancelOrder(client_order_id="ours", venue="coinbase", venue_order_id="venue-1")

    with pytest.raises(VenueError) as raised:
        client_of(Script(answer)).cancel_order(command, 5)

    assert type(raised.value) is expected


def test_errors_tell_the_beginning_of_the_answer_and_nothing_of_the_token() -> None:
    error = fate((500, b"x" * 1000))

    assert error.raw == b"x" * 256
    assert "Bearer" not in str(error) + repr(error)


# ---- one row that can't be read hides no other -----------------------------------------------------------

FILL_ROW = {
    "entry_id": "e",
    "order_id": "o",
    "product_id": "BTC-USD",
    "side": "BUY",
    "trade_time": "2026-01-01T00:00:00Z",
    "price": "1",
    "size": "1",
}
ODD_FILLS = [
    {"trade_type": "ADJUSTMENT"},
    {"price": "0"},
    {"size": "0"},
    {"size": "NaN"},
    {"side": "UNKNOWN_ORDER_SIDE"},
    {"trade_time": 5},
    {"commission": {}},
]


@pytest.mark.parametrize("change", ODD_FILLS)
def test_a_fill_that_cannot_be_read_hides_no_other_and_is_named(change: dict) -> None:
    odd = {**FILL_ROW, "entry_id": "odd", "order_id": "o-odd", "product_id": "DOGE-USD", **change}
    script = Script((200, {"fills": [odd, FILL_ROW, None, 5], "cursor": ""}))

    listed = client_of(script).list_fills(0, 5)

    assert [fill.fill_id for fill in listed] == ["e"]
    about = [(one.kind, one.row_id, one.venue_order_id, one.instrument) for one in listed.unread]
    assert about == [("fill", "odd", "o-odd", "DOGE-USD"), ("fill", "", "", ""), ("fill", "", "", "")]
    assert str(listed.unread[0]) == "fill odd of order o-odd in DOGE-USD"
    assert all(one.reason for one in listed.unread)


def test_a_fill_that_is_listed_twice_with_other_numbers_is_there_twice_as_first_told_first() -> None:
    other = {**FILL_ROW, "size": "2", "trade_time": "2025-01-01T00:00:00Z"}
    script = Script((200, {"fills": [FILL_ROW, other, FILL_ROW, other], "cursor": ""}))

    listed = client_of(script).list_fills(0, 5)

    assert [(fill.fill_id, fill.quantity) for fill in listed] == [("e", 1), ("e", 2)]


def test_null_where_text_or_a_number_is_optional_is_absent() -> None:
    nulls = dict.fromkeys(("trade_type", "commission", "liquidity_indicator", "size_in_quote"))
    order_nulls = dict.fromkeys(
        ("client_order_id", "filled_size", "average_filled_price", "total_fees")
        + ("reject_reason", "reject_message", "cancel_message")
    )
    pages = [{"orders": [], "has_next": None, "cursor": None}, {"orders": [{**row("a"), **order_nulls}]}]

    fills = client_of(Script((200, {"fills": [FILL_ROW | nulls], "cursor": None}))).list_fills(0, 5)
    orders = client_of(Script(*[(200, page) for page in pages])).list_open_orders(5)

    assert [(fill.fee, fill.is_maker) for fill in fills] == [(0, False)]
    assert [(each.client_order_id, each.cumulative_quantity) for each in orders] == [("", None)]
    assert fills.unread == orders.unread == ()


def test_what_is_only_for_people_may_be_anything() -> None:
    odd = row("a", reject_message=5, cancel_message=[], reject_reason={}, total_fees="?", filled_size="0")
    fill = {**FILL_ROW, "liquidity_indicator": 7}

    orders = client_of(Script((200, EMPTY_PAGE), (200, {"orders": [odd]}))).list_open_orders(5)
    fills = client_of(Script((200, {"fills": [fill]}))).list_fills(0, 5)

    assert (len(orders), orders[0].reason, len(fills)) == (1, "", 1)


@pytest.mark.parametrize("change", [{"status": "ODD"}, {"side": None}, {"filled_size": "x"}, {"order_id": 7}])
def test_an_open_order_that_cannot_be_read_hides_no_other_and_is_named(change: dict) -> None:
    script = Script((200, EMPTY_PAGE), (200, {"orders": [row("odd", **change), row("b")]}))

    listed = client_of(script).list_open_orders(5)

    assert [report.client_order_id for report in listed] == ["b"]
    assert [(one.kind, one.client_order_id, one.instrument) for one in listed.unread] == [("order", "odd", "BTC-USD")]


@pytest.mark.parametrize(
    ("strange", "may_be_ours"),
    [
        (row("ours", status="ODD"), True),
        (row("theirs", status="ODD"), False),
        ({**row("x"), "client_order_id": 5}, True),
        ({**row("x"), "client_order_id": 5, "product_id": "DOGE-USD"}, False),
        ({**row("x", status="ODD", product_id=None), "client_order_id": None}, True),
        (None, True),
    ],
)
def test_a_listing_with_a_row_that_may_be_the_order_is_no_full_look(strange: object, may_be_ours: bool) -> None:
    client = client_of(Script((200, {"orders": [row("theirs"), strange]})))

    if may_be_ours:
        with pytest.raises(Retryable) as failure:
            client.find_order(query(), 5)
        assert failure.value.code == "unreadable"
    else:
        assert isinstance(client.find_order(query(), 5), OrderNotFound)


def test_an_order_is_found_beside_rows_that_cannot_be_read() -> None:
    client = client_of(Script((200, {"orders": [None, {**row("x"), "client_order_id": 5}, row("ours")]})))

    assert client.find_order(query(), 5).client_order_id == "ours"


def account(currency: object, value: object, hold: object = "0") -> dict:
    return {"currency": currency, "available_balance": {"value": value}, "hold": {"value": hold}}


@pytest.mark.parametrize(
    "odd",
    [
        account("DOGE", None),
        account("DOGE", ""),  # not said, which is not nothing
        account("DOGE", "x"),
        account("DOGE", "1", ""),
        account("DOGE", "1", None),
        {"currency": "DOGE"},
        {"currency": "DOGE", "available_balance": {"value": "1"}},
    ],
)
def test_a_balance_that_cannot_be_read_makes_its_currency_unknown_and_no_other(odd: dict) -> None:
    page = {"accounts": [account("USD", "5"), odd, account("DOGE", "7"), account("BTC", "1")]}

    listed = client_of(Script((200, page))).list_balances(5)

    assert [(each.currency, each.total) for each in listed] == [("BTC", 1), ("USD", 5)]
    assert [one.currency for one in listed.unread] == ["DOGE"]


PRODUCT = {
    "product_id": "BTC-USD",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "base_min_size": "0.0001",
    "base_max_size": "3400",
    "quote_min_size": "1",
    "price_increment": None,
    "status": "online",
    "is_disabled": None,
}
FEES = {"fee_tier": {"taker_fee_rate": "0.006", "maker_fee_rate": "0.004"}}


def test_a_product_that_cannot_be_read_is_left_out_alone() -> None:
    odd = {**PRODUCT, "product_id": "ETH-USD", "base_increment": "0"}
    script = Script((200, {"products": [odd, None, PRODUCT]}), (200, FEES))

    loaded = client_of(script).load_instruments(("ETH-USD", "BTC-USD", "DOGE-USD"), 5)

    assert [(each.name, each.is_tradable) for each in loaded.instruments] == [("BTC-USD", True)]
    assert [each.instrument for each in loaded.left_out] == ["ETH-USD", "DOGE-USD"]
    assert [each.reason == "not listed" for each in loaded.left_out] == [False, True]


def test_a_name_for_which_the_whole_question_is_refused_is_left_out_alone() -> None:
    refused = 404, {"error": "NOT_FOUND"}
    script = Script(refused, refused, (200, {"products": [PRODUCT]}), (200, FEES))

    loaded = client_of(script).load_instruments(("DOGE-USD", "BTC-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["BTC-USD"]
    assert [each.instrument for each in loaded.left_out] == ["DOGE-USD"]


def test_a_fill_whose_time_is_unset_has_that_of_its_booking() -> None:
    unset = {**FILL_ROW, "trade_time": "0001-01-01T00:00:00Z"}
    fills = [{**unset, "sequence_timestamp": "2026-05-28T20:26:40Z"}, {**unset, "entry_id": "odd"}]

    listed = client_of(Script((200, {"fills": fills}))).list_fills(0, 5)

    assert [fill.ts_event for fill in listed] == [UTC]
    assert [one.row_id for one in listed.unread] == ["odd"]


# ---- the fate of a request is that of all its sends ------------------------------------------------------

CANCEL = CancelOrder(client_order_id="ours", venue="coinbase", venue_order_id="venue-1")
NOT_SENT = Retryable("request not sent: refused", code="refused")
SECOND_ANSWERS = [
    (400, {"error": "INVALID_ARGUMENT"}),
    (403, {"error": "PERMISSION_DENIED"}),
    (429, b""),
    (500, b""),
    (200, refusal("INSUFFICIENT_FUND")),
    NOT_SENT,
    Ambiguous("request sent, no usable answer: timeout", code="timeout"),
]


@pytest.mark.parametrize("second", SECOND_ANSWERS, ids=str)
def test_a_create_after_a_401_is_disproven_by_nothing(second) -> None:
    """The first send may have landed: a throttled Coinbase answers 401 to good credentials (docs/money.md 1)."""
    assert type(fate((401, b"Unauthorized"), second)) is Ambiguous


def test_a_create_that_has_no_time_left_after_a_401_may_have_landed() -> None:
    script = Script((401, b"Unauthorized"))
    client = client_of(script)
    send = script.send

    def slow(*request):
        client._clock.advance(6)
        return send(*request)

    script.send = slow

    with pytest.raises(Ambiguous):
        client.submit_order(order(), 5)


def test_a_second_send_after_a_401_may_be_accepted_and_a_second_401_is_fatal() -> None:
    accepted = client_of(Script((401, b""), (200, success()))).submit_order(order(), 5)

    assert accepted.venue_order_id == "venue-1"
    assert type(fate((401, b""), (401, b""))) is Fatal


@pytest.mark.parametrize(
    "second",
    [
        (400, {"error": "INVALID_ARGUMENT"}),
        (200, {"results": [{"order_id": "venue-1", "success": False, "failure_reason": "UNKNOWN"}]}),
        (429, b""),
        NOT_SENT,
    ],
    ids=str,
)
def test_a_cancel_after_a_401_is_disproven_by_nothing(second) -> None:
    with pytest.raises(Ambiguous):
        client_of(Script((401, b""), second)).cancel_order(CANCEL, 5)


def test_a_read_after_a_401_may_be_made_again() -> None:
    with pytest.raises(Retryable):
        client_of(Script((401, b""), NOT_SENT)).list_balances(5)


# ---- an answer is about what was asked -------------------------------------------------------------------


def book_of(product: str) -> dict:
    levels = {"bids": [{"price": "1", "size": "1"}], "asks": [{"price": "2", "size": "1"}]}
    return {"pricebook": {"product_id": product, **levels}}


@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        ((200, success(client_order_id="another")), lambda client: client.submit_order(order(), 5)),
        ((200, {"results": [{"order_id": "b", "success": True}]}), lambda client: client.cancel_order(CANCEL, 5)),
        ((200, {"orders": [row("a", status="FILLED")]}), lambda client: client.list_open_orders(5)),
        ((200, {"fills": [FILL_ROW]}), lambda client: client.list_fills(0, 5, ("another",))),
        ((200, book_of("ETH-USD")), lambda client: client.read_touch("BTC-USD", 5)),
    ],
)
def test_an_answer_about_something_else_is_refused_with_every_open_connection(answer, ask) -> None:
    script = Script(answer)

    with pytest.raises((Ambiguous, Retryable)):
        ask(client_of(script))

    assert script.closed == 1


@pytest.mark.parametrize(
    "told",
    [row("theirs", order_id="venue-1"), row("ours", order_id="venue-2"), row("theirs", order_id="venue-2")],
)
def test_an_order_is_found_only_under_both_its_ids(told: dict) -> None:
    script = Script((200, {"order": told}), (200, {"orders": [row("ours", order_id="venue-1")]}))

    found = client_of(script).find_order(query("venue-1"), 5)

    assert (found.client_order_id, found.venue_order_id) == ("ours", "venue-1")
    assert script.closed == 1


def test_an_id_of_the_venue_steers_no_path() -> None:
    script = Script((404, b""), (200, EMPTY_PAGE))

    client_of(script).find_order(query("../../x?y=z"), 5)

    assert script.asked[0][1].endswith("/orders/historical/..%2F..%2Fx%3Fy%3Dz")


def test_a_429_that_names_no_pause_wants_fewer_requests_all_the_same() -> None:
    error = fate((429, b""))

    assert (error.is_throttled, error.retry_after_ns) == (True, None)


# ---- fees and prices -------------------------------------------------------------------------------------


def test_fees_that_are_not_told_keep_no_product_back() -> None:
    script = Script(
        (200, {"products": [PRODUCT]}), (503, b""),
        (200, {"products": [PRODUCT]}), (200, FEES),
        (200, {"products": [PRODUCT]}), (403, b""),
    )  # fmt: skip
    client = client_of(script)

    answers = [client.load_instruments(("BTC-USD",), 5) for _ in range(3)]

    assert [len(loaded.instruments) for loaded in answers] == [1, 1, 1]
    assert [loaded.is_fee_known for loaded in answers] == [False, True, False]
    worst, last_known = Decimal("0.012"), Decimal("0.006")
    assert [loaded.taker_fee_ratio for loaded in answers] == [worst, last_known, last_known]


def book(bids: list[str], asks: list[str], **more: str) -> tuple[int, dict]:
    sides = {"bids": [{"price": it} for it in bids], "asks": [{"price": it} for it in asks]}
    return 200, {"pricebook": sides, **more}


def test_the_venue_itself_tells_what_a_product_costs() -> None:
    script = Script(book(["58000"], ["58001"], last="58000.5"))

    touch = client_of(script).read_touch("BTC-USD", 5)

    assert script.asked[0][1:3] == (
        "/api/v3/brokerage/product_book", {"product_id": "BTC-USD", "limit": "1"},
    )  # fmt: skip
    assert (touch.bid_price, touch.ask_price) == (Decimal("58000"), Decimal("58001"))
    assert touch.last_price == Decimal("58000.5")


@pytest.mark.parametrize("answer", [book(["58001"], ["58001"], last="58000"), book([], [], last="58000")])
def test_of_a_book_that_cannot_be_believed_the_last_trade_remains(answer: tuple[int, dict]) -> None:
    touch = client_of(Script(answer)).read_touch("BTC-USD", 5)

    assert (touch.bid_price, touch.ask_price, touch.last_price) == (None, None, Decimal("58000"))


@pytest.mark.parametrize("answer", [book([], ["1"]), book(["0"], ["1"]), (503, b""), (200, b"{}")])
def test_a_venue_that_tells_no_price_may_be_asked_again(answer: tuple[int, object]) -> None:
    with pytest.raises(Retryable):
        client_of(Script(answer)).read_touch("BTC-USD", 5)


# ---- products that are not spot --------------------------------------------------------------------------


@pytest.mark.parametrize("product_type", ["UNKNOWN_PRODUCT_TYPE", "PREDICTION"])
def test_a_product_of_unknown_type_is_left_out(product_type: str) -> None:
    other = {**PRODUCT, "product_id": "BTC-PERP-INTX", "product_type": product_type}
    script = Script((200, {"products": [other, PRODUCT]}), (200, FEES))

    loaded = client_of(script).load_instruments(("BTC-PERP-INTX", "BTC-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["BTC-USD"]
    assert [each.instrument for each in loaded.left_out] == ["BTC-PERP-INTX"]


@pytest.mark.parametrize("product", ["BTC-PERP-INTX", "BIP-20DEC30-CDE", "nodash", "-", "BTC-"])
def test_fills_and_orders_of_any_product_are_read_and_name_no_wallet_that_is_not_theirs(product: str) -> None:
    fill = {**FILL_ROW, "product_id": product, "commission": "2"}
    order = {**row("theirs"), "product_id": product}

    [read] = client_of(Script((200, {"fills": [fill]}))).list_fills(0, 5)
    [report] = client_of(Script((200, EMPTY_PAGE), (200, {"orders": [order]}))).list_open_orders(5)

    assert (read.instrument, read.fee, read.fee_currency) == (product, 2, "")
    assert report.instrument == product


# ---- refused credentials ---------------------------------------------------------------------------------


def test_known_to_be_refused_a_token_is_sent_once_per_request() -> None:
    script = Script(
        (401, b""), (401, b""),  # is it only throttled?
        (401, b""),
        (200, {"accounts": []}),
        (401, b""), (200, {"accounts": []}),
    )  # fmt: skip
    client = client_of(script)

    for _ in range(2):
        with pytest.raises(Fatal) as raised:
            client.list_balances(5)
        assert raised.value.denied_with == "401"
    client.list_balances(5)
    client.list_balances(5)

    assert len(script.asked) == 6


def test_a_key_that_may_not_trade_is_told_from_a_refused_order() -> None:
    assert fate((403, {"error": "PERMISSION_DENIED"})).denied_with == "403"
    assert fate((400, {"error": "INVALID_ARGUMENT"})).denied_with == ""


def test_prices_of_the_same_book_under_its_other_name_are_believed() -> None:
    told = client_of(Script((200, book_of("BTC-USD")))).read_touch("BTC-USDC", 5)

    assert (told.instrument, told.bid_price, told.ask_price) == ("BTC-USDC", 1, 2)


@pytest.mark.parametrize("stamp", ["2026-05-28T20:27:10Z", "2076-01-01T00:00:00Z"])
def test_a_fill_from_the_future_is_booked_as_of_the_question(stamp: str) -> None:
    row = FILL_ROW | {"trade_time": stamp, "sequence_timestamp": stamp}
    clock = ManualClock()
    client = client_of(Script((200, {"fills": [FILL_ROW, row | {"entry_id": "absurd"}]})))

    listed = client.list_fills(0, 5)

    assert max(fill.ts_event for fill in listed) <= clock.now().utc_ns
    assert {fill.fill_id for fill in listed} == {"e", "absurd"}
