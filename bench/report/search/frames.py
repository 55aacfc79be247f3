"""The numbers of a search's page as data frames: its trials, their history, what mattered, and the Pareto front."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.report.analysis.columns import COSTS, Column
from bench.report.analysis.pareto import undominated
from bench.report.analysis.quantities import parse
from bench.report.search.results import SearchResults, Trial
from bench.study.hypotheses import COUNTS

DEFAULT = -1
"""What the default has in place of a trial's number."""
PARAMETER = "params_"
"""What a parameter's column is called, before its name."""


def objectives(results: SearchResults) -> list[Column]:
    """What is made better, each with the direction that the search gives it."""
    return [
        replace(parse(each["quantity"]).column, direction=each["direction"]) for each in results.search["objectives"]
    ]


def costs(results: SearchResults) -> list[Column]:
    """What is known besides the objectives, in the tables' order."""
    known = {*results.default["costs"], *(key for trial in results.trials for key in trial.costs)}
    return [column for column in COSTS if column.key in known - {c.key for c in objectives(results)}]


def in_units(value: float | None, column: Column) -> float:
    """A stored value as tables show it; nan for none."""
    return math.nan if value is None else value / column.per_unit


def default_value(results: SearchResults, place: int) -> float:
    """The default's value of an objective, in the table's unit; nan if it has none."""
    values = results.default["values"]
    return in_units(values[place] if values else None, objectives(results)[place])


def word(value: Any) -> str:
    """A setting as YAML would have it, fractions to 4 digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def best_trials(results: SearchResults) -> list[Trial]:
    """Complete trials, the best first, each config once; of several objectives those that no other trial dominates, by
    the first."""
    complete = _with_values(results)
    columns = objectives(results)
    if len(columns) > 1:
        chosen = undominated([values for _, values in complete], [column.direction for column in columns])
        complete = [pair for i, pair in enumerate(complete) if i in chosen]
    sign = 1 if columns[0].direction == "lower" else -1
    ranked = [trial for trial, _ in sorted(complete, key=lambda pair: (sign * pair[1][0], pair[0].number))]
    first: dict[tuple[str, ...], Trial] = {}
    for trial in ranked:  # a sampler may propose the same twice
        first.setdefault(tuple(trial.runs), trial)
    return list(first.values())


def winner(results: SearchResults) -> Trial | None:
    """The trial that was confirmed; of one objective else the best."""
    named = next((trial for trial, _ in _with_values(results) if trial.number == results.winner), None)
    ranked = best_trials(results) if len(results.search["objectives"]) == 1 else []
    return named or next(iter(ranked), None)


def _with_values(results: SearchResults) -> list[tuple[Trial, list[float]]]:
    """Complete trials and their values, all of them finite."""
    found = [(trial, trial.values or []) for trial in results.outcome("complete")]
    return [(trial, values) for trial, values in found if values and all(map(math.isfinite, values))]


def trials_frame(results: SearchResults) -> pd.DataFrame:
    """A row a trial: number, outcome, objectives, costs (both as stored: operations in ones, memory in bytes), each
    parameter as params_NAME, validations (how many it reached), seconds, work_seconds, reason, runs."""
    trials = results.trials
    frame = pd.DataFrame({"number": [t.number for t in trials], "outcome": [t.outcome for t in trials]})
    for place, column in enumerate(objectives(results)):
        frame[column.key] = _numbers([t.values[place] if t.values else None for t in trials], column.key in COUNTS)
    for column in costs(results):
        frame[column.key] = _numbers([t.costs.get(column.key) for t in trials], column.key in COUNTS)
    for name in results.search["space"]:
        frame[PARAMETER + name] = pd.Series([_setting(t, name) for t in trials], dtype=object)
    frame["validations"] = _numbers([t.curve[-1][0] if t.curve else None for t in trials], True)
    frame["seconds"] = _numbers([t.seconds for t in trials], False)
    frame["work_seconds"] = _numbers([t.work_seconds for t in trials], False)
    frame["reason"] = [t.reason for t in trials]
    frame["runs"] = [" ".join(t.runs) for t in trials]
    return frame


def _setting(trial: Trial, name: str) -> Any:
    """Its value of a parameter; None if it has none, which is not the value null."""
    return trial.params.get(name) if trial.params.get(name, "") is not None else word(None)


def _numbers(values: Sequence[float | None], is_whole: bool) -> pd.Series[Any]:
    """A column in which some are missing; counts stay exact."""
    if not is_whole:
        return pd.Series([math.nan if value is None else value for value in values], dtype=float)
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    return pd.Series([None if value is None else round(value) for value in finite], dtype="Int64")


def history(results: SearchResults) -> pd.DataFrame:
    """number, objective, outcome, value, best (of the complete trials so far), default.

    Complete trials, and for the first objective pruned ones at the last point of their curve.
    """
    rows: list[dict[str, Any]] = []
    for place, column in enumerate(objectives(results)):
        best, better = math.nan, max if column.direction == "higher" else min
        default = default_value(results, place)
        for trial in sorted(results.trials, key=lambda trial: trial.number):
            value = _shown(trial, place, column)
            if math.isfinite(value):
                if trial.outcome == "complete":
                    best = value if math.isnan(best) else better(best, value)
                row = {"number": trial.number, "objective": column.key, "outcome": trial.outcome}
                rows.append(row | {"value": value, "best": best, "default": default})
    return pd.DataFrame(rows, columns=["number", "objective", "outcome", "value", "best", "default"])


def _shown(trial: Trial, place: int, column: Column) -> float:
    """The value, or what a pruned trial had reached; nan if there is nothing to show."""
    if trial.outcome == "complete":
        return in_units(trial.values[place] if trial.values else None, column)
    if trial.outcome == "pruned" and trial.curve and place == 0:
        return in_units(trial.curve[-1][1], column)
    return math.nan


def curves(results: SearchResults) -> pd.DataFrame:
    """number, outcome, validation, value: the first objective over training, of complete and pruned trials."""
    column = objectives(results)[0]
    rows = [
        {"number": trial.number, "outcome": trial.outcome, "validation": point, "value": in_units(value, column)}
        for trial in results.outcome("complete", "pruned")
        for point, value in trial.curve
        if value is not None and math.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["number", "outcome", "validation", "value"])


def front(results: SearchResults) -> pd.DataFrame:
    """number, a column an objective, on_front: complete trials, and the default last with the number -1, which is on
    the front if no trial dominates it. Empty for a single objective."""
    columns = objectives(results)
    names = ["number", *(column.key for column in columns), "on_front"]
    complete = _with_values(results)
    if len(columns) < 2 or not complete:
        return pd.DataFrame(columns=names)
    directions = [column.direction for column in columns]
    points = [(trial.number, values) for trial, values in complete]
    chosen = undominated([values for _, values in points], directions)
    default = results.default["values"]
    if default and all(value is not None and math.isfinite(value) for value in default):
        points.append((DEFAULT, default))
        if len(points) - 1 in undominated([values for _, values in points], directions):
            chosen.add(len(points) - 1)
    rows = [[number, *map(in_units, values, columns), index in chosen] for index, (number, values) in enumerate(points)]
    return pd.DataFrame(rows, columns=names)


def slices(results: SearchResults) -> pd.DataFrame:
    """param, value, objective_value, number: the first objective against each parameter, of complete trials that have
    it. The values of one parameter are all numbers, or all words."""
    column = objectives(results)[0]
    rows: list[dict[str, Any]] = []
    for name in results.search["space"]:
        found = [(trial, values[0]) for trial, values in _with_values(results) if name in trial.params]
        is_number = all(_is_number(trial.params[name]) for trial, _ in found)
        for trial, value in found:
            setting = trial.params[name]
            row = {"param": name, "value": setting if is_number else word(setting)}
            rows.append(row | {"objective_value": in_units(value, column), "number": trial.number})
    return pd.DataFrame(rows, columns=["param", "value", "objective_value", "number"]).astype({"value": object})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def importances(results: SearchResults) -> pd.DataFrame:
    """objective, param, share: the largest share of each objective first."""
    rows = [
        {"objective": key, "param": name, "share": share}
        for key, shares in results.importances.items()
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
        if share is not None and math.isfinite(share)
    ]
    return pd.DataFrame(rows, columns=["objective", "param", "share"])
