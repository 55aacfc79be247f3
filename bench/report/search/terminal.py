"""A search's results on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.report.search.frames import best_trials, objectives, winner, word
from bench.report.search.results import SearchResults
from bench.report.search.tables import best_table, change, counts_text, shown
from bench.report.tables.narrow import print_table

TOP = 5


def print_search(results: SearchResults, folder: Path, console: Console) -> None:
    """The best trials, how many ended how, the winner beside the default, and where the page is."""
    console.rule(escape(results.search["title"]))
    if best_trials(results):
        print_table(best_table(results, TOP, compact=True), console)
    console.print(f"{counts_text(results)}.", highlight=False)
    for line in _winner(results):
        console.print(escape(line), highlight=False)
    console.print(f"[bold]{escape(str(folder / 'report.md'))}[/]", highlight=False)


def _winner(results: SearchResults) -> list[str]:
    """The winner's values beside the default's, and what it sets, a line each."""
    found = winner(results)
    if found is None:
        return []
    defaults = results.default["values"] or [None] * len(found.values or [])
    lines = []
    for column, value, default in zip(objectives(results), found.values or [], defaults, strict=False):
        difference = change(value, default, column)
        against = f", the default's {shown(default, column)} ({difference})" if difference else ""
        lines.append(f"winner, trial {found.number}: {column.heading} {shown(value, column)}{against}")
    return lines + [f"  {path} = {word(value)}" for path, value in found.changes.items()]
