"""How long a venue asks us to wait, however it says so."""

from __future__ import annotations

import pytest

from adapters.network.retry_after import asked_pause_ns
from domain.instant import SECOND_NS

YEARS_NS = 10**9 * SECOND_NS
NOW_NS = 1_767_323_045 * SECOND_NS  # Fri, 02 Jan 2026 03:04:05 GMT


@pytest.mark.parametrize(
    ("text", "asked_ns"),
    [
        ("2", 2 * SECOND_NS),
        ("2.5", 2_500_000_000),
        ("86400", 86_400 * SECOND_NS),
        ("9" * 15, YEARS_NS),
        ("9" * 400, YEARS_NS),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60 * SECOND_NS),
        ("Friday, 02-Jan-26 03:04:15 GMT", 10 * SECOND_NS),
        *[(text, None) for text in ("", "0", "0.0", "-5", "NaN", "inf", "1e9", "٢", "soon", "1, 2", "0x10")],
        ("Fri, 02 Jan 2026 03:04:00 GMT", None),
        ("Fri, 99 Jan 2026 03:04:00 GMT", None),
        ("Fri, 02 Jan 99999 03:04:00 GMT", None),
    ],
)
def test_a_pause_is_read_or_is_none(text: str, asked_ns: int | None) -> None:
    assert asked_pause_ns({"retry-after": text}, SECOND_NS, NOW_NS) == asked_ns


def test_a_venue_may_count_in_milliseconds() -> None:
    assert asked_pause_ns({"retry-after": "2500"}, 1_000_000, NOW_NS) == 2_500_000_000


def test_a_date_is_held_against_the_clock_that_told_it() -> None:
    headers = {"retry-after": "Fri, 02 Jan 2026 03:05:05 GMT", "date": "Fri, 02 Jan 2026 03:05:00 GMT"}

    assert asked_pause_ns(headers, SECOND_NS, NOW_NS) == 5 * SECOND_NS
