"""What threads share is built before they start: two that build decoders at once may never come back."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import msgspec
import pytest

from adapters.venues import catalogue as venues
from adapters.venues.coinbase.public_client import PublicClient
from domain.instant import Instant
from domain.messages import base as messages
from domain.messages.account import VenueSnapshot
from domain.messages.base import build_decoders
from domain.messages.orders import QueryOrder
from domain.settings import VenueSettings
from tests.builders import UTC, make_quote
from tests.order_builders import make_fill, make_report
from tests.simulated_coinbase import VENUE_SETTINGS, SimulatedCoinbase, order


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Return what decoders are made for while the test lasts, in product code."""
    made: list[object] = []

    def refuse(shape: object, **_: object) -> None:
        made.append(shape)
        raise AssertionError(f"a decoder of {shape} is made late")

    for module in (msgspec.json, msgspec.msgpack):
        monkeypatch.setattr(module, "Decoder", refuse)
    yield made
    assert made == []


def test_no_call_of_the_trading_client_builds_a_decoder(built: list[object]) -> None:
    venue = SimulatedCoinbase()
    client, sent = venue.client, order()
    query = QueryOrder(client_order_id=sent.client_order_id, venue="coinbase", instrument="BTC-USD", sent_at=UTC)

    client.load_instruments(("BTC-USD", "DOGE-USD"), 5)
    accepted = client.submit_order(sent, 5)
    client.find_order(query, 5)
    client.find_order(msgspec.structs.replace(query, venue_order_id=accepted.venue_order_id), 5)
    client.list_balances(5)
    client.list_open_orders(5)
    client.list_fills(0, 5)


def test_no_question_about_the_markets_builds_a_decoder(built: list[object]) -> None:
    coinbase = SimulatedCoinbase()
    public = PublicClient(VENUE_SETTINGS, coinbase.transport, coinbase.clock)

    public.read_time(5)
    public.load_instruments((), 5)
    public.find_order_book("BTC-USD", 5)
    public.list_trades("BTC-USD", UTC, 5)
    public.list_candles("BTC-USD", "ONE_MINUTE", UTC - 10**12, UTC, 5)


@pytest.mark.parametrize("venue", venues.VENUES)
def test_no_frame_builds_a_decoder(built: list[object], venue: str) -> None:
    stream = venues.VENUES[venue].market_stream(VenueSettings())
    now = Instant(1, UTC)
    stream.hello(now)

    for frame in (b"", b"{}", b'{"channel":"l2_data","events":[{}]}', b'{"type":"subscribed","channel":"v4_trades"}'):
        stream.decode(frame, 1, now)


def test_no_message_builds_a_decoder_once_all_are_built(built: list[object], monkeypatch) -> None:
    monkeypatch.undo()
    build_decoders()
    before = dict(messages._decoders)
    snapshot = VenueSnapshot(
        ts_event=1, request_id=1, venue="coinbase", balances=(), open_orders=(), fills=(make_fill(),)
    )

    for message in (make_quote(), make_report("OPEN"), snapshot):
        assert pickle.loads(pickle.dumps(message)) == message

    assert messages._decoders == before
    assert before.keys() >= {type(message) for message in (make_quote(), snapshot)}
