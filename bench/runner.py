"""Which runs are missing, hand them to an executor, show progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from baselines.weights import base_of, weights_path
from bench.config import RunConfig
from bench.executors import End, Executor, Job, Tell, in_process, local_processes
from bench.machine import Machine, resolve_device
from bench.measure.metrics import METRICS, Unavailable, load
from bench.progress import Display
from bench.store import RunStore, State
from bench.study import Run, Study

if TYPE_CHECKING:
    from bench.cluster.executor import Cluster

POLL_SECONDS = 0.5  # for runs that another process is training
MOST_LOSSES = 2  # of worker processes, before their runs are given up
MEASURED = 6  # seeds of a config whose speed is measured
MOST_WORKERS = 8  # by default: each takes about 1 GB for torch alone


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
    """Metrics that the run has no records of, but for those that it can never have."""
    run, metrics = job
    has_hole, side = run.config.task.name == "inpainting", run.config.data.image_size
    possible = [m for m in metrics if (has_hole or METRICS[m].needs != "mask") and METRICS[m].min_side <= side]
    return [metric for metric in possible if store.read_rows(run.id, METRICS[metric].records) is None]


def missing_jobs(jobs: Sequence[Job], store: RunStore) -> list[Job]:
    """Jobs with something left to train or to score. A metric that was found unavailable is looked for again, once
    for all runs, since its weights may have arrived."""
    found = []
    for job in jobs:
        run, _ = job
        state = store.state(run.id)
        base = base_of(run.config.method)
        if state == "diverged" or (state == "unavailable" and base and not weights_path(base).exists()):
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


def run_jobs(
    jobs: Sequence[Job],
    store: RunStore,
    console: Console,
    device: str,
    threads: int,
    workers: int | None,
    checkpoint_seconds: float,
    cuda_graphs: bool = False,
    cluster: Cluster | None = None,
    measures: bool = True,
) -> dict[str, State]:
    """Train and score what is missing, then measure what is not measured, one run at a time; give every run's state.

    workers: None takes as many as there are cores for on the CPU, one on CUDA. With a `cluster` its nodes do the work,
    as many runs at a time as they bear. Without `measures` the speed is left to another command. Waits for runs that
    other processes hold, and takes them over if those processes die. Raises KeyboardInterrupt when told to stop,
    InputError for a bad device.
    """
    missing = missing_jobs(jobs, store)
    left = {run.id for run, _ in missing} | {run.id for run in unmeasured(jobs, store) if measures}
    console.print(f"{len(jobs)} runs: {len(jobs) - len(left)} cached, {len(left)} to do", highlight=False)
    if left:
        found = resolve_device(device) if cluster is None else cluster.device(device)
        machine = Machine(found, threads, checkpoint_seconds, cuda_graphs)
        with Display(console, jobs) as display:
            if missing:
                workers = workers or default_workers(machine, len(missing))
                executor = in_process if workers == 1 else local_processes(workers)
                _train(missing, store, machine, executor if cluster is None else cluster.execute, display)
            if measures:
                measurer = measured_here if cluster is None else cluster.measure
                _measure(unmeasured(jobs, store), store, machine, measurer, display)
    return {run.id: store.state(run.id) for run, _ in jobs}


def default_workers(machine: Machine, jobs: int) -> int:
    """As many at a time as there are cores for; one on CUDA."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores // machine.threads, jobs, MOST_WORKERS)) if machine.device == "cpu" else 1


def _train(missing: list[Job], store: RunStore, machine: Machine, executor: Executor, display: Display) -> None:
    display.begin("runs", len(missing))
    losses = 0
    while missing:
        held, lost = set(), set()
        for run, state in executor(missing, store, machine, display.tell):
            if state == "running":
                held.add(run.id)
            elif state == "lost":
                lost.add(run.id)
            else:
                outcome = store.read(run.id, "outcome") or {}
                display.end(run, state, outcome.get("reason", ""))
        losses += bool(lost)
        if losses > MOST_LOSSES:
            for run, _ in missing:
                if run.id in lost:
                    reason = "worker processes were killed again and again (out of memory?); try fewer --workers"
                    store.write(run.id, "outcome", {"state": "failed", "reason": reason})
                    display.end(run, "failed", reason)
            lost = set()
        missing = [job for job in missing if job[0].id in held | lost]
        if missing:
            time.sleep(POLL_SECONDS)


def unmeasured(jobs: Sequence[Job], store: RunStore) -> list[Run]:
    """Finished runs without cost and speed, of the first MEASURED seeds of each config: more would tell no more."""
    seeds: dict[RunConfig, int] = {}
    found = []
    for run, _ in jobs:
        seedless = run.config.model_copy(update={"seed": 0})
        seeds[seedless] = seeds.get(seedless, 0) + 1
        if seeds[seedless] <= MEASURED and store.state(run.id) == "done" and store.read(run.id, "throughput") is None:
            found.append(run)
    return found


def _measure(missing: list[Run], store: RunStore, machine: Machine, measurer: Executor, display: Display) -> None:
    if not missing:
        return
    display.begin("measuring speed", len(missing))
    losses = 0
    while missing:
        left = []
        for run, state in measurer([(run, ()) for run in missing], store, machine, display.tell):
            losses += state == "lost"
            if state == "running" or (state == "lost" and losses <= MOST_LOSSES):
                left.append(run)
                continue
            failure = store.read(run.id, "throughput.missing") or {}
            display.end(run, "measured" if state == "done" else "not measured", failure.get("reason", ""))
        missing = left
        if missing:
            time.sleep(POLL_SECONDS)


def measured_here(jobs: Sequence[Job], store: RunStore, machine: Machine, tell: Tell) -> Iterator[tuple[Run, End]]:
    """One run after the other in this process, with nothing else at work."""
    from bench.run import Watch, measure

    for run, _ in jobs:
        yield run, measure(run, store, machine, Watch(tell))
