"""The report's pictures: samples, validation scores over training, and how every figure looks and is saved."""

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
from bench.report.analysis.frames import VALIDATION, Results
from bench.report.figures.samples import read_samples
from bench.report.figures.svg import svg_file
from bench.report.figures.time_to_quality import draw_levels
from bench.store.run_store import RunStore, write_atomically

SHOWN = 6  # pictures
CELL = 1.5  # inches
PANELS = 3  # beside each other
MARKS = 8  # on a line, or a few more
PANEL = 4.2  # inches


def sample_grid(results: Results, store: RunStore) -> list[tuple[str, np.ndarray]]:
    """Columns of the picture: (title, images (N, H, W, 3) uint8). Input, every variant at the first seed it finished,
    ground truth. Empty if the store has no samples."""
    middle, ends = [], None
    for label in results.labels:
        for run in results.runs_of(label):
            if arrays := read_samples(store, run):
                title = textwrap.fill(plain(label), 16) + ("\n(control)" if label == results.control else "")
                middle.append((title, arrays["prediction"][:SHOWN]))
                ends = ends or (arrays["input"][:SHOWN], arrays["target"][:SHOWN])
                break
    return [("input", ends[0]), *middle, ("ground truth", ends[1])] if ends else []


def draw_samples(columns: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Draw the grid: a row an image."""
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


def validation_curves(results: Results) -> pd.DataFrame:
    """label, name, step, images, seconds, mean, low, high, n: validation scores over training, with the range over
    seeds; images and seconds are their means. Of the study's metrics in its order; of all that there are if it has none
    of those."""
    curves = results.curves[results.curves["name"].isin([VALIDATION + metric for metric in METRICS])]
    wanted = [VALIDATION + metric for metric in results.study["metrics"]]
    if curves["name"].isin(wanted).any():
        curves = curves[curves["name"].isin(wanted)].sort_values(
            "name", key=lambda n: n.map(wanted.index), kind="stable"
        )
    groups = curves.groupby(["label", "name", "step"], sort=False)
    found = groups["value"].agg(mean="mean", low="min", high="max", n="count")
    return groups[["images", "seconds"]].mean().join(found).reset_index()


def draw_curves(curves: pd.DataFrame, marks: pd.DataFrame, labels: Sequence[str], path: Path, x: str = "step") -> None:
    """Draw one panel a score over `x`: step, images or seconds; the band is the range over seeds. `marks`: `levels`."""
    names = list(dict.fromkeys(curves["name"]))
    figure, axes = panels(len(names), labels)
    for axis, name in zip(axes, names, strict=True):
        mine = marks[marks["metric"] == name.removeprefix(VALIDATION)]
        draw_score(axis, curves[curves["name"] == name], mine, labels, x)
    finish(figure, axes, path)


def draw_score(axis: Any, rows: pd.DataFrame, marks: pd.DataFrame, labels: Sequence[str], x: str) -> None:
    """One score: a line a label, each in the style of its place among the labels, and the time-to-quality line."""
    for index, label in enumerate(labels):
        line = rows[rows["label"] == label].sort_values("step")
        if len(line):
            draw_line(axis, line, x, index, label)
    draw_levels(axis, marks, labels, x)
    axis.set_xlabel({"step": "steps", "images": "images seen", "seconds": "seconds of training"}[x])
    axis.set_ylabel(score_label(rows["name"].iloc[0].removeprefix(VALIDATION)))


def panels(count: int, labels: Sequence[str]) -> tuple[Any, list[Any]]:
    """A figure and its axes, a few beside each other, with room for a legend of these labels below."""
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
    """Of a legend within so many inches: 13 letters of its size take one, a marker the room of 7."""
    return max(1, min(4, int(13 * width / (7 + max(map(len, labels), default=0)))))


def draw_line(axis: Any, line: pd.DataFrame, x: str, index: int, label: str) -> None:
    """A mean with its range over seeds; the style says which of several lines it is."""
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
    found = METRICS[metric]
    return f"{found.title} ({found.unit})" if found.unit else found.title


def finish(figure: Any, axes: list[Any], path: Path) -> None:
    """Dress the axes, put the legend below and save."""
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
    """The look of every panel."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)
    axis.ticklabel_format(axis="y", useOffset=False)


def plain(text: str) -> str:
    """Text that matplotlib shows as it is, whatever mathematics it looks like."""
    return text.replace("$", r"\$")


def save_figure(figure: Any, path: Path) -> None:
    """Save as SVG, for papers, and if the path says PNG, which Markdown shows, as that too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        save_png(figure, path)
    write_atomically(path.with_suffix(".svg"), svg_file(figure))


def save_png(figure: Any, path: Path) -> None:
    """Save without what differs from day to day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    figure.savefig(content, metadata={"Software": None})
    write_atomically(path, content.getvalue())
