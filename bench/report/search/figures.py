"""The pictures of a search: its history, what mattered, each parameter, quality against cost, and the curves."""

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
from bench.report.search.frames import (
    DEFAULT,
    curves,
    default_value,
    front,
    history,
    importances,
    objectives,
    slices,
    winner,
)
from bench.report.search.results import SearchResults

COMPLETE, PRUNED, WINNER, FRONT, DOMINATED = "complete", "pruned", "winner", "on the front", "dominated"
BEST, BY_DEFAULT = "best so far", "default"
DOT = {"color": "C0", "marker": "o", "markersize": 5, "alpha": 0.7, "mec": "none"}
CROSS = {"color": "0.5", "marker": "x", "markersize": 5}
STAR = {"color": "C3", "marker": "*", "markersize": 14, "mec": "black", "mew": 0.7, "zorder": 4}
LINE = {"color": "black", "linestyle": "--", "linewidth": 1, "zorder": 1}
LETTERS = 40  # of a name in a line of a panel's width
LONGEST = 24  # letters of a word on an axis


def draw_search(results: SearchResults, folder: Path) -> None:
    """Draw what there is something to draw of."""
    drawings: dict[str, tuple[Callable[[SearchResults], pd.DataFrame], Draw]] = {
        "history.png": (history, draw_history),
        "importances.png": (importances, draw_importances),
        "slices.png": (slices, draw_slices),
        "pareto.png": (front, draw_front),
        "curves.png": (curves, draw_trial_curves),
    }
    for name, (compute, draw) in drawings.items():
        if len(frame := compute(results)):
            draw(frame, results, folder / name)


Draw = Callable[[pd.DataFrame, SearchResults, Path], None]


def draw_history(frame: pd.DataFrame, results: SearchResults, path: Path) -> None:
    """Draw a panel an objective: every trial with a score, the best so far as steps, the default as a line."""
    shown = [column for column in objectives(results) if column.key in set(frame["objective"])]
    figure, axes = panels(len(shown), [COMPLETE, PRUNED, BEST, BY_DEFAULT, WINNER])
    for axis, column in zip(axes, shown, strict=True):
        rows = frame[frame["objective"] == column.key]
        pruned, complete = rows[rows["outcome"] == "pruned"], rows[rows["outcome"] == "complete"]
        if len(complete):
            axis.step(rows["number"], rows["best"], where="post", color="C0", linewidth=1.2, label=BEST, zorder=1)
        _points(axis, complete["number"], complete["value"], DOT, COMPLETE)
        _points(axis, pruned["number"], pruned["value"], CROSS, PRUNED)
        _star(axis, complete, "number", "value", results)
        _default_line(axis, rows["default"].iloc[0])
        axis.locator_params(axis="x", nbins=6, integer=True)
        axis.set_xlabel("trial")
        axis.set_ylabel(column.heading)
    finish(figure, axes, path)


def _points(axis: Any, x: Any, y: Any, style: dict[str, Any], label: str) -> None:
    if len(x):
        axis.plot(x, y, linestyle="none", label=label, **style)


def _star(axis: Any, rows: pd.DataFrame, x: str, y: str, results: SearchResults) -> None:
    """The winner, by its shape too."""
    found = winner(results)
    ours = rows[rows["number"] == found.number] if found else rows[:0]
    _points(axis, ours[x], ours[y], STAR, WINNER)


def _default_line(axis: Any, value: float) -> None:
    if pd.notna(value) and abs(value) != float("inf"):
        axis.axhline(value, label=BY_DEFAULT, **LINE)


def draw_importances(frame: pd.DataFrame, results: SearchResults, path: Path) -> None:
    """Draw horizontal bars, a panel an objective; the names stand once, by the first objective's shares."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(frame["param"]))[::-1]
    shown = [column for column in objectives(results) if column.key in set(frame["objective"])]
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


def _name(text: str, width: int = LETTERS) -> str:
    return plain("\n".join(textwrap.wrap(text, width)))


def draw_slices(frame: pd.DataFrame, results: SearchResults, path: Path) -> None:
    """Draw a panel a parameter against the first objective; words stand at places of their own."""
    names = list(dict.fromkeys(frame["param"]))
    column = objectives(results)[0]
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
        _star(axis, rows, "value", "objective_value", results)
        _default_line(axis, default_value(results, 0))
        axis.set_xlabel(_name(name))
        axis.set_ylabel(column.heading)
    finish(figure, axes, path)


def _word_axis(axis: Any, words: list[str]) -> None:
    """A place for each word; many or long ones stand slanted, so that none runs into the next."""
    shown = [" ".join(word.split()) for word in words]
    shown = [plain(word if len(word) <= LONGEST else word[: LONGEST - 1] + "…") for word in shown]
    slanted = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        if sum(map(len, shown)) + 2 * len(shown) > LETTERS
        else {}
    )
    axis.set_xticks(range(len(words)), shown, fontsize=8, **slanted)
    axis.set_xlim(-0.5, len(words) - 0.5)


def _number_axis(axis: Any, values: pd.Series[float]) -> None:
    """A logarithmic axis where values span a decade or more, with as many ticks as have room."""
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


def draw_front(frame: pd.DataFrame, results: SearchResults, path: Path) -> None:
    """Draw a panel a pair of objectives, a cost lying on the x axis; the front of two is joined by steps."""
    pairs = [
        (y, x) if x.is_ratio or not y.is_ratio else (x, y) for y, x in itertools.combinations(objectives(results), 2)
    ]
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
        _star(axis, trials, x.key, y.key, results)
        _points(axis, default[x.key], default[y.key], {"color": "black", "marker": "D", "zorder": 3}, BY_DEFAULT)
        _objective_axis(axis, x, frame[x.key].astype(float))
        axis.set_ylabel(y.heading)
        for row in default.to_dict("records"):
            _say(axis, BY_DEFAULT, (row[x.key], row[y.key]))
    finish(figure, axes, path)


def _say(axis: Any, text: str, at: tuple[float, float]) -> None:
    """A word beside a point, towards the panel's middle: outside it would cover the axis."""
    axis.get_xlim(), axis.get_ylim()  # makes the limits those of all that is drawn
    x, y = axis.transAxes.inverted().transform(axis.transData.transform(at))
    ha, va = "left" if x < 0.5 else "right", "bottom" if y < 0.5 else "top"
    offset = (6 if x < 0.5 else -6, 6 if y < 0.5 else -6)
    axis.annotate(text, at, offset, textcoords="offset points", ha=ha, va=va, fontsize=8)


def _objective_axis(axis: Any, column: Column, values: pd.Series[float]) -> None:
    from matplotlib.ticker import EngFormatter

    if column.is_ratio and values.max() > 0:
        price_scale(axis, values)
        if column.per_unit == 1:  # else the unit has its prefix already
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.set_xlabel(column.heading)


def draw_trial_curves(frame: pd.DataFrame, results: SearchResults, path: Path) -> None:
    """Draw the first objective over training: complete trials solid, pruned ones dashed and gray, the winner thick."""
    from matplotlib.figure import Figure

    best = winner(results)
    figure = Figure(figsize=(8.4, 4.2), dpi=130, layout="constrained")
    axis: Any = figure.subplots()
    for number in sorted(set(frame["number"])):
        line = frame[frame["number"] == number].sort_values("validation")
        style: dict[str, Any] = {"color": "C0", "alpha": 0.6, "linewidth": 1, "label": COMPLETE}
        if (line["outcome"] == PRUNED).all():
            style = {"color": "0.6", "linestyle": "--", "linewidth": 1, "label": PRUNED, "zorder": 1}
        if best and number == best.number:
            style = {"color": "C3", "linewidth": 2.5, "marker": "*", "label": f"winner, trial {number}", "zorder": 4}
        axis.plot(line["validation"], line["value"], **({"marker": "."} if len(line) == 1 else {}) | style)
    axis.locator_params(axis="x", nbins=7, integer=True)
    axis.set_xlabel("validation")
    axis.set_ylabel(objectives(results)[0].heading)
    finish(figure, [axis], path)
