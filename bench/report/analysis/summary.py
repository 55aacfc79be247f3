"""The numbers of a report: one row a variant, with spread over seeds and the difference from the control."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bench.report.analysis.columns import columns, finished
from bench.report.analysis.comparisons import Comparison, compare
from bench.report.analysis.frames import Results
from bench.report.analysis.quantities import parse
from bench.study.hypotheses import COUNTS

STATES = ("done", "diverged", "failed", "unavailable")


@lru_cache(maxsize=4)  # every table asks for it
def summary(results: Results) -> pd.DataFrame:
    """label, column, n, mean, sd, difference, low, high, method: a row for each variant and column with a value.

    Mean and SD are over finished runs. The difference is from the control, on these images; for costs and speeds it is
    a ratio, which those of a method without parameters do not have. Scores of another task have none.
    """
    rows = []
    for column in columns(results):
        for label in results.labels:
            seeds = finished(results, column, label)
            if seeds:
                series = pd.Series(seeds)
                mean, sd = series.mean(skipna=False), _spread(series)
                row = {"label": label, "column": column.key, "n": len(seeds), "mean": mean, "sd": sd}
                comparable = label != results.control and (
                    label not in results.run_once if column.is_ratio else label in results.same_task
                )
                found = Comparison()
                if comparable:
                    found = compare(results, parse(column.key), label, results.control, with_new_images=False)
                difference, low, high = found.shown(found.these)
                rows.append(row | {"difference": difference, "low": low, "high": high, "method": found.method})
    names = ["label", "column", "n", "mean", "sd", "difference", "low", "high", "method"]
    return pd.DataFrame(rows, columns=names)


def _spread(values: pd.Series[float]) -> float:
    """The standard deviation; of equal values 0, without the rounding of their mean; nan with an infinite PSNR."""
    if not np.isfinite(values).all():
        return math.nan
    return 0.0 if len(values) > 1 and np.ptp(values) == 0 else float(values.std())


def differences_in_words(variant: dict[str, Any]) -> str:
    """generator.downsample=max_pool; loss.l1=3"""
    return "; ".join(f"{path}={value}" for path, value in variant["differences"].items())


def wide(results: Results) -> pd.DataFrame:
    """The whole summary, a row a variant: what differs, runs, then mean, sd, difference or ratio, low and high of each
    column; units are the tables', but parameters, MACs and FLOPs are counted in ones."""
    table = summary(results).set_index(["label", "column"])
    rows = []
    for variant in results.study["variants"]:
        label = variant["label"]
        runs = results.runs_of(label)
        row: dict[str, Any] = {"variant": label, "control": label == results.control}
        row |= {"differences": differences_in_words(variant), "runs": len(runs)}
        row |= {state: sum(run["state"] == state for run in runs) for state in STATES}
        for column in columns(results):
            what = "ratio" if column.is_ratio else "difference"
            found: Any = table.loc[(label, column.key)] if (label, column.key) in table.index else {}
            for name in ("mean", "sd", "difference", "low", "high"):
                value = found.get(name, math.nan)
                if name == "mean" and column.key in COUNTS:  # exact, and in ones
                    value = pd.NA if math.isnan(value) else round(value * column.per_unit)
                named = {"difference": what, "low": f"{what}_low", "high": f"{what}_high"}.get(name, name)
                row[f"{column.key}_{named}"] = value
        rows.append(row)
    return pd.DataFrame(rows).astype({f"{count}_mean": "Int64" for count in COUNTS})
