"""The figures of the page, panel by panel: the data, the words and the drawing of each."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import COSTS, score_column
from bench.report.analysis.frames import VALIDATION
from bench.report.analysis.verdicts import Answer
from bench.report.figures.curves import draw_score, dress, plain, score_label
from bench.report.figures.effects import KINDS, draw_answer, unit_of
from bench.report.figures.pareto import draw_cost
from bench.report.figures.scaling import draw_lines
from bench.report.figures.time_to_quality import levels_in_words
from bench.report.page.drawing import Drawing
from bench.report.tables.numbers import estimate_text, number
from bench.study.labels import MISSING

AXES = {"step": "steps", "images": "images", "seconds": "seconds"}
"""The x axes of curves: column -> word."""
STRIP = (460, 112)


def effect_drawings(analysis: Analysis) -> list[Drawing]:
    """A strip a hypothesis."""
    drawings = []
    for index, answer in enumerate(analysis.answers):
        rows = analysis.effects[analysis.effects["hypothesis"] == index]
        draw = partial(_draw_effect, answer=answer, rows=rows)
        drawings.append(Drawing(f"effect{index}", answer.text, _effect_alt(answer), rows, draw, STRIP, (84, 14, 38, 4)))
    return drawings


def _draw_effect(axis: Any, answer: Answer, rows: pd.DataFrame) -> None:
    draw_answer(axis, answer, rows)
    kinds = [kind for kind in KINDS if (rows["kind"] == kind).any()]
    axis.set_yticks([KINDS[kind][2] for kind in kinds], [KINDS[kind][0] for kind in kinds])
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(plain(unit_of(answer)))


def _effect_alt(answer: Answer) -> str:
    comparison, column = answer.comparison, answer.quantity.column
    pairs = comparison.pairs.values()
    seeds = ", ".join(estimate_text((value, float("nan"), float("nan")), column) for value in pairs)
    parts = [
        f"{name} {estimate_text(comparison.shown(estimate), column, comparison.method)}"
        for name, estimate in (("on these images", comparison.these), ("on new images", comparison.new))
        if estimate.n
    ]
    return f"{answer.text}, {unit_of(answer)}: {'; '.join([*parts, f'seeds {seeds}']) if seeds else 'no values'}."


def curve_drawings(analysis: Analysis) -> list[dict[str, Drawing]]:
    """A panel a score, each against steps, images and seconds."""
    frame, marks, drawings = analysis.curves, analysis.levels, []
    for index, name in enumerate(dict.fromkeys(frame["name"])):
        metric = name.removeprefix(VALIDATION)
        rows = frame[frame["name"] == name]
        level = marks[marks["metric"] == metric]
        panels = {}
        for x, word in AXES.items():
            draw = partial(_draw_curve, rows=rows, marks=level, labels=analysis.labels, x=x)
            alt = f"{score_label(metric)} against {word}, the mean over seeds from the first validation to the last: "
            alt += _ends(rows, analysis.labels, metric) + levels_in_words(level, x)
            data = pd.concat([rows, level])
            panels[x] = Drawing(f"curve{index}{x}", score_column(metric).heading, alt, data, draw)
        drawings.append(panels)
    return drawings


def _draw_curve(axis: Any, rows: pd.DataFrame, marks: pd.DataFrame, labels: list[str], x: str) -> None:
    draw_score(axis, rows, marks, labels, x)
    dress(axis)
    axis.locator_params(axis="x", nbins=6)


def _ends(rows: pd.DataFrame, labels: list[str], metric: str) -> str:
    """The first and the last score of each label."""
    decimals, parts = score_column(metric).decimals, []
    for label in labels:
        line = rows[rows["label"] == label].sort_values("step")["mean"]
        if len(line):
            parts.append(f"{label} {number(line.iloc[0], decimals)} to {number(line.iloc[-1], decimals)}")
    return "; ".join(parts) + "."


def pareto_drawings(analysis: Analysis) -> list[Drawing]:
    """A panel a cost."""
    frame, drawings = analysis.pareto, []
    for index, cost in enumerate(dict.fromkeys(frame["cost"])):
        rows = frame[frame["cost"] == cost]
        column, score = next(c for c in COSTS if c.key == cost), score_column(rows["metric"].iloc[0])
        front = ", ".join(rows[rows["on_front"]]["label"])
        points = "; ".join(
            f"{row['label']} {number(row['quality'], score.decimals)} at {number(row['price'], column.decimals)}"
            for row in rows.to_dict("records")
        )
        alt = f"{score.heading} against {column.heading}: {points}. On the front: {front or MISSING}."
        draw = partial(_draw_price, rows=rows, labels=analysis.labels)
        drawings.append(Drawing(f"pareto{index}", f"{score.title} against {column.title}", alt, rows, draw))
    return drawings


def _draw_price(axis: Any, rows: pd.DataFrame, labels: list[str]) -> None:
    draw_cost(axis, rows, labels)
    _dress_plain(axis)


def _dress_plain(axis: Any) -> None:
    """Style a panel whose axes format their own numbers."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)


def scaling_drawings(analysis: Analysis) -> list[Drawing]:
    """A panel a score against the number of training images."""
    frame, drawings = analysis.scaling, []
    lines = list(dict.fromkeys(frame["line"]))
    for index, metric in enumerate(dict.fromkeys(frame["metric"])):
        rows, score = frame[frame["metric"] == metric], score_column(metric)
        points = "; ".join(
            f"{row['line']}, {row['images']:,} images: {number(row['mean'], score.decimals)}"
            for row in rows.to_dict("records")
        )
        draw = partial(_draw_scaling, rows=rows, lines=lines)
        alt = f"{score.heading} against training images, the mean over seeds: {points}."
        drawings.append(Drawing(f"scaling{index}", score.heading, alt, rows, draw))
    return drawings


def _draw_scaling(axis: Any, rows: pd.DataFrame, lines: list[str]) -> None:
    draw_lines(axis, rows, lines)
    _dress_plain(axis)
