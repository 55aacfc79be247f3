"""Time to quality: how soon each variant reaches the control's final score."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.comparisons import compare
from bench.report.analysis.measurements import Measurements
from bench.report.analysis.quantities import IN_CURVES, parse, times

POSITIONS = tuple(IN_CURVES)
OF_THE_TILING = ("grid", "set")
"""Needs of metrics that do not measure quality, so that there is nothing to reach."""


def time_frame(measured: Measurements) -> pd.DataFrame:
    """metric, level, label, runs, reached, steps, images, seconds (medians over all runs), ratio, low, high (of the
    steps, to the control's): a row for each score with a better end and a curve, and each variant that trains."""
    results, rows = measured.results, []
    for metric in filter(lambda name: _has_level(measured, name), results.study["metrics"]):
        for label in results.same_task:  # the control's score is no goal for another task
            steps = times(measured, metric, "steps", label)
            if not steps:
                continue
            row = {"metric": metric, "level": measured.thresholds[metric], "label": label, "runs": len(steps)}
            row["reached"] = sum(math.isfinite(step) for step in steps.values())
            row |= {p: float(np.median(list(times(measured, metric, p, label).values()))) for p in POSITIONS}
            if label != results.control:
                ratio = compare(measured, parse(f"steps_to_{metric}"), label, results.control).these
                row |= {"ratio": ratio.mean, "low": ratio.low, "high": ratio.high}
            rows.append(row)
    names = ["metric", "level", "label", "runs", "reached", *POSITIONS, "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _has_level(measured: Measurements, metric: str) -> bool:
    """Whether the metric has a better end and the control has a curve of it."""
    entry = METRICS[metric]
    is_quality = entry.direction != "neutral" and entry.needs not in OF_THE_TILING
    return is_quality and metric in measured.thresholds


def reached_at_once(measured: Measurements, times: pd.DataFrame) -> list[str]:
    """Metrics of which all variants reach the level at the first validation: these times tell nothing apart."""
    return [metric for metric in dict.fromkeys(times["metric"]) if _is_at_once(measured, times, metric)]


def _is_at_once(measured: Measurements, times: pd.DataFrame, metric: str) -> bool:
    steps = times[times["metric"] == metric]["steps"]
    curves = [rows for (_, name), seeds in measured.validations.items() if name == metric for rows in seeds.values()]
    return bool(len(steps) > 1 and (steps <= min(rows["step"].min() for rows in curves)).all())
