"""The analysis of a search: every number of its page, computed once; tables, figures and sentences only format it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.report.analysis.columns import COSTS, Column
from bench.report.analysis.pareto import undominated
from bench.report.analysis.quantities import parse
from bench.report.search.confirmation import Confirmation
from bench.report.search.frames import (
    curves_frame,
    front_frame,
    history_frame,
    importances_frame,
    slices_frame,
    trials_frame,
)
from bench.report.search.results import SearchResults, Trial


@dataclass(frozen=True)
class ObjectiveValue:
    """The winner's value of an objective beside the default's, both as stored."""

    column: Column
    value: float
    default: float | None


@dataclass(frozen=True)
class Overhead:
    """The time between proposal and result that was neither training nor scoring."""

    trials: int
    seconds: float
    """Wall time of these trials."""
    share: float
    """The overhead's share of `seconds`, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class SearchAnalysis:
    """What the page of a search shows."""

    results: SearchResults
    confirmation: Confirmation | None
    objectives: tuple[Column, ...]
    """Each with the direction that the search gives it."""
    costs: tuple[Column, ...]
    """Known costs that are no objectives, in the order of tables."""
    default_values: tuple[float | None, ...]
    """The default's value of every objective, as stored."""
    outcome_counts: Counter[str]
    ranking: tuple[Trial, ...]
    """Complete trials, the best first, each config once; with several objectives those of the Pareto set, by the
    first."""
    winner: Trial | None
    """The confirmed trial, or else the best one of a single objective."""
    winner_values: tuple[ObjectiveValue, ...]
    overhead: Overhead | None
    """None before any trial is complete or pruned."""
    trials: pd.DataFrame
    history: pd.DataFrame
    importances: pd.DataFrame
    slices: pd.DataFrame
    front: pd.DataFrame
    curves: pd.DataFrame

    @property
    def has_front(self) -> bool:
        """Whether there are several objectives, so that trials form a Pareto set."""
        return len(self.objectives) > 1


def analyse_search(results: SearchResults, confirmation: Confirmation | None = None) -> SearchAnalysis:
    """Compute everything that the page shows."""
    objectives = tuple(
        replace(parse(each["quantity"]).column, direction=each["direction"]) for each in results.search["objectives"]
    )
    costs = _costs(results, objectives)
    default_values = tuple(results.default["values"] or [None] * len(objectives))
    finite = [trial for trial in results.outcome("complete") if has_finite_values(trial)]
    ranking = rank(finite, objectives)
    winner = _winner(results, finite, ranking, objectives)
    winner_values = tuple(map(ObjectiveValue, objectives, winner.values or [], default_values)) if winner else ()
    return SearchAnalysis(
        results=results,
        confirmation=confirmation,
        objectives=objectives,
        costs=costs,
        default_values=default_values,
        outcome_counts=Counter(trial.outcome for trial in results.trials),
        ranking=ranking,
        winner=winner,
        winner_values=winner_values,
        overhead=_overhead(results),
        trials=trials_frame(results, objectives, costs),
        history=history_frame(results.trials, objectives, default_values),
        importances=importances_frame(results),
        slices=slices_frame(finite, list(results.search["space"]), objectives[0]),
        front=front_frame(finite, objectives, results.default["values"]),
        curves=curves_frame(results.outcome("complete", "pruned"), objectives[0]),
    )


def has_finite_values(trial: Trial) -> bool:
    """Whether the trial has values, all of them finite."""
    return bool(trial.values) and all(map(math.isfinite, trial.values or []))


def rank(trials: Sequence[Trial], objectives: Sequence[Column]) -> tuple[Trial, ...]:
    """Trials by the first objective, the best first; with several objectives only those that no other dominates."""
    points = [trial.values or [] for trial in trials]
    if len(objectives) > 1:
        chosen = undominated(points, [column.direction for column in objectives])
        trials = [trial for index, trial in enumerate(trials) if index in chosen]
    sign = 1 if objectives[0].direction == "lower" else -1
    ordered = sorted(trials, key=lambda trial: (sign * (trial.values or [math.nan])[0], trial.number))
    first: dict[tuple[str, ...], Trial] = {}
    for trial in ordered:  # a sampler may propose the same config twice
        first.setdefault(tuple(trial.runs), trial)
    return tuple(first.values())


def _costs(results: SearchResults, objectives: Sequence[Column]) -> tuple[Column, ...]:
    known = {*results.default["costs"], *(key for trial in results.trials for key in trial.costs)}
    return tuple(column for column in COSTS if column.key in known - {column.key for column in objectives})


def _winner(
    results: SearchResults, finite: Sequence[Trial], ranking: Sequence[Trial], objectives: Sequence[Column]
) -> Trial | None:
    confirmed = next((trial for trial in finite if trial.number == results.winner), None)
    best = ranking[0] if ranking and len(objectives) == 1 else None
    return confirmed or best


def _overhead(results: SearchResults) -> Overhead | None:
    trials = [trial for trial in results.outcome("complete", "pruned") if trial.seconds > 0]
    seconds = sum(trial.seconds for trial in trials)
    if not seconds:
        return None
    return Overhead(len(trials), seconds, 1 - sum(trial.work_seconds for trial in trials) / seconds)
