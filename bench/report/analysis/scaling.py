"""Scores against the number of training images, where a study varies it."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from bench.report.analysis.columns import score_column
from bench.report.analysis.frames import Results
from bench.report.analysis.measurements import Measurements
from bench.report.analysis.summary import differences_in_words

DATA = "data."
"""Prefix of the config paths that set the number of images."""


def scaling_frame(measured: Measurements) -> pd.DataFrame:
    """line, metric, images, mean, low, high, n: mean and range over the seeds of each metric. A line holds the variants
    that differ in the data alone. Empty unless variants trained on different numbers of images."""
    results, rows = measured.results, []
    for metric in results.study["metrics"]:
        for variant in results.study["variants"]:
            if variant["is_baseline"]:
                continue
            images = _training_images(results, variant["label"])
            scores = measured.finished(score_column(metric), variant["label"])
            rows += [
                {"line": _line(variant), "metric": metric, "images": images[seed], "value": value}
                for seed, value in scores.items()
                if seed in images and math.isfinite(value)
            ]
    frame = pd.DataFrame(rows, columns=["line", "metric", "images", "value"])
    if frame["images"].nunique() < 2:
        frame = frame.iloc[:0]
    groups = frame.groupby(["line", "metric", "images"], sort=False)["value"]
    return groups.agg(mean="mean", low="min", high="max", n="count").reset_index()


def _training_images(results: Results, label: str) -> dict[int, int]:
    """Seed -> number of images that its run trained on."""
    return {run["seed"]: run["run"]["data"]["train_images"] for run in results.runs_of(label) if run["run"]}


def _line(variant: dict[str, Any]) -> str:
    others = {path: value for path, value in variant["differences"].items() if not path.startswith(DATA)}
    return differences_in_words({"differences": others}) or "the control's setting"
