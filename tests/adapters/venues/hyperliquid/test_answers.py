"""What the venue's answers mean: recorded ones where they are here, and some that nobody should send."""

import json
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.decoding.answers import MOST_LISTED, OversizeAnswer, UnreadableAnswer
from adapters.venues.hyperliquid import answers
from adapters.venues.hyperliquid.decode import decode
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentKind, Side
from domain.market.order_book import Level
from domain.messages.market import Candle, FundingRate
from tests.adapters.venues.hyperliquid.frames import frame
from tests.adapters.venues.hyperliquid.samples import needs_samples, recorded, sample

NOW = Instant(monotonic_ns=5, utc_ns=7)
HOUR_NS = 3600 * SECOND_NS
D = Decimal


def meta(*rows: dict) -> bytes:
    return json.dumps({"universe": rows, "marginTables": [], "collateralToken": 0}).encode()


def asset(name: str = "BTC", decimals: int = 5, **changes) -> dict:
    return {"name": name, "szDecimals": decimals, "maxLeverage": 40, "marginTableId": 56, **changes}


def is_legal(price: Decimal, size_decimals: int) -> bool:
    """Say it as the venue's documents do, on the text that would be sent."""
    whole, _, fraction = f"{price.normalize():f}".partition(".")
    significant = (whole + fraction).lstrip("0")
    return not fraction or (len(significant) <= 5 and len(fraction) <= 6 - size_decimals)


def test_an_instrument_has_the_grid_that_its_size_decimals_leave() -> None:
    (bitcoin,) = answers.instruments(meta(asset()))

    assert (bitcoin.name, bitcoin.symbol, bitcoin.base) == ("BTC-USD", "BTC", "BTC")
    assert (bitcoin.lot_size, bitcoin.tick_size) == (D("0.00001"), D("0.1"))
    assert bitcoin.max_significant_digits == 5
    assert bitcoin.kind is InstrumentKind.PERPETUAL
    assert bitcoin.is_tradable


def test_a_delisted_coin_keeps_its_place_and_cannot_be_traded() -> None:
    listed = answers.instruments(meta(asset(), asset("MATIC", 1, isDelisted=True), asset("SOL", 2)))

    assert [(each.symbol, each.is_tradable) for each in listed] == [
        ("BTC", True),
        ("MATIC", False),
        ("SOL", True),
    ]


@lru_cache
def listed_assets() -> list[Instrument]:
    return [each for body in listings() for each in answers.instruments(body)]


def listings() -> list[bytes]:
    everything = json.loads(sample("http_all_perp_metas_non_usdc_collateral.json"))
    return [
        recorded("test_get_info")[0],
        sample("http_meta_perp_sample.json"),
        *(json.dumps(one).encode() for one in everything),
    ]


@needs_samples
def test_every_recorded_listing_is_read() -> None:
    listed = [answers.instruments(body) for body in listings()]

    assert [len(each) for each in listed] == [28, 3, 1, 1, 1]
    assert listed[0][0].symbol == "BTC"
    assert {each.symbol: each.lot_size for each in listed[0]}["kPEPE"] == 1
    assert listed[3][0].name == "km:US500-USD"


@needs_samples
@given(st.data())
def test_rounded_prices_of_all_listed_assets_are_legal(data) -> None:
    """F43"""
    instrument = data.draw(st.sampled_from(listed_assets()))
    price = data.draw(st.decimals("0.000001", "500000", places=8))
    side = data.draw(st.sampled_from(Side))

    rounded = instrument.round_price(price, side)

    size_decimals = -instrument.lot_size.as_tuple().exponent
    assert is_legal(rounded, size_decimals)
    assert (rounded <= price) if side is Side.BUY else (rounded >= price)
    assert instrument.is_on_grid(price, instrument.lot_size) == is_legal(price, size_decimals)


@needs_samples
def test_the_recorded_book_is_whole_sorted_and_all_its_prices_are_on_the_grid() -> None:
    bodies = recorded("test_get_l2_snapshot")
    rows = json.loads(bodies[-1])["levels"]

    book = answers.order_book(bodies[-1])
    bids, asks = book.levels(100)

    assert [(level.price, level.quantity) for level in bids] == [(D(r["px"]), D(r["sz"])) for r in rows[0]]
    assert [(level.price, level.quantity) for level in asks] == [(D(r["px"]), D(r["sz"])) for r in rows[1]]
    listed = {each.symbol: each for each in answers.instruments(bodies[0])}
    grid = listed[json.loads(bodies[-1])["coin"]]
    assert all(grid.is_on_grid(level.price, level.quantity) for level in bids + asks)


@needs_samples
@pytest.mark.parametrize("name", ["http_l2_book_btc.json", "http_l2_book_snapshot.json"])
def test_books_without_order_counts_are_read_too(name: str) -> None:
    book = answers.order_book(sample(name))

    first = json.loads(sample(name))["levels"][0][0]
    assert book.levels(1)[0] == (Level(True, D(first["px"]), D(first["sz"])),)


def test_a_coin_that_the_venue_does_not_know_has_no_book() -> None:
    assert answers.order_book(b"null") is None


@needs_samples
def test_the_recorded_trades_are_history_oldest_first() -> None:
    trades = answers.trades(sample("http_recent_trades_btc.json"), NOW)

    assert [(each.trade_id, each.price, each.aggressor) for each in trades] == [
        ("300001", D("104300"), Side.SELL),
        ("300002", D("104310.5"), Side.BUY),
        ("300003", D("104320"), Side.SELL),
    ]
    assert all(each.is_history and each.instrument == "BTC-USD" for each in trades)


@needs_samples
def test_the_recorded_candles_follow_each_other_without_a_gap() -> None:
    bars = answers.candles(recorded("test_get_candles_snapshot")[-1])

    assert bars[0] == Candle(
        venue="hyperliquid",
        instrument="kPEPE-USD",
        interval_ns=HOUR_NS,
        open_ts=1_684_699_200_000_000_000,
        open=D("0.001601"),
        high=D("0.001616"),
        low=D("0.001601"),
        close=D("0.001604"),
        volume=D("520665683.0"),
        count=709,
    )
    assert [bar.open_ts for bar in bars] == [bars[0].open_ts + n * HOUR_NS for n in range(24)]


@needs_samples
@pytest.mark.parametrize("end", ["None", "1684811870000"])
def test_the_recorded_funding_rises_in_time_and_keeps_every_digit(end: str) -> None:
    body = recorded(f"test_get_funding_history[{end}]")[-1]

    rates = answers.funding_rates(body, NOW)

    assert [(rate.rate, rate.ts_event) for rate in rates] == [
        (D(row["fundingRate"]), row["time"] * 1_000_000) for row in json.loads(body)
    ]
    assert [rate.ts_event for rate in rates] == sorted(rate.ts_event for rate in rates)


@needs_samples
def test_funding_may_be_negative_and_lack_a_premium() -> None:
    rates = answers.funding_rates(sample("http_funding_history.json"), NOW)

    assert [rate.rate for rate in rates] == [D("0.0000125"), D("-0.0000081"), D("0.0000033")]
    assert rates[0] == FundingRate(
        ts_event=1_769_908_800_000_000_000,
        venue="hyperliquid",
        instrument="BTC-USD",
        rate=D("0.0000125"),
        interval_ns=HOUR_NS,
        ts_init=7,
        read_ns=5,
    )


@needs_samples
def test_the_recorded_mids_would_all_be_read_from_the_stream() -> None:
    body = recorded("test_get_all_mids")[-1]

    (seen,) = decode(frame("allMids", {"mids": json.loads(body)}))

    assert seen.prices == {f"{coin}-USD": D(price) for coin, price in json.loads(body).items()}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"{}", b'{"universe":{}}', b"[" * 100_000],
)
def test_a_listing_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        answers.instruments(body)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"name": "DOGE"}, "DOGE-USD"),
        (asset("DOGE", decimals=-1), "DOGE-USD"),
        (asset("DOGE", decimals=19), "DOGE-USD"),
        (asset(""), ""),
        (asset(5), ""),
        (None, ""),
        ([], ""),
    ],
)
def test_one_strange_asset_hides_no_other(row: object, name: str) -> None:
    listed = answers.instruments(meta(asset("BTC"), row, asset("ETH")))

    assert [each.name for each in listed] == ["BTC-USD", "ETH-USD"]
    assert [each.instrument for each in listed.unread] == [name]


@given(st.binary(max_size=100) | st.sampled_from([b"[null]", b'[{"coin":""}]', b'{"coin":"BTC","time":-1}']))
def test_no_other_answer_raises_anything_else(body: bytes) -> None:
    for read in (
        answers.instruments,
        answers.order_book,
        answers.candles,
        lambda text: answers.trades(text, NOW),
        lambda text: answers.funding_rates(text, NOW),
    ):
        with suppress(UnreadableAnswer):
            read(body)


@pytest.mark.parametrize("rows", [MOST_LISTED + 1, 400_000])
def test_a_listing_of_more_rows_than_there_are_markets_is_none(rows: int) -> None:
    with pytest.raises(OversizeAnswer):
        answers.instruments(b'{"universe":[' + b"0," * (rows - 1) + b"0]}")
