"""The quantities that a hypothesis can be about: scores, costs, times to quality and early scores, one value a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import COSTS, Column, score_column
from bench.report.analysis.measurements import Measurements
from bench.report.analysis.statistics import time_to
from bench.store.run_store import BAD_ENDS
from bench.study.hypotheses import AT_SHARE, COUNTS, TIME_TO

IN_CURVES = {"steps": "step", "images": "images", "seconds": "seconds"}
"""Unit of a time to quality -> its column in the curves."""
Kind = Literal["score", "count", "cost", "time", "early"]


@dataclass(frozen=True)
class Quantity:
    """A compared quantity; `column` says how tables name and show it."""

    kind: Kind
    column: Column
    metric: str = ""
    """The score that it is, or that the time or early score refers to; empty for a cost."""
    position: str = ""
    """Of a time: steps, images or seconds."""
    share: float = math.nan
    """Of an early score: the fraction of the run's last step."""


def parse(key: str) -> Quantity:
    """The quantity with this key in a study file. Raises ValueError if there is none."""
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
        final = score_column(early[1])
        column = Column(key, f"{final.title} at {early[2]}%", final.unit, final.direction, final.decimals)
        return Quantity("early", column, metric=early[1], share=int(early[2]) / 100)
    raise ValueError(f"{key!r} is not a quantity that can be compared")


def values(measured: Measurements, quantity: Quantity, label: str) -> dict[int, float]:
    """Seed -> value. A run that diverged, failed or scored NaN gets the worst value; for a cost it is left out."""
    if quantity.kind == "time":
        return times(measured, quantity.metric, quantity.position, label)
    if quantity.kind == "count":
        return _counts(measured, quantity.column, label)
    ours = _early(measured, quantity, label) if quantity.kind == "early" else measured.finished(quantity.column, label)
    bad = measured.ended_badly(label) | {seed for seed, value in ours.items() if math.isnan(value)}
    worst = quantity.column.worst
    if quantity.kind == "cost" or worst is None or not _is_available(measured, quantity, label):
        return {seed: value for seed, value in ours.items() if seed not in bad}
    seeds = [run["seed"] for run in measured.results.runs_of(label) if run["seed"] in bad or run["seed"] in ours]
    return {seed: worst if seed in bad else ours[seed] for seed in seeds}


def _is_available(measured: Measurements, quantity: Quantity, label: str) -> bool:
    """Whether the label's finished runs have this score; with none finished, whether any run has it. A score that could
    not be computed at all must not make a failed run the worst."""
    known = measured.means if quantity.kind == "score" else measured.validations
    if any(run["state"] == "done" for run in measured.results.runs_of(label)):
        return (label, quantity.metric) in known
    return any(metric == quantity.metric for _, metric in known)


def _counts(measured: Measurements, column: Column, label: str) -> dict[int, float]:
    counts = {run["seed"]: COSTS[column](run) for run in measured.results.runs_of(label)}
    return {seed: value / column.per_unit for seed, value in counts.items() if value is not None}


def _early(measured: Measurements, quantity: Quantity, label: str) -> dict[int, float]:
    """The value of the first validation at or after the share of the run's last step; of finished runs."""
    early = {}
    done = {run["seed"] for run in measured.results.runs_of(label) if run["state"] == "done"}
    for seed, rows in measured.validations.get((label, quantity.metric), {}).items():
        late = rows[rows["step"] >= quantity.share * rows["step"].max() - 1e-9]
        if seed in done:
            early[seed] = float(late["value"].iloc[0])
    return early


def times(measured: Measurements, metric: str, position: str, label: str) -> dict[int, float]:
    """Seed -> steps, images or seconds (of training, without validation) to the first validation that reaches the
    threshold; infinity for a run that never does, diverged or failed. Empty for a method that does not train."""
    level = measured.thresholds.get(metric)
    if level is None or label in measured.results.run_once:
        return {}
    curves = measured.validations.get((label, metric), {})
    rising = METRICS[metric].direction == "higher"
    reached = {}
    for run in measured.results.runs_of(label):
        seed = run["seed"]
        if run["state"] in BAD_ENDS:
            reached[seed] = math.inf
        elif run["state"] == "done" and seed in curves:
            points = curves[seed][[IN_CURVES[position], "value"]].astype(float)
            reached[seed] = time_to(list(points.itertuples(index=False, name=None)), level, rising)
    return reached


def oriented(quantity: Quantity, relation: str) -> Quantity:
    """The quantity with a better end; where the score itself has none, the hypothesis gives it: `<` makes lower better.
    A run that diverged then counts against the side that it is on."""
    if quantity.column.direction != "neutral":
        return quantity
    direction = "lower" if relation == "<" else "higher"
    return replace(quantity, column=replace(quantity.column, direction=direction))
