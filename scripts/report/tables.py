"""Tables of the live view: what each shows of itself in the room that there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from scripts.report.wording import QUIET, WARN

GAP = 2  # characters between tables side by side


class Column(NamedTuple):
    header: str
    width: int = 0  # characters; 0 takes what the others leave
    is_number: bool = False
    is_extra: bool = False  # left out of a narrow screen


@dataclass
class Section:
    """One table. Its first header is its title."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Text]]

    def _shown(self, limit: int, width: int, is_wide: bool) -> list[int]:
        """Return the columns that leave their room to the names and to the title: of the others, the last go first."""
        shown = [index for index, column in enumerate(self.columns) if is_wide or not column.is_extra]
        cut_off = f" {limit} of {len(self.rows)}" if limit < len(self.rows) else ""
        named = max(len(self.columns[0].header + cut_off), *(len(row[0]) for row in self.rows[:limit]), 0)
        for index in sorted(shown[1:], key=lambda index: (self.columns[index].is_number, index), reverse=True):
            if named + sum(1 + self.columns[other].width for other in shown[1:]) <= width:
                break
            shown.remove(index)
        return shown

    def table(self, limit: int, width: int, is_wide: bool) -> Table:
        """Return it for so many rows and so many characters."""
        table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style=QUIET)
        shown = self._shown(limit, width, is_wide)
        for index in shown:
            column = self.columns[index]
            header = Text(column.header, style="" if index else "bold cyan")
            if index == 0 and limit < len(self.rows):
                header.append(f" {limit} of {len(self.rows)}", style=WARN)
            table.add_column(
                header,
                justify="right" if column.is_number else "left",
                width=column.width or None,
                ratio=None if column.width else 1,
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in self.rows[:limit]:
            table.add_row(*(row[index] for index in shown if index < len(row)))
        return table


def beside(tables: Iterable[Table]) -> Table:
    grid = Table.grid(expand=True, padding=(0, GAP, 0, 0), pad_edge=False)
    tables = list(tables)
    for _ in tables:
        grid.add_column(ratio=1)
    grid.add_row(*tables)
    return grid
