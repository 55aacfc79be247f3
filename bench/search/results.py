"""The results of a search in plain values: its trials, the winner, and the importance of each parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial

from bench.data.dataset import open_dataset
from bench.measure import PEAK_VERSION
from bench.measure.metrics import METRICS
from bench.report.search.results import SearchResults, Trial
from bench.search.best import DEFAULT
from bench.search.objectives import Objective
from bench.search.optuna_study import without_experimental_warnings
from bench.search.proposals import in_words
from bench.search.search import Search
from bench.search.trials import outcomes, record_of
from bench.store.run_store import RunStore
from bench.study.study import Run


def collect_search(search: Search, study: Study, store: RunStore) -> SearchResults:
    """The results of the search so far."""
    frozen = study.get_trials(deepcopy=False)
    outcome_of = outcomes(frozen)
    trials = [_trial(search, trial, outcome_of[trial.number]) for trial in frozen]
    default = default_results(search, store)
    winner = choose_winner(search.objectives, trials, default["values"])
    is_default = winner is not None and search.config_of(winner.changes).identity() == search.default.identity()
    rule = _winner_rule(search.objectives, winner, default)
    return SearchResults(
        search=describe(search) | {"winner_is_default": is_default, "winner_rule": rule},
        trials=trials,
        default=default,
        importances=_importances(search, study),
        winner=winner.number if winner else None,
    )


def describe(search: Search) -> dict[str, Any]:
    """What a report tells about a search, in plain values."""
    file = search.file
    return {
        "name": search.name,
        "title": file.title,
        "question": file.question,
        "path": search.path.as_posix(),
        "scale": search.scale,
        "command": search.command,
        "storage": search.study_name,
        "sampler": file.sampler,
        "pruner": search.pruner,
        "trials": file.trials,
        "timeout": file.timeout,
        "seeds": search.seeds,
        "fresh_seeds": search.fresh_seeds,
        "space": in_words(search.space),
        "objectives": [{"quantity": o.quantity, "direction": o.direction} for o in search.objectives],
        "constraints": [{"quantity": c.quantity, "relation": c.relation, "bound": c.bound} for c in search.constraints],
        "control": search.default.identity(),
        "data": open_dataset(search.default.data).describe(),
    }


def _trial(search: Search, trial: FrozenTrial, outcome: str) -> Trial:
    record = record_of(trial)
    validations = search.default.train.validations
    curve = [(step, value) for step, value in sorted(trial.intermediate_values.items()) if step <= validations]
    return Trial(
        number=trial.number,
        outcome=outcome,  # type: ignore[arg-type]
        params=trial.params,
        changes=record.get("changes", {}),
        values=list(trial.values) if outcome == "complete" else None,
        costs=record.get("costs", {}),
        curve=[] if search.pruner == "wilcoxon" else curve,
        runs=record.get("runs", []),
        reason=record.get("reason", ""),
        seconds=record.get("seconds", 0.0),
        work_seconds=record.get("work_seconds", 0.0),
    )


def default_runs(search: Search) -> list[Run]:
    """The runs of the default, with the seeds and the photographs of trials."""
    return [search.run(search.default.model_copy(update={"seed": seed}), DEFAULT) for seed in search.seeds]


def default_results(search: Search, store: RunStore) -> dict[str, Any]:
    """values (None until every seed has them), costs and runs of the default."""
    runs = default_runs(search)
    costs: dict[str, float] = {}
    values: list[float] | None = []
    for objective in search.objectives:
        of_runs = [_value(store, run, objective.quantity) for run in runs]
        finite = [value for value in of_runs if value is not None and math.isfinite(value)]
        if values is not None:
            values = [*values, math.fsum(finite) / len(finite)] if len(finite) == len(runs) else None
    for quantity in {"parameters_total", *search.constrained, *search.cost_objectives}:
        value = _value(store, runs[0], quantity)
        if value is not None:
            costs[quantity] = value
    return {"values": values, "costs": dict(sorted(costs.items())), "runs": [run.id for run in runs]}


def _value(store: RunStore, run: Run, quantity: str) -> float | None:
    """The mean score over images, or the cost, of a finished run; None if the store does not have it."""
    if quantity in METRICS:
        rows = store.read_rows(run.id, METRICS[quantity].records)
        return math.fsum(float(row["value"]) for row in rows) / len(rows) if rows else None
    cost, speed = store.read(run.id, "cost") or {}, store.read(run.id, "throughput") or {}
    training = store.read(run.id, "training") or {}
    peak = speed.get("training_peak_bytes") if speed.get("peak_version") == PEAK_VERSION else None
    value = {
        "training_seconds": training.get("seconds"),
        "training_peak_bytes": peak,
        "training_images_per_second": (speed.get("training") or {}).get("images_per_second"),
        "inference_images_per_second": (speed.get("inference") or {}).get("images_per_second"),
        **cost,
    }.get(quantity)
    return None if value is None else float(value)


def choose_winner(
    objectives: Sequence[Objective], trials: Sequence[Trial], default: Sequence[float] | None
) -> Trial | None:
    """The trial for the final comparison: the best in the first objective, among the trials that are no worse than the
    default in every other objective, or among all if there is no such trial."""
    complete = [trial for trial in trials if trial.outcome == "complete"]
    if len(objectives) > 1 and default is not None:
        kept = [trial for trial in complete if trial.values and not _is_worse(objectives, trial.values, default)]
        complete = kept or complete
    best: Trial | None = None
    for trial in complete:
        if best is None or _key(objectives, trial) < _key(objectives, best):
            best = trial
    return best


def _winner_rule(objectives: Sequence[Objective], winner: Trial | None, default: dict[str, Any]) -> str:
    """Which rule chose the winner among several objectives: "no worse", "best of all", or "" for one objective."""
    if len(objectives) < 2 or winner is None or winner.values is None or default["values"] is None:
        return ""
    return "best of all" if _is_worse(objectives, winner.values, default["values"]) else "no worse"


def _is_worse(objectives: Sequence[Objective], values: Sequence[float], default: Sequence[float]) -> bool:
    """Whether the default is better in an objective after the first."""
    return any(o.beats(d, v) for o, v, d in list(zip(objectives, values, default, strict=True))[1:])


def _key(objectives: Sequence[Objective], trial: Trial) -> tuple[float, ...]:
    """A sort key: the better values first, objective by objective, then the earlier trial."""
    assert trial.values is not None
    signed = [v if o.direction == "lower" else -v for o, v in zip(objectives, trial.values, strict=True)]
    return (*signed, trial.number)


def _importances(search: Search, study: Study) -> dict[str, dict[str, float]]:
    """Objective -> parameter -> share of the variance among complete trials that it explains (fANOVA, Hutter et al.
    2014). Only parameters that every trial has are included."""
    importances = {}
    for index, objective in enumerate(search.objectives):
        with without_experimental_warnings():
            try:
                shares = optuna.importance.get_param_importances(
                    study,
                    evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
                    target=lambda trial, index=index: trial.values[index],  # type: ignore[misc]
                )
            except (ValueError, RuntimeError, ZeroDivisionError):  # there are too few trials, or all are equal
                continue
        if shares and all(map(math.isfinite, shares.values())):
            importances[objective.quantity] = {name: round(share, 4) for name, share in shares.items()}
    return importances
