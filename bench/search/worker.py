"""A worker of a search: takes a trial, has it evaluated, tells Optuna the result, and takes the next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from bench.search.evaluation import Evaluation, TrialEnded
from bench.search.heartbeat import Heartbeat
from bench.search.optuna_study import open_study
from bench.search.proposals import propose
from bench.search.search import Search
from bench.search.space import Assigned
from bench.search.storage import search_lock
from bench.search.trials import RECORD, STOPS, TrialRecord, give_up, has_room, left_behind, queue_again, retried
from bench.store.run_store import RunStore

if TYPE_CHECKING:
    from bench.machine import Machine
    from bench.runs.executors import ProgressCallback

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of every worker of one command."""

    url: str
    """The Optuna storage."""
    root: Path
    """The folder of the run store."""
    machine: Machine
    grace: float
    """Seconds without a heartbeat after which another worker's trial is taken over."""
    deadline: float = math.inf
    """The time.time() after which no trial begins."""


class WorkersLost(Exception):
    """Workers were killed again and again, or cannot continue."""


class TrialTakenOver(Exception):
    """Another worker took this one for dead, and has its trial."""


class Worker:
    """Works until the search has its trials, or until it should stop."""

    def __init__(
        self,
        search: Search,
        settings: WorkerSettings,
        tell: ProgressCallback,
        should_stop: Callable[[], bool],
        store: RunStore | None = None,
    ) -> None:
        """`tell` takes the trial's name in place of a run id. The store is the settings' unless given."""
        self.search, self.settings, self.tell, self.should_stop = search, settings, tell, should_stop
        self.study, self.sampler = open_study(search, settings.url)
        self.store = store or RunStore(settings.root, settings.grace)
        self.lock = search_lock(search, settings.root)
        self.heartbeat = Heartbeat(self.study, settings.grace)

    def work(self, after_trial: Callable[[], object] = lambda: None) -> None:
        """Work on trials. Raises KeyboardInterrupt when it should stop; the current trial is then queued again and
        resumes from its checkpoint."""
        with self.heartbeat:
            while not self.should_stop():
                try:
                    had_trial = self._work_on_next_trial()
                except (TrialTakenOver, UpdateFinishedTrialError):  # the other worker tells how the trial ends
                    self.heartbeat.end()
                    continue
                after_trial()
                if had_trial:
                    continue
                if time.time() >= self.settings.deadline or not self._unfinished():
                    return
                time.sleep(POLL_SECONDS)  # a trial of another worker falls to this one if that worker dies
        raise KeyboardInterrupt

    def _unfinished(self) -> list[FrozenTrial]:
        """Trials that other workers work on, or left behind."""
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.state.is_finished()] + left_behind(trials)

    def _work_on_next_trial(self) -> bool:
        """Take one trial from its proposal to its end; False if there is none to begin."""
        # Under the lock no two workers begin the last trial, and every proposal knows all others.
        with self.lock:
            began = time.perf_counter()
            if (trial := self._next_trial()) is None:
                return False
            assigned = propose(self.search.space, trial)
        self._evaluate(trial, assigned, began)
        return True

    def _next_trial(self) -> Trial | None:
        trials = self.study.get_trials(deepcopy=False)
        abandoned = left_behind(trials)
        for trial in abandoned:
            queue_again(self.study, trial.number)
        is_waiting = bool(abandoned) or any(trial.state == TrialState.WAITING for trial in trials)
        if time.time() >= self.settings.deadline or (not is_waiting and not has_room(self.search, trials)):
            return None
        self.sampler.reseed(sum(not retried(trial) for trial in trials))
        next_trial = self.study.ask()
        self.heartbeat.begin(next_trial)
        return next_trial

    def _evaluate(self, trial: Trial, assigned: Assigned, began: float) -> None:
        """Evaluate a trial and tell Optuna how it ended. Raises TrialTakenOver and KeyboardInterrupt."""
        from bench.training.trainer import Interrupted

        record = TrialRecord(trial.number, changes={path: value for path, (value, _) in assigned.items()})
        evaluation = Evaluation(
            self.search, trial, record, self.store, self.settings.machine, self.tell, self.should_stop
        )
        values: list[float] | None = None
        try:
            values = evaluation.values(assigned)
            record.outcome = "complete"
        except TrialEnded as end:
            record.outcome, record.reason = end.outcome, str(end)
        except (Interrupted, KeyboardInterrupt):
            self.heartbeat.end()
            if evaluation.is_taken_over:
                raise TrialTakenOver from None
            self._queue_interrupted(trial)
            raise KeyboardInterrupt from None
        self.heartbeat.end()
        record.seconds = time.perf_counter() - began
        state = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}.get(record.outcome, TrialState.PRUNED)
        trial.set_user_attr(RECORD, asdict(record))
        self.study.tell(trial, values, state=state, skip_if_finished=True)

    def _queue_interrupted(self, trial: Trial) -> None:
        """Queue a trial again that was interrupted in good order, which counts as no death."""
        trial.set_user_attr(STOPS, trial.user_attrs.get(STOPS, 0) + 1)
        if give_up(self.study, self.study.get_trials(deepcopy=False)[trial.number]):
            queue_again(self.study, trial.number)
