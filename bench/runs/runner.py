"""Which runs are missing, hand them to an executor, show progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from baselines.weights import base_of, weights_path
from bench.config import RunConfig
from bench.errors import FAULT_WORDS, LeftAsItIs, Unreadable
from bench.machine import Machine, resolve_device
from bench.measure.metrics import METRICS, Unavailable, load
from bench.runs.executors import End, Executor, Job, ProgressCallback, in_process, local_processes
from bench.runs.progress import Display
from bench.store.run_store import RunStore, State
from bench.study.study import Run, Study

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster

POLL_SECONDS = 0.5  # for runs that another process is training
MAX_LOSSES = 2  # of worker processes, before their runs are given up
MEASURED = 6  # seeds of a config whose speed is measured
MAX_WORKERS = 8  # by default: each takes about 1 GB for torch alone


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
    """Metrics that the run has no records of, but for those that it can never have. Raises Unreadable."""
    run, metrics = job
    has_hole, side = run.config.task.name == "inpainting", run.config.data.image_size
    possible = [m for m in metrics if (has_hole or METRICS[m].needs != "mask") and METRICS[m].min_side <= side]
    return [metric for metric in possible if store.read_rows(run.id, METRICS[metric].records) is None]


def missing_jobs(jobs: Sequence[Job], store: RunStore) -> list[Job]:
    """Jobs with something left to train or to score, and those that cannot be read, for whoever takes them says so."""
    return [job for job in jobs if _is_missing(job, store)]


def _is_missing(job: Job, store: RunStore) -> bool:
    """A metric that was found unavailable is looked for again, once for all runs, since its weights may have
    arrived."""
    run, _ = job
    state, base = store.state(run.id), base_of(run.config.method)
    if state == "diverged" or (state == "unavailable" and base and not weights_path(base).exists()):
        return False
    if state != "done":
        return True
    try:
        metrics = unscored(job, store)
        if all(store.read(run.id, f"{METRICS[m].records}.missing") for m in metrics):
            metrics = [metric for metric in metrics if _is_available(metric)]
    except Unreadable:
        return True
    return bool(metrics)


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
    machine: Machine,
    workers: int | None,
    cluster: Cluster | None = None,
    measures: bool = True,
) -> dict[str, State]:
    """Train and score what is missing, then measure what is not measured, one run at a time; give every run's state.

    machine: its device may still be auto. workers: None takes as many as there are cores for on the CPU, one on CUDA.
    With a `cluster` its nodes do the work, as many runs at a time as they bear; without `measures` the speed is left to
    another command. Waits for runs that other processes hold, and takes them over if those processes die. What cannot
    be read or written is left as it is and counts as failed here. Raises KeyboardInterrupt when told to stop,
    InputError for a bad device, StoreLost.
    """
    missing, left_alone = missing_jobs(jobs, store), set[str]()
    left = {run.id for run, _ in missing} | {run.id for run in unmeasured(jobs, store) if measures}
    console.print(f"{len(jobs)} runs: {len(jobs) - len(left)} cached, {len(left)} to do", highlight=False)
    if left:
        machine = replace(machine, device=(cluster.device if cluster else resolve_device)(machine.device))
        with Display(console, jobs) as display:
            if missing:
                workers = workers or default_workers(machine, len(missing))
                executor = in_process if workers == 1 else local_processes(workers)
                left_alone |= _train(missing, store, machine, cluster.execute if cluster else executor, display)
            if measures:
                measurer = cluster.measure if cluster else measured_here
                to_measure = [run for run in unmeasured(jobs, store) if run.id not in left_alone]
                left_alone |= _measure(to_measure, store, machine, measurer, display)
    return {run.id: "failed" if run.id in left_alone else store.state(run.id) for run, _ in jobs}


def default_workers(machine: Machine, jobs: int) -> int:
    """As many at a time as there are cores for; one on CUDA."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores // machine.threads, jobs, MAX_WORKERS)) if machine.device == "cpu" else 1


def _train(missing: list[Job], store: RunStore, machine: Machine, executor: Executor, display: Display) -> set[str]:
    """Until every job has ended here or in another process; those that are lost go again, from where they got to. Gives
    the runs that were left as they are."""
    display.begin("runs", len(missing))
    left_alone: set[str] = set()
    losses, noted = Losses(store), {run.id: len(_events(store, run)) for run, _ in missing}
    waiting: list[Job] = []
    while missing or waiting:
        job_of = {job[0].id: job for job in missing}
        losses.begin(job_of)
        lost: list[Run] = []
        for run, state in executor(missing, store, machine, display.tell) if missing else ():
            events = _events(store, run)
            for event in events[noted[run.id] :]:
                display.note(run, event["text"])
            noted[run.id] = len(events)
            if isinstance(state, LeftAsItIs):
                left_alone.add(run.id)
                display.end(run, "left as it is", state.reason)
            elif state == "running":
                waiting.append(job_of[run.id])
            elif state == "lost" and _read(store, run, "outcome").get("fault") != "hung":
                lost.append(run)
            else:
                _end(run, store, display)
        given_up = losses.given_up([run.id for run in lost])
        for run in lost:
            if run.id in given_up:
                reason = f"{FAULT_WORDS['lost']} again and again (out of memory?)"
                if store.end(run.id, "failed", reason, fault="lost"):
                    _end(run, store, display)
                else:
                    left_alone.add(run.id)
                    display.end(run, "left as it is", f"is done, but was not scored: {reason}")
        free = [job for job in waiting if store.state(job[0].id) != "running"]
        waiting = [job for job in waiting if job not in free]
        missing = [job_of[run.id] for run in lost if run.id not in given_up] + missing_jobs(free, store)
        for run, _ in free:
            if run.id not in {job[0].id for job in missing}:  # the other process brought it to its end
                _end(run, store, display)
        if not missing and waiting:
            time.sleep(POLL_SECONDS)
    return left_alone


def _end(run: Run, store: RunStore, display: Display) -> None:
    display.end(run, store.state(run.id), _read(store, run, "outcome").get("reason", ""))


def _events(store: RunStore, run: Run) -> list[dict[str, str]]:
    return list(_read(store, run, "events"))


def _read(store: RunStore, run: Run, name: str) -> Any:
    """NAME.json of a run, for what is told of it; empty where there is none, or it cannot be read now."""
    try:
        return store.read(run.id, name) or {}
    except Unreadable:
        return {}


class Losses:
    """How often the process that a run was at work in has died, without that the run got on meanwhile."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.counts: dict[str, int] = {}
        self.places: dict[str, tuple[int, int]] = {}

    def begin(self, runs: Iterable[str]) -> None:
        """These are handed to an executor now."""
        self.places = {run: self.store.got_to(run) for run in runs}

    def given_up(self, lost: Sequence[str]) -> set[str]:
        """Those of the lost ones that have died too often. With one worker of a pool all its jobs are lost; those
        count that were at work, if that can be told."""
        at_work = [run for run in lost if self.store.was_at_work(run)] or lost
        for run in at_work:
            self.counts[run] = self.counts.get(run, 0) + 1 if self.store.got_to(run) == self.places[run] else 1
        return {run for run in at_work if self.counts[run] > MAX_LOSSES}


def unmeasured(jobs: Sequence[Job], store: RunStore) -> list[Run]:
    """Finished runs without cost and speed, of the first MEASURED seeds of each config: more would tell no more."""
    seeds: dict[RunConfig, int] = {}
    found = []
    for run, _ in jobs:
        seedless = run.config.model_copy(update={"seed": 0})
        seeds[seedless] = seeds.get(seedless, 0) + 1
        if seeds[seedless] <= MEASURED and store.state(run.id) == "done" and not _is_measured(run, store):
            found.append(run)
    return found


def _is_measured(run: Run, store: RunStore) -> bool:
    """True too for what cannot be read: measuring it would write over it."""
    try:
        return store.read(run.id, "throughput") is not None
    except Unreadable:
        return True


def _measure(missing: list[Run], store: RunStore, machine: Machine, measurer: Executor, display: Display) -> set[str]:
    """Gives the runs that were left as they are."""
    left_alone: set[str] = set()
    if not missing:
        return left_alone
    display.begin("measuring speed", len(missing))
    losses = 0
    while missing:
        left = []
        for run, state in measurer([(run, ()) for run in missing], store, machine, display.tell):
            if isinstance(state, LeftAsItIs):
                left_alone.add(run.id)
                display.end(run, "not measured", state.reason)
                continue
            losses += state == "lost"
            if state == "running" or (state == "lost" and losses <= MAX_LOSSES):
                left.append(run)
                continue
            failure = _read(store, run, "throughput.missing")
            display.end(run, "measured" if state == "done" else "not measured", failure.get("reason", ""))
        missing = left
        if missing:
            time.sleep(POLL_SECONDS)
    return left_alone


def measured_here(
    jobs: Sequence[Job], store: RunStore, machine: Machine, tell: ProgressCallback
) -> Iterator[tuple[Run, End]]:
    """One run after the other in this process, with nothing else at work."""
    from bench.runs.run import Watch, measure

    for run, _ in jobs:
        try:
            end: End = measure(run, store, machine, Watch(tell))
        except LeftAsItIs as left:
            end = left
        yield run, end
