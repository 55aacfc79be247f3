"""The page's main table: variants by scores and costs, the best of each marked, and why a value is missing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import pandas as pd

from bench.report.analysis.columns import Column, columns
from bench.report.analysis.frames import Results
from bench.report.analysis.summary import summary
from bench.report.tables.numbers import number
from bench.report.tables.text_table import TextTable
from bench.report.tables.variants import cost_table, score_table
from bench.store.run_store import BAD_ENDS
from bench.study.labels import GROUND_TRUTH, MISSING

LEFT_OUT = "macs"
"""FLOPs are twice that."""
BEST = "★"
NUMBERED = re.compile(rf"{MISSING} \[(\d+)\]")
NOTE = (
    f"{BEST} and bold: the best mean of its column, be the difference more than chance or not; of scores without a "
    "better end the nearest to the ground truth's, of costs the best of what is trained. A difference is underlined "
    "where its 95% interval leaves out that there is none."
)


@dataclass(frozen=True)
class Cell:
    """A value with its spread, below it the difference from the control, and what the page does with them."""

    text: str
    difference: str = ""
    interval: str = ""
    sort: float | None = None
    is_best: bool = False
    is_clear: bool = False
    """Whether the interval leaves out no difference."""
    note: int = 0
    """The number of the note that says why the value is missing."""
    reason: str = ""


@dataclass(frozen=True)
class MainTable:
    """The table as the page shows it, and as it is copied."""

    columns: list[Column]
    scores: int
    """How many of the columns are scores."""
    rows: list[tuple[str, str, list[Cell]]]
    """Label, what became of its runs, a cell a column."""
    truth: list[str]
    """The ground truth's own scores; empty without."""
    missing: list[str]
    """Why values are missing, in the order of the cells' numbers."""
    notes: list[str]
    """Conventions."""
    text: TextTable = field(repr=False)


def main_table(results: Results) -> MainTable:
    """Scores, then costs, in the words of the report's tables."""
    scores, costs = score_table(results), cost_table(results)
    is_scored = bool(results.study["metrics"])
    found = [column for column in columns(results) if column.key != LEFT_OUT]
    score_count = sum(not column.is_ratio for column in found)
    all_costs = [column for column in columns(results) if column.is_ratio]
    kept = [2 + index for index, column in enumerate(all_costs) if column.key != LEFT_OUT]
    missing = _missing_notes(scores.notes)
    reasons = {index: note.split(": ", 1)[1] for index, note in enumerate(missing, 1)}
    rows, texts = [], []
    for index, label in enumerate(results.labels):
        ours = scores.rows[index]
        words = [*ours[2:], *(costs.rows[index][at] for at in kept)]
        cells = [_cell(results, label, column, text, reasons) for column, text in zip(found, words, strict=True)]
        rows.append((label, ours[1], cells))
        texts.append([*ours[:2], *map(_words, cells)])
    truth = scores.rows[len(results.labels)][2:] if is_scored and results.truth else []
    if truth:
        texts.append([GROUND_TRUTH, "", *truth, *[""] * len(kept)])
    rows = _with_best(results, found, rows)
    why = [_note(index, reason, missing) for index, reason in reasons.items()]
    notes = [NOTE, *(scores.notes[len(missing) :] if is_scored else []), *costs.notes]
    table = TextTable("Results", ["variant", "runs", *(c.heading for c in found)], texts, [*why, *notes])
    return MainTable(found, score_count, rows, truth, why, notes, table)


def _missing_notes(notes: list[str]) -> list[str]:
    return [note for note in notes if re.search(r" (is|are) missing: ", note.split(":", 1)[0] + ": ")]


def _note(index: int, reason: str, missing: list[str]) -> str:
    return missing[index - 1] if index <= len(missing) else f"Missing costs: {reason}"


def _cell(results: Results, label: str, column: Column, text: str, reasons: dict[int, str]) -> Cell:
    """`reasons` gathers number -> why a value is missing."""
    value, _, below = text.partition("\n")
    difference, _, interval = below.partition(" [")
    found = NUMBERED.fullmatch(value)
    if found or value == MISSING:
        note = int(found[1]) if found else _numbered(reasons, _why(results, label, column))
        return Cell(MISSING, difference, f"[{interval}" if interval else "", note=note, reason=reasons[note])
    row = summary(results)
    row = row[(row["label"] == label) & (row["column"] == column.key)]
    neutral = 1.0 if column.is_ratio else 0.0
    low, high = (float(row[end].iloc[0]) for end in ("low", "high"))
    is_clear = not math.isnan(low) and not low <= neutral <= high
    mean = float(row["mean"].iloc[0])
    return Cell(value, difference, f"[{interval}" if interval else "", mean, is_clear=is_clear)


def _numbered(reasons: dict[int, str], reason: str) -> int:
    for index, known in reasons.items():
        if known == reason:
            return index
    reasons[len(reasons) + 1] = reason
    return len(reasons)


def _why(results: Results, label: str, column: Column) -> str:
    """Of a value that no run has, where its runs do not say it."""
    runs = results.runs_of(label)
    if not any(run["state"] == "done" for run in runs):
        state, reason = runs[0]["state"], (runs[0]["outcome"] or {}).get("reason")
        return str(reason) if reason and state not in BAD_ENDS else f"no run is done, the first is {state}"
    if not column.is_ratio:
        return "a finished run has a score of NaN"
    if label in results.run_once:
        return "where nothing is trained, no training is measured, and operations are counted in networks alone"
    return "not measured"


def _words(cell: Cell) -> str:
    value = f"{MISSING} [{cell.note}]" if cell.note else cell.text
    below = f"{cell.difference} {cell.interval}".strip()
    return f"{value}\n{below}" if below else value


Rows = list[tuple[str, str, list[Cell]]]


def _with_best(results: Results, found: list[Column], rows: Rows) -> Rows:
    marks = best(results, found)
    return [
        (label, runs, [replace(cell, is_best=(label, c.key) in marks) for c, cell in zip(found, cells, strict=True)])
        for label, runs, cells in rows
    ]


def best(results: Results, found: list[Column]) -> set[tuple[str, str]]:
    """(label, column) of the best means, those that are shown alike among them; none where all are alike."""
    table, marked = summary(results), set()
    for column in found:
        allowed = [x for x in results.same_task if not (column.is_ratio and x in results.run_once)]
        rows = table[(table["column"] == column.key) & table["label"].isin(allowed) & table["mean"].notna()]
        distance = _distance(rows["mean"], column, results.truth.get(column.key))
        if distance is None or rows.empty:
            continue
        shown = rows["mean"].map(lambda value, places=column.decimals: number(value, places))
        first = shown.loc[distance == distance.min()].iloc[0]
        if (shown != first).any():
            marked |= {(label, column.key) for label in rows["label"][shown == first]}
    return marked


def _distance(means: pd.Series[float], column: Column, truth: float | None) -> pd.Series[float] | None:
    """What is to be small; None where nothing says so."""
    if column.direction == "neutral":
        return None if truth is None else (means - truth).abs()
    return means if column.direction == "lower" else -means
