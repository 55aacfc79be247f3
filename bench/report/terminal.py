"""Plans and results on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.report.frames import Results
from bench.report.page.render import PAGE
from bench.report.render import TextTable
from bench.report.text import cost_table, score_table
from bench.report.verdict_table import hypothesis_table


def print_results(results: Results, folder: Path, console: Console) -> None:
    """The tables of a report."""
    scores = [score_table(results, compact=True)] if results.study["metrics"] else []
    tables = [*scores, cost_table(results, compact=True)]
    if results.study["hypotheses"]:
        tables.insert(0, hypothesis_table(results, compact=True))
    print_tables(results.study["title"], tables, folder / PAGE, console)


def print_tables(title: str, tables: Sequence[TextTable], path: Path, console: Console) -> None:
    """Tables with their notes under a title, and where all of it is."""
    console.rule(escape(title))
    for table in tables:
        for part in narrow_parts(table, console.width):
            console.print(rich_table(part))
        for index, note in enumerate(table.notes, 1):
            console.print(f"[dim]{index}. {escape(note)}[/]", highlight=False)
    console.print(f"[bold]{escape(str(path))}[/]", highlight=False)


def narrow_parts(table: TextTable, width: int) -> list[TextTable]:
    """The table, or several that are narrow enough, each with its first column."""
    needs = [max(len(line) for cell in column for line in cell.split("\n")) for column in _columns(table)]
    parts, taken = [[0]], needs[0] + 3
    for index, need in enumerate(needs[1:], 1):
        if taken + need + 1 > width and len(parts[-1]) > 1 and table.title != "Hypotheses":
            parts.append([0])
            taken = needs[0] + 3
        parts[-1].append(index)
        taken += need + 1
    return [
        replace(
            table, headings=[table.headings[i] for i in chosen], rows=[[row[i] for i in chosen] for row in table.rows]
        )
        for chosen in parts
    ]


def _columns(table: TextTable) -> list[tuple[str, ...]]:
    return list(zip(table.headings, *table.rows, strict=True))


def rich_table(table: TextTable) -> Table:
    """The table as rich draws it."""
    shown = Table(title=escape(table.title), title_justify="left", title_style="bold", box=SIMPLE, padding=0)
    for index, heading in enumerate(table.headings):
        shown.add_column(escape(heading), justify="left" if index == 0 else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    return shown
