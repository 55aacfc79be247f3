"""The summary of a study: mean, spread and difference from the control of each variant in each column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from bench.report.analysis.columns import Column, columns_of
from bench.report.analysis.comparisons import Comparison, compare
from bench.report.analysis.frames import Results
from bench.report.analysis.measurements import Measurements
from bench.report.analysis.quantities import parse
from bench.study.hypotheses import COUNTS

STATES = ("done", "diverged", "failed", "unavailable")
NAMES = ["label", "column", "n", "mean", "sd", "difference", "low", "high", "method"]


def summarise(measured: Measurements) -> pd.DataFrame:
    """label, column, n, mean, sd, difference, low, high, method: a row for each variant and column with a value,
    indexed by (label, column).

    Mean and SD are over finished runs. The difference is from the control, on these images; for costs and speeds it is
    a ratio, which methods without parameters do not have. Scores of another task have no difference.
    """
    results, rows = measured.results, []
    for column in columns_of(results.study["metrics"]):
        for label in results.labels:
            seeds = measured.finished(column, label)
            if seeds:
                series = pd.Series(seeds)
                mean, sd = series.mean(skipna=False), _spread(series)
                comparison = Comparison()
                if _is_comparable(results, column, label):
                    comparison = compare(measured, parse(column.key), label, results.control, new_images=False)
                estimate = comparison.shown(comparison.these)
                rows.append([label, column.key, len(seeds), mean, sd, *estimate, comparison.method])
    return pd.DataFrame(rows, columns=NAMES).set_index(["label", "column"], drop=False)


def _is_comparable(results: Results, column: Column, label: str) -> bool:
    if label == results.control:
        return False
    return label not in results.run_once if column.is_ratio else label in results.same_task


def _spread(values: pd.Series[float]) -> float:
    """The standard deviation; exactly 0 for equal values, whose mean may be rounded; NaN with an infinite value."""
    if not np.isfinite(values).all():
        return math.nan
    return 0.0 if len(values) > 1 and np.ptp(values) == 0 else float(values.std())


def best_values(measured: Measurements, summary: pd.DataFrame) -> set[tuple[str, str]]:
    """(label, column) of the best mean of each column, with those that round to the same value; none where all do.

    A score without a better end is best nearest to the ground truth's. The best cost is among the trained methods.
    """
    results, best = measured.results, set()
    truth = measured.truth
    for column in columns_of(results.study["metrics"]):
        allowed = [x for x in results.same_task if not (column.is_ratio and x in results.run_once)]
        rows = summary[(summary["column"] == column.key) & summary["label"].isin(allowed) & summary["mean"].notna()]
        distance = _distance(rows["mean"], column, truth.get(column.key))
        if distance is None or rows.empty:
            continue
        rounded = rows["mean"].map(lambda value, places=column.decimals: round(value, places))
        first = rounded.loc[distance == distance.min()].iloc[0]
        if (rounded != first).any():
            best |= {(label, column.key) for label in rows["label"][rounded == first]}
    return best


def _distance(means: pd.Series[float], column: Column, truth: float | None) -> pd.Series[float] | None:
    """A number that is smallest for the best mean; None where no mean is better than another."""
    if column.direction == "neutral":
        return None if truth is None else (means - truth).abs()
    return means if column.direction == "lower" else -means


def differences_in_words(variant: dict[str, Any]) -> str:
    """generator.downsample=max_pool; loss.l1=3"""
    return "; ".join(f"{path}={value}" for path, value in variant["differences"].items())


def wide_table(results: Results, summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with a row a variant: table.csv. What differs, how the runs ended, then mean, sd, difference or
    ratio, low and high of each column, in the units of the tables; but counts of parameters, MACs and FLOPs are exact.
    """
    rows = []
    for variant in results.study["variants"]:
        label = variant["label"]
        runs = results.runs_of(label)
        row: dict[str, Any] = {"variant": label, "control": label == results.control}
        row |= {"differences": differences_in_words(variant), "runs": len(runs)}
        row |= {state: sum(run["state"] == state for run in runs) for state in STATES}
        for column in columns_of(results.study["metrics"]):
            kind = "ratio" if column.is_ratio else "difference"
            values: Any = summary.loc[(label, column.key)] if (label, column.key) in summary.index else {}
            for name in ("mean", "sd", "difference", "low", "high"):
                value = values.get(name, math.nan)
                if name == "mean" and column.key in COUNTS:
                    value = pd.NA if math.isnan(value) else round(value * column.per_unit)
                heading = {"difference": kind, "low": f"{kind}_low", "high": f"{kind}_high"}.get(name, name)
                row[f"{column.key}_{heading}"] = value
        rows.append(row)
    return pd.DataFrame(rows).astype({f"{count}_mean": "Int64" for count in COUNTS})
