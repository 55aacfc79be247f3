"""Which runs are missing, hand them to an executor, show progress."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from bench.executors import Job, in_process, local_processes
from bench.measure.metrics import METRICS
from bench.progress import Display
from bench.store import RunStore, State
from bench.study import Run, Study

POLL_SECONDS = 0.5  # for runs that another process is training


def jobs_of(studies: Sequence[Study]) -> list[Job]:
    """Each run once, with all metrics that any of the studies asks of it."""
    runs: dict[str, Run] = {}
    metrics: dict[str, dict[str, None]] = {}
    for study in studies:
        for run in study.runs():
            runs.setdefault(run.id, run)
            metrics.setdefault(run.id, {}).update(dict.fromkeys(study.metrics))
    return [(run, tuple(metrics[key])) for key, run in runs.items()]


def is_complete(job: Job, store: RunStore) -> bool:
    """Whether nothing is left to train or to score."""
    run, metrics = job
    state = store.state(run.id)
    scored = all(store.read_rows(run.id, METRICS[m].records) is not None for m in metrics)
    return state == "diverged" or (state == "done" and scored)


def run_jobs(
    jobs: Sequence[Job], store: RunStore, device: str, workers: int, checkpoint_seconds: float, console: Console
) -> dict[str, State]:
    """Train and score what is missing; give every run's state. Waits for runs that other processes hold, and takes
    them over if those processes die. Raises KeyboardInterrupt when told to stop."""
    states: dict[str, State] = {run.id: store.state(run.id) for run, _ in jobs}
    missing = [job for job in jobs if not is_complete(job, store)]
    if not missing:
        return states
    executor = in_process if workers == 1 else local_processes(workers)
    with Display(console, missing) as display:
        while missing:
            held = []
            for run, state in executor(missing, store, device, checkpoint_seconds, display.tell):
                states[run.id] = state
                if state == "running":
                    held.append(run.id)
                else:
                    outcome = store.read(run.id, "outcome") or {}
                    display.end(run, state, outcome.get("reason", ""))
            missing = [job for job in missing if job[0].id in held]
            if missing:
                time.sleep(POLL_SECONDS)
    return states
