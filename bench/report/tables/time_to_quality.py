"""Time to quality: how soon each variant reaches what the control ends with."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import score_column
from bench.report.analysis.comparisons import compare
from bench.report.analysis.frames import Results
from bench.report.analysis.quantities import IN_CURVES, parse, threshold, times
from bench.report.tables.numbers import estimate_text, listed, number
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

POSITIONS = tuple(IN_CURVES)
TIME_RATIO = (
    "× is the median of the seeds' ratios, its interval the order statistics of the sign test (none below 6 seeds). "
    "×0: what it is compared with never reaches the score."
)

OF_THE_TILING = ("grid", "set")
"""What is not a quality to be reached."""


def time_frame(results: Results) -> pd.DataFrame:
    """metric, label, runs, reached, steps, images, seconds (medians over all runs), ratio, low, high (of the steps, to
    the control's): a row for each score with a better end and a curve, and each variant that trains."""
    rows = []
    for metric in filter(lambda name: _is_asked(results, name), results.study["metrics"]):
        for label in results.same_task:  # the control's score is no measure for another task
            steps = times(results, metric, "steps", label)
            if not steps:
                continue
            row = {"metric": metric, "label": label, "runs": len(steps)}
            row["reached"] = sum(math.isfinite(step) for step in steps.values())
            row |= {p: float(np.median(list(times(results, metric, p, label).values()))) for p in POSITIONS}
            if label != results.control:
                compared = compare(results, parse(f"steps_to_{metric}"), label, results.control).these
                row |= {"ratio": compared.mean, "low": compared.low, "high": compared.high}
            rows.append(row)
    names = ["metric", "label", "runs", "reached", *POSITIONS, "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _is_asked(results: Results, metric: str) -> bool:
    """Scores with a better end and a curve."""
    found = METRICS[metric]
    is_quality = found.direction != "neutral" and found.needs not in OF_THE_TILING
    return is_quality and threshold(results, metric) is not None


def time_table(results: Results) -> TextTable | None:
    """The same in words; None where no score has a curve."""
    found = time_frame(results)
    if not len(found):
        return None
    rows = []
    for row in found.to_dict("records"):
        estimate = row["ratio"], row["low"], row["high"]
        is_control = row["label"] == results.control
        rows.append(
            [
                score_column(row["metric"]).title,
                row["label"] + (" (control)" if is_control else ""),
                f"{row['reached']}/{row['runs']}",
                *(number(row[p], 1 if p == "seconds" else 0) for p in POSITIONS),
                MISSING if is_control else estimate_text(estimate, parse(f"steps_to_{row['metric']}").column),
            ]
        )
    headings = ["score", "variant", "reached", "median steps", "median images", "median seconds", "steps to control's"]
    metrics = list(dict.fromkeys(found["metric"]))
    notes = [
        f"Time to quality: {reached(results, metrics)} ∞: half of the runs or more do not reach it.",
        f"Times are known to the distance of two validations; seconds are of training without them, while other runs "
        f"train beside. {TIME_RATIO}",
    ]
    if at_once := [score_column(metric).title for metric in metrics if _is_at_once(results, found, metric)]:
        notes.append(
            f"{listed(at_once)}: all reach it at the first validation already, so that it tells nothing apart here."
        )
    return TextTable("Time to quality", headings, rows, notes)


def _is_at_once(results: Results, found: pd.DataFrame, metric: str) -> bool:
    steps = found[found["metric"] == metric]["steps"]
    curves = [rows for (_, name), seeds in results.validations.items() if name == metric for rows in seeds.values()]
    return bool(len(steps) > 1 and (steps <= min(rows["step"].min() for rows in curves)).all())


def reached(results: Results, metrics: list[str]) -> str:
    """By which rule a run reaches a score, with each score's threshold."""
    levels = "; ".join(f"{score_column(metric).title} {_level(results, metric)}" for metric in metrics)
    return (
        "at the first validation that is no worse than the control's median final validation score over its finished "
        f"seeds ({levels}); never, for a run that diverged or failed."
    )


def _level(results: Results, metric: str) -> str:
    level, column = threshold(results, metric), score_column(metric)
    if level is None:
        return MISSING
    sign = "≥" if column.direction == "higher" else "≤"
    return f"{sign} {number(level, column.decimals)}" + (f" {column.unit}" if column.unit else "")
