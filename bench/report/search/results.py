"""The results of a search in plain values, and the archive beside the page that holds them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.report.analysis.archive import TRIALS
from bench.study.hypotheses import COSTS

Outcome = Literal["complete", "pruned", "diverged", "failed", "infeasible", "invalid", "running", "lost"]
"""complete: the trial has values. pruned: it was stopped at a validation. diverged: training broke down. failed: an
error ended it. infeasible: it broke a constraint and was not trained. invalid: its values make no valid config.
running: it is running or waiting. lost: it was queued again under another number, since it failed, its worker died or
was interrupted."""


@dataclass(frozen=True)
class Trial:
    """A proposal and its result."""

    number: int
    outcome: Outcome
    params: dict[str, Any]
    """Parameter -> value."""
    changes: dict[str, Any]
    """Config path -> value that the proposal sets."""
    values: list[float] | None
    """One value an objective, in their order: means over seeds and validation images; None if not complete."""
    costs: dict[str, float]
    """Quantity -> value: parameters_total, and the costs that objectives and constraints name. All but
    training_seconds are known before training."""
    curve: list[tuple[int, float]]
    """(validation, counted from 1; score of the first objective), of the first seed."""
    runs: list[str]
    """The run ids, one a seed."""
    reason: str = ""
    """Why the trial is not complete."""
    seconds: float = 0.0
    """Wall time from the proposal to the result."""
    work_seconds: float = 0.0
    """The part of `seconds` spent on training and scoring; the rest is the harness."""


@dataclass(frozen=True, eq=False)
class SearchResults:
    """A search and its trials, without Optuna and without a store."""

    search: dict[str, Any]
    """name, title, question, path, scale, command, storage (name of the Optuna study), sampler, pruner, trials (number
    requested), timeout, seeds (of every trial), fresh_seeds, space (parameter -> its values in words), objectives (list
    of {quantity, direction}), constraints (list of {quantity, relation, bound}), control (the default's config), data,
    winner_is_default, winner_rule ("no worse": the best in the first objective of those no worse than the default in
    the others; "best of all": there are none such; "": a single objective), folder (of the report), and, with a winner
    that is not the default, best_runs (run ids of the final comparison)."""
    trials: list[Trial]
    default: dict[str, Any]
    """The default config on the seeds and images of the trials: values (or None), costs, runs."""
    importances: dict[str, dict[str, float]] = field(default_factory=dict)
    """Objective -> parameter -> share of the variance; empty if it cannot be estimated."""
    winner: int | None = None
    """The number of the trial in the final comparison."""

    def outcome(self, *outcomes: Outcome) -> list[Trial]:
        """The trials with one of these outcomes."""
        return [trial for trial in self.trials if trial.outcome in outcomes]


def search_text(results: SearchResults) -> str:
    """The content of the archive."""
    return json.dumps(asdict(results), indent=1) + "\n"


def load_search_results(folder: Path) -> SearchResults:
    """Read an archive. Raises InputError if there is none or it is damaged."""
    path = folder / TRIALS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        trials = [Trial(**trial | {"curve": [tuple(p) for p in trial["curve"]]}) for trial in content.pop("trials")]
        results = SearchResults(trials=trials, **content)
        known = {*METRICS, *COSTS}
        for objective in results.search["objectives"]:
            if objective["quantity"] not in known:
                raise ValueError(f"its objective {objective['quantity']} is unknown to this version")
        return results
    except FileNotFoundError:
        raise InputError(f"{folder}: no search to report on ({TRIALS} is not there)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
