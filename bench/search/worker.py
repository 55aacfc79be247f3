"""A worker of a search: takes a trial, turns it into runs, tells Optuna how they went, and takes the next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from bench.config import RunConfig
from bench.errors import InputError, LeftAsItIs
from bench.measure.metrics import METRICS
from bench.search.heartbeat import Heartbeat
from bench.search.proposals import propose
from bench.search.search import Search
from bench.search.space import Assigned
from bench.search.storage import STORAGE_ERRORS, give_up, open_study, queue_again, retried, search_lock
from bench.search.trials import RECORD, STOPS, has_room, left_behind
from bench.store.run_store import RunStore
from bench.study.study import Run

if TYPE_CHECKING:
    from bench.machine import Machine
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

POLL_SECONDS = 0.5

ProgressCallback = Callable[[str, str, float], None]
"""Name of a run, what it does, share of it that is done."""


@dataclass
class Record:
    """What is known of a trial besides what Optuna keeps."""

    number: int = -1
    """The trial's: one that is queued again begins with what the one before it left."""
    outcome: str = "running"
    reason: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    work_seconds: float = 0.0


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told."""

    url: str
    root: Path
    """Of the run store."""
    machine: Machine
    grace: float
    """Seconds without a sign of life after which another worker's trial is taken over."""
    deadline: float = math.inf
    """time.time() after which no trial begins."""


class Ended(Exception):
    """A trial is over before it has values."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class TrialTakenOver(Exception):
    """Another worker took this one for dead, and has its trial."""


class Worker:
    """Works until the search has its trials, or it is told to stop."""

    def __init__(
        self, search: Search, orders: WorkerSettings, tell: ProgressCallback, told_to_stop: Callable[[], bool]
    ) -> None:
        self.search, self.orders, self.tell, self.told_to_stop = search, orders, tell, told_to_stop
        self.study, self.sampler = open_study(search, orders.url)
        self.store = RunStore(orders.root, orders.grace)
        self.lock = search_lock(search, orders.root)
        self.signs = Heartbeat(self.study, orders.grace)
        self.is_taken = False

    def work(self, ended: Callable[[], object] = lambda: None) -> None:
        """`ended` is called after every trial. Raises KeyboardInterrupt when told to stop; the trial at work is then
        queued again, with its checkpoint."""
        with self.signs:
            while not self.told_to_stop():
                try:
                    is_busy = self._work_once()
                except (TrialTakenOver, UpdateFinishedTrialError):  # the other one tells how it ends
                    self.signs.end()
                    continue
                ended()
                if is_busy:
                    continue
                if time.time() >= self.orders.deadline or not self._others():
                    return
                time.sleep(POLL_SECONDS)  # the others' trials are ours if they die
        raise KeyboardInterrupt

    def _others(self) -> list[FrozenTrial]:
        """Trials that other workers have, or left behind."""
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.state.is_finished()] + left_behind(trials)

    def _work_once(self) -> bool:
        """One trial from its proposal to its end; False where none is left to begin."""
        with self.lock:  # so that there are no more than were asked for, and every proposal knows the others
            began = time.perf_counter()
            if (trial := self._begin()) is None:
                return False
            assigned = propose(self.search.space, trial)
        self._do(trial, assigned, began)
        return True

    def _begin(self) -> Trial | None:
        trials = self.study.get_trials(deepcopy=False)
        left = left_behind(trials)
        for trial in left:
            queue_again(self.study, trial.number)
        waiting = bool(left) or any(trial.state == TrialState.WAITING for trial in trials)
        if time.time() >= self.orders.deadline or (not waiting and not has_room(self.search, trials)):
            return None
        self.sampler.begin(sum(not retried(trial) for trial in trials))
        asked = self.study.ask()
        self.signs.begin(asked)
        return asked

    def _do(self, trial: Trial, assigned: Assigned, began: float) -> None:
        from bench.training.trainer import Interrupted

        record = Record(trial.number, changes={path: value for path, (value, _) in assigned.items()})
        values: list[float] | None = None
        self.is_taken = False
        try:
            values = self._values(trial, assigned, record)
            record.outcome = "complete"
        except Ended as end:
            record.outcome, record.reason = end.outcome, str(end)
        except (Interrupted, KeyboardInterrupt):
            self.signs.end()
            if self.is_taken:
                raise TrialTakenOver from None
            trial.set_user_attr(STOPS, trial.user_attrs.get(STOPS, 0) + 1)
            if give_up(self.study, self.study.get_trials(deepcopy=False)[trial.number]):
                queue_again(self.study, trial.number)
            raise KeyboardInterrupt from None
        self.signs.end()
        record.seconds = time.perf_counter() - began
        state = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}.get(record.outcome, TrialState.PRUNED)
        trial.set_user_attr(RECORD, asdict(record))
        self.study.tell(trial, values, state=state, skip_if_finished=True)

    def _values(self, trial: Trial, assigned: Assigned, record: Record) -> list[float]:
        """The objectives' values. Raises Ended and trainer.Interrupted."""
        try:
            config = self.search.config(assigned)
        except InputError as error:
            _constrain(trial, "a valid config", 1.0)
            raise Ended("invalid", str(error)) from None
        self._check_constraints(trial, config, record)
        means: dict[str, list[float]] = {metric: [] for metric in self.search.metrics}
        seconds = []
        for index, seed in enumerate(self.search.seeds):
            run = self.search.run(config.model_copy(update={"seed": seed}), f"trial {trial.number}")
            record.runs.append(run.id)
            self._execute(run, trial, index, record)
            for metric, found in means.items():
                scores = self._scores(run, metric)
                found.append(math.fsum(scores) / len(scores))
                self._report_images(trial, index, scores)
            seconds.append((self.store.read(run.id, "training") or {}).get("seconds", math.nan))
        if "training_seconds" in [objective.quantity for objective in self.search.objectives]:
            record.costs["training_seconds"] = math.fsum(seconds) / len(seconds)
        values = []
        for objective in self.search.objectives:
            of_seeds = means.get(objective.quantity) or [record.costs[objective.quantity]]
            values.append(math.fsum(of_seeds) / len(of_seeds))
        if not all(map(math.isfinite, values)):
            raise Ended("diverged", f"{', '.join(map(str, values))} is no score to go by")
        return values

    def _check_constraints(self, trial: Trial, config: RunConfig, record: Record) -> None:
        """Before a step is trained. Raises Ended."""
        from bench.search.costs import costs_before_training

        wanted = (
            {"parameters_total"}
            | {c.quantity for c in self.search.constraints}
            | {o.quantity for o in self.search.objectives if o.is_cost}
        )
        try:
            record.costs |= costs_before_training(config, wanted - {"training_seconds"}, self.orders.machine)
        except Exception as error:
            raise Ended("failed", f"{type(error).__name__}: {error}") from None
        broken = []
        for constraint in self.search.constraints:
            excess = constraint.excess(record.costs[constraint.quantity])
            _constrain(trial, str(constraint), excess)
            if excess > 0:
                broken.append(f"{constraint}, here {record.costs[constraint.quantity]:,.6g}")
        if broken:
            raise Ended("infeasible", "; ".join(broken))

    def _execute(self, run: Run, trial: Trial, index: int, record: Record) -> None:
        """Train and score a run, unless that is done. Raises Ended and trainer.Interrupted."""
        from bench.runs.run import Watch, execute

        name = f"trial {trial.number}" + (f", seed {run.config.seed}" if len(self.search.seeds) > 1 else "")

        def goes_on(curve: list[dict[str, Any]]) -> bool:
            try:
                return self._report_curve(trial, index, curve)
            except UpdateFinishedTrialError:
                self.is_taken = True
            except STORAGE_ERRORS:  # it is told at the next point, or at the end
                pass
            return True

        watch = Watch(
            lambda _, phase, share: self.tell(name, phase, share),
            lambda: self.told_to_stop() or self.is_taken,
            goes_on,
        )
        began = time.perf_counter()
        try:
            while (state := execute(run, self.search.metrics, self.store, self.orders.machine, watch)) == "running":
                if self.told_to_stop():
                    raise KeyboardInterrupt
                time.sleep(POLL_SECONDS)  # another search or study trains the same run
        except LeftAsItIs as left:
            raise Ended("failed", f"seed {run.config.seed}: {left.reason}") from None
        record.work_seconds += time.perf_counter() - began
        if state != "done":
            reason = (self.store.read(run.id, "outcome") or {}).get("reason", "")
            raise Ended(state if state in ("pruned", "diverged") else "failed", f"seed {run.config.seed}: {reason}")
        curve = self.store.read_rows(run.id, "curve") or []
        if len(self._curve(curve)) == self.search.default.train.validations:  # of a run that was there already
            self._report_curve(trial, index, curve)

    def _report_curve(self, trial: Trial, index: int, curve: list[dict[str, Any]]) -> bool:
        """Tell Optuna the validation scores that it does not know; False if it would prune."""
        if len(self.search.objectives) > 1 or self.search.pruner == "wilcoxon":
            return True
        _report(trial, self._curve(curve), index * self.search.default.train.validations + 1)
        return self.search.pruner == "none" or not trial.should_prune()

    def _curve(self, curve: list[dict[str, Any]]) -> list[float]:
        name = f"val_{self.search.objectives[0].quantity}"
        return [float(row["value"]) for row in curve if row["name"] == name]

    def _report_images(self, trial: Trial, index: int, scores: list[float]) -> None:
        """For wilcoxon, whose steps are (seed, image). Raises Ended."""
        if self.search.pruner != "wilcoxon":
            return
        _report(trial, scores, index * len(scores))
        if index + 1 < len(self.search.seeds) and trial.should_prune():
            raise Ended("pruned", f"behind the best trial on the images of seed {index}")

    def _scores(self, run: Run, metric: str) -> list[float]:
        rows = self.store.read_rows(run.id, METRICS[metric].records)
        if not rows:
            missing = self.store.read(run.id, f"{METRICS[metric].records}.missing") or {}
            raise Ended("failed", f"{metric} cannot be had: {missing.get('reason', 'it was not scored')}")
        return [float(row["value"]) for row in rows]


def _report(trial: Trial, scores: list[float], first: int) -> None:
    """Tell Optuna those that it does not have; `first` is the first one's step."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for step, score in enumerate(scores, first):
        if step not in known:
            trial.report(score, step)


def _constrain(trial: Trial, name: str, excess: float) -> None:
    if name not in trial.constraints:  # as in a trial that is taken over
        trial.set_constraint(name, excess)


class WorkersLost(Exception):
    """Workers were killed again and again, or cannot go on."""
