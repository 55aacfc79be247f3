"""The picture of more data: each score against the number of images that were trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.analysis.columns import finished, score_column
from bench.report.analysis.frames import Results
from bench.report.analysis.summary import differences_in_words
from bench.report.figures.curves import draw_line, finish, panels, score_label

DATA = "data."
"""Where the axes lie that make the number of images."""


def scaling(results: Results) -> pd.DataFrame:
    """line, metric, images, mean, low, high, n: the mean and range over seeds of each metric. A line is what the
    variants differ in besides the data. Empty unless variants trained on different numbers of images."""
    rows = []
    for metric in results.study["metrics"]:
        for variant in results.study["variants"]:
            counts = _images(results, variant["label"])
            seeds = finished(results, score_column(metric), variant["label"])
            seeds = {seed: value for seed, value in seeds.items() if seed in counts and math.isfinite(value)}
            if variant["is_baseline"]:
                continue
            line = _line(variant)
            rows += [
                {"line": line, "metric": metric, "images": counts[seed], "value": value}
                for seed, value in seeds.items()
            ]
    frame = pd.DataFrame(rows, columns=["line", "metric", "images", "value"])
    if frame["images"].nunique() < 2:
        frame = frame.iloc[:0]
    groups = frame.groupby(["line", "metric", "images"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", n="count").reset_index()


def _images(results: Results, label: str) -> dict[int, int]:
    """Seed -> images that its run trained on."""
    return {run["seed"]: run["run"]["data"]["train_images"] for run in results.runs_of(label) if run["run"]}


def _line(variant: dict[str, Any]) -> str:
    others = {path: value for path, value in variant["differences"].items() if not path.startswith(DATA)}
    return differences_in_words({"differences": others}) or "the control's setting"


def draw_scaling(frame: pd.DataFrame, path: Path) -> None:
    """Draw one panel a score."""
    metrics, lines = list(dict.fromkeys(frame["metric"])), list(dict.fromkeys(frame["line"]))
    figure, axes = panels(len(metrics), lines)
    for axis, metric in zip(axes, metrics, strict=True):
        draw_lines(axis, frame[frame["metric"] == metric], lines)
    finish(figure, axes, path)


def draw_lines(axis: Any, rows: pd.DataFrame, lines: Sequence[str]) -> None:
    """One score, images on a log2 axis; each line in the style of its place among the lines."""
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
