"""The report's tables of variants in words: scores, costs, what differs, runs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from bench.measure import PEAK_VERSION
from bench.report.analysis.columns import Column, columns
from bench.report.analysis.frames import Results
from bench.report.analysis.summary import summary
from bench.report.tables.failures import mark, mark_note
from bench.report.tables.numbers import estimate_text, listed, number
from bench.report.tables.text_table import TextTable
from bench.store.run_store import BAD_ENDS
from bench.study.labels import MISSING
from bench.study.layers import flatten

ENDED_BADLY = (
    "Means are over finished runs; in comparisons a run that diverged or failed counts as the worst. Such a difference "
    "is the median of the seeds' differences, its interval the order statistics of the sign test (none below 6 seeds)."
)


def score_table(results: Results, compact: bool = False) -> TextTable:
    """Mean ± SD over seeds of each metric, and the difference from the control below it.

    `compact` is for a terminal: a star instead of the interval.
    """
    shown = [c for c in columns(results) if not c.is_ratio]
    table = _value_table("Scores", results, shown, compact)
    reference = results.truth
    if reference:
        cells = [number(reference[c.key], c.decimals) if c.key in reference else "" for c in shown]
        table.rows.append(["ground truth", "", *cells])
        names = listed([c.title for c in shown if c.direction == "neutral"])
        table.notes.append(f"The nearer {names} to the ground truth's, the better: it has no better end.")
    if any(math.isnan(value) for seeds in results.means.values() for value in seeds.values()):
        table.notes.append("A finished run with a score of NaN leaves no mean; in comparisons it counts as the worst.")
    what = "a * where its 95% t interval leaves out 0" if compact else "with its 95% t interval"
    table.notes.append(f"± is the standard deviation over seeds; below it the difference from the control, paired by "
                       f"seed, {what}. It speaks of new seeds on these images.")  # fmt: skip
    if set(results.labels) != set(results.same_task):
        table.notes.append(
            "Scores of another task than the control's do not compare with its: they have no difference."
        )
    if mixed := mark_note(results):
        table.notes.append(mixed)
    bad = [run for run in results.runs if run["state"] in BAD_ENDS]
    if bad:
        table.notes.append(f"{len(bad)} of {len(results.runs)} runs diverged or failed. {ENDED_BADLY}")
    return table


def cost_table(results: Results, compact: bool = False) -> TextTable:
    """What each variant costs, and how many times the control's."""
    shown = [c for c in columns(results) if c.is_ratio and not (compact and c.key == "training_seconds")]
    table = _value_table("Cost and speed", results, shown, compact)
    if compact:  # it has to fit 80 columns, and the scores have said it
        table = replace(table, headings=_without_runs(table.headings), rows=[_without_runs(row) for row in table.rows])
    what = "a * where its 95% t interval leaves out 1" if compact else "with the 95% t interval of the log ratios"
    table.notes.append(f"Trainable parameters. MACs are of one image's whole tiled forward pass as fvcore counts them; "
                       f"FLOPs are 2 x MACs; both in millions. × is the ratio to the control, {what}.")  # fmt: skip
    table.notes.extend(_speed_notes(results))
    return table


def _without_runs(row: list[str]) -> list[str]:
    return [row[0], *row[2:]]


def _value_table(title: str, results: Results, shown: list[Column], compact: bool) -> TextTable:
    values = summary(results)
    missing: dict[str, list[str]] = {}
    rows = []
    for label in results.labels:
        mark = ("\n" if compact else " ") + "(control)" if label == results.control else ""
        cells = [label + mark, _runs_cell(results, label)]
        for column in shown:
            found = values[(values["label"] == label) & (values["column"] == column.key)]
            if len(found):
                cells.append(_cell(found.iloc[0], column, compact))
            else:
                cells.append(_missing(results, label, column, missing))
        rows.append(cells)
    headings = [column.heading.replace(" (", "\n(") if compact else column.heading for column in shown]
    notes = [
        f"{listed(titles)} {'are' if titles[1:] else 'is'} missing: {reason}" for reason, titles in missing.items()
    ]
    return TextTable(title, ["variant", "runs", *headings], rows, notes)


def _cell(row: Any, column: Column, compact: bool) -> str:
    between = "\n" if compact else " "
    if column.unit == "img/s" and row["mean"] < 10:  # whole numbers would hide all of it
        column = replace(column, decimals=2)
    spread = (
        f"{between}± {number(row['sd'], column.decimals)}"
        if row["n"] > 1 and row["sd"] > 1e-9 * abs(row["mean"])
        else ""
    )
    text = number(row["mean"], column.decimals) + spread
    if math.isnan(row["difference"]):
        return text
    return f"{text}\n{_comparison(row, column, compact)}"


def _comparison(row: Any, column: Column, compact: bool) -> str:
    three = row["difference"], row["low"], row["high"]
    if not compact:
        return estimate_text(three, column, row["method"])
    neutral = 1.0 if column.is_ratio else 0.0
    star = "" if math.isnan(row["low"]) or row["low"] <= neutral <= row["high"] else "*"
    return estimate_text((row["difference"], math.nan, math.nan), column, row["method"]) + star


def _missing(results: Results, label: str, column: Column, missing: dict[str, list[str]]) -> str:
    """A dash with the number of its reason; `missing` gathers reason -> titles of the columns, in the notes' order."""
    reasons = [run["missing"][column.key] for run in results.runs_of(label) if column.key in run["missing"]]
    if not reasons:
        return MISSING
    titles = missing.setdefault(reasons[0], [])
    if column.title not in titles:
        titles.append(column.title)
    return f"{MISSING} [{list(missing).index(reasons[0]) + 1}]"


def _runs_cell(results: Results, label: str) -> str:
    runs = results.runs_of(label)
    states = [run["state"] for run in runs]
    others = {state: states.count(state) for state in states if state != "done"}
    text = f"{states.count('done')}/{len(states)}"
    text += mark(results, label)
    return text + "".join(f", {count} {state} ({count / len(states):.0%})" for state, count in others.items())


def _held(measured: list[dict[str, Any]]) -> str:
    """What a peak counts, by the version that the records have."""
    is_new = any(record.get("peak_version", 1) >= PEAK_VERSION for record in measured)
    return "weights, gradients, moments, one batch, activations" if is_new else "weights, moments, activations"


def _speed_notes(results: Results) -> list[str]:
    measured = [run["throughput"] for run in results.runs if run["throughput"]]
    trained = [m for m in measured if m["training"]]
    if not trained:
        return []
    machines: dict[str, set[str]] = {}
    for m in trained:
        machines.setdefault(f"{m['device']}, {_threads(m['threads'])}", set()).add(m["precision"])
    places = [f"{machine}, {' and '.join(sorted(machines[machine]))}" for machine in sorted(machines)]
    batches = sorted({m["training"]["batch_size"] for m in trained})
    windows = " or ".join(map(str, sorted({m["training"]["windows"] for m in trained})))
    worst = max(m["training"]["spread"] for m in trained)
    notes = [
        f"img/s: images a second, median of {windows} windows after warm-up at batch {', '.join(map(str, batches))}, "
        f"on {'; '.join(places)}; the widest interquartile range within a run was {worst:.0%} of its median. A "
        "training step is all of an iteration after pretraining. Compare the ratios; the times are this machine's.",
        f"Memory is the peak of all tensors alive in a training step ({_held(trained)}); on CUDA the allocator's peak.",
    ]
    if older := sum(m["training_peak_bytes"] is None for m in trained):
        notes.append(
            f"No memory is given of {older} of {len(trained)} measured runs: an earlier version measured it, with the "
            "eight batches of a timing. Delete such a run's throughput.json, and `bench run` measures it again."
        )
    if len(machines) > 1:
        notes.append("These runs were measured on different machines: their speeds do not compare.")
    return notes


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def difference_table(results: Results) -> TextTable:
    """The config of each variant where it differs from the control's."""
    control = flatten(results.study["control"])
    rows = [
        [variant["label"], path, str(control.get(path, MISSING)), str(value)]
        for variant in results.study["variants"][1:]
        for path, value in variant["differences"].items()
    ]
    return TextTable("What differs from the control", ["variant", "field", "control", "variant's"], rows)


def run_table(results: Results) -> TextTable:
    """Every run and how it ended."""
    rows = []
    for run in results.runs:
        reason = (run["outcome"] or {}).get("reason", "")
        rows.append([run["label"], str(run["seed"]), run["id"], run["state"], reason])
    return TextTable("Runs", ["variant", "seed", "run", "state", "reason"], rows)
