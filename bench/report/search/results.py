"""What the page of a search stands on: its trials in plain values, as they are committed beside it and read again."""

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
"""complete: it has values. pruned: stopped at a validation point. diverged: training broke down. failed: an error.
infeasible: it broke a constraint and was not trained. invalid: its values make no config. running: at work, or waiting.
lost: its worker died or was interrupted; the trial was queued again under another number."""


@dataclass(frozen=True)
class Trial:
    """A proposal and what became of it."""

    number: int
    outcome: Outcome
    params: dict[str, Any]
    """Name in the space -> value."""
    changes: dict[str, Any]
    """Config path -> value: what the proposal sets."""
    values: list[float] | None
    """One an objective, in their order: means over the seeds and the validation images; None if not complete."""
    costs: dict[str, float]
    """Quantity -> value, those that objectives and constraints speak of; known before training, but for
    training_seconds; and parameters_total always."""
    curve: list[tuple[int, float]]
    """(validation point from 1 on, first objective's score) of the first seed."""
    runs: list[str]
    """Run ids, one a seed."""
    reason: str = ""
    """Why it did not complete."""
    seconds: float = 0.0
    """From the proposal to the answer."""
    work_seconds: float = 0.0
    """Of that, training and scoring; the rest is the harness."""


@dataclass(frozen=True, eq=False)
class SearchResults:
    """A search's trials, free of Optuna and stores."""

    search: dict[str, Any]
    """name, title, question, path, scale, command, storage (name of the Optuna study), sampler, pruner, trials (asked
    for), timeout, seeds (of each trial), fresh_seeds, space (name -> what it can be, in words), objectives (list of
    {quantity, direction}), constraints (list of {quantity, relation, bound}), control (the default's config), data,
    winner_is_default, winner_rule (of several objectives: "no worse" than the default in the others, "best of all" in
    the first where no trial was that), folder, and best_runs, the run ids of the comparison at the end."""
    trials: list[Trial]
    default: dict[str, Any]
    """The default config on the search's own seeds and images: values (or None), costs, runs."""
    importances: dict[str, dict[str, float]] = field(default_factory=dict)
    """Objective -> name in the space -> share; empty where they cannot be estimated."""
    winner: int | None = None
    """Number of the trial that was confirmed."""

    def outcome(self, *outcomes: Outcome) -> list[Trial]:
        """The trials that ended so."""
        return [trial for trial in self.trials if trial.outcome in outcomes]


def search_text(results: SearchResults) -> str:
    """The archive's content."""
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
                raise ValueError(f"it has an objective that is not known here: {objective['quantity']}")
        return results
    except FileNotFoundError:
        raise InputError(f"{folder}: no search to report on ({TRIALS} is not there)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
