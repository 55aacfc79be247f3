"""How a search's trials ended, as Optuna's states and our records beside them say, and whether more may begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from bench.search.search import Search
from bench.search.space import size
from bench.search.storage import MAX_DEATHS, retried

MAX_UNTRAINED = 10  # trials that break a constraint, for each that is asked for; 200 at least
RECORD, STOPS = "bench", "stops"  # what we keep with a trial; how often it was queued again in good order


def outcomes(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """Number -> how the trial ended, in the words of reports."""
    again = {number for trial in trials for number in retried(trial)}
    return {trial.number: _outcome(trial, trial.number in again) for trial in trials}


def _outcome(trial: FrozenTrial, is_queued_again: bool) -> str:
    if not trial.state.is_finished():
        return "running"
    if trial.state == TrialState.COMPLETE:
        return "complete"
    if trial.state == TrialState.FAIL:
        return "lost" if is_queued_again or left_behind([trial]) else "failed"
    return str(record_of(trial).get("outcome", "pruned"))


def record_of(trial: FrozenTrial) -> dict[str, Any]:
    """A trial's Record; empty as long as it has none."""
    found: dict[str, Any] = trial.user_attrs.get(RECORD, {})
    return found if found.get("number", trial.number) == trial.number else {}


def left_behind(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials whose worker was given up, and which are in no queue; but for those on which too many workers died."""
    again = {number for trial in trials for number in retried(trial)}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and not record_of(trial)
        and trial.number not in again
        and len(retried(trial)) - trial.user_attrs.get(STOPS, 0) < MAX_DEATHS
    ]


def has_room(search: Search, trials: Sequence[FrozenTrial]) -> bool:
    """Whether another trial may begin: those that were not trained do not count, unless they are very many."""
    found = outcomes(trials)
    first = [trial for trial in trials if not retried(trial)]
    untrained = sum(found[trial.number] in ("infeasible", "invalid") for trial in trials)
    most = max(200, MAX_UNTRAINED * search.file.trials)
    if search.file.sampler == "grid" and len(first) >= (size(search.space) or 0):
        return False
    return len(first) - untrained < search.file.trials and untrained < most
