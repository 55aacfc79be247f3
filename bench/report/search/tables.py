"""A search's tables in words: its best trials, the two comparisons of the winner, the space, and how trials ended."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import Column
from bench.report.analysis.quantities import parse
from bench.report.search.frames import best_trials, costs, in_units, objectives, winner, word
from bench.report.search.results import SearchResults, Trial
from bench.report.tables.numbers import new_text, number, ratio, these_text
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING
from bench.study.layers import flatten

TOP = 10  # trials of the ranking that a page shows
REASONS = 5  # different ones that a way to end is shown with
LONGEST = 160  # letters of a reason
OUTCOMES = {
    "complete": "",
    "pruned": "Pruned: stopped at a validation, being behind the other trials there.",
    "diverged": "Diverged: the training broke down.",
    "failed": "Failed: an error.",
    "infeasible": "Infeasible: broke a constraint, and was not trained.",
    "invalid": "Invalid: its values make no config, and it was not trained.",
    "lost": "Lost: it failed, or its worker died or was interrupted; it was queued again under another number.",
    "running": "Running: had not ended when this page was made.",
}


@dataclass(frozen=True)
class Confirmed:
    """What became of the winner with fresh seeds, on photographs that no trial was judged on."""

    rows: list[dict[str, Any]]
    """quantity, against (what the winner is compared with), default_search, winner_search, difference_search (numbers
    as stored, or None), estimate_fresh (text), verdict: a row an objective, and what else was asked."""


def shown(value: float | None, column: Column) -> str:
    """A stored value in the table's unit."""
    found = in_units(value, column)
    if column.unit == "img/s" and found < 10:  # whole numbers would hide all of it
        column = replace(column, decimals=2)
    return number(found, column.decimals)


def change(value: float | None, reference: float | None, column: Column) -> str:
    """The difference from a reference, of a cost the ratio to it; nothing if either is missing or infinite."""
    if value is None or reference is None or not (math.isfinite(value) and math.isfinite(reference)):
        return ""
    if column.is_ratio:
        return ratio(value / reference) if reference > 0 else ""
    return number(in_units(value, column) - in_units(reference, column), column.decimals, signed=True)


def counts_text(results: SearchResults) -> str:
    """30 trials: 18 complete, 9 pruned, 3 lost and queued again"""
    counts: Counter[str] = Counter(trial.outcome for trial in results.trials)
    names = {"lost": "lost and queued again", "running": "still running"}
    parts = [f"{counts[key]} {names.get(key, key)}" for key in OUTCOMES if counts[key] or key == "complete"]
    return f"{len(results.trials)} trial{'' if len(results.trials) == 1 else 's'}: {', '.join(parts)}"


def best_table(results: SearchResults, top: int = TOP, compact: bool = False) -> TextTable:
    """The default and the best trials, or those on the Pareto front; `compact` is for a terminal."""
    columns, others, ranked = objectives(results), costs(results), best_trials(results)
    is_front, found = len(columns) > 1, winner(results)
    chosen = ranked[:top] if compact or not is_front else ranked
    headings = [c.heading.replace(" (", "\n(") if compact else c.heading for c in [*columns, *others]]
    settings = [] if compact else ["sets", "runs"]
    values, known = results.default["values"] or [None] * len(columns), results.default["costs"]
    cells = [shown(value, column) for value, column in zip(values, columns, strict=True)]
    cells += [shown(known.get(column.key), column) for column in others]
    rows = [["default", *cells, *([] if compact else ["", ", ".join(results.default["runs"])])]]
    for trial in chosen:
        mark = f"{' ' if not compact else chr(10)}(winner)" if trial is found else ""
        cells = [_with_change(v, d, c) for v, d, c in zip(trial.values or [], values, columns, strict=True)]
        cells += [_with_change(trial.costs.get(c.key), known.get(c.key), c) for c in others]
        rows.append(
            [f"{trial.number}{mark}", *cells, *([] if compact else [setting_text(trial), ", ".join(trial.runs)])]
        )
    title = "Pareto set" if is_front else "Best trials"
    return TextTable(title, ["trial", *headings, *settings], rows, _best_notes(results, len(chosen), len(ranked)))


def _best_notes(results: SearchResults, count: int, ranked: int) -> list[str]:
    which = f"The best {count} of {len(results.outcome('complete'))} complete trials"
    if len(results.search["objectives"]) > 1:
        front = "the complete trials that no other equals or beats in all objectives and beats in one"
        which = f"{count} of {ranked} trials of the Pareto set, {front}"
    return [
        f"{which}; below each value its difference from the default's, of costs the ratio (×), on the search's own "
        "seeds and photographs. Scores are means over the seeds of a trial and the images."
    ]


def _with_change(value: float | None, reference: float | None, column: Column) -> str:
    difference = change(value, reference, column)
    return shown(value, column) + (f"\n{difference}" if difference else "")


def setting_text(trial: Trial) -> str:
    """generator.width=24; loss.l1.start=30"""
    return "; ".join(f"{path}={word(value)}" for path, value in trial.changes.items())


def confirmed_table(confirmed: Confirmed) -> TextTable:
    """The winner's difference from the default as the search saw it, and with fresh seeds."""
    rows = []
    for row in confirmed.rows:
        column, fresh = parse(row["quantity"]).column, (row["estimate_fresh"], row["verdict"])
        default, ours = row["default_search"], row["winner_search"]
        difference = (
            change(ours, default, column) if column.is_ratio else shown_signed(row["difference_search"], column)
        )
        rows.append(
            [column.heading, row["against"], shown(default, column), shown(ours, column), difference or MISSING, *fresh]
        )
    notes = [
        "In the search: on the seeds and photographs that the winner was chosen by. Of many trials the one that was "
        "also the luckiest there is chosen, so that this difference is biased in its favour, the more so the more "
        "trials there were.",
        "Fresh: the same two configs with seeds that no trial had, on photographs that no trial was judged on. That "
        "luck is not in it: quote this one.",
    ]
    headings = ["quantity", "against", "default, in the search", "winner, in the search", "difference, in the search"]
    title = "Both numbers: as the search saw it, and with fresh seeds"
    return TextTable(title, [*headings, "difference, fresh", "verdict, fresh"], rows, notes)


def shown_signed(value: float | None, column: Column) -> str:
    """A stored difference in the table's unit."""
    return number(in_units(value, column), column.decimals, signed=True)


def space_table(results: SearchResults) -> TextTable:
    """What each parameter could be, and what the winner has."""
    found = winner(results)
    ours = found.params if found else {}
    rows = [
        [name, str(words), word(ours[name]) if name in ours else MISSING]
        for name, words in results.search["space"].items()
    ]
    notes = (
        ["NAME=BLOCK/PATH is there only in trials whose NAME is BLOCK."] if any("/" in row[0] for row in rows) else []
    )
    return TextTable("The space", ["parameter", "can be", "winner"], rows, notes)


def outcome_table(results: SearchResults) -> TextTable:
    """How trials ended, with their reasons counted."""
    rows, notes = [], []
    for outcome, meaning in OUTCOMES.items():
        trials = [trial for trial in results.trials if trial.outcome == outcome]
        if trials:
            counted = Counter(filter(None, map(_reason, trials))).most_common()
            lines = [f"{reason} ({count})" for reason, count in counted[:REASONS]]
            if len(counted) > REASONS:
                lines.append(f"and {sum(count for _, count in counted[REASONS:])} of other reasons")
            rows.append([outcome, str(len(trials)), "\n".join(lines)])
            notes += [meaning] if meaning else []
    return TextTable("How the trials ended", ["outcome", "trials", "reasons"], rows, notes)


def _reason(trial: Trial) -> str:
    """Of a pruned trial where it stopped: that can be counted."""
    if trial.outcome == "pruned" and trial.curve:
        return f"after validation {trial.curve[-1][0]:,}"
    return "" if trial.outcome == "complete" else textwrap.shorten(trial.reason, LONGEST, placeholder=" …")


def change_table(results: SearchResults) -> TextTable | None:
    """What the winner sets, beside the default's values."""
    found = winner(results)
    if found is None:
        return None
    control = flatten(results.search["control"])
    rows = [[path, _default_word(control, path), word(value)] for path, value in flatten(found.changes).items()]
    return TextTable("What the winner sets", ["field", "default", "winner"], rows)


def _default_word(control: dict[str, Any], path: str) -> str:
    """The default's value; of a section, such as a schedule where the winner has a number, its fields."""
    if path in control:
        return word(control[path])
    inner = {key.removeprefix(f"{path}."): value for key, value in control.items() if key.startswith(f"{path}.")}
    return ", ".join(f"{key} {word(value)}" for key, value in inner.items() if value is not None) or MISSING


def confirmed(results: SearchResults, best: Analysis) -> Confirmed:
    """A row an objective, then one for every other answer of the comparison."""
    won = next((trial for trial in results.trials if trial.number == results.winner), None)
    names = [objective["quantity"] for objective in results.search["objectives"]]
    ours = dict(zip(names, won.values or [], strict=False)) if won else {}
    theirs = dict(zip(names, results.default["values"] or [], strict=False))
    rows: list[dict[str, Any]] = []
    for answer in best.answers:
        key, column = answer.quantity.column.key, answer.quantity.column
        text = new_text(answer.comparison, column) if answer.of_new_images else these_text(answer.comparison, column)
        is_default = answer.right == best.control
        left, right = (ours.get(key), theirs.get(key)) if is_default else (None, None)
        rows.append(
            {
                "quantity": key,
                "against": answer.right,
                "default_search": right,
                "winner_search": left,
                "difference_search": None if left is None or right is None else left - right,
                "estimate_fresh": text,
                "verdict": answer.verdict_in_words,
            }
        )
    return Confirmed(rows)
