"""The main table of the page: variants by scores and costs, with the best values and the reasons for missing ones."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import Column
from bench.report.tables.text_table import TextTable
from bench.report.tables.variants import cost_table, score_table
from bench.store.run_store import BAD_ENDS
from bench.study.labels import GROUND_TRUTH, MISSING

LEFT_OUT = "macs"
"""This column is not shown, since FLOPs are twice the MACs."""
BEST = "★"
NUMBERED = re.compile(rf"{MISSING} \[(\d+)\]")
NOTE = (
    f"{BEST} and bold mark the best mean of a column, even if the difference may be due to chance. Where neither high "
    "nor low scores are better, the best is the nearest to the ground truth's; the best cost is among the trained "
    "methods. A difference is underlined where its 95% interval excludes no difference."
)


@dataclass(frozen=True)
class Cell:
    """A value with its spread, the difference from the control, and how the page shows them."""

    text: str
    difference: str = ""
    interval: str = ""
    sort: float | None = None
    is_best: bool = False
    is_clear: bool = False
    """Whether the interval excludes no difference."""
    note: int = 0
    """Number of the note with the reason for a missing value; 0 where the value is there."""
    reason: str = ""


@dataclass(frozen=True)
class MainTable:
    """The table as the page shows it, and as it is copied to other formats."""

    columns: list[Column]
    scores: int
    """Number of columns that are scores; they come first."""
    rows: list[tuple[str, str, list[Cell]]]
    """Label, how its runs ended, and a cell a column."""
    truth: list[str]
    """The ground truth's own scores; empty without them."""
    missing: list[str]
    """Reasons for missing values, in the order of the cells' numbers."""
    notes: list[str]
    """The conventions of the columns."""
    text: TextTable = field(repr=False)


def main_table(analysis: Analysis) -> MainTable:
    """Scores, then costs, in the words of the report's tables."""
    scores, costs = score_table(analysis), cost_table(analysis)
    columns = [column for column in analysis.columns if column.key != LEFT_OUT]
    all_costs = [column for column in analysis.columns if column.is_ratio]
    kept = [2 + index for index, column in enumerate(all_costs) if column.key != LEFT_OUT]
    missing = _missing_notes(scores.notes)
    reasons = {index: note.split(": ", 1)[1] for index, note in enumerate(missing, 1)}
    rows, texts = [], []
    for index, label in enumerate(analysis.labels):
        name, runs, *score_texts = scores.rows[index]
        cell_texts = [*score_texts, *(costs.rows[index][place] for place in kept)]
        cells = [_cell(analysis, label, c, text, reasons) for c, text in zip(columns, cell_texts, strict=True)]
        rows.append((label, runs, cells))
        texts.append([name, runs, *map(_words, cells)])
    is_scored = bool(analysis.study["metrics"])
    truth = scores.rows[len(analysis.labels)][2:] if is_scored and analysis.truth else []
    if truth:
        texts.append([GROUND_TRUTH, "", *truth, *[""] * len(kept)])
    why = [_note(index, reason, missing) for index, reason in reasons.items()]
    notes = [NOTE, *(scores.notes[len(missing) :] if is_scored else []), *costs.notes]
    table = TextTable("Results", ["variant", "runs", *(c.heading for c in columns)], texts, [*why, *notes])
    score_count = sum(not column.is_ratio for column in columns)
    return MainTable(columns, score_count, rows, truth, why, notes, table)


def _missing_notes(notes: list[str]) -> list[str]:
    """The notes that give the reason of a missing score."""
    return [note for note in notes if re.search(r" (is|are) missing: ", note.split(":", 1)[0] + ": ")]


def _note(index: int, reason: str, missing: list[str]) -> str:
    return missing[index - 1] if index <= len(missing) else f"Missing costs: {reason}"


def _cell(analysis: Analysis, label: str, column: Column, text: str, reasons: dict[int, str]) -> Cell:
    """The cell of a label and column. `reasons` collects number -> why a value is missing."""
    value, _, below = text.partition("\n")
    difference, _, interval = below.partition(" [")
    interval = f"[{interval}" if interval else ""
    numbered = NUMBERED.fullmatch(value)
    if numbered or value == MISSING:
        note = int(numbered[1]) if numbered else _number_of(reasons, _reason(analysis, label, column))
        return Cell(MISSING, difference, interval, note=note, reason=reasons[note])
    row: Any = analysis.summary.loc[(label, column.key)]
    neutral = 1.0 if column.is_ratio else 0.0
    is_clear = not math.isnan(row["low"]) and not row["low"] <= neutral <= row["high"]
    is_best = (label, column.key) in analysis.best
    return Cell(value, difference, interval, float(row["mean"]), is_best, is_clear)


def _number_of(reasons: dict[int, str], reason: str) -> int:
    """The number of this reason; a new one gets the next number."""
    for number, known in reasons.items():
        if known == reason:
            return number
    reasons[len(reasons) + 1] = reason
    return len(reasons)


def _reason(analysis: Analysis, label: str, column: Column) -> str:
    """Why no run has this value, where the runs do not say it."""
    runs = analysis.results.runs_of(label)
    if not any(run["state"] == "done" for run in runs):
        state, reason = runs[0]["state"], (runs[0]["outcome"] or {}).get("reason")
        return str(reason) if reason and state not in BAD_ENDS else f"no run is done; the first is {state}"
    if not column.is_ratio:
        return "a finished run scored NaN"
    if label in analysis.results.run_once:
        return "nothing is trained, so there is no training to measure; operations are counted in networks only"
    return "not measured"


def _words(cell: Cell) -> str:
    value = f"{MISSING} [{cell.note}]" if cell.note else cell.text
    below = f"{cell.difference} {cell.interval}".strip()
    return f"{value}\n{below}" if below else value
