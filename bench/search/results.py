"""What a search found: its trials in plain values, the winner, and the study that holds it against the default."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import Study
from optuna.trial import FrozenTrial

from bench.data.dataset import open_dataset
from bench.measure import PEAK_VERSION
from bench.measure.metrics import METRICS
from bench.report.search.results import SearchResults, Trial
from bench.search.best import DEFAULT
from bench.search.objectives import Objective
from bench.search.proposals import in_words
from bench.search.search import Search
from bench.search.trials import outcomes, record_of
from bench.store.run_store import RunStore
from bench.study.study import Run


def collect_search(search: Search, study: Study, store: RunStore) -> SearchResults:
    """The search as it stands."""
    frozen = study.get_trials(deepcopy=False)
    found = outcomes(frozen)
    trials = [_trial(search, trial, found[trial.number]) for trial in frozen]
    default = default_results(search, store)
    win = winner(search.objectives, trials, default["values"])
    same = win is not None and search.config_of(win.changes).identity() == search.default.identity()
    return SearchResults(
        search=describe(search) | {"winner_is_default": same, "winner_rule": _rule(search.objectives, win, default)},
        trials=trials,
        default=default,
        importances=_importances(search, study),
        winner=win.number if win else None,
    )


def describe(search: Search) -> dict[str, Any]:
    """What a report says of a search, in plain values."""
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
    points = search.default.train.validations
    curve = [(step, value) for step, value in sorted(trial.intermediate_values.items()) if step <= points]
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
    """The default as trials are judged: their seeds, their half of the photographs."""
    return [search.run(search.default.model_copy(update={"seed": seed}), DEFAULT) for seed in search.seeds]


def default_results(search: Search, store: RunStore) -> dict[str, Any]:
    """values (None as long as they are not all there), costs, runs of the default."""
    runs = default_runs(search)
    costs: dict[str, float] = {}
    values: list[float] | None = []
    for objective in search.objectives:
        found = [_value(store, run, objective.quantity) for run in runs]
        there = [value for value in found if value is not None and math.isfinite(value)]
        if values is not None:
            values = [*values, math.fsum(there) / len(there)] if len(there) == len(runs) else None
    asked = [c.quantity for c in search.constraints] + [o.quantity for o in search.objectives if o.is_cost]
    for quantity in {"parameters_total", *asked}:
        value = _value(store, runs[0], quantity)
        if value is not None:
            costs[quantity] = value
    return {"values": values, "costs": dict(sorted(costs.items())), "runs": [run.id for run in runs]}


def _value(store: RunStore, run: Run, quantity: str) -> float | None:
    """A score's mean over images, or a cost, of a finished run."""
    if quantity in METRICS:
        rows = store.read_rows(run.id, METRICS[quantity].records)
        return math.fsum(float(row["value"]) for row in rows) / len(rows) if rows else None
    cost, speed = store.read(run.id, "cost") or {}, store.read(run.id, "throughput") or {}
    training = store.read(run.id, "training") or {}
    found = {
        "training_seconds": training.get("seconds"),
        "training_peak_bytes": speed.get("training_peak_bytes") if speed.get("peak_version") == PEAK_VERSION else None,
        "training_images_per_second": (speed.get("training") or {}).get("images_per_second"),
        "inference_images_per_second": (speed.get("inference") or {}).get("images_per_second"),
        **cost,
    }.get(quantity)
    return None if found is None else float(found)


def winner(objectives: Sequence[Objective], trials: Sequence[Trial], default: Sequence[float] | None) -> Trial | None:
    """The trial that is confirmed. Of one objective the best; of several the one that is best in the first among
    those that are no worse than the default in any other; if there is none, among all."""
    complete = [trial for trial in trials if trial.outcome == "complete"]
    if len(objectives) > 1 and default is not None:
        kept = [trial for trial in complete if trial.values and not _is_worse(objectives, trial.values, default)]
        complete = kept or complete
    best: Trial | None = None
    for trial in complete:
        if best is None or _key(objectives, trial) < _key(objectives, best):
            best = trial
    return best


def _rule(objectives: Sequence[Objective], won: Trial | None, default: dict[str, Any]) -> str:
    """How the winner was chosen among several objectives: no worse, best of all, or nothing to say."""
    if len(objectives) < 2 or won is None or won.values is None or default["values"] is None:
        return ""
    return "best of all" if _is_worse(objectives, won.values, default["values"]) else "no worse"


def _is_worse(objectives: Sequence[Objective], values: Sequence[float], default: Sequence[float]) -> bool:
    return any(o.beats(d, v) for o, v, d in list(zip(objectives, values, default, strict=True))[1:])


def _key(objectives: Sequence[Objective], trial: Trial) -> tuple[float, ...]:
    """Lower is better, objective by objective; the earlier trial of equals."""
    assert trial.values is not None
    signed = [v if o.direction == "lower" else -v for o, v in zip(objectives, trial.values, strict=True)]
    return (*signed, trial.number)


def _importances(search: Search, study: Study) -> dict[str, dict[str, float]]:
    """Objective -> parameter -> share of the variance that it explains (fANOVA, Hutter et al. 2014), over complete
    trials; only of parameters that every trial has."""
    found = {}
    for index, objective in enumerate(search.objectives):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            try:
                shares = optuna.importance.get_param_importances(
                    study,
                    evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
                    target=lambda trial, index=index: trial.values[index],  # type: ignore[misc]
                )
            except (ValueError, RuntimeError, ZeroDivisionError):  # too few trials, or none differ
                continue
        if shares and all(map(math.isfinite, shares.values())):
            found[objective.quantity] = {name: round(share, 4) for name, share in shares.items()}
    return found
