"""The time-to-quality line of the curves: the score to be reached, and when each variant reaches it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.report.analysis.columns import score_column
from bench.report.analysis.frames import Results
from bench.report.analysis.quantities import threshold
from bench.report.tables.numbers import number
from bench.report.tables.time_to_quality import time_frame

COLUMNS = {"step": "steps", "images": "images", "seconds": "seconds"}
"""Of the curves -> of the times."""


def levels(results: Results) -> pd.DataFrame:
    """metric, level, label, reached, runs, steps, images, seconds: the control's median final validation score, and the
    median over runs of what each variant takes to it, infinite where most do not reach it."""
    found = time_frame(results)
    found.insert(1, "level", [threshold(results, metric) for metric in found["metric"]])
    return found[["metric", "level", "label", "reached", "runs", *COLUMNS.values()]]


def draw_levels(axis: Any, rows: pd.DataFrame, labels: Sequence[str], x: str) -> None:
    """A dashed line at the level, and on it a triangle where a variant's median run is there."""
    if rows.empty:
        return
    axis.axhline(rows["level"].iloc[0], color="black", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    for row in rows.to_dict("records"):
        if math.isfinite(at := row[COLUMNS[x]]):
            colour = f"C{labels.index(row['label'])}"
            axis.plot([at], [row["level"]], "v", color=colour, markersize=8, mec="black", mew=0.7, zorder=4)


def levels_in_words(rows: pd.DataFrame, x: str) -> str:
    """For who cannot see it."""
    if rows.empty:
        return ""
    column, decimals = score_column(rows["metric"].iloc[0]), 1 if x == "seconds" else 0
    times = "; ".join(f"{row['label']} {number(row[COLUMNS[x]], decimals)}" for row in rows.to_dict("records"))
    return f" Median {COLUMNS[x]} to {number(rows['level'].iloc[0], column.decimals)}: {times}."
