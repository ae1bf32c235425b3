"""The live view: one status object in, one screen of rich out. It reads no clock and keeps no state.

Everything is laid out for 100 x 40. A narrower screen loses the less important columns, numbers first: which
positions there are, and that there are more, stays longest. A lower one loses the blank lines, then rows of the
longest tables, whose titles say so, then whole tables. What the status does not hold is drawn as "-".
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from scripts.report import telling, wording
from scripts.report.tables import GAP, Column, Section, beside
from scripts.report.wording import BAD, QUIET, WARN

Fields = Mapping[str, Any]  # of the status, or of one part of it

_WIDE = 96  # columns of a screen from which everything is shown
_POSITIONS_KEPT = 4  # shown before anything of the other tables
_ALARMS_SHOWN = 2
_HALTS_SHOWN = 3
_SHORT = {"decode_errors": "unread"}  # what would be wider than its numbers
_LIVING = ("unconfirmed", "open")  # orders counted as they stand; the other counts are this run's
_NONE = [[Text("none", style=QUIET)]]


def render(status: Fields) -> RenderableType:
    """Return the screen for a status with its "view"; keys that are missing cost a dash, never an error."""
    return _Screen(status)


class _Screen:
    """Lays the sections out for whatever console it is printed on."""

    def __init__(self, status: Fields) -> None:
        self.status = status
        self.view = _mapping(status, "view")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        is_wide = options.max_width >= _WIDE
        height = options.height or options.max_height
        urgent = [*_halts(self.status), *_waiting(self.status)]
        account = [_pair(*_headline(self.status, self.view)), _pair(*_money(self.status))]
        activity = _activity(self.status, self.view)
        alarms = _alarms(self.status, options.max_width)
        bottom = [_pair(*_latency(self.status))]
        venues, prices = [_venues(self.status, self.view)], [_prices(self.view), _signals(self.view)]
        positions, orders = [_positions(self.view)], [_open_orders(self.view)]
        actors = _actors(self.status, self.view)
        # What a screen that is too low for one row of each does without, one after the other.
        held = 1 + min(len(positions[0].rows), _POSITIONS_KEPT)
        for part in (actors, prices, bottom, activity, venues, orders, alarms):
            least = held + 2 * sum(bool(band) for band in (venues, prices, orders, actors))
            if len(urgent + account + activity + alarms + bottom) + least <= height:
                break
            part.clear()
        top: list[RenderableType] = [*urgent, *account, *activity, *alarms]
        bands = [band for band in (venues, prices, positions, orders, actors) if band]
        limits = _fit(bands, height - len(top) - len(bottom))
        used = len(top) + len(bottom) + sum(limits) + len(bands)
        is_airy = used + len(bands) + 1 <= height

        yield from top
        for band, limit in zip(bands, limits):
            if is_airy:
                yield Text()
            width = options.max_width // len(band) - (GAP if len(band) > 1 else 0)
            yield beside([section.table(limit, width, is_wide) for section in band])
        if is_airy:
            yield Text()
        yield from bottom


def _fit(bands: Sequence[Sequence[Section]], height: int) -> list[int]:
    """Return how many rows each band may show, taking them from the longest; none goes below one."""
    limits = [max(1, *(len(section.rows) for section in band)) for band in bands]
    while sum(limits) + len(bands) > height and max(limits) > 1:
        limits[limits.index(max(limits))] -= 1
    return limits


# ---- the parts -------------------------------------------------------------------------------------------


def _headline(status: Fields, view: Fields) -> tuple[Text, Text]:
    left = wording.badge(view.get("mode")).append("  nzeza", style="bold")
    left.append(f"  up {wording.duration(status.get('duration_s', view.get('uptime_s')))}", style=QUIET)
    right = Text()
    reconciled = status.get("reconciled")
    if not telling.has_account(status):
        right.append("no account", style=QUIET)
    else:
        right.append("reconciled" if reconciled else "not reconciled", style=wording.GOOD if reconciled else WARN)
    for name in ("restarts", "dead_letters", "corrections"):
        count = status.get(name, 0)
        right.append(f"   {wording.words(name)} {count}", style=WARN if count else QUIET)
    return left, right


def _money(status: Fields) -> tuple[Text, Text]:
    """Return the account: what it is worth, and what its trades have earned over all its runs."""
    if not telling.has_account(status):
        return Text("no account: prices only", style=QUIET), Text()
    left = Text.assemble("equity ", (wording.amount(status.get("equity")), "bold"))
    if missing := telling.incomplete(status):
        left.append(f"   {missing.removeprefix('equity ')}", style=BAD)
    left.append(f"   cash {wording.amount(status.get('cash'))}", style=QUIET)
    right = Text("account after fees ")  # what a narrow screen cuts off is at the end
    right.append_text(wording.gain(status.get("pnl_after_fees")))
    right.append("  realized ")
    right.append_text(wording.gain(status.get("realized_pnl")))
    right.append("  open ")
    right.append_text(wording.gain(status.get("unrealized_pnl")))
    if status.get("funding", "0") != "0":  # of perpetuals only
        right.append("  funding ")
        right.append_text(wording.gain(status.get("funding")))
    right.append(f"  fees {wording.amount(status.get('fees'))}", style=QUIET)
    return left, right


def _activity(status: Fields, view: Fields) -> list[Text]:
    signals = Text(f"signals {status.get('signals', 0)}", no_wrap=True, overflow="ellipsis")
    signals.append(wording.counts(_mapping(view, "decisions")), style=QUIET)
    orders = Text("this run", no_wrap=True, overflow="ellipsis")
    counts = _mapping(status, "orders")
    orders.append(wording.counts(counts, leaving_out=_LIVING) or "   no orders", style=QUIET)
    for name in _LIVING:
        if counts.get(name):
            style = wording.state(name.upper()).style or QUIET
            orders.append(f"   now {counts[name]} {wording.words(name)}", style=style)
    return [signals, orders]


def _halts(status: Fields) -> list[Text]:
    """Return what comes before everything else: no opening passes it, whatever the rest of the screen says."""
    halts = status.get("halts") or ()
    ends = [f"ends by itself {when}" if (when := halt.get("ends_when")) else "nzeza resume" for halt in halts]
    lines = [f"HALTED {line}   ({end})" for line, end in zip(telling.halts(status), ends)]
    if len(lines) > _HALTS_SHOWN:
        more = f"HALTED and {len(lines) - _HALTS_SHOWN + 1} more   (nzeza status)"
        lines[_HALTS_SHOWN - 1 :] = [more]
    return [Text(line, style=BAD, no_wrap=True, overflow="ellipsis") for line in lines]


def _waiting(status: Fields) -> list[Text]:
    """Return what openings wait for, shown in the first rows as halts are: nobody else says why nothing is opened."""
    lines = telling.waiting(status)
    if len(lines) > _HALTS_SHOWN:
        lines[_HALTS_SHOWN - 1 :] = [f"and {len(lines) - _HALTS_SHOWN + 1} more   (nzeza status)"]
    return [Text(f"WAITING {line}", style=WARN, no_wrap=True, overflow="ellipsis") for line in lines]


def _alarms(status: Fields, width: int) -> list[Text]:
    """Return the newest alarms, over two lines where one would cut off what to do, and how many are not shown."""
    alarms = [alarm for alarm in telling.alarms(status) if not alarm.get("over")]
    lines = [
        Text(row, style=BAD, no_wrap=True, overflow="ellipsis")
        for alarm in alarms[:_ALARMS_SHOWN]
        for row in _rows(f"ALARM {telling.alarm(alarm)}", width)
    ]
    if len(alarms) > _ALARMS_SHOWN:
        lines.append(Text(f"and {len(alarms) - _ALARMS_SHOWN} more alarms   (nzeza status)", style=BAD))
    return lines


def _rows(line: str, width: int) -> list[str]:
    """Return a line as at most two of the screen's; what doesn't fit the second is cut off there."""
    first, *others = textwrap.wrap(line, width, subsequent_indent="      ") or [""]
    return [first, "      " + line[len(first) :].strip()] if others else [first]


def _latency(status: Fields) -> tuple[Text, Text]:
    latency = _mapping(status, "latency_us")
    road, hop = _mapping(latency, "tick_to_order"), _mapping(latency, "hop")
    left = Text("tick to order ", style=QUIET)
    if road.get("count"):
        left.append(_percentiles(road), style="default").append(f"  of {road['count']} orders")
    else:
        left.append("no orders yet")
    return left, Text("hop ", style=QUIET).append(_percentiles(hop), style="default")


def _percentiles(latency: Fields) -> str:
    return f"p50 {wording.micros(latency.get('p50'))}  p99 {wording.micros(latency.get('p99'))}"


def _venues(status: Fields, view: Fields) -> Section:
    connections = _mapping(view, "connections")
    traffic, troubles = ("quotes", "trades", "orders", "fills"), ("gaps", "reconnects", "decode_errors")
    headers = [_SHORT.get(name, name) for name in troubles]
    return Section(
        [
            Column("VENUE"),
            Column("stream", 20),
            Column("breaker", 9),
            *(Column(name, 7, is_number=True) for name in traffic),
            *(Column(name, len(name), is_number=True, is_extra=True) for name in headers),
        ],
        [
            [
                Text(name),
                _stream(connections.get(name), venue.get("prices")),
                wording.state(venue.get("breaker")),
                *(wording.count(venue.get(count)) for count in traffic),
                *(wording.count(venue.get(count), is_trouble=True) for count in troubles),
            ]
            for name, venue in _entries(_mapping(status, "venues"))
        ],
    )


def _stream(state: Any, prices: Any) -> Text:
    """Return the state of a connection, or why its prices are refused though it is there."""
    if state == "connected" and (prices or "good") != "good":
        return Text(wording.words(str(prices)), style=BAD)
    return wording.state(state)


def _prices(view: Fields) -> Section:
    return Section(
        [Column("PRICE"), Column("mid", 12, is_number=True), Column("age", 7, is_number=True)],
        [
            [Text(key), Text(wording.price(price.get("mid"))), wording.age(price.get("age_ms"))]
            for key, price in sorted(_entries(_mapping(view, "prices")), key=lambda entry: entry[0])
        ],
    )


def _signals(view: Fields) -> Section:
    return Section(
        [
            Column("SIGNAL"),
            Column("side", 4),
            Column("conf", 4, is_number=True),
            Column("age", 6, is_number=True),
            Column("voted by", 11, is_extra=True),
        ],
        [
            [
                Text(str(signal.get("instrument", "-"))),
                wording.state(signal.get("side")),
                Text(wording.fixed(signal.get("confidence"), 2)),
                Text(wording.duration(signal.get("age_s"))),
                Text(" ".join(str(name)[:3] for name in signal.get("strategies") or ())),
            ]
            for signal in _items(view, "signals")
        ]
        or _NONE,
    )


def _positions(view: Fields) -> Section:
    lines = _items(view, "positions")
    has_perpetuals = any(line.get("liquidation_price") for line in lines)
    return Section(
        [
            Column("POSITION"),
            Column("quantity", 14, is_number=True),
            Column("average", 12, is_number=True),
            Column("mark", 12, is_number=True),
            Column("unrealized", 12, is_number=True),
            *([Column("liquidation", 13, is_number=True), Column("away", 7, is_number=True)] if has_perpetuals else []),
        ],
        [
            [
                Text(str(line.get("key", "-"))),
                Text(wording.quantity(line.get("quantity"))),
                Text(wording.price(line.get("average_price"))),
                Text(wording.price(line.get("mark_price"))),
                wording.gain(line.get("unrealized_pnl")),
                *(
                    [_liquidation(line), Text(wording.share(line.get("liquidation_distance")))]
                    if has_perpetuals
                    else []
                ),
            ]
            for line in lines
        ]
        or _NONE,
    )


def _liquidation(line: Fields) -> Text:
    """Return at which mark it would be liquidated: as the venue says, else, marked, as we reckon."""
    about = "" if line.get("liquidation_by") == "venue" or not line.get("liquidation_price") else "~"
    return Text(about + wording.price(line.get("liquidation_price")))


def _open_orders(view: Fields) -> Section:
    return Section(
        [
            Column("OPEN ORDER"),
            Column("side", 4),
            Column("purpose", 7),
            Column("quantity", 10, is_number=True),
            Column("filled", 10, is_number=True),
            Column("limit", 9, is_number=True),
            Column("stop", 9, is_number=True),
            Column("status", 11),
            Column("id", 6, is_extra=True),
        ],
        [
            [
                Text(f"{line.get('venue', '-')}:{line.get('instrument', '-')}"),
                wording.state(line.get("side")),
                Text(str(line.get("purpose", "-"))),
                Text(wording.quantity(line.get("quantity"))),
                Text(wording.quantity(line.get("filled_quantity"))),
                Text(wording.price(line.get("limit_price"))),
                Text(wording.price(line.get("stop_price"))),
                wording.state(line.get("status")),
                Text(wording.short_id(line.get("client_order_id")), style=QUIET),
            ]
            for line in _items(view, "open_orders")
        ]
        or _NONE,
    )


def _actors(status: Fields, view: Fields) -> list[Section]:
    """Return two columns of actors, those in trouble first: what a low screen cuts off is well."""
    known = {**_mapping(status, "actors"), **_mapping(view, "actors")}
    actors = sorted(_entries(known), key=lambda actor: _is_well(actor[1]))
    rows = [
        [
            Text.assemble(("\u25cf ", wording.state(actor.get("state")).style), role),
            Text(str(actor.get("pid") or "-")),
            wording.count(actor.get("restarts"), is_trouble=True),
            wording.lag(actor.get("lag_ms")) if _is_well(actor) else wording.state(actor["state"]),
        ]
        for role, actor in actors
    ]
    columns = [
        Column("ACTOR"),
        Column("pid", 7, is_number=True, is_extra=True),
        Column("\u21bb", 3, is_number=True),  # restarts
        Column("lag", 8, is_number=True),
    ]
    return [Section(columns, rows[::2]), Section(columns, rows[1::2])]


def _is_well(actor: Fields) -> bool:
    return bool(actor.get("state", "up") == "up")


# ---- small helpers ---------------------------------------------------------------------------------------


def _mapping(holder: Fields, key: str) -> Fields:
    return holder.get(key) or {}


def _entries(holder: Fields) -> list[tuple[str, Fields]]:
    return [(name, _mapping(holder, name)) for name in holder]


def _items(holder: Fields, key: str) -> Sequence[Any]:
    return holder.get(key) or ()


def _pair(left: Text, right: Text) -> Table:
    """Return one line with its two halves at the edges."""
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1, justify="right")
    grid.add_row(left, right)
    return grid
