"""Plans and results on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.report.analysis.frames import Results
from bench.report.page.render import PAGE
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.narrow import print_table
from bench.report.tables.text_table import TextTable
from bench.report.tables.variants import cost_table, score_table


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
        print_table(table, console)
        for index, note in enumerate(table.notes, 1):
            console.print(f"[dim]{index}. {escape(note)}[/]", highlight=False)
    console.print(f"[bold]{escape(str(path))}[/]", highlight=False)
