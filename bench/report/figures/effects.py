"""The figure of hypotheses: every seed's difference, both intervals, and the line of no difference."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.verdicts import Answer
from bench.report.figures.curves import plain, save_figure

KINDS = {"seed": ("each seed", "C7", 0.0), "these": ("these images", "C0", -1.0), "new": ("new images", "C1", -2.0)}
"""Kind of point -> name, colour, height within a panel."""
WIDE = 3  # ratios that span more get ticks of a logarithmic axis
MAX_TICKS = 7


def draw_effects(analysis: Analysis, path: Path) -> None:
    """Draw a panel a hypothesis, since units differ; ratios have a logarithmic axis."""
    from matplotlib.figure import Figure

    frame = analysis.effects
    shown = [(answer, frame[frame["hypothesis"] == index]) for index, answer in enumerate(analysis.answers)]
    figure = Figure(figsize=(8.4, 0.95 * len(shown) + 0.45), dpi=130, layout="constrained")
    axes: Any = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axis, (answer, rows) in zip(axes, shown, strict=True):
        _panel(axis, answer, rows)
    handles = [_handle(name, colour, kind) for kind, (name, colour, _) in KINDS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
    save_figure(figure, path)


def _panel(axis: Any, answer: Answer, rows: pd.DataFrame) -> None:
    draw_answer(axis, answer, rows)
    axis.set_yticks([])
    axis.tick_params(labelsize=7)
    words = answer.text, unit_of(answer), answer.verdict_in_words
    lines = [part for line in words for part in textwrap.wrap(plain(line), 44)]
    axis.set_ylabel("\n".join(lines), rotation=0, ha="right", va="center", fontsize=7)


def unit_of(answer: Answer) -> str:
    """left − right (dB), left / right"""
    column = answer.quantity.column
    return "left / right" if column.is_ratio else f"left − right{f' ({column.unit})' if column.unit else ''}"


def draw_answer(axis: Any, answer: Answer, rows: pd.DataFrame) -> None:
    """Draw one hypothesis; from above: every seed, these images, new images."""
    column = answer.quantity.column
    neutral = 1.0 if column.is_ratio else 0.0
    if column.is_ratio:
        axis.set_xscale("log")
    low, high = _limits(rows, neutral, column.is_ratio)
    axis.set_xlim(low, high)
    axis.axvline(neutral, color="black", linewidth=0.8)
    if answer.margin is not None:
        axis.axvspan(*_band(answer.margin, column.is_ratio), color="C2", alpha=0.18, linewidth=0)
    for row in rows.to_dict("records"):
        _draw(axis, row, low, high)
    axis.set_ylim(-2.6, 0.6)
    axis.spines[["top", "right", "left"]].set_visible(False)
    _ticks(axis, column.is_ratio)


def _ticks(axis: Any, is_ratio: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    if is_ratio:
        low, high = axis.get_xlim()
        wide = FixedLocator(round_ratios(low, high))
        axis.xaxis.set_major_locator(wide if high > WIDE * low else MaxNLocator(6))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())


def round_ratios(low: float, high: float) -> list[float]:
    """Ticks at 1, 2 and 5 of each decade; where those are too many, at the 1 of every, every second or every fifth
    decade."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps, every in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 5)):
        ticks = [float(f"{step}e{decade}") for decade in decades if decade % every == 0 for step in steps]
        if len(inside := [value for value in ticks if low <= value <= high]) <= MAX_TICKS:
            return inside
    return [1.0]


def _draw(axis: Any, row: Mapping[Hashable, Any], low: float, high: float) -> None:
    """Draw a point with its interval; an infinite value is an arrowhead at the edge."""
    _, colour, height = KINDS[row["kind"]]
    value = row["value"]
    if math.isnan(value):
        return
    marker = "." if row["kind"] == "seed" else "D"
    if not low <= value <= high:
        value, marker = (low, "<") if value < low else (high, ">")
    size = 7 if marker == "." else 4
    alpha = 0.7 if row["kind"] == "seed" else 1.0
    axis.plot([value], [height], marker, color=colour, markersize=size, alpha=alpha, clip_on=False, zorder=3)
    if not math.isnan(row["low"]):
        ends = np.clip([row["low"], row["high"]], low, high)
        axis.plot(ends, [height, height], color=colour, linewidth=2, solid_capstyle="butt")


def _band(margin: float, is_ratio: bool) -> tuple[float, float]:
    """The differences, or ratios, that count as equal."""
    return (1 / (1 + margin), 1 + margin) if is_ratio else (-margin, margin)


def _limits(rows: pd.DataFrame, neutral: float, is_ratio: bool) -> tuple[float, float]:
    """Limits of the x axis: they include all finite values and the margin."""
    margins = rows["margin"].dropna().to_list()
    values = [neutral, *(end for margin in margins[:1] for end in _band(margin, is_ratio))]
    values += [float(value) for name in ("value", "low", "high") for value in rows[name]]
    finite = np.array([value for value in values if math.isfinite(value) and not (is_ratio and value <= 0)])
    if is_ratio:
        finite = np.log(finite)
    room = 0.08 * np.ptp(finite) or (0.1 if is_ratio else 1.0)
    low, high = float(finite.min() - room), float(finite.max() + room)
    return (math.exp(low), math.exp(high)) if is_ratio else (low, high)


def _handle(name: str, colour: str, kind: str) -> Any:
    from matplotlib.lines import Line2D

    marker, width = (".", 0) if kind == "seed" else ("D", 2)
    return Line2D([], [], color=colour, marker=marker, linewidth=width, markersize=5, label=name)
