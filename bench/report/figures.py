"""The report's pictures: a grid of samples, and validation scores over training."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.frames import Results
from bench.store import RunStore

SHOWN = 6  # pictures
CELL = 1.5  # inches


def sample_grid(results: Results, store: RunStore) -> list[tuple[str, np.ndarray]]:
    """Columns of the picture: (title, images (N, H, W, 3) uint8). Input, every variant at the first seed it finished,
    ground truth. Empty if the store has no samples."""
    middle, ends = [], None
    for label in results.labels:
        for run in results.runs_of(label):
            path = store.folder(run["id"]) / "samples.npz"
            if run["state"] == "done" and path.exists():
                with np.load(path, allow_pickle=False) as arrays:
                    title = textwrap.fill(label, 16) + ("\n(control)" if label == results.control else "")
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
    _save(figure, path)


def validation_curves(results: Results) -> pd.DataFrame:
    """label, name, step, mean, low, high, n: each validation score over training, with the range over seeds."""
    curves = results.curves
    curves = curves[curves["name"].str.startswith("val_", na=False)]
    groups = curves.groupby(["label", "name", "step"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", n="count").reset_index()


def draw_curves(curves: pd.DataFrame, results: Results, path: Path) -> None:
    """Draw one panel a score; the band is the range over seeds."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(curves["name"]))
    height = 3.2 + 0.2 * math.ceil(len(results.labels) / 4)
    figure = Figure(figsize=(4.2 * len(names), height), dpi=130, layout="constrained")
    axes: Any = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        metric = METRICS[name.removeprefix("val_")]
        for index, label in enumerate(results.labels):
            line = curves[(curves["name"] == name) & (curves["label"] == label)].sort_values("step")
            if len(line):
                style = ("-", "--", ":", "-.")[index % 4]
                axis.plot(line["step"], line["mean"], style, color=f"C{index}", label=label, marker=".", markersize=4)
                axis.fill_between(line["step"], line["low"], line["high"], color=f"C{index}", alpha=0.18, linewidth=0)
        axis.set_xlabel("step")
        axis.set_ylabel(f"{metric.title} ({metric.unit})" if metric.unit else metric.title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
        axis.ticklabel_format(axis="y", useOffset=False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
