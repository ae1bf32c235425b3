"""What every venue's decoder makes of one price, good or bad, in the venue's own words (T23 to T27, PP-01 to PP-05)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

import pytest

from adapters.venues.coinbase.decode import decode as decode_coinbase
from adapters.venues.dydx.decode import decode as decode_dydx
from adapters.venues.hyperliquid.decode import decode as decode_hyperliquid
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, Trade

MISSING = object()  # the key is not there at all
RFC3339 = "2025-10-28T12:00:00Z"


class Venue(NamedTuple):
    """How one venue tells a public trade."""

    name: str
    decode: Callable[[bytes], list[Event]]
    envelope: Callable[[dict, Any], Any]  # row, symbol -> frame
    row: dict[str, Any]
    symbol: str  # ours to its
    keys: dict[str, str]  # its own for "symbol", "price" and "time"
    time_is_text: bool

    def frame(self, **fields: Any) -> bytes:
        """A trade in which `symbol`, `price`, `time` or any other key has another value, or none."""
        symbol = fields.pop("symbol", self.symbol)
        row = self.row | {self.keys.get(key, key): value for key, value in fields.items()}
        return json.dumps(_without_missing(self.envelope(row, symbol))).encode()

    def frame_with_number(self, digits: str) -> bytes:
        """The price as a JSON number, digit by digit."""
        return self.frame(price="@").replace(b'"@"', digits.encode())


def _without_missing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_missing(inner) for key, inner in value.items() if inner is not MISSING}
    return [_without_missing(inner) for inner in value] if isinstance(value, list) else value


def _coinbase(row: dict, symbol: Any) -> dict:
    events = [{"type": "update", "trades": [row | {"product_id": symbol}]}]
    return {"channel": "market_trades", "timestamp": RFC3339, "sequence_num": 0, "events": events}


def _dydx(row: dict, symbol: Any) -> dict:
    envelope = {"type": "channel_data", "channel": "v4_trades", "id": symbol, "message_id": 1}
    return envelope | {"contents": {"trades": [row]}}


def _hyperliquid(row: dict, symbol: Any) -> dict:
    return {"channel": "trades", "data": [row | {"coin": symbol}]}


COINBASE_ROW = {"trade_id": "1", "price": "100", "size": "0.5", "side": "BUY", "time": RFC3339}
DYDX_ROW = {"id": "1", "side": "BUY", "size": "0.5", "price": "100", "createdAt": RFC3339}
HYPERLIQUID_ROW = {"side": "B", "px": "100", "sz": "0.5", "time": 1_761_652_800_000, "tid": 1, "hash": "0x"}
COINBASE_KEYS = {"symbol": "product_id", "price": "price", "time": "time"}
DYDX_KEYS = {"symbol": "id", "price": "price", "time": "createdAt"}
HYPERLIQUID_KEYS = {"symbol": "coin", "price": "px", "time": "time"}
VENUES = [
    Venue("coinbase", decode_coinbase, _coinbase, COINBASE_ROW, "BTC-USD", COINBASE_KEYS, True),
    Venue("dydx", decode_dydx, _dydx, DYDX_ROW, "BTC-USD", DYDX_KEYS, True),
    Venue("hyperliquid", decode_hyperliquid, _hyperliquid, HYPERLIQUID_ROW, "BTC", HYPERLIQUID_KEYS, False),
]
every_venue = pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)


def price_of(venue: Venue, frame: bytes) -> Decimal:
    [trade] = [event for event in venue.decode(frame) if isinstance(event, Trade)]
    assert (trade.instrument, trade.ts_event) == ("BTC-USD", 1_761_652_800_000_000_000)
    return trade.price


def failure(venue: Venue, frame: bytes) -> DecodeFailed:
    """The one fault that a frame holds instead of a trade; its text is kept."""
    events = venue.decode(frame)
    [fault] = [event for event in events if isinstance(event, DecodeFailed)]
    assert fault.raw == frame[:256]
    assert fault.reason and len(fault.reason) <= 200
    assert not any(isinstance(event, Trade) for event in events)
    return fault


def fault_of(venue: Venue, frame: bytes) -> str:
    """Its category."""
    return failure(venue, frame).category


# ---- good ones -------------------------------------------------------------------------------------------


@every_venue
def test_a_price_is_taken_in_all_its_forms(venue: Venue) -> None:
    """T23, PP-01: text and JSON numbers, few and many digits, with an exponent, and with more beside it."""
    assert price_of(venue, venue.frame(price="45000.50")) == Decimal("45000.50")
    assert price_of(venue, venue.frame_with_number("3200.75")) == Decimal("3200.75")
    assert price_of(venue, venue.frame(price="95.12345678")) == Decimal("95.12345678")
    more = venue.frame(price="0.08250000", volume=1_000_000.0, exchange="coinbase")
    assert price_of(venue, more) == Decimal("0.0825")
    assert price_of(venue, venue.frame_with_number("1.23e-5")) == Decimal("0.0000123")


EXACT = ["0.000000000000000001", "999999999.123456789", "0.0000000123456789", "123456789012.123456789012345678"]
EXACT += ["45000.50", "0.1", "0.08250000", "1.1", "99999999999999999999", "3.141592653589793238"]


@every_venue
def test_not_a_digit_of_a_price_is_lost(venue: Venue) -> None:
    """T27, PP-04: as text and as a number, there and back again; and sums are exact."""
    for text in EXACT:
        prices = price_of(venue, venue.frame(price=text)), price_of(venue, venue.frame_with_number(text))
        assert [f"{price:f}" for price in prices] == [text, text]
    assert price_of(venue, venue.frame(price="1.23456789e-8")) == Decimal("0.0000000123456789")
    assert sum(price_of(venue, venue.frame(price=text)) for text in ("0.1", "0.1", "0.1")) == Decimal("0.3")


@every_venue
def test_of_a_key_that_is_there_twice_the_last_value_counts(venue: Venue) -> None:
    """PP-05."""
    key = f'"{venue.keys["price"]}": '.encode()
    twice = venue.frame(price="1").replace(key + b'"1"', key + b'"1", ' + key + b'"2"')

    assert price_of(venue, twice) == 2


# ---- bad ones --------------------------------------------------------------------------------------------


@every_venue
def test_what_is_no_json_object_is_told_apart(venue: Venue) -> None:
    """T24, PP-05: cut off, no comma, bare keys, text, nothing, a bare word; then no brace, and a list."""
    frames = (
        b'{"symbol":"BTC-USD","price":',
        b'{"symbol":"BTC-USD" "price":"1"}',
        b'{symbol:"BTC-USD",price:1}',
        b"This is not JSON",
        b"",
        b"undefined",
        b'"symbol":"BTC-USD","price":"1"}',
        b'["BTC-USD", "45000.00"]',
    )
    assert [fault_of(venue, frame) for frame in frames] == ["parse"] * 6 + ["structure"] * 2


@every_venue
def test_nesting_without_end_is_a_fault_wherever_it_is(venue: Venue) -> None:
    """PP-05: 10,000 deep, where nobody looks and where a price should be."""
    deep = b"[" * 10_000 + b"]" * 10_000

    assert fault_of(venue, deep) == "structure"
    assert fault_of(venue, venue.frame(more="@").replace(b'"@"', deep)) == "parse"
    assert fault_of(venue, b'{"more":' + deep + b"," + venue.frame()[1:]) == "parse"
    assert fault_of(venue, venue.frame(price="@").replace(b'"@"', deep)) in ("parse", "type")


every_field = pytest.mark.parametrize("field", ["symbol", "price", "time"])
Instead = dict[str, tuple[Any, str]]  # what a field holds instead -> the kind of fault
WRONG: Instead = {
    "missing": (MISSING, "structure"),
    "null": (None, "type"),
    "a list": ([1], "type"),
    "an object": ({"a": 1}, "type"),
    "true": (True, "type"),
}
NO_NAME: Instead = {"empty": ("", "validation"), "negative": (-1, "type"), "zero": (0, "type")}
NO_PRICE: Instead = {"empty": ("", "validation"), "negative": ("-1", "validation"), "zero": (0, "validation")}
NO_UTC: Instead = NO_NAME | {"NaN": ("NaN", "validation")}
NO_MS: Instead = {"empty": ("", "type"), "negative": (-1, "validation"), "zero": (0, "validation")}


def wrong(venue: Venue, field: str) -> Instead:
    of_time = NO_UTC if venue.time_is_text else NO_MS | {"NaN": ("NaN", "type")}
    of_price = NO_PRICE | {"NaN": ("NaN", "validation")}
    found = WRONG | {"symbol": NO_NAME, "price": of_price, "time": of_time}[field]
    if (venue.name, field) == ("dydx", "symbol"):
        found["null"] = (None, "structure")  # some of its channels have none, and say so by a null
    return found


@every_venue
@every_field
def test_whatever_else_a_field_holds_is_one_fault_that_names_field_and_kind(venue: Venue, field: str) -> None:
    """T25, PP-02: missing, null, empty, of a wrong type, negative, zero, not a number."""
    for name, (value, kind) in wrong(venue, field).items():
        fault = failure(venue, venue.frame(**{field: value}))

        assert (name, fault.category) == (name, kind)
        assert re.search(rf"[.`]{venue.keys[field]}`", fault.reason), (name, fault.reason)


@every_venue
@every_field
def test_nan_without_quotes_is_no_json_and_its_place_is_told(venue: Venue, field: str) -> None:
    frame = venue.frame(**{field: "@"}).replace(b'"@"', b"NaN")

    fault = failure(venue, frame)

    assert (fault.category, fault.reason.startswith("JSON is malformed")) == ("parse", True)


@every_venue
def test_a_price_alone_is_not_enough(venue: Venue) -> None:
    """T25: nothing but a volume; a symbol that is a number."""
    only_volume = venue.frame(symbol=MISSING, price=MISSING, time=MISSING, volume="1.5")

    assert fault_of(venue, only_volume) == "structure"
    assert fault_of(venue, venue.frame(symbol=12345)) == "type"


NO_PRICES = ["", "ABC123", "-15.50", "0.00", "Infinity", "-Infinity", "NaN", "sNaN", "1e400", "1e", " 1 ", "１２"]
NO_PRICES += ["1_0", "0x10", "1,5", "9" * 41, "0.0000000000000000001", "1e-19"]


@every_venue
def test_what_reads_like_a_price_and_is_none_is_refused(venue: Venue) -> None:
    """T26, PP-03, PP-04: as text and, where JSON allows it, as a number."""
    assert {text: fault_of(venue, venue.frame(price=text)) for text in NO_PRICES} == dict.fromkeys(
        NO_PRICES, "validation"
    )
    for digits in ("-15.50", "0.00", "1e400", "1e-400", "0.0000000000000000001"):
        assert fault_of(venue, venue.frame_with_number(digits)) == "validation"
    for word in ("NaN", "Infinity", "1e", "+1", "01"):
        assert fault_of(venue, venue.frame_with_number(word)) == "parse"


@every_venue
def test_thirty_digits_are_a_price(venue: Venue) -> None:
    """PP-03."""
    text = "123456789012345678901234567890"

    assert [price_of(venue, one) for one in (venue.frame(price=text), venue.frame_with_number(text))] == [
        Decimal(text)
    ] * 2


@every_venue
def test_no_mixture_of_these_makes_a_decoder_raise(venue: Venue) -> None:
    """PP-08: every two fields at once."""
    values = [value for value, _ in WRONG.values()] + NO_PRICES + [10**30, -1, 1.5e300]
    for one, other in product(values, values):
        venue.decode(venue.frame(price=one, time=other))
        venue.decode(venue.frame(symbol=one, size=other, sz=other))
