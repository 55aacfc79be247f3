"""The trials of a search: how each ended, which have to be tried again, and whether another may begin.

Optuna knows the states running, waiting, complete, pruned and failed. A record beside each state tells the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.search.optuna_study import without_experimental_warnings
from bench.search.search import Search
from bench.search.space import count_configs

MAX_DEATHS = 5  # workers that may die on one trial before it counts as failed
UNTRAINED_PER_TRIAL, MIN_UNTRAINED = 10, 200  # proposals that may break a constraint before the search gives up
RECORD = "bench"  # the attribute with a trial's record
STOPS = "stops"  # the attribute that counts how often an interruption queued the trial again


@dataclass
class TrialRecord:
    """What is known of a trial besides what Optuna keeps."""

    number: int = -1
    """The trial's number. A trial that is queued again inherits the record of its predecessor, with another number."""
    outcome: str = "running"
    reason: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    work_seconds: float = 0.0


def outcomes(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """Number -> outcome, in the words of reports."""
    predecessors = {number for trial in trials for number in retried(trial)}
    return {trial.number: _outcome(trial, trial.number in predecessors) for trial in trials}


def _outcome(trial: FrozenTrial, is_queued_again: bool) -> str:
    if not trial.state.is_finished():
        return "running"
    if trial.state == TrialState.COMPLETE:
        return "complete"
    if trial.state == TrialState.FAIL:
        return "lost" if is_queued_again or left_behind([trial]) else "failed"
    return str(record_of(trial).get("outcome", "pruned"))


def record_of(trial: FrozenTrial) -> dict[str, Any]:
    """The fields of a trial's TrialRecord; empty before the trial has ended."""
    record: dict[str, Any] = trial.user_attrs.get(RECORD, {})
    return record if record.get("number", trial.number) == trial.number else {}


def left_behind(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials whose worker was given up and that nobody has queued again; without those on which too many died."""
    predecessors = {number for trial in trials for number in retried(trial)}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and not record_of(trial)
        and trial.number not in predecessors
        and len(retried(trial)) - trial.user_attrs.get(STOPS, 0) < MAX_DEATHS
    ]


def has_room(search: Search, trials: Sequence[FrozenTrial]) -> bool:
    """Whether another trial may begin. Untrained trials do not count, up to a limit."""
    outcome_of = outcomes(trials)
    proposals = [trial for trial in trials if not retried(trial)]
    if search.file.sampler == "grid" and len(proposals) >= (count_configs(search.space) or 0):
        return False
    untrained = sum(outcome_of[trial.number] in ("infeasible", "invalid") for trial in trials)
    max_untrained = max(MIN_UNTRAINED, UNTRAINED_PER_TRIAL * search.file.trials)
    return len(proposals) - untrained < search.file.trials and untrained < max_untrained


def give_up(study: Study, trial: FrozenTrial) -> bool:
    """Fail a trial that its worker does not finish. Of several processes that try, one succeeds and gets True."""
    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):  # another process was first, or the worker has finished after all
        return False
    return True


def queue_again(study: Study, number: int) -> None:
    """Queue a failed trial under a new number, with its parameters, attributes and intermediate values."""
    with without_experimental_warnings():
        RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)(study, study.trials[number])


def retried(trial: FrozenTrial) -> list[int]:
    """The numbers of the trials that this one continues."""
    with without_experimental_warnings():
        return RetryHeartbeatStaleTrialCallback.retry_history(trial)
