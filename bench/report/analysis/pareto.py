"""Quality against cost: each variant at its mean score, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import COSTS, score_column
from bench.report.analysis.measurements import Measurements

AGAINST = ("parameters_generator", "flops", "inference_images_per_second")
MIN_COSTS = 3  # different costs: fewer make no front


def pareto_front(measured: Measurements) -> pd.DataFrame:
    """label, metric, cost, quality, price, on_front: the seeds' means of one metric against each cost.

    A point is on the front if no other equals or beats it in both and beats it in one. A cost is left out where fewer
    than three methods differ in it.
    """
    names = ["label", "metric", "cost", "quality", "price", "on_front"]
    metric = _metric(measured)
    if metric is None:
        return pd.DataFrame(columns=names)
    rows = []
    for column in (c for c in COSTS if c.key in AGAINST):
        points: list[dict[str, Any]] = []
        for label in measured.results.same_task:
            qualities = measured.finished(score_column(metric), label)
            prices = measured.finished(column, label)
            if qualities and prices and math.isfinite(quality := _mean(qualities)):
                points.append({"label": label, "quality": quality, "price": _mean(prices)})
        if len({point["price"] for point in points}) >= MIN_COSTS:
            pairs = [(point["quality"], point["price"]) for point in points]
            front = undominated(pairs, (METRICS[metric].direction, column.direction))
            rows += [
                point | {"metric": metric, "cost": column.key, "on_front": i in front} for i, point in enumerate(points)
            ]
    return pd.DataFrame(rows, columns=names)


def _metric(measured: Measurements) -> str | None:
    """The quality: a perceptual metric if there is one, else the first with a better end; None without either."""
    study = measured.results.study
    scored = [m for m in study["metrics"] if METRICS[m].direction != "neutral" and _is_scored(measured, m)]
    return next((m for m in ("lpips", "st_lpips") if m in scored), scored[0] if scored else None)


def _is_scored(measured: Measurements, metric: str) -> bool:
    return any(measured.finished(score_column(metric), label) for label in measured.results.labels)


def _mean(values: dict[int, float]) -> float:
    return math.fsum(values.values()) / len(values)


def undominated(points: Sequence[Sequence[float]], directions: Sequence[str]) -> set[int]:
    """Indices of the points that no other point equals or beats in every coordinate and beats in one."""
    signs = [1 if direction == "lower" else -1 for direction in directions]
    signed = [tuple(sign * value for sign, value in zip(signs, point, strict=True)) for point in points]
    return {
        i
        for i, point in enumerate(signed)
        if not any(p != point and all(theirs <= ours for theirs, ours in zip(p, point, strict=True)) for p in signed)
    }
