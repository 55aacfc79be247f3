"""The picture of quality against cost: every method at its mean score, and the front of those that no other beats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.report.analysis.columns import COSTS, finished, score_column
from bench.report.analysis.frames import Results
from bench.report.figures.curves import finish, panels

AGAINST = ("parameters_generator", "flops", "inference_images_per_second")
LEAST = 3  # different costs, fewer make no front
DECADE = 10  # prices that differ by more stand on a logarithmic axis
MARKERS = "osD^vP*Xh<>p"


def pareto(results: Results) -> pd.DataFrame:
    """label, metric, cost, quality, price, on_front: seeds' means of the first directed metric that most methods have,
    against each cost. On the front is what no other method equals or beats in both and beats in one.

    A cost is left out where fewer than three methods differ in it.
    """
    metric = _metric(results)
    if metric is None:
        return pd.DataFrame(columns=["label", "metric", "cost", "quality", "price", "on_front"])
    rows = []
    for column in (c for c in COSTS if c.key in AGAINST):
        points: list[dict[str, Any]] = []
        for label in results.same_task:
            qualities = finished(results, score_column(metric), label)
            prices = finished(results, column, label)
            if qualities and prices and math.isfinite(quality := _mean(qualities)):
                points.append({"label": label, "quality": quality, "price": _mean(prices)})
        if len({point["price"] for point in points}) >= LEAST:
            pairs = [(point["quality"], point["price"]) for point in points]
            front = undominated(pairs, (METRICS[metric].direction, column.direction))
            rows += [
                point | {"metric": metric, "cost": column.key, "on_front": i in front} for i, point in enumerate(points)
            ]
    return pd.DataFrame(rows, columns=["label", "metric", "cost", "quality", "price", "on_front"])


def _metric(results: Results) -> str | None:
    """The metric that the picture shows: a perceptual one where there is one, else the first with a better end."""
    found = [m for m in results.study["metrics"] if METRICS[m].direction != "neutral" and _labels_with(results, m)]
    return next((m for m in ("lpips", "st_lpips") if m in found), found[0] if found else None)


def _labels_with(results: Results, metric: str) -> int:
    return sum(bool(finished(results, score_column(metric), label)) for label in results.labels)


def _mean(values: dict[int, float]) -> float:
    return math.fsum(values.values()) / len(values)


def undominated(points: Sequence[Sequence[float]], directions: Sequence[str]) -> set[int]:
    """Indices of the points that no other equals or beats in everything and beats in something."""
    signs = [1 if direction == "lower" else -1 for direction in directions]
    signed = [tuple(sign * value for sign, value in zip(signs, point, strict=True)) for point in points]
    return {
        i
        for i, point in enumerate(signed)
        if not any(p != point and all(theirs <= ours for theirs, ours in zip(p, point, strict=True)) for p in signed)
    }


def draw_pareto(frame: pd.DataFrame, path: Path) -> None:
    """Draw one panel a cost."""
    costs = list(dict.fromkeys(frame["cost"]))
    labels = list(dict.fromkeys(frame["label"]))
    figure, axes = panels(len(costs), labels)
    for axis, cost in zip(axes, costs, strict=True):
        draw_cost(axis, frame[frame["cost"] == cost], labels)
    finish(figure, axes, path)


def draw_cost(axis: Any, rows: pd.DataFrame, labels: Sequence[str]) -> None:
    """One cost: the front is a line and its methods have filled markers, each that of its place among the labels."""
    from matplotlib.ticker import EngFormatter

    column = next(c for c in COSTS if c.key == rows["cost"].iloc[0])
    front = rows[rows["on_front"]].sort_values("price")
    where = "post" if column.direction == "lower" else "pre"
    axis.step(front["price"], front["quality"], where=where, color="0.6", linewidth=1, zorder=1)
    for row in rows.to_dict("records"):
        draw_point(axis, (row["price"], row["quality"]), labels.index(row["label"]), row["label"], row["on_front"])
    price_scale(axis, rows["price"])
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.set_xlabel(column.heading)
    axis.set_ylabel(score_column(rows["metric"].iloc[0]).heading)


def draw_point(axis: Any, at: tuple[float, float], index: int, label: str, is_filled: bool) -> None:
    """A method's marker."""
    colour, mark = f"C{index % 10}", MARKERS[index % len(MARKERS)]
    fill = colour if is_filled else "none"
    axis.plot(*at, mark, color=colour, mfc=fill, ls="none", markersize=7, label=label)


def price_scale(axis: Any, prices: pd.Series[float]) -> None:
    """A logarithmic axis where prices differ by a decade, with a place for 0 at its left edge if something is free."""
    smallest, largest = prices[prices > 0].min(), prices.max()
    if prices.min() <= 0:
        axis.set_xscale("symlog", linthresh=smallest, linscale=0.3)
        decades = range(math.ceil(math.log10(smallest)), math.floor(math.log10(largest)) + 1)
        axis.set_xticks([0.0, *(10.0**k for k in decades)])
    elif largest > DECADE * smallest:
        axis.set_xscale("log")
    else:
        axis.locator_params(axis="x", nbins=5)
