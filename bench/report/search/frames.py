"""The data of a search's figures and of its CSV, as data frames."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.report.analysis.columns import Column
from bench.report.analysis.pareto import undominated
from bench.report.search.results import SearchResults, Trial
from bench.study.hypotheses import COUNTS

DEFAULT = -1
"""Stands for the default in place of a trial's number."""
PARAMETER = "params_"
"""The prefix of a parameter's column."""


def trials_frame(results: SearchResults, objectives: Sequence[Column], costs: Sequence[Column]) -> pd.DataFrame:
    """A row a trial: number, outcome, objectives, costs (both as stored: operations in ones, memory in bytes), every
    parameter as params_NAME, validations (how many it reached), seconds, work_seconds, reason, runs."""
    trials = results.trials
    frame = pd.DataFrame({"number": [t.number for t in trials], "outcome": [t.outcome for t in trials]})
    for index, column in enumerate(objectives):
        frame[column.key] = _numbers([t.values[index] if t.values else None for t in trials], column.key in COUNTS)
    for column in costs:
        frame[column.key] = _numbers([t.costs.get(column.key) for t in trials], column.key in COUNTS)
    for name in results.search["space"]:
        frame[PARAMETER + name] = pd.Series([_parameter(t, name) for t in trials], dtype=object)
    frame["validations"] = _numbers([t.curve[-1][0] if t.curve else None for t in trials], True)
    frame["seconds"] = _numbers([t.seconds for t in trials], False)
    frame["work_seconds"] = _numbers([t.work_seconds for t in trials], False)
    frame["reason"] = [t.reason for t in trials]
    frame["runs"] = [" ".join(t.runs) for t in trials]
    return frame


def history_frame(
    trials: Sequence[Trial], objectives: Sequence[Column], default_values: Sequence[float | None]
) -> pd.DataFrame:
    """number, objective, outcome, value, best (of the complete trials so far), default.

    The rows are complete trials, and for the first objective pruned ones at the last point of their curve.
    """
    rows: list[dict[str, Any]] = []
    for index, column in enumerate(objectives):
        best, better = math.nan, max if column.direction == "higher" else min
        default = in_units(default_values[index], column)
        for trial in sorted(trials, key=lambda trial: trial.number):
            value = _value_in_history(trial, index, column)
            if math.isfinite(value):
                if trial.outcome == "complete":
                    best = value if math.isnan(best) else better(best, value)
                row = {"number": trial.number, "objective": column.key, "outcome": trial.outcome}
                rows.append(row | {"value": value, "best": best, "default": default})
    return pd.DataFrame(rows, columns=["number", "objective", "outcome", "value", "best", "default"])


def importances_frame(results: SearchResults) -> pd.DataFrame:
    """objective, param, share: the largest share of every objective first."""
    rows = [
        {"objective": key, "param": name, "share": share}
        for key, shares in results.importances.items()
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
        if share is not None and math.isfinite(share)
    ]
    return pd.DataFrame(rows, columns=["objective", "param", "share"])


def slices_frame(trials: Sequence[Trial], parameters: Sequence[str], objective: Column) -> pd.DataFrame:
    """param, value, objective_value, number: an objective against every parameter, for the trials that have it. The
    values of one parameter are all numbers or all text."""
    rows: list[dict[str, Any]] = []
    for name in parameters:
        with_parameter = [trial for trial in trials if name in trial.params]
        are_numbers = all(_is_number(trial.params[name]) for trial in with_parameter)
        for trial in with_parameter:
            value = trial.params[name]
            row = {"param": name, "value": value if are_numbers else value_text(value)}
            objective_value = in_units(trial.values[0] if trial.values else None, objective)
            rows.append(row | {"objective_value": objective_value, "number": trial.number})
    return pd.DataFrame(rows, columns=["param", "value", "objective_value", "number"]).astype({"value": object})


def front_frame(
    trials: Sequence[Trial], objectives: Sequence[Column], default_values: Sequence[float] | None
) -> pd.DataFrame:
    """number, a column an objective, on_front: trials, then the default with the number -1, which is on the front if no
    trial dominates it. Empty for a single objective."""
    names = ["number", *(column.key for column in objectives), "on_front"]
    if len(objectives) < 2 or not trials:
        return pd.DataFrame(columns=names)
    directions = [column.direction for column in objectives]
    points = [(trial.number, trial.values or []) for trial in trials]
    on_front = undominated([values for _, values in points], directions)
    if default_values and all(value is not None and math.isfinite(value) for value in default_values):
        # The default joins the front, but takes no trial off it.
        points.append((DEFAULT, list(default_values)))
        if len(points) - 1 in undominated([values for _, values in points], directions):
            on_front.add(len(points) - 1)
    rows = [[number, *map(in_units, values, objectives), i in on_front] for i, (number, values) in enumerate(points)]
    return pd.DataFrame(rows, columns=names)


def curves_frame(trials: Sequence[Trial], objective: Column) -> pd.DataFrame:
    """number, outcome, validation, value: the first objective over training."""
    rows = [
        {"number": trial.number, "outcome": trial.outcome, "validation": point, "value": in_units(value, objective)}
        for trial in trials
        for point, value in trial.curve
        if value is not None and math.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["number", "outcome", "validation", "value"])


def in_units(value: float | None, column: Column) -> float:
    """A stored value in the unit of tables; nan for None."""
    return math.nan if value is None else value / column.per_unit


def value_text(value: Any) -> str:
    """A config value as in YAML, fractions to 4 digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _parameter(trial: Trial, name: str) -> Any:
    """The trial's value of a parameter; None if it does not have the parameter, and "null" for the value null."""
    return trial.params.get(name) if trial.params.get(name, "") is not None else value_text(None)


def _numbers(values: Sequence[float | None], is_whole: bool) -> pd.Series[Any]:
    """A column with missing values; counts stay exact."""
    if not is_whole:
        return pd.Series([math.nan if value is None else value for value in values], dtype=float)
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    return pd.Series([None if value is None else round(value) for value in finite], dtype="Int64")


def _value_in_history(trial: Trial, index: int, column: Column) -> float:
    """The value, or the last score of a pruned trial; nan if there is none."""
    if trial.outcome == "complete":
        return in_units(trial.values[index] if trial.values else None, column)
    if trial.outcome == "pruned" and trial.curve and index == 0:
        return in_units(trial.curve[-1][1], column)
    return math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
