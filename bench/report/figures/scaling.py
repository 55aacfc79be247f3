"""The figure of scores against the number of training images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.figures.curves import draw_line, finish, panels, score_label


def draw_scaling(frame: pd.DataFrame, path: Path) -> None:
    """Draw one panel a score."""
    metrics, lines = list(dict.fromkeys(frame["metric"])), list(dict.fromkeys(frame["line"]))
    figure, axes = panels(len(metrics), lines)
    for axis, metric in zip(axes, metrics, strict=True):
        draw_lines(axis, frame[frame["metric"] == metric], lines)
    finish(figure, axes, path)


def draw_lines(axis: Any, rows: pd.DataFrame, lines: Sequence[str]) -> None:
    """Draw one score with the images on a log2 axis, each line in the style of its place among the lines."""
    from matplotlib.ticker import NullLocator

    for index, name in enumerate(lines):
        line = rows[rows["line"] == name].sort_values("images")
        if len(line):
            draw_line(axis, line, "images", index, name)
    axis.set_xscale("log", base=2)
    counts = sorted(set(rows["images"]))
    axis.set_xticks(counts, [f"{count:,}" for count in counts])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("training images")
    axis.set_ylabel(score_label(rows["metric"].iloc[0]))
