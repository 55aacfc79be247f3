"""The figures of samples and of learning curves, and the look of every figure."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.analysis import Analysis
from bench.report.analysis.frames import VALIDATION
from bench.report.figures.samples import read_samples
from bench.report.figures.svg import svg_file
from bench.report.figures.time_to_quality import draw_levels
from bench.store.run_store import RunStore, write_atomically

MAX_IMAGES = 6  # rows of the figure of samples
CELL = 1.5  # inches
PANELS = 3  # in a row
MARKS = 8  # about so many markers on a line
PANEL = 4.2  # inches


def sample_grid(analysis: Analysis, store: RunStore) -> list[tuple[str, np.ndarray]]:
    """The columns of the figure: (title, images (N, H, W, 3) uint8) of the input, every variant at its first finished
    seed, and the ground truth. Empty if the store has no samples."""
    middle, ends = [], None
    for label in analysis.labels:
        for run in analysis.results.runs_of(label):
            if arrays := read_samples(store, run):
                title = textwrap.fill(plain(label), 16) + ("\n(control)" if label == analysis.control else "")
                middle.append((title, arrays["prediction"][:MAX_IMAGES]))
                ends = ends or (arrays["input"][:MAX_IMAGES], arrays["target"][:MAX_IMAGES])
                break
    return [("input", ends[0]), *middle, ("ground truth", ends[1])] if ends else []


def draw_samples(columns: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Draw the samples, a row an image."""
    from matplotlib.figure import Figure

    rows = max(len(images) for _, images in columns)
    figure = Figure(figsize=(CELL * len(columns), CELL * rows + 0.45), dpi=130, layout="constrained")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for x, (title, images) in enumerate(columns):
        axes[0, x].set_title(title, fontsize=8)
        for y, image in enumerate(images):
            axes[y, x].imshow(image, interpolation="nearest")
    save_png(figure, path)


def draw_curves(curves: pd.DataFrame, marks: pd.DataFrame, labels: Sequence[str], path: Path, x: str = "step") -> None:
    """Draw one panel a score against `x`: step, images or seconds. The band is the range over seeds; `marks` are the
    levels of time to quality."""
    names = list(dict.fromkeys(curves["name"]))
    figure, axes = panels(len(names), labels)
    for axis, name in zip(axes, names, strict=True):
        level = marks[marks["metric"] == name.removeprefix(VALIDATION)]
        draw_score(axis, curves[curves["name"] == name], level, labels, x)
    finish(figure, axes, path)


def draw_score(axis: Any, rows: pd.DataFrame, marks: pd.DataFrame, labels: Sequence[str], x: str) -> None:
    """Draw one score: a line a label, in the style of its place among the labels, and the time-to-quality line."""
    for index, label in enumerate(labels):
        line = rows[rows["label"] == label].sort_values("step")
        if len(line):
            draw_line(axis, line, x, index, label)
    draw_levels(axis, marks, labels, x)
    axis.set_xlabel({"step": "steps", "images": "images seen", "seconds": "seconds of training"}[x])
    axis.set_ylabel(score_label(rows["name"].iloc[0].removeprefix(VALIDATION)))


def panels(count: int, labels: Sequence[str]) -> tuple[Any, list[Any]]:
    """A figure and its axes, at most PANELS in a row, with room for a legend of these labels below."""
    from matplotlib.figure import Figure

    columns, rows = min(count, PANELS), math.ceil(count / PANELS)
    width = PANEL * columns
    legend_rows = math.ceil(len(labels) / _legend_columns(width, labels))
    figure = Figure(figsize=(width, 3.2 * rows + 0.2 * legend_rows), dpi=130, layout="constrained")
    axes: list[Any] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def _legend_columns(width: float, labels: Sequence[str]) -> int:
    """Columns of a legend of this width in inches. An inch holds 13 letters, and a marker takes the room of 7."""
    return max(1, min(4, int(13 * width / (7 + max(map(len, labels), default=0)))))


def draw_line(axis: Any, line: pd.DataFrame, x: str, index: int, label: str) -> None:
    """Draw a mean with its range over seeds; `index` gives the line its style."""
    style = ("-", "--", ":", "-.")[index % 4]
    marker = ".sx^"[index // 4 % 4]
    every = max(1, len(line) // MARKS)
    axis.plot(
        line[x], line["mean"], style, color=f"C{index}", label=label, marker=marker, markersize=4, markevery=every
    )
    if (line["high"] > line["low"]).any():
        axis.fill_between(line[x], line["low"], line["high"], color=f"C{index}", alpha=0.18, linewidth=0)


def score_label(metric: str) -> str:
    """PSNR (dB)"""
    entry = METRICS[metric]
    return f"{entry.title} ({entry.unit})" if entry.unit else entry.title


def finish(figure: Any, axes: list[Any], path: Path) -> None:
    """Style the axes, put the legend below and save."""
    handles: dict[str, Any] = {}
    for axis in axes:
        dress(axis)
        handles |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles.values(),
        [plain(label) for label in handles],
        loc="outside lower center",
        ncols=_legend_columns(figure.get_figwidth(), list(handles)),
        frameon=False,
        fontsize=8,
    )
    save_figure(figure, path)


def dress(axis: Any) -> None:
    """Style a panel."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)
    axis.ticklabel_format(axis="y", useOffset=False)


def plain(text: str) -> str:
    """Text that matplotlib shows literally, even if it looks like mathematics."""
    return text.replace("$", r"\$")


def save_figure(figure: Any, path: Path) -> None:
    """Save as SVG, for papers; if the path names a PNG, which Markdown shows, save that too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        save_png(figure, path)
    write_atomically(path.with_suffix(".svg"), svg_file(figure))


def save_png(figure: Any, path: Path) -> None:
    """Save without metadata, so that the same figure gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    figure.savefig(content, metadata={"Software": None})
    write_atomically(path, content.getvalue())
