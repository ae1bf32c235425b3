"""How the live view words and colours single values. A value that is missing reads "-"."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from rich.text import Text

GOOD, WARN, BAD, QUIET = "green", "yellow", "bold red", "bright_black"
_STALE_MS = 3_000  # a price older than this is not traded
_SLOW_MS = 50.0  # a wake-up later than this: the actor is behind

_STYLES = {  # a state as anybody reports it -> how it looks
    "connected": GOOD,
    "connecting": WARN,
    "reconnecting": WARN,
    "disconnected": BAD,
    "failed": BAD,
    "closed": GOOD,
    "half_open": WARN,
    "open": BAD,
    "up": GOOD,
    "starting": WARN,
    "down": BAD,
    "given_up": BAD,
    "UNCONFIRMED": BAD,
    "BUY": GOOD,
    "SELL": "red",
}
_BADGES = {"DEMO": "bold black on yellow", "LIVE": "bold white on red"}
_ID_SHOWN = 6  # characters: the last, for the first are the same in every id of ours


def badge(mode: Any) -> Text:
    """Return the mode of trading as nobody can overlook it."""
    text = str(mode or "-")
    return Text.assemble((f" {text} ", _BADGES.get(text, "bold black on cyan")))


def words(name: str) -> str:
    """Return a key as a person writes it."""
    return name.replace("_", " ")


def counts(counts: Mapping[str, int], leaving_out: Collection[str] = ()) -> str:
    """Return every count that is not zero, each after a wide space."""
    return "".join(f"   {words(name)} {count}" for name, count in counts.items() if count and name not in leaving_out)


def short_id(client_order_id: Any) -> str:
    """Return what tells an order from its neighbours."""
    return str(client_order_id or "-")[-_ID_SHOWN:]


def state(value: Any) -> Text:
    text = str(value or "-")
    return Text(text, style=_STYLES.get(text, ""))


def count(value: Any, is_trouble: bool = False) -> Text:
    style = (WARN if value else QUIET) if is_trouble else ""
    return Text("-" if value is None else f"{value:,}", style=style)


def age(age_ms: Any) -> Text:
    if age_ms is None:
        return Text("-", style=QUIET)
    text = f"{age_ms:.0f} ms" if age_ms < 1000 else duration(age_ms / 1000)
    return Text(text, style=BAD if age_ms > _STALE_MS else "")


def lag(lag_ms: Any) -> Text:
    if lag_ms is None:
        return Text("-", style=QUIET)
    return Text(f"{lag_ms:.1f} ms", style=WARN if lag_ms > _SLOW_MS else "")


def duration(seconds: Any) -> str:
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def micros(duration_us: Any) -> str:
    if duration_us is None:
        return "-"
    return f"{duration_us:.0f} us" if duration_us < 1000 else f"{duration_us / 1000:.1f} ms"


def fixed(value: Any, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _decimal(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def amount(value: Any) -> str:
    number = _decimal(value)
    return "-" if number is None else f"{number:,.2f}"


def gain(value: Any) -> Text:
    number = _decimal(value)
    if number is None:
        return Text("-", style=QUIET)
    return Text(f"{number:+,.2f}", style=GOOD if number > 0 else "red" if number < 0 else QUIET)


def price(value: Any) -> str:
    """Return at least two decimals, and as many as a small price needs to be told from its neighbour."""
    number = _decimal(value)
    if number is None:
        return "-"
    return f"{number:,.{2 if abs(number) >= 100 else 4 if abs(number) >= 1 else 8}f}"


def share(value: Any) -> str:
    """Return a share of 1 as a percentage."""
    number = _decimal(value)
    return "-" if number is None else f"{number:.1%}"


def quantity(value: Any) -> str:
    number = _decimal(value)
    return "-" if number is None else f"{number:,f}"
