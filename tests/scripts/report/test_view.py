"""The screen, as a person reads it."""

from __future__ import annotations

import copy
import io
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from scripts.report.view import render

VENUES = ("coinbase", "dydx", "hyperliquid")
ROLES = ("supervisor", "signal_engine", "portfolio", "order_router", "recorder", "dead_letters", "monitor")
PER_VENUE = ("price_feed", "circuit_breaker", "exchange_gateway")


def make_status(venues: tuple[str, ...] = ("coinbase",), **view: Any) -> dict[str, Any]:
    roles = [*ROLES, *(f"{role}:{venue}" for venue in venues for role in PER_VENUE)]
    counts = {"quotes": 12345, "trades": 3020, "reconnects": 2, "gaps": 0, "decode_errors": 0}
    return {
        "duration_s": 83.2,
        "venues": {venue: {**counts, "orders": 41, "fills": 39, "breaker": "half_open"} for venue in venues},
        "signals": 212,
        "orders": {"submitted": 41, "filled": 39, "rejected": 0},
        "positions": {"coinbase:BTC-USD": "0.0031"},
        "equity": "9987.126",
        "cash": "9123.5",
        "realized_pnl": "-12.34",
        "unrealized_pnl": "3.21",
        "fees": "22.1",
        "pnl_after_fees": "-31.23",
        "net": {"BTC": "0.0031"},
        "corrections": 0,
        "dead_letters": 0,
        "restarts": 1,
        "actors": {role: {"pid": 4100 + index, "restarts": 0} for index, role in enumerate(roles)},
        "reconciled": True,
        "halts": [],
        "alarms": [],
        "latency_us": {
            "tick_to_order": {"count": 41, "p50": 912.3, "p99": 4821.0},
            "hop": {"p50": 180.2, "p99": 950.0},
        },
        "view": {
            "mode": "DEMO",
            "uptime_s": 83.2,
            "connections": dict.fromkeys(venues, "connected"),
            "prices": {
                f"{venue}:{instrument}": {"mid": mid, "age_ms": 120}
                for venue in venues
                for instrument, mid in (("BTC-USD", "64000.105"), ("ETH-USD", "3012.55"), ("SOL-USD", "0.09"))
            },
            "signals": [
                {
                    "instrument": "coinbase:ETH-USD",
                    "side": "SELL",
                    "confidence": 0.46,
                    "age_s": 1.4,
                    "strategies": ["fast_scalping", "conservative_scalping"],
                }
            ],
            "open_orders": [
                {
                    "client_order_id": "6e7a657a-0b1c-8d2e-9f30-a1b2c3d4e5f6",
                    "venue": "coinbase",
                    "instrument": "BTC-USD",
                    "side": "SELL",
                    "purpose": "PROTECT",
                    "quantity": "0.0031",
                    "filled_quantity": "0.001",
                    "limit_price": "65000.5",
                    "stop_price": "63000.25",
                    "status": "UNCONFIRMED",
                }
            ],
            "positions": [
                {
                    "key": "coinbase:BTC-USD",
                    "quantity": "0.0031",
                    "average_price": "63990.123456789",
                    "mark_price": "64000.1",
                    "unrealized_pnl": "0.03",
                }
            ],
            "actors": {
                role: {"pid": 4100 + index, "restarts": index, "lag_ms": 0.4, "state": "up"}
                for index, role in enumerate(roles)
            },
            **view,
        },
    }


def screen(status: dict[str, Any], width: int = 100, height: int = 40) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(render(status))
    return [line.rstrip() for line in console.export_text().rstrip("\n").split("\n")]


def line_with(lines: list[str], *words: str) -> list[str]:
    """Return the words of the one line that holds all of `words`."""
    (line,) = [line for line in lines if all(word in line for word in words)]
    return line.split()


def test_headline_says_demo_uptime_and_whether_the_books_agree() -> None:
    assert line_with(screen(make_status()), "DEMO") == (
        "DEMO nzeza up 1:23 reconciled restarts 1 dead letters 0 corrections 0".split()
    )


def test_money_is_shown_to_the_cent_with_its_sign() -> None:
    assert line_with(screen(make_status()), "equity") == (
        "equity 9,987.13 cash 9,123.50 account after fees -31.23 realized -12.34 open +3.21 fees 22.10".split()
    )


def test_orders_and_decisions_are_counted() -> None:
    lines = screen(make_status(decisions={"opened": 20, "stale_quote": 3}))

    assert "signals 212   opened 20   stale quote 3" in lines
    assert "this run   submitted 41   filled 39" in lines


def test_what_lives_now_is_told_apart_from_what_this_run_did() -> None:
    lines = screen({**make_status(), "orders": {"submitted": 2, "filled": 1, "unconfirmed": 1, "open": 3}})

    assert "this run   submitted 2   filled 1   now 1 unconfirmed   now 3 open" in lines


def test_each_venue_shows_connection_breaker_and_counts() -> None:
    lines = screen(make_status(VENUES))

    assert line_with(lines, "hyperliquid ", "half_open") == (
        "hyperliquid connected half_open 12,345 3,020 41 39 0 2 0".split()
    )


def test_a_venue_whose_prices_are_refused_says_why_instead_of_connected() -> None:
    status = make_status(VENUES)
    status["venues"]["dydx"]["prices"] = "unknown_clock_offset"

    assert line_with(screen(status), "dydx ", "half_open")[:4] == "dydx unknown clock offset".split()


def test_each_price_shows_its_age() -> None:
    lines = screen(
        make_status(
            signals=[],
            prices={
                "coinbase:BTC-USD": {"mid": "64000.105", "age_ms": 120},
                "coinbase:SOL-USD": {"mid": "0.0912345", "age_ms": 4200},
            },
        )
    )

    assert line_with(lines, "BTC-USD", "120 ms")[:4] == ["coinbase:BTC-USD", "64,000.10", "120", "ms"]
    assert line_with(lines, "SOL-USD", "4.2 s")[:4] == ["coinbase:SOL-USD", "0.09123450", "4.2", "s"]


def test_signals_show_who_voted() -> None:
    assert "coinbase:ETH-USD      SELL 0.46  1.4 s fas con" in "\n".join(screen(make_status()))


def test_positions_show_what_closing_them_would_earn() -> None:
    assert line_with(screen(make_status()), "63,990.12") == (
        "coinbase:BTC-USD 0.0031 63,990.12 64,000.10 +0.03".split()
    )


def test_open_orders_show_how_far_they_are_their_stop_and_the_end_of_their_id() -> None:
    assert line_with(screen(make_status()), "PROTECT") == (
        "coinbase:BTC-USD SELL PROTECT 0.0031 0.001 65,000.50 63,000.25 UNCONFIRMED d4e5f6".split()
    )


def test_a_perpetual_shows_where_it_would_be_liquidated_and_its_funding_and_spot_shows_neither() -> None:
    line = {"key": "toy:BTC-USD", "quantity": "-1", "mark_price": "64000", "liquidation_price": "121904.76"}
    status = make_status(positions=[line])

    text = "\n".join(screen({**status, "funding": "-6.25"}, width=140))

    assert "liquidation" in text and "121,904.76" in text and "funding -6.25" in text
    assert "liquidation" not in "\n".join(screen(make_status())) and "funding" not in "\n".join(screen(make_status()))


@pytest.mark.parametrize(("by", "shown"), [("venue", "121,904.76"), ("us", "~121,904.76")])
def test_a_liquidation_that_the_venue_did_not_tell_is_marked(by: str, shown: str) -> None:
    line = {"key": "toy:BTC-USD", "quantity": "-1", "mark_price": "64000", "liquidation_price": "121904.76"}
    status = make_status(positions=[{**line, "liquidation_by": by, "liquidation_distance": "0.9047"}])

    assert line_with(screen(status, width=140), "toy:BTC-USD")[-2:] == [shown, "90.5%"]


def test_nothing_open_is_said_in_words() -> None:
    lines = screen(make_status(positions=[], open_orders=[], signals=[]))

    assert lines[lines.index(next(line for line in lines if line.startswith("POSITION"))) + 1] == "none"
    assert lines[lines.index(next(line for line in lines if line.startswith("OPEN ORDER"))) + 1] == "none"


def test_every_actor_shows_pid_restarts_and_lag() -> None:
    text = "\n".join(screen(make_status()))

    for index, role in enumerate([*ROLES, *(f"{role}:coinbase" for role in PER_VENUE)]):
        row = text[text.index(f"● {role}") :].split("\n")[0].split()
        assert row[1:6] == [role, str(4100 + index), str(index), "0.4", "ms"]


def test_actor_in_trouble_comes_first_and_shows_its_state_instead_of_a_lag() -> None:
    status = make_status()
    status["view"]["actors"]["monitor"].update(state="down", lag_ms=None)

    lines = screen(status)

    first_row = lines[lines.index(next(line for line in lines if line.startswith("ACTOR"))) + 1]
    assert first_row.split()[:5] == ["●", "monitor", "4106", "6", "down"]


def test_latency_shows_median_and_tail() -> None:
    assert line_with(screen(make_status()), "tick to order") == (
        "tick to order p50 912 us p99 4.8 ms of 41 orders hop p50 180 us p99 950 us".split()
    )


def test_latency_of_no_order_is_no_number() -> None:
    status = make_status()
    status["latency_us"]["tick_to_order"] = {"count": 0, "p50": 0, "p99": 0}

    assert line_with(screen(status), "tick to order")[:6] == "tick to order no orders yet".split()


def halt(scope: str = "all", reason: str = "daily_loss") -> dict[str, str]:
    return {"scope": scope, "reason": reason, "since": "2026-11-30T18:14:05Z"}


def alarm(text: str = "unconfirmed for 30 s", count: int = 1) -> dict[str, Any]:
    first, last = "2026-11-30T18:14:05Z", "2026-11-30T18:20:00Z"
    return {"subject": "nz-7", "text": text, "first": first, "last": last, "count": count}


def test_halts_come_first_with_their_time_and_the_way_out() -> None:
    lines = screen({**make_status(), "halts": [halt()]})

    assert lines[0] == "HALTED all: daily_loss, since 2026-11-30T18:14:05Z   (nzeza resume)"


def test_a_halt_that_ends_by_itself_asks_nothing_of_a_person() -> None:
    locked = {**halt(reason="journal_locked: by another"), "ends_when": "when that does"}
    lines = screen({**make_status(), "halts": [locked]}, width=140)

    assert lines[0].endswith("2026-11-30T18:14:05Z   (ends by itself when that does)")


def test_alarms_tell_when_and_how_often() -> None:
    lines = screen({**make_status(), "alarms": [alarm(), alarm("lost", count=3)]})

    assert "ALARM 2026-11-30T18:20:00Z nz-7: unconfirmed for 30 s" in lines
    assert "ALARM 2026-11-30T18:20:00Z nz-7: lost, 3 times since 2026-11-30T18:14:05Z" in lines


def test_of_a_long_alarm_what_to_do_is_not_cut_off_and_what_is_not_shown_is_counted() -> None:
    long = alarm(f"{'word ' * 20}do this")
    over = {**alarm("is no more"), "over": "2026-11-30T18:30:00Z"}
    lines = screen({**make_status(), "alarms": [long, alarm("two"), alarm("three"), over]})

    (begun,) = [number for number, line in enumerate(lines) if line.startswith("ALARM 2026-11-30T18:20:00Z nz-7: word")]
    assert lines[begun + 1].endswith("do this")
    assert "and 1 more alarms   (nzeza status)" in lines
    assert not any("is no more" in line for line in lines)


def test_a_monitor_that_was_replaced_does_not_begin_the_uptime_anew() -> None:
    status = make_status()
    status["view"]["uptime_s"] = 1.0

    assert line_with(screen({**status, "duration_s": 83.2}), "DEMO")[:4] == "DEMO nzeza up 1:23".split()


def test_equity_that_lacks_something_says_so() -> None:
    lines = screen({**make_status(), "equity_complete": False, "equity_missing": ["SOL-USD"]}, width=140)

    assert line_with(lines, "equity")[:4] == "equity 9,987.13 incomplete: SOL-USD".split()


@pytest.mark.parametrize("venues", [VENUES[:1], VENUES])
@pytest.mark.parametrize(("width", "height"), [(100, 40), (80, 24), (200, 60)])
def test_screen_fits_its_terminal_however_much_there_is_to_show(
    venues: tuple[str, ...], width: int, height: int
) -> None:
    status = {**make_status(venues), "halts": [halt()] * 5, "alarms": [alarm()] * 9}
    for table in ("signals", "open_orders", "positions"):
        status["view"][table] *= 50

    lines = screen(status, width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_low_screen_keeps_every_part_and_says_what_it_cut() -> None:
    lines = screen(make_status(VENUES), width=80, height=24)

    text = "\n".join(lines)
    for title in ("DEMO", "VENUE", "PRICE", "SIGNAL", "POSITION", "OPEN ORDER", "ACTOR", "tick to order"):
        assert title in text
    assert "PRICE 4 of 9" in text
    assert "coinbase:BTC-USD" in text


@pytest.mark.parametrize(("width", "height"), [(60, 16), (40, 12), (30, 8)])
def test_a_small_screen_shows_which_positions_there_are_and_that_there_are_more(width: int, height: int) -> None:
    names = [f"coinbase:{base}-USD" for base in ("BTC", "ETH", "SOL", "DOGE", "LINK", "ADA", "XRP", "DOT")]
    lines = [{"key": name, "quantity": "1", "average_price": "2", "mark_price": "3"} for name in names]
    status = {**make_status(VENUES, positions=lines), "alarms": [alarm(), alarm("?"), alarm("!")]}

    shown = screen(status, width, height)

    at, title = next((at, line) for at, line in enumerate(shown) if line.startswith("POSITION"))
    count = int(title.split()[1])
    assert title.startswith(f"POSITION {count} of 8")
    rows = shown[at + 1 : at + 1 + count]
    assert [row.split()[0] for row in rows] == names[:count] != []
    assert len(shown) <= height
    assert max(map(len, shown)) <= width


def test_a_narrow_screen_does_without_the_last_numbers_first() -> None:
    lines = screen(make_status(), width=50, height=40)

    [title] = [line for line in lines if line.startswith("POSITION")]
    assert title.split() == ["POSITION", "quantity", "average"]


def test_text_from_outside_is_not_taken_for_markup() -> None:
    assert screen({**make_status(), "halts": [halt("[red]all[/red]")]})[0].startswith("HALTED [red]all[/red]")


def test_empty_status_is_a_screen_of_dashes() -> None:
    lines = screen({})

    assert line_with(lines, "equity") == "equity - cash - account after fees - realized - open - fees -".split()


def paths(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the path of every key and item inside a status."""
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        inner = []
    return [found for key, item in inner for found in [(*path, key), *paths(item, (*path, key))]]


STATUS = make_status()


@settings(max_examples=15)
@given(st.lists(st.sampled_from(paths(STATUS)), max_size=12), st.booleans())
def test_no_missing_key_and_no_null_number_breaks_the_screen(missing: list[tuple], is_null: bool) -> None:
    status = copy.deepcopy(STATUS)
    for *way, key in sorted(missing, reverse=True, key=len):
        holder = reduce(getitem, way, status)
        if isinstance(holder, list):
            continue
        if is_null and not isinstance(holder.get(key), dict | list):
            holder[key] = None
        else:
            holder.pop(key, None)

    assert any("equity" in line for line in screen(status))
