"""The time-to-quality line of the learning curves: the score to reach, and when each variant reaches it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.report.analysis.columns import score_column
from bench.report.tables.numbers import number

COLUMNS = {"step": "steps", "images": "images", "seconds": "seconds"}
"""Column of the curves -> column of the levels."""


def draw_levels(axis: Any, rows: pd.DataFrame, labels: Sequence[str], x: str) -> None:
    """Draw a dashed line at the level, and a triangle on it where a variant's median run reaches it."""
    if rows.empty:
        return
    axis.axhline(rows["level"].iloc[0], color="black", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    for row in rows.to_dict("records"):
        if math.isfinite(at := row[COLUMNS[x]]):
            colour = f"C{labels.index(row['label'])}"
            axis.plot([at], [row["level"]], "v", color=colour, markersize=8, mec="black", mew=0.7, zorder=4)


def levels_in_words(rows: pd.DataFrame, x: str) -> str:
    """The same in words, for readers who cannot see the figure."""
    if rows.empty:
        return ""
    column, decimals = score_column(rows["metric"].iloc[0]), 1 if x == "seconds" else 0
    times = "; ".join(f"{row['label']} {number(row[COLUMNS[x]], decimals)}" for row in rows.to_dict("records"))
    return f" Median {COLUMNS[x]} to {number(rows['level'].iloc[0], column.decimals)}: {times}."
