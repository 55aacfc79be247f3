"""The results of a study on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.report.analysis.analysis import Analysis
from bench.report.page.render import PAGE
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.narrow import print_table
from bench.report.tables.text_table import TextTable
from bench.report.tables.variants import cost_table, score_table


def print_results(analysis: Analysis, folder: Path, console: Console) -> None:
    """Print the tables of a report, and where its page is."""
    scores = [score_table(analysis, compact=True)] if analysis.study["metrics"] else []
    tables = [*scores, cost_table(analysis, compact=True)]
    if analysis.study["hypotheses"]:
        tables.insert(0, hypothesis_table(analysis, compact=True))
    print_tables(analysis.study["title"], tables, folder / PAGE, console)


def print_tables(title: str, tables: Sequence[TextTable], path: Path, console: Console) -> None:
    """Print tables with their notes below a title, and the path of the whole report."""
    console.rule(escape(title))
    for table in tables:
        print_table(table, console)
        for index, note in enumerate(table.notes, 1):
            console.print(f"[dim]{index}. {escape(note)}[/]", highlight=False)
    console.print(f"[bold]{escape(str(path))}[/]", highlight=False)
