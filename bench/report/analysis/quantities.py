"""What a hypothesis speaks of: a score, a cost, a time to quality or an early score, with one value a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median_high, median_low
from typing import Literal

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import COSTS, Column, finished, score_column
from bench.report.analysis.frames import Results
from bench.report.analysis.statistics import time_to
from bench.store.run_store import BAD_ENDS
from bench.study.hypotheses import AT_SHARE, COUNTS, TIME_TO

IN_CURVES = {"steps": "step", "images": "images", "seconds": "seconds"}
"""What a time is measured in: the column of the curves."""
Kind = Literal["score", "count", "cost", "time", "early"]


@dataclass(frozen=True)
class Quantity:
    """What is compared; `column` says how it is called and shown."""

    kind: Kind
    column: Column
    metric: str = ""
    """The score that a time or an early score is of."""
    position: str = ""
    """time: steps, images or seconds."""
    share: float = math.nan
    """early: of the run's last step."""


def parse(key: str) -> Quantity:
    """The quantity of a hypothesis. Raises ValueError if it is none."""
    if key in METRICS:
        return Quantity("score", score_column(key), metric=key)
    if cost := next((column for column in COSTS if column.key == key), None):
        return Quantity("count" if key in COUNTS else "cost", cost)
    if (timed := TIME_TO.fullmatch(key)) and timed[2] in METRICS and METRICS[timed[2]].direction != "neutral":
        position, metric = timed.groups()
        title = f"{position} to {METRICS[metric].title}"
        unit = "s" if position == "seconds" else ""
        decimals = 1 if position == "seconds" else 0
        return Quantity("time", Column(key, title, unit, "lower", decimals, True), metric, position)
    if (early := AT_SHARE.fullmatch(key)) and early[1] in METRICS:
        of = score_column(early[1])
        column = Column(key, f"{of.title} at {early[2]}%", of.unit, of.direction, of.decimals)
        return Quantity("early", column, metric=early[1], share=int(early[2]) / 100)
    raise ValueError(f"{key!r} is not a quantity that can be compared")


def values(results: Results, quantity: Quantity, label: str) -> dict[int, float]:
    """Seed -> value. A run that diverged, failed or has a score of NaN has the worst one; of a cost it is left out."""
    if quantity.kind == "time":
        return times(results, quantity.metric, quantity.position, label)
    if quantity.kind == "count":
        return _counts(results, quantity.column, label)
    ours = _early(results, quantity, label) if quantity.kind == "early" else finished(results, quantity.column, label)
    bad = ended_badly(results, label) | {seed for seed, value in ours.items() if math.isnan(value)}
    worst = quantity.column.worst
    if quantity.kind == "cost" or worst is None or not _is_there(results, quantity, label):
        return {seed: value for seed, value in ours.items() if seed not in bad}
    seeds = [run["seed"] for run in results.runs_of(label) if run["seed"] in bad or run["seed"] in ours]
    return {seed: worst if seed in bad else ours[seed] for seed in seeds}


def ended_badly(results: Results, label: str) -> set[int]:
    """Seeds whose run diverged or failed."""
    return {run["seed"] for run in results.runs_of(label) if run["state"] in BAD_ENDS}


def _is_there(results: Results, quantity: Quantity, label: str) -> bool:
    """Whether the label's finished runs have it, or, with none finished, any run: where it cannot be had, a run that
    failed is no worse than the others."""
    found = results.means if quantity.kind == "score" else results.validations
    if any(run["state"] == "done" for run in results.runs_of(label)):
        return (label, quantity.metric) in found
    return any(metric == quantity.metric for _, metric in found)


def _counts(results: Results, column: Column, label: str) -> dict[int, float]:
    found = {run["seed"]: COSTS[column](run) for run in results.runs_of(label)}
    return {seed: value / column.per_unit for seed, value in found.items() if value is not None}


def _early(results: Results, quantity: Quantity, label: str) -> dict[int, float]:
    """The value of the first validation at or after the share of the run's last step."""
    found = {}
    done = {run["seed"] for run in results.runs_of(label) if run["state"] == "done"}
    for seed, rows in results.validations.get((label, quantity.metric), {}).items():
        late = rows[rows["step"] >= quantity.share * rows["step"].max() - 1e-9]
        if seed in done:
            found[seed] = float(late["value"].iloc[0])
    return found


def threshold(results: Results, metric: str) -> float | None:
    """The control's median final validation score over its finished seeds, of an even number the worse of the two in
    the middle, so that half of them reach it; None where it has none."""
    done = {run["seed"] for run in results.runs_of(results.control) if run["state"] == "done"}
    curves = results.validations.get((results.control, metric), {})
    last = [float(rows["value"].iloc[-1]) for seed, rows in curves.items() if seed in done]
    finite = [value for value in last if not math.isnan(value)]
    if not finite:
        return None
    return median_low(finite) if METRICS[metric].direction == "higher" else median_high(finite)


def times(results: Results, metric: str, position: str, label: str) -> dict[int, float]:
    """Seed -> steps, images or seconds (of training, without validation) to the first validation that reaches the
    threshold; infinite for a run that never does, diverged or failed. Empty for a method that does not train."""
    level = threshold(results, metric)
    if level is None or label in results.run_once:
        return {}
    curves = results.validations.get((label, metric), {})
    rising = METRICS[metric].direction == "higher"
    found = {}
    for run in results.runs_of(label):
        seed = run["seed"]
        if run["state"] in BAD_ENDS:
            found[seed] = math.inf
        elif run["state"] == "done" and seed in curves:
            points = curves[seed][[IN_CURVES[position], "value"]].astype(float)
            found[seed] = time_to(list(points.itertuples(index=False, name=None)), level, rising)
    return found


def oriented(quantity: Quantity, relation: str) -> Quantity:
    """A score without a better end, as a hypothesis takes it: a run that did not end is then as far off as can be."""
    if quantity.column.direction != "neutral":
        return quantity
    direction = "lower" if relation == "<" else "higher"
    return replace(quantity, column=replace(quantity.column, direction=direction))
