"""What the store knows of the run that a job asks for: read once, then passed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from baselines.availability import reason_unavailable
from bench.config import RunConfig
from bench.errors import Unreadable
from bench.measure.metrics import METRICS
from bench.store.run_store import RunStore, State
from bench.study.study import Job

MEASURED_SEEDS = 6
"""Seeds of a config whose speed is measured: more would tell no more."""


@dataclass(frozen=True)
class Status:
    """A run's state, and what is left of the job that asks for it."""

    state: State
    is_trained: bool = False
    """Whether training is over: done, diverged, or impossible without what is not on this machine."""
    to_score: tuple[str, ...] = ()
    """Metrics that a finished run has no records of."""
    unavailable: tuple[str, ...] = ()
    """Those of `to_score` that could not be computed the last time."""
    is_measured: bool = False
    """Whether the run's speed is stored."""
    reason: str = ""
    """Why the run cannot be read, if it cannot."""

    @property
    def is_scored(self) -> bool:
        """Whether nothing is left to train or to score, unless an unavailable metric has become available since."""
        return self.is_trained and self.to_score == self.unavailable


def read_status(job: Job, store: RunStore, state: State | None = None) -> Status:
    """state: the run's, where the caller has just read it. Never raises Unreadable: the status says it."""
    run, _ = job
    try:
        state = state or store.read_state(run.id)
        to_score = unscored(store, run.id, _possible(job)) if state == "done" else ()
        return Status(
            state,
            is_trained=state in ("done", "diverged")
            or (state == "unavailable" and reason_unavailable(run.config.method) is not None),
            to_score=to_score,
            unavailable=tuple(m for m in to_score if store.read(run.id, f"{METRICS[m].records}.missing")),
            is_measured=state != "new" and is_measured(store, run.id),
        )
    except Unreadable as error:
        return Status("unreadable", reason=str(error))


def unscored(store: RunStore, run: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """Those of the metrics that the run has no records of. Raises Unreadable."""
    return tuple(metric for metric in metrics if store.read_rows(run, METRICS[metric].records) is None)


def is_measured(store: RunStore, run: str) -> bool:
    """Whether the run's speed is stored. True as well where that cannot be read: measuring would write over it."""
    try:
        return store.read(run, "throughput") is not None
    except Unreadable:
        return True


def measured_runs(jobs: Sequence[Job]) -> set[str]:
    """Ids of the runs whose speed is measured: the first MEASURED_SEEDS seeds of each config."""
    seeds = Counter[RunConfig]()
    measured = set()
    for run, _ in jobs:
        seedless = run.config.model_copy(update={"seed": 0})
        seeds[seedless] += 1
        if seeds[seedless] <= MEASURED_SEEDS:
            measured.add(run.id)
    return measured


def _possible(job: Job) -> list[str]:
    """The job's metrics without those that its task and image size can never have."""
    run, metrics = job
    has_hole, side = run.config.task.name == "inpainting", run.config.data.image_size
    return [m for m in metrics if (has_hole or METRICS[m].needs != "mask") and METRICS[m].min_side <= side]
