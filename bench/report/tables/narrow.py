"""Tables on a terminal of any width: whole, wrapped, in parts, or row by row. No column is ever dropped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bench.report.tables.text_table import TextTable

FOLDS, WORD = 24, 16
"""Letters: a column wider than FOLDS may be wrapped, but not below WORD, so that numbers and names stay whole."""
GAP = 1
"""Blanks between two columns."""


def print_table(table: TextTable, console: Console, left: Collection[str] = ()) -> None:
    """Print the table without its notes. The first column and those named in `left` are words and align left; all
    others align right."""
    if not table.rows:
        return
    for words in ((), left):
        if (widths := fit(table, console.width, words)) is not None:
            _draw(table, widths, left, console)
            return
    parts = _parts(table, console.width)
    if parts is None:
        _print_rows(table, console)
    for part in parts or ():
        _draw(part, fit(part, console.width) or [], left, console)


def fit(table: TextTable, width: int, words: Collection[str] = ()) -> list[int] | None:
    """The width of each column; None if the table does not fit even with its long texts wrapped. The columns named in
    `words` may be wrapped at any word."""
    widest, least = _widest(table), _least(table, words)
    spare = width - GAP * (len(widest) - 1) - sum(least)
    if spare < 0:
        return None
    widths = list(least)
    wanting = [index for index, most in enumerate(widest) if most > least[index]]
    while wanting and spare >= len(wanting):  # the same to each column: all get about equally many lines
        share = spare // len(wanting)
        for index in wanting:
            more = min(share, widest[index] - widths[index])
            widths[index], spare = widths[index] + more, spare - more
        wanting = [index for index in wanting if widest[index] > widths[index]]
    return widths


def _widest(table: TextTable) -> list[int]:
    """The longest line of each column."""
    return [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in _columns(table)]


def _least(table: TextTable, words: Collection[str] = ()) -> list[int]:
    """The least width of each column when long texts are wrapped, and the columns named in `words` at any word."""
    widths = []
    for column, widest in zip(_columns(table), _widest(table), strict=True):
        word = max((cell_len(word) for cell in column for word in cell.split()), default=0)
        folded = min(max(word, WORD), FOLDS) if widest > FOLDS else widest
        widths.append(min(word, folded) if column[0] in words else folded)
    return widths


def _parts(table: TextTable, width: int) -> list[TextTable] | None:
    """Split into tables that fit, each with the first column; None if the first column does not tell the rows apart, or
    if another column does not fit beside it."""
    least, firsts = _least(table), [row[0] for row in table.rows]
    if len(set(firsts)) < len(firsts):
        return None
    room = width - least[0]
    if any(need + GAP > room for need in least[1:]):
        return None
    parts, left = [[0]], room
    for index, need in enumerate(least[1:], 1):
        if need + GAP > left:
            parts.append([0])
            left = room
        parts[-1].append(index)
        left -= need + GAP
    return [
        replace(
            table, headings=[table.headings[i] for i in chosen], rows=[[row[i] for i in chosen] for row in table.rows]
        )
        for chosen in parts
    ]


def _columns(table: TextTable) -> list[tuple[str, ...]]:
    return list(zip(table.headings, *table.rows, strict=True))


def _draw(table: TextTable, widths: Sequence[int], left: Collection[str], console: Console) -> None:
    shown = Table(box=SIMPLE, padding=0, show_edge=False)
    for index, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if index == 0 or heading in left else "right"
        shown.add_column(escape(heading), justify=justify, overflow="fold", width=width)
    for row in table.rows:
        shown.add_row(*map(escape, row))
    _print_title(table, console)
    console.print(shown)
    console.print()


def _print_rows(table: TextTable, console: Console) -> None:
    """Print a line a cell; the terminal wraps long lines."""
    _print_title(table, console)
    for row in table.rows:
        for index, (heading, cell) in enumerate(zip(table.headings, row, strict=True)):
            words = f"{' '.join(heading.split())}: {'; '.join(cell.splitlines())}"
            console.print(Text(words if index == 0 else f"  {words}"), soft_wrap=True)
    console.print()


def _print_title(table: TextTable, console: Console) -> None:
    if table.title:
        console.print(Text(table.title, style="bold"), soft_wrap=True)
