"""The tables of variants: scores, costs, differences from the control, and runs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import Column
from bench.report.tables.failures import mark, mark_note
from bench.report.tables.numbers import estimate_text, listed, number
from bench.report.tables.text_table import TextTable
from bench.store.run_store import BAD_ENDS
from bench.study.labels import MISSING
from bench.study.layers import flatten

ENDED_BADLY = (
    "Means are over finished runs. In a comparison, a run that diverged or failed counts as worse than any other; the "
    "difference is then the median of the seeds' differences, and its interval comes from the order statistics of the "
    "sign test, which need at least 6 seeds."
)


def score_table(analysis: Analysis, compact: bool = False) -> TextTable:
    """Mean ± SD over seeds of each metric, and the difference from the control below it.

    `compact` is for a terminal: a star instead of the interval.
    """
    shown = [c for c in analysis.columns if not c.is_ratio]
    table = _value_table("Scores", analysis, shown, compact)
    if truth := analysis.truth:
        cells = [number(truth[c.key], c.decimals) if c.key in truth else "" for c in shown]
        table.rows.append(["ground truth", "", *cells])
        names = listed([c.title for c in shown if c.direction == "neutral"])
        table.notes.append(
            f"{names}: neither high nor low is better; the nearer to the ground truth's value, the better."
        )
    if analysis.has_nan_scores:
        table.notes.append(
            "A mean is missing where a finished run scored NaN; in comparisons that run counts as the worst."
        )
    interval = "with a * where its 95% t interval excludes 0" if compact else "with its 95% t interval"
    table.notes.append(
        "± is the standard deviation over seeds. Below it stands the difference from the control, paired by seed, "
        f"{interval}. The interval generalises to new seeds on these images."
    )
    if set(analysis.labels) != set(analysis.results.same_task):
        table.notes.append("Variants with another task than the control's are not compared with it.")
    if mixed := mark_note(analysis):
        table.notes.append(mixed)
    bad = [run for run in analysis.runs if run["state"] in BAD_ENDS]
    if bad:
        table.notes.append(f"{len(bad)} of {len(analysis.runs)} runs diverged or failed. {ENDED_BADLY}")
    return table


def cost_table(analysis: Analysis, compact: bool = False) -> TextTable:
    """The cost and speed of each variant, and the ratio to the control below it."""
    shown = [c for c in analysis.columns if c.is_ratio and not (compact and c.key == "training_seconds")]
    table = _value_table("Cost and speed", analysis, shown, compact)
    if compact:  # to fit 80 columns; the table of scores has the runs
        table = replace(table, headings=_without_runs(table.headings), rows=[_without_runs(row) for row in table.rows])
    interval = (
        "with a * where its 95% t interval excludes 1" if compact else "with the 95% t interval of the log ratios"
    )
    table.notes.append(
        "params are trainable parameters. MACs, counted by fvcore, are for the whole tiled forward pass of one "
        f"image; FLOPs are 2 x MACs; both are in millions. × is the ratio to the control, {interval}."
    )
    table.notes.extend(_speed_notes(analysis))
    return table


def _without_runs(row: list[str]) -> list[str]:
    return [row[0], *row[2:]]


def _value_table(title: str, analysis: Analysis, shown: list[Column], compact: bool) -> TextTable:
    missing: dict[str, list[str]] = {}
    rows = []
    for label in analysis.labels:
        suffix = ("\n" if compact else " ") + "(control)" if label == analysis.control else ""
        cells = [label + suffix, _runs_cell(analysis, label)]
        for column in shown:
            if (label, column.key) in analysis.summary.index:
                cells.append(_cell(analysis.summary.loc[(label, column.key)], column, compact))
            else:
                cells.append(_missing(analysis, label, column, missing))
        rows.append(cells)
    headings = [column.heading.replace(" (", "\n(") if compact else column.heading for column in shown]
    notes = [
        f"{listed(titles)} {'are' if titles[1:] else 'is'} missing: {reason}" for reason, titles in missing.items()
    ]
    return TextTable(title, ["variant", "runs", *headings], rows, notes)


def _cell(row: Any, column: Column, compact: bool) -> str:
    between = "\n" if compact else " "
    if column.unit == "img/s" and row["mean"] < 10:  # 0.4 img/s must not show as 0
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
    estimate = row["difference"], row["low"], row["high"]
    if not compact:
        return estimate_text(estimate, column, row["method"])
    neutral = 1.0 if column.is_ratio else 0.0
    star = "" if math.isnan(row["low"]) or row["low"] <= neutral <= row["high"] else "*"
    return estimate_text((row["difference"], math.nan, math.nan), column, row["method"]) + star


def _missing(analysis: Analysis, label: str, column: Column, missing: dict[str, list[str]]) -> str:
    """A dash with the number of its reason. `missing` collects reason -> titles of columns, in the notes' order."""
    reasons = [run["missing"][column.key] for run in analysis.results.runs_of(label) if column.key in run["missing"]]
    if not reasons:
        return MISSING
    titles = missing.setdefault(reasons[0], [])
    if column.title not in titles:
        titles.append(column.title)
    return f"{MISSING} [{list(missing).index(reasons[0]) + 1}]"


def _runs_cell(analysis: Analysis, label: str) -> str:
    """2/3, 1 diverged (33%)"""
    states = [run["state"] for run in analysis.results.runs_of(label)]
    others = {state: states.count(state) for state in states if state != "done"}
    text = f"{states.count('done')}/{len(states)}{mark(analysis, label)}"
    return text + "".join(f", {count} {state} ({count / len(states):.0%})" for state, count in others.items())


def _speed_notes(analysis: Analysis) -> list[str]:
    records = analysis.setting.throughput
    if not records:
        return []
    precisions: dict[str, set[str]] = {}
    for record in records:
        machine = f"{record['device']}, {_threads(record['threads'])}"
        precisions.setdefault(machine, set()).add(record["precision"])
    machines = [f"{machine}, {' and '.join(sorted(precisions[machine]))}" for machine in sorted(precisions)]
    training = [record["training"] for record in records]
    batches = sorted({each["batch_size"] for each in training})
    windows = " or ".join(map(str, sorted({each["windows"] for each in training})))
    spread = max(each["spread"] for each in training)
    notes = [
        f"img/s is images per second: the median of {windows} timed windows after warm-up at batch "
        f"{', '.join(map(str, batches))}, on {'; '.join(machines)}. The widest interquartile range within a run was "
        f"{spread:.0%} of its median. A training step is one whole iteration after pretraining. Compare the ratios: "
        "absolute speeds belong to this machine.",
        f"Memory is the peak of all tensors alive in a training step{_counted(records)}; on CUDA it is the allocator's "
        "peak.",
    ]
    if len(machines) > 1:
        notes.append("These runs were measured on different machines, so their speeds are not comparable.")
    return notes


def _counted(records: list[dict[str, Any]]) -> str:
    """What the peak counts; a record without a version does not say."""
    if any(record["peak_version"] is None for record in records):
        return " (the records do not say which tensors were counted)"
    return " (weights, gradients, moments, one batch, activations)"


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def difference_table(analysis: Analysis) -> TextTable:
    """The config fields of each variant that differ from the control's."""
    control = flatten(analysis.study["control"])
    rows = [
        [variant["label"], path, str(control.get(path, MISSING)), str(value)]
        for variant in analysis.study["variants"][1:]
        for path, value in variant["differences"].items()
    ]
    return TextTable("What differs from the control", ["variant", "field", "control", "variant's"], rows)


def run_table(analysis: Analysis) -> TextTable:
    """Every run and how it ended."""
    rows = []
    for run in analysis.runs:
        reason = (run["outcome"] or {}).get("reason", "")
        rows.append([run["label"], str(run["seed"]), run["id"], run["state"], reason])
    return TextTable("Runs", ["variant", "seed", "run", "state", "reason"], rows)
