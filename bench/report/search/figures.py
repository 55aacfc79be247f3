"""The figures of a search: its history, the importances, each parameter, the Pareto front, and the curves."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.analysis.columns import Column
from bench.report.figures.curves import finish, panels, plain, save_figure
from bench.report.figures.pareto import DECADE, price_scale
from bench.report.search.analysis import SearchAnalysis
from bench.report.search.frames import DEFAULT, in_units

COMPLETE, PRUNED, WINNER, FRONT, DOMINATED = "complete", "pruned", "winner", "on the front", "dominated"
BEST, BY_DEFAULT = "best so far", "default"
DOT = {"color": "C0", "marker": "o", "markersize": 5, "alpha": 0.7, "mec": "none"}
CROSS = {"color": "0.5", "marker": "x", "markersize": 5}
STAR = {"color": "C3", "marker": "*", "markersize": 14, "mec": "black", "mew": 0.7, "zorder": 4}
LINE = {"color": "black", "linestyle": "--", "linewidth": 1, "zorder": 1}
LINE_LETTERS = 40  # that fit into the width of a panel
TICK_LETTERS = 24  # of the longest label at a tick


def draw_search(analysis: SearchAnalysis, folder: Path) -> None:
    """Draw every figure that has data."""
    drawings: dict[str, tuple[pd.DataFrame, Callable[[SearchAnalysis, Path], None]]] = {
        "history.png": (analysis.history, draw_history),
        "importances.png": (analysis.importances, draw_importances),
        "slices.png": (analysis.slices, draw_slices),
        "pareto.png": (analysis.front, draw_front),
        "curves.png": (analysis.curves, draw_trial_curves),
    }
    for name, (frame, draw) in drawings.items():
        if len(frame):
            draw(analysis, folder / name)


def draw_history(analysis: SearchAnalysis, path: Path) -> None:
    """Draw a panel an objective: every trial with a score, the best so far as steps, the default as a line."""
    frame = analysis.history
    shown = [column for column in analysis.objectives if column.key in set(frame["objective"])]
    figure, axes = panels(len(shown), [COMPLETE, PRUNED, BEST, BY_DEFAULT, WINNER])
    for axis, column in zip(axes, shown, strict=True):
        rows = frame[frame["objective"] == column.key]
        pruned, complete = rows[rows["outcome"] == "pruned"], rows[rows["outcome"] == "complete"]
        if len(complete):
            axis.step(rows["number"], rows["best"], where="post", color="C0", linewidth=1.2, label=BEST, zorder=1)
        _points(axis, complete["number"], complete["value"], DOT, COMPLETE)
        _points(axis, pruned["number"], pruned["value"], CROSS, PRUNED)
        _star(axis, complete, "number", "value", analysis)
        _default_line(axis, rows["default"].iloc[0])
        axis.locator_params(axis="x", nbins=6, integer=True)
        axis.set_xlabel("trial")
        axis.set_ylabel(column.heading)
    finish(figure, axes, path)


def _points(axis: Any, x: Any, y: Any, style: dict[str, Any], label: str) -> None:
    if len(x):
        axis.plot(x, y, linestyle="none", label=label, **style)


def _star(axis: Any, rows: pd.DataFrame, x: str, y: str, analysis: SearchAnalysis) -> None:
    """Mark the winner, by shape as well as colour."""
    of_winner = rows[rows["number"] == analysis.winner.number] if analysis.winner else rows[:0]
    _points(axis, of_winner[x], of_winner[y], STAR, WINNER)


def _default_line(axis: Any, value: float) -> None:
    if pd.notna(value) and abs(value) != float("inf"):
        axis.axhline(value, label=BY_DEFAULT, **LINE)


def draw_importances(analysis: SearchAnalysis, path: Path) -> None:
    """Draw horizontal bars, a panel an objective; the first objective's shares give the order of the names."""
    from matplotlib.figure import Figure

    frame = analysis.importances
    names = list(dict.fromkeys(frame["param"]))[::-1]
    shown = [column for column in analysis.objectives if column.key in set(frame["objective"])]
    figure = Figure(figsize=(3.2 + 3.4 * len(shown), 0.32 * len(names) + 1), dpi=130, layout="constrained")
    axes: Any = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, shown, strict=True):
        shares = frame[frame["objective"] == column.key].set_index("param")["share"].reindex(names)
        bars = axis.barh(range(len(names)), shares.fillna(0.0), color="C0")
        texts = ["" if pd.isna(share) else f"{share:.0%}" for share in shares]
        axis.bar_label(bars, texts, padding=3, fontsize=8)
        axis.set_xlim(0, 1.12 * max(0.1, shares.max()))
        axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axis.locator_params(axis="x", nbins=5)
        axis.set_xlabel(f"importance for {plain(column.title)}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), [_name(name) for name in names], fontsize=8)
    save_figure(figure, path)


def _name(text: str, width: int = LINE_LETTERS) -> str:
    """A parameter's name, broken into lines."""
    return plain("\n".join(textwrap.wrap(text, width)))


def draw_slices(analysis: SearchAnalysis, path: Path) -> None:
    """Draw a panel a parameter: the first objective against its values; values that are words get equal distances."""
    frame, column = analysis.slices, analysis.objectives[0]
    names = list(dict.fromkeys(frame["param"]))
    figure, axes = panels(len(names), [COMPLETE, WINNER, BY_DEFAULT])
    for axis, name in zip(axes, names, strict=True):
        rows = frame[frame["param"] == name].copy()
        if isinstance(rows["value"].iloc[0], str):
            words = sorted(set(rows["value"]))
            rows["value"] = rows["value"].map(words.index)
            _word_axis(axis, words)
        else:
            rows["value"] = rows["value"].astype(float)
            _number_axis(axis, rows["value"])
        _points(axis, rows["value"], rows["objective_value"], DOT, COMPLETE)
        _star(axis, rows, "value", "objective_value", analysis)
        _default_line(axis, in_units(analysis.default_values[0], column))
        axis.set_xlabel(_name(name))
        axis.set_ylabel(column.heading)
    finish(figure, axes, path)


def _word_axis(axis: Any, words: list[str]) -> None:
    """Give each word a tick; the labels are slanted where they would overlap."""
    shown = [" ".join(word.split()) for word in words]
    shown = [plain(word if len(word) <= TICK_LETTERS else word[: TICK_LETTERS - 1] + "…") for word in shown]
    slanted = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        if sum(map(len, shown)) + 2 * len(shown) > LINE_LETTERS
        else {}
    )
    axis.set_xticks(range(len(words)), shown, fontsize=8, **slanted)
    axis.set_xlim(-0.5, len(words) - 0.5)


def _number_axis(axis: Any, values: pd.Series[float]) -> None:
    """Make the axis logarithmic if its values span a decade or more."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    smallest, largest = values.min(), values.max()
    if 0 < DECADE * smallest <= largest:
        axis.set_xscale("log")
        subs = (1, 2, 5) if largest <= 30 * smallest else (1, 3) if largest <= 300 * smallest else (1,)
        axis.xaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
    else:
        axis.locator_params(axis="x", nbins=5, integer=bool((values % 1 == 0).all()))


def draw_front(analysis: SearchAnalysis, path: Path) -> None:
    """Draw a panel a pair of objectives, with a cost on the x axis; steps join the front of two objectives."""
    frame, columns = analysis.front, analysis.objectives
    pairs = [(y, x) if x.is_ratio or not y.is_ratio else (x, y) for y, x in itertools.combinations(columns, 2)]
    figure, axes = panels(len(pairs), [DOMINATED, FRONT, WINNER, BY_DEFAULT])
    trials = frame[frame["number"] != DEFAULT]
    default = frame[frame["number"] == DEFAULT]
    for axis, (y, x) in zip(axes, pairs, strict=True):
        best, others = trials[trials["on_front"].astype(bool)], trials[~trials["on_front"].astype(bool)]
        if len(pairs) == 1:
            best = best.sort_values(x.key)
            where = "post" if x.direction == "lower" else "pre"
            axis.step(best[x.key], best[y.key], where=where, color="0.6", linewidth=1, zorder=1)
        _points(axis, others[x.key], others[y.key], {"color": "C0", "marker": "o", "mfc": "none"}, DOMINATED)
        _points(axis, best[x.key], best[y.key], {"color": "C0", "marker": "o"}, FRONT)
        _star(axis, trials, x.key, y.key, analysis)
        _points(axis, default[x.key], default[y.key], {"color": "black", "marker": "D", "zorder": 3}, BY_DEFAULT)
        _objective_axis(axis, x, frame[x.key].astype(float))
        axis.set_ylabel(y.heading)
        for row in default.to_dict("records"):
            _label_point(axis, BY_DEFAULT, (row[x.key], row[y.key]))
    finish(figure, axes, path)


def _label_point(axis: Any, text: str, at: tuple[float, float]) -> None:
    """Write a word beside a point, towards the middle of the panel, where it does not cover an axis."""
    axis.get_xlim(), axis.get_ylim()  # reading the limits updates them to everything drawn
    x, y = axis.transAxes.inverted().transform(axis.transData.transform(at))
    ha, va = "left" if x < 0.5 else "right", "bottom" if y < 0.5 else "top"
    offset = (6 if x < 0.5 else -6, 6 if y < 0.5 else -6)
    axis.annotate(text, at, offset, textcoords="offset points", ha=ha, va=va, fontsize=8)


def _objective_axis(axis: Any, column: Column, values: pd.Series[float]) -> None:
    """Label the x axis of an objective; a cost gets a logarithmic scale."""
    from matplotlib.ticker import EngFormatter

    if column.is_ratio and values.max() > 0:
        price_scale(axis, values)
        if column.per_unit == 1:  # other units have a prefix already
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.set_xlabel(column.heading)


def draw_trial_curves(analysis: SearchAnalysis, path: Path) -> None:
    """Draw the first objective over training: complete trials solid, pruned ones dashed and gray, the winner thick."""
    from matplotlib.figure import Figure

    frame, winner = analysis.curves, analysis.winner
    figure = Figure(figsize=(8.4, 4.2), dpi=130, layout="constrained")
    axis: Any = figure.subplots()
    for number in sorted(set(frame["number"])):
        line = frame[frame["number"] == number].sort_values("validation")
        style: dict[str, Any] = {"color": "C0", "alpha": 0.6, "linewidth": 1, "label": COMPLETE}
        if (line["outcome"] == PRUNED).all():
            style = {"color": "0.6", "linestyle": "--", "linewidth": 1, "label": PRUNED, "zorder": 1}
        if winner and number == winner.number:
            style = {"color": "C3", "linewidth": 2.5, "marker": "*", "label": f"winner, trial {number}", "zorder": 4}
        axis.plot(line["validation"], line["value"], **({"marker": "."} if len(line) == 1 else {}) | style)
    axis.locator_params(axis="x", nbins=7, integer=True)
    axis.set_xlabel("validation")
    axis.set_ylabel(analysis.objectives[0].heading)
    finish(figure, [axis], path)
