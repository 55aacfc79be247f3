"""The results of a search on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.report.search.analysis import SearchAnalysis, analyse_search
from bench.report.search.frames import value_text
from bench.report.search.results import SearchResults
from bench.report.search.sentences import counts_text
from bench.report.search.tables import best_table, cell, change
from bench.report.tables.narrow import print_table

TOP = 5  # trials


def print_search(results: SearchResults, folder: Path, console: Console) -> None:
    """Print the best trials, the outcomes, the winner beside the default, and the path of the page."""
    analysis = analyse_search(results)
    console.rule(escape(results.search["title"]))
    if analysis.ranking:
        print_table(best_table(analysis, TOP, compact=True), console)
    console.print(f"{counts_text(analysis)}.", highlight=False)
    for line in _winner_lines(analysis):
        console.print(escape(line), highlight=False)
    console.print(f"[bold]{escape(str(folder / 'report.md'))}[/]", highlight=False)


def _winner_lines(analysis: SearchAnalysis) -> list[str]:
    """A line for each value of the winner, beside the default's, and for each field that it sets."""
    if analysis.winner is None:
        return []
    lines = []
    for objective in analysis.winner_values:
        column, default = objective.column, objective.default
        difference = change(objective.value, default, column)
        against = f", default {cell(default, column)} ({difference})" if difference else ""
        value = cell(objective.value, column)
        lines.append(f"winner, trial {analysis.winner.number}: {column.heading} {value}{against}")
    return lines + [f"  {path} = {value_text(value)}" for path, value in analysis.winner.changes.items()]
