"""The tables of a search's page: the best trials, the confirmation of the winner, the space, and how trials ended."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import replace
from typing import Any

from bench.report.analysis.columns import Column
from bench.report.analysis.quantities import parse
from bench.report.search.analysis import SearchAnalysis
from bench.report.search.confirmation import Confirmation, ConfirmedQuantity
from bench.report.search.frames import in_units, value_text
from bench.report.search.results import Trial
from bench.report.tables.numbers import number, ratio
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING
from bench.study.layers import flatten

TOP = 10  # trials of the ranking on a page
MAX_REASONS = 5  # different reasons that are shown for one outcome
MAX_LETTERS = 160  # of a reason
OUTCOMES = {
    "complete": "",
    "pruned": "Pruned: stopped at a validation because it was behind the other trials.",
    "diverged": "Diverged: training broke down.",
    "failed": "Failed: an error ended it.",
    "infeasible": "Infeasible: it broke a constraint, so it was not trained.",
    "invalid": "Invalid: its values make no valid config, so it was not trained.",
    "lost": "Lost: it failed, its worker died, or it was interrupted; it was queued again under another number.",
    "running": "Running: it had not ended when this page was written.",
}
"""Outcome -> the note that explains it."""


def best_table(analysis: SearchAnalysis, top: int = TOP, compact: bool = False) -> TextTable:
    """The default and the best trials, or all trials of the Pareto set; `compact` is for a terminal."""
    columns = [*analysis.objectives, *analysis.costs]
    trials = analysis.ranking[:top] if compact or not analysis.has_front else analysis.ranking
    headings = [column.heading.replace(" (", "\n(") if compact else column.heading for column in columns]
    of_default = _row_values(analysis, None)
    cells = [cell(value, column) for value, column in zip(of_default, columns, strict=True)]
    rows = [["default", *cells, *([] if compact else ["", ", ".join(analysis.results.default["runs"])])]]
    for trial in trials:
        mark = f"{chr(10) if compact else ' '}(winner)" if trial is analysis.winner else ""
        triples = zip(_row_values(analysis, trial), of_default, columns, strict=True)
        cells = [_cell_with_change(value, default, column) for value, default, column in triples]
        details = [] if compact else [changes_text(trial), ", ".join(trial.runs)]
        rows.append([f"{trial.number}{mark}", *cells, *details])
    title = "Pareto set" if analysis.has_front else "Best trials"
    headings = ["trial", *headings, *([] if compact else ["sets", "runs"])]
    return TextTable(title, headings, rows, [_best_note(analysis, len(trials))])


def _row_values(analysis: SearchAnalysis, trial: Trial | None) -> list[float | None]:
    """The objectives and costs of a trial, or of the default."""
    values: Any = analysis.default_values if trial is None else trial.values or []
    costs = analysis.results.default["costs"] if trial is None else trial.costs
    return [*values, *(costs.get(column.key) for column in analysis.costs)]


def _best_note(analysis: SearchAnalysis, count: int) -> str:
    rows = f"The best {count} of {analysis.outcome_counts['complete']} complete trials."
    if analysis.has_front:
        front = "complete trials that no other trial equals or beats in all objectives and beats in at least one"
        rows = f"{count} of {len(analysis.ranking)} trials of the Pareto set: {front}."
    return (
        f"{rows} Below each value stands its difference from the default, or for a cost the ratio (×), on the search's "
        "own seeds and photographs. Scores are means over a trial's seeds and the images."
    )


def confirmation_table(confirmation: Confirmation) -> TextTable:
    """The winner's difference from the default as the search measured it, and with fresh seeds."""
    notes = [
        "Search: on the seeds and photographs by which the winner was chosen. The best of many trials is also one of "
        "the luckiest, so this difference is biased in its favour, the more so the more trials there were.",
        "Fresh: the same two configs with seeds that no trial had, on photographs that judged no trial. This "
        "difference is free of that bias: quote this one.",
    ]
    headings = ["quantity", "against", "default (search)", "winner (search)", "difference (search)"]
    return TextTable(
        "The winner against the default: in the search, and with fresh seeds",
        [*headings, "difference (fresh)", "verdict (fresh)"],
        [_confirmation_row(row) for row in confirmation.rows],
        notes,
    )


def _confirmation_row(row: ConfirmedQuantity) -> list[str]:
    column, default, winner = parse(row.quantity).column, row.default_search, row.winner_search
    values = [cell(default, column), cell(winner, column), change(winner, default, column) or MISSING]
    return [column.heading, row.against, *values, row.estimate_fresh, row.verdict]


def space_table(analysis: SearchAnalysis) -> TextTable:
    """The values of every parameter, and the winner's."""
    of_winner = analysis.winner.params if analysis.winner else {}
    rows = [
        [name, str(words), value_text(of_winner[name]) if name in of_winner else MISSING]
        for name, words in analysis.results.search["space"].items()
    ]
    has_blocks = any("/" in row[0] for row in rows)
    notes = ["Only trials whose NAME is BLOCK have the parameter NAME=BLOCK/PATH."] if has_blocks else []
    return TextTable("The search space", ["parameter", "values", "winner"], rows, notes)


def outcome_table(analysis: SearchAnalysis) -> TextTable:
    """How trials ended, with the number of each reason."""
    rows, notes = [], []
    for outcome, note in OUTCOMES.items():
        trials = [trial for trial in analysis.results.trials if trial.outcome == outcome]
        if not trials:
            continue
        reasons = Counter(filter(None, map(_reason, trials))).most_common()
        lines = [f"{reason} ({count})" for reason, count in reasons[:MAX_REASONS]]
        if len(reasons) > MAX_REASONS:
            lines.append(f"and {sum(count for _, count in reasons[MAX_REASONS:])} for other reasons")
        rows.append([outcome, str(len(trials)), "\n".join(lines)])
        notes += [note] if note else []
    return TextTable("How the trials ended", ["outcome", "trials", "reasons"], rows, notes)


def _reason(trial: Trial) -> str:
    """The reason, short; for a pruned trial the validation, so that equal ones can be counted."""
    if trial.outcome == "pruned" and trial.curve:
        return f"after validation {trial.curve[-1][0]:,}"
    return "" if trial.outcome == "complete" else textwrap.shorten(trial.reason, MAX_LETTERS, placeholder=" …")


def changes_table(analysis: SearchAnalysis) -> TextTable | None:
    """The fields that the winner sets, beside the default's values; None without a winner."""
    if analysis.winner is None:
        return None
    control = flatten(analysis.results.search["control"])
    changes = flatten(analysis.winner.changes)
    rows = [[path, _default_text(control, path), value_text(value)] for path, value in changes.items()]
    return TextTable("Fields that the winner sets", ["field", "default", "winner"], rows)


def _default_text(control: dict[str, Any], path: str) -> str:
    """The default's value; the fields of a section, such as a schedule where the winner has a number."""
    if path in control:
        return value_text(control[path])
    fields = {key.removeprefix(f"{path}."): value for key, value in control.items() if key.startswith(f"{path}.")}
    return ", ".join(f"{key} {value_text(value)}" for key, value in fields.items() if value is not None) or MISSING


def changes_text(trial: Trial) -> str:
    """generator.width=24; loss.l1.start=30"""
    return "; ".join(f"{path}={value_text(value)}" for path, value in trial.changes.items())


def cell(value: float | None, column: Column) -> str:
    """A stored value in the unit of the table."""
    in_unit = in_units(value, column)
    if column.unit == "img/s" and in_unit < 10:  # whole numbers would hide most of it
        column = replace(column, decimals=2)
    return number(in_unit, column.decimals)


def change(value: float | None, reference: float | None, column: Column) -> str:
    """The difference from a reference, or the ratio for a cost; "" if either is missing or infinite."""
    if value is None or reference is None or not (math.isfinite(value) and math.isfinite(reference)):
        return ""
    if column.is_ratio:
        return ratio(value / reference) if reference > 0 else ""
    return number(in_units(value, column) - in_units(reference, column), column.decimals, signed=True)


def _cell_with_change(value: float | None, reference: float | None, column: Column) -> str:
    difference = change(value, reference, column)
    return cell(value, column) + (f"\n{difference}" if difference else "")
