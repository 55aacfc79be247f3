"""The evaluation of one trial: check its constraints, train and score its runs, and average the objectives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial

from bench.config import RunConfig
from bench.errors import InputError, LeftAsItIs
from bench.measure.metrics import METRICS
from bench.search.search import Search
from bench.search.space import Assigned
from bench.search.storage import STORAGE_ERRORS
from bench.search.trials import TrialRecord
from bench.store.run_store import RunStore
from bench.study.study import Run

if TYPE_CHECKING:
    from bench.machine import Machine
    from bench.runs.executors import ProgressCallback

POLL_SECONDS = 0.5


class TrialEnded(Exception):
    """A trial ended without values; the message says why."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


@dataclass
class Evaluation:
    """One trial on its way to its values; fills the record as it goes."""

    search: Search
    trial: Trial
    record: TrialRecord
    store: RunStore
    machine: Machine
    tell: ProgressCallback
    should_stop: Callable[[], bool]
    is_taken_over: bool = False
    """Whether another worker has finished the trial meanwhile."""

    def values(self, assigned: Assigned) -> list[float]:
        """The values of the objectives. Raises TrialEnded and trainer.Interrupted."""
        try:
            config = self.search.config(assigned)
        except InputError as error:
            self._set_constraint("a valid config", 1.0)
            raise TrialEnded("invalid", str(error)) from None
        self._check_constraints(config)
        means: dict[str, list[float]] = {metric: [] for metric in self.search.metrics}
        training_seconds = []
        for index, seed in enumerate(self.search.seeds):
            run = self.search.run(config.model_copy(update={"seed": seed}), f"trial {self.trial.number}")
            self.record.runs.append(run.id)
            self._train_and_score(run, index)
            for metric, means_of_seeds in means.items():
                scores = self._scores(run, metric)
                means_of_seeds.append(_mean(scores))
                self._report_images(index, scores)
            training_seconds.append((self.store.read(run.id, "training") or {}).get("seconds", math.nan))
        if "training_seconds" in self.search.cost_objectives:
            self.record.costs["training_seconds"] = _mean(training_seconds)
        values = [
            _mean(means.get(objective.quantity) or [self.record.costs[objective.quantity]])
            for objective in self.search.objectives
        ]
        if not all(map(math.isfinite, values)):
            raise TrialEnded("diverged", f"the values are not finite: {', '.join(map(str, values))}")
        return values

    def _check_constraints(self, config: RunConfig) -> None:
        """Count and measure the costs before training. Raises TrialEnded."""
        from bench.search.costs import costs_before_training

        wanted = {"parameters_total", *self.search.constrained, *self.search.cost_objectives} - {"training_seconds"}
        try:
            self.record.costs |= costs_before_training(config, wanted, self.machine)
        except Exception as error:
            raise TrialEnded("failed", f"{type(error).__name__}: {error}") from None
        broken = []
        for constraint in self.search.constraints:
            cost = self.record.costs[constraint.quantity]
            excess = constraint.excess(cost)
            self._set_constraint(str(constraint), excess)
            if excess > 0:
                broken.append(f"{constraint}, here {cost:,.6g}")
        if broken:
            raise TrialEnded("infeasible", "; ".join(broken))

    def _set_constraint(self, name: str, excess: float) -> None:
        if name not in self.trial.constraints:  # a trial that was taken over has it already
            self.trial.set_constraint(name, excess)

    def _train_and_score(self, run: Run, index: int) -> None:
        """Train and score a run, unless the store has it. Raises TrialEnded and trainer.Interrupted."""
        from bench.runs.run import Watch, execute

        seed = f", seed {run.config.seed}" if len(self.search.seeds) > 1 else ""
        name = f"trial {self.trial.number}{seed}"
        watch = Watch(
            lambda _, phase, share: self.tell(name, phase, share),
            lambda: self.should_stop() or self.is_taken_over,
            lambda curve: self._goes_on(index, curve),
        )
        began = time.perf_counter()
        try:
            while (state := execute(run, self.search.metrics, self.store, self.machine, watch)) == "running":
                if self.should_stop():
                    raise KeyboardInterrupt
                time.sleep(POLL_SECONDS)  # another search or study trains the same run
        except LeftAsItIs as left:
            raise TrialEnded("failed", f"seed {run.config.seed}: {left.reason}") from None
        self.record.work_seconds += time.perf_counter() - began
        if state != "done":
            reason = (self.store.read(run.id, "outcome") or {}).get("reason", "")
            outcome = state if state in ("pruned", "diverged") else "failed"
            raise TrialEnded(outcome, f"seed {run.config.seed}: {reason}")
        # A run that was in the store already has reported nothing to this trial.
        curve = self.store.read_rows(run.id, "curve") or []
        if len(self._validation_scores(curve)) == self.search.default.train.validations:
            self._report_curve(index, curve)

    def _goes_on(self, index: int, curve: list[dict[str, Any]]) -> bool:
        """Whether training continues after a validation."""
        try:
            return self._report_curve(index, curve)
        except UpdateFinishedTrialError:
            self.is_taken_over = True
        except STORAGE_ERRORS:  # the next validation reports this one too
            pass
        return True

    def _report_curve(self, index: int, curve: list[dict[str, Any]]) -> bool:
        """Report new validation scores to Optuna; False if it would prune the trial."""
        if len(self.search.objectives) > 1 or self.search.pruner == "wilcoxon":
            return True
        self._report(self._validation_scores(curve), index * self.search.default.train.validations + 1)
        return self.search.pruner == "none" or not self.trial.should_prune()

    def _validation_scores(self, curve: list[dict[str, Any]]) -> list[float]:
        name = f"val_{self.search.objectives[0].quantity}"
        return [float(row["value"]) for row in curve if row["name"] == name]

    def _report_images(self, index: int, scores: list[float]) -> None:
        """Report the score of every image to the wilcoxon pruner, whose steps are (seed, image). Raises TrialEnded."""
        if self.search.pruner != "wilcoxon":
            return
        self._report(scores, index * len(scores))
        if index + 1 < len(self.search.seeds) and self.trial.should_prune():
            raise TrialEnded("pruned", f"behind the best trial on the images of seed {index}")

    def _report(self, scores: list[float], first_step: int) -> None:
        """Report the scores that Optuna does not have yet; the steps count from `first_step`."""
        known = self.trial.study.get_trials(deepcopy=False)[self.trial.number].intermediate_values
        for step, score in enumerate(scores, first_step):
            if step not in known:
                self.trial.report(score, step)

    def _scores(self, run: Run, metric: str) -> list[float]:
        """The score of every image. Raises TrialEnded."""
        rows = self.store.read_rows(run.id, METRICS[metric].records)
        if not rows:
            missing = self.store.read(run.id, f"{METRICS[metric].records}.missing") or {}
            raise TrialEnded("failed", f"{metric} is missing: {missing.get('reason', 'it was not scored')}")
        return [float(row["value"]) for row in rows]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
