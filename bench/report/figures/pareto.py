"""The figure of quality against cost, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.analysis.columns import COSTS, score_column
from bench.report.figures.curves import finish, panels

DECADE = 10  # prices whose ratio is larger get a logarithmic axis
MARKERS = "osD^vP*Xh<>p"


def draw_pareto(frame: pd.DataFrame, path: Path) -> None:
    """Draw one panel a cost."""
    costs = list(dict.fromkeys(frame["cost"]))
    labels = list(dict.fromkeys(frame["label"]))
    figure, axes = panels(len(costs), labels)
    for axis, cost in zip(axes, costs, strict=True):
        draw_cost(axis, frame[frame["cost"] == cost], labels)
    finish(figure, axes, path)


def draw_cost(axis: Any, rows: pd.DataFrame, labels: Sequence[str]) -> None:
    """Draw one cost. The front is a line, and its methods have filled markers."""
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
    """Draw a method's marker; `index` gives its shape and colour."""
    colour, mark = f"C{index % 10}", MARKERS[index % len(MARKERS)]
    fill = colour if is_filled else "none"
    axis.plot(*at, mark, color=colour, mfc=fill, ls="none", markersize=7, label=label)


def price_scale(axis: Any, prices: pd.Series[float]) -> None:
    """Set a logarithmic axis where prices differ by more than a decade. A price of 0 gets a place at its left edge."""
    smallest, largest = prices[prices > 0].min(), prices.max()
    if prices.min() <= 0:
        axis.set_xscale("symlog", linthresh=smallest, linscale=0.3)
        decades = range(math.ceil(math.log10(smallest)), math.floor(math.log10(largest)) + 1)
        axis.set_xticks([0.0, *(10.0**k for k in decades)])
    elif largest > DECADE * smallest:
        axis.set_xscale("log")
    else:
        axis.locator_params(axis="x", nbins=5)
