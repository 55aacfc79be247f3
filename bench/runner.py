"""Which runs are missing, hand them to an executor, show progress."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from bench.config import InputError
from bench.executors import Job, in_process, local_processes
from bench.measure.metrics import METRICS, Unavailable, load
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


def unscored(job: Job, store: RunStore) -> list[str]:
    """Metrics that the run has no records of."""
    run, metrics = job
    return [metric for metric in metrics if store.read_rows(run.id, METRICS[metric].records) is None]


def missing_jobs(jobs: Sequence[Job], store: RunStore) -> list[Job]:
    """Jobs with something left to train or to score. A metric that was found unavailable is looked for again, once
    for all runs, since its weights may have arrived."""
    found = []
    for job in jobs:
        run, _ = job
        state = store.state(run.id)
        if state == "diverged":
            continue
        metrics = unscored(job, store)
        if state == "done" and all(store.read(run.id, f"{METRICS[m].records}.missing") for m in metrics):
            metrics = [metric for metric in metrics if _is_available(metric)]
        if state != "done" or metrics:
            found.append(job)
    return found


def _is_available(metric: str) -> bool:
    try:
        load(metric, "cpu")
    except Unavailable:
        return False
    return True


def resolve_device(name: str) -> str:
    """auto -> cuda or cpu. Raises InputError for a device that is not there."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: {str(error).splitlines()[0]}") from None
    return name


def run_jobs(
    jobs: Sequence[Job], store: RunStore, device: str, workers: int, checkpoint_seconds: float, console: Console
) -> dict[str, State]:
    """Train and score what is missing; give every run's state. Waits for runs that other processes hold, and takes
    them over if those processes die. Raises KeyboardInterrupt when told to stop, InputError for a bad device."""
    missing = missing_jobs(jobs, store)
    cached = len(jobs) - len(missing)
    console.print(f"{len(jobs)} runs: {cached} cached, {len(missing)} to do", highlight=False)
    if not missing:
        return {run.id: store.state(run.id) for run, _ in jobs}
    device = resolve_device(device)
    executor = in_process if workers == 1 else local_processes(workers)
    with Display(console, missing) as display:
        while missing:
            held = []
            for run, state in executor(missing, store, device, checkpoint_seconds, display.tell):
                if state == "running":
                    held.append(run.id)
                else:
                    outcome = store.read(run.id, "outcome") or {}
                    display.end(run, state, outcome.get("reason", ""))
            missing = [job for job in missing if job[0].id in held]
            if missing:
                time.sleep(POLL_SECONDS)
    return {run.id: store.state(run.id) for run, _ in jobs}
