"""The numbers of a report: one row a variant, with spread over seeds and the paired difference from the control."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.measure.statistics import Estimate, paired_difference, verdict
from bench.report.frames import GROUND_TRUTH, Results

ARROWS = {"higher": "↑", "lower": "↓", "neutral": ""}


@dataclass(frozen=True)
class Column:
    """A quantity that a run has one value of."""

    key: str
    title: str
    unit: str
    direction: str
    decimals: int
    is_ratio: bool = False
    """Compared with the control as a ratio, which is how costs and speeds are compared."""
    per_unit: float = 1.0
    """How much of the stored quantity makes one unit."""

    @property
    def heading(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        arrow = ARROWS[self.direction]
        return f"{self.title}{unit}{' ' + arrow if arrow else ''}"


Get = Callable[[dict[str, Any]], float | None]


def _at(*path: str) -> Get:
    def get(run: dict[str, Any]) -> float | None:
        value: Any = run
        for part in path:
            value = (value or {}).get(part)
        return None if value is None else float(value)

    return get


COSTS: dict[Column, Get] = {
    Column("parameters_generator", "params G", "", "lower", 0, True): _at("cost", "parameters_generator"),
    Column("parameters_total", "params G+D", "", "lower", 0, True): _at("cost", "parameters_total"),
    Column("macs", "MACs", "M", "lower", 1, True, 1e6): _at("cost", "macs"),
    Column("flops", "FLOPs", "M", "lower", 1, True, 1e6): _at("cost", "flops"),
    Column("training_images_per_second", "training", "img/s", "higher", 0, True): _at(
        "throughput", "training", "images_per_second"
    ),
    Column("inference_images_per_second", "inference", "img/s", "higher", 0, True): _at(
        "throughput", "inference", "images_per_second"
    ),
    Column("training_peak_bytes", "memory", "MB", "lower", 1, True, 1e6): _at("throughput", "training_peak_bytes"),
    Column("training_seconds", "training time", "s", "lower", 1, True): _at("training", "seconds"),
}


def columns(results: Results) -> list[Column]:
    """Scores in the study's order, then costs."""
    metrics = [METRICS[name] for name in results.study["metrics"]]
    return [Column(m.name, m.title, m.unit, m.direction, m.decimals) for m in metrics] + list(COSTS)


def seed_values(results: Results) -> pd.DataFrame:
    """label, seed, column, value: a metric's mean over images or a run's cost; finished runs only."""
    done = {(run["label"], run["seed"]) for run in results.runs if run["state"] == "done"}
    means = results.records.groupby(["label", "seed", "metric"], sort=False)["value"].mean().reset_index()
    means = means.rename(columns={"metric": "column"})
    means = means[[(row.label, row.seed) in done for row in means.itertuples()]]
    costs = [
        {"label": run["label"], "seed": run["seed"], "column": column.key, "value": value / column.per_unit}
        for run in results.runs
        if run["state"] == "done"
        for column, get in COSTS.items()
        if (value := get(run)) is not None
    ]
    return pd.concat([means, pd.DataFrame(costs, columns=["label", "seed", "column", "value"])], ignore_index=True)


def summary(results: Results) -> pd.DataFrame:
    """label, column, n, mean, sd, difference, low, high: a row for each variant and column that has a value.

    The difference is paired by seed and against the control; for costs and speeds it is the mean of log ratios,
    given as a ratio; those of a method without parameters have none.
    """
    values = seed_values(results)
    rows = []
    for label in results.labels:
        for column in columns(results):
            seeds = _by_seed(values, label, column.key)
            if seeds:
                series = pd.Series(seeds)
                row = {"label": label, "column": column.key, "n": len(seeds), "mean": series.mean(), "sd": series.std()}
                comparable = label != results.control and not (column.is_ratio and label in results.run_once)
                estimate = compare(results, values, label, results.control, column) if comparable else NOTHING
                rows.append(row | {"difference": estimate.mean, "low": estimate.low, "high": estimate.high})
    names = ["label", "column", "n", "mean", "sd", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def compare(results: Results, values: pd.DataFrame, left: str, right: str, column: Column) -> Estimate:
    """left - right, or left / right for a ratio column, over the seeds that both finished. A method without
    parameters has one run, which stands for every seed. NOTHING where no pair is left."""
    ours, theirs = _by_seed(values, left, column.key), _by_seed(values, right, column.key)
    if ours and left in results.run_once:
        ours = dict.fromkeys(theirs or ours, next(iter(ours.values())))
    if theirs and right in results.run_once:
        theirs = dict.fromkeys(ours, next(iter(theirs.values())))
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return NOTHING
    a, b = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    if not column.is_ratio:
        return paired_difference(a, b)
    if min(a + b) <= 0:
        return NOTHING
    found = paired_difference([math.log(v) for v in a], [math.log(v) for v in b])
    return Estimate(math.exp(found.mean), math.exp(found.low), math.exp(found.high), found.n)


def _by_seed(values: pd.DataFrame, label: str, column: str) -> dict[int, float]:
    chosen = values[(values["label"] == label) & (values["column"] == column)]
    return dict(zip(chosen["seed"], chosen["value"], strict=True))


def reference_means(results: Results) -> dict[str, float]:
    """Metric -> the ground truth's own value, for metrics without a better end."""
    rows = results.records[results.records["label"] == GROUND_TRUTH]
    return {str(metric): float(value) for metric, value in rows.groupby("metric")["value"].mean().items()}


def hypotheses(results: Results) -> pd.DataFrame:
    """hypothesis, metric, difference (left - right), low, high, n, verdict: a row a hypothesis, in order."""
    values = seed_values(results)
    rows = []
    for metric, left, relation, right in results.study["hypotheses"]:
        column = next(c for c in columns(results) if c.key == metric)
        estimate = compare(results, values, left, right, column)
        title = METRICS[metric].title
        rows.append(
            {
                "hypothesis": f"{title}: {left} {relation} {right}",
                "metric": metric,
                "difference": estimate.mean,
                "low": estimate.low,
                "high": estimate.high,
                "n": estimate.n,
                "verdict": verdict(estimate, relation),
            }
        )
    names = ["hypothesis", "metric", "difference", "low", "high", "n", "verdict"]
    return pd.DataFrame(rows, columns=names)


def wide(results: Results) -> pd.DataFrame:
    """The whole summary, a row a variant: runs, then mean, sd, difference or ratio, low and high of each column."""
    table = summary(results)
    rows = []
    for label in results.labels:
        runs = results.runs_of(label)
        row: dict[str, Any] = {"variant": label, "control": label == results.control, "runs": len(runs)}
        row |= {state: sum(run["state"] == state for run in runs) for state in ("done", "diverged", "failed")}
        for column in columns(results):
            found = table[(table["label"] == label) & (table["column"] == column.key)]
            what = "ratio" if column.is_ratio else "difference"
            for name in ("mean", "sd", "difference", "low", "high"):
                named = {"difference": what, "low": f"{what}_low", "high": f"{what}_high"}.get(name, name)
                row[f"{column.key}_{named}"] = found[name].iloc[0] if len(found) else math.nan
        rows.append(row)
    return pd.DataFrame(rows)
