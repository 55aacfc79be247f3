"""Executes what is missing of the runs that studies ask for, then measures their speed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.errors import FAULT_WORDS, LeftAsItIs, Unreadable
from bench.machine import Machine, resolve_device
from bench.measure.metrics import Unavailable, load
from bench.runs.executors import End, Executor, ProgressCallback, in_process, local_processes
from bench.runs.progress import Display
from bench.runs.status import Status, is_measured, measured_runs, read_status
from bench.store.run_store import RunStore, State
from bench.study.study import Job, Run, Study

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster

POLL_SECONDS = 0.5  # for runs that another process is training
MAX_LOSSES = 2  # of worker processes, before their runs are given up
MAX_WORKERS = 8  # by default: each takes about 1 GB for torch alone


@dataclass(frozen=True)
class RunRequest:
    """Jobs, and with what they are executed."""

    jobs: Sequence[Job]
    store: RunStore
    machine: Machine
    """Its device may still be `auto`."""
    workers: int | None = None
    """Runs at a time; None: as many as the CPU has cores for, one on CUDA."""
    cluster: Cluster | None = None
    """Ray nodes that execute the runs instead, as many at a time as fit."""
    measures_speed: bool = True
    """False leaves cost and speed to another command."""


def jobs_of(studies: Sequence[Study]) -> list[Job]:
    """Each run once, with the metrics that any of the studies asks of it."""
    runs: dict[str, Run] = {}
    metrics: dict[str, dict[str, None]] = {}
    for study in studies:
        for run in study.runs():
            runs.setdefault(run.id, run)
            metrics.setdefault(run.id, {}).update(dict.fromkeys(study.metrics))
    return [(run, tuple(metrics[key])) for key, run in runs.items()]


def default_workers(machine: Machine, jobs: int) -> int:
    """As many at a time as there are cores for; one on CUDA."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores // machine.threads, jobs, MAX_WORKERS)) if machine.device == "cpu" else 1


def run_jobs(request: RunRequest, console: Console) -> dict[str, State]:
    """Train and score what is missing, then measure speed, one run at a time; give every run's state.

    Waits for runs that other processes hold, and takes them over if those processes die. A run that cannot be read or
    written stays as it is and counts as failed here. Raises KeyboardInterrupt when told to stop, InputError for a bad
    device, StoreLost.
    """
    jobs, store = request.jobs, request.store
    statuses = {job[0].id: read_status(job, store) for job in jobs}
    timed = measured_runs(jobs) if request.measures_speed else set()
    missing = [job for job in jobs if _is_missing(statuses[job[0].id])]
    unmeasured = [run for run, _ in jobs if run.id in timed and _lacks_speed(statuses[run.id])]
    left = {run.id for run, _ in missing} | {run.id for run in unmeasured}
    console.print(f"{len(jobs)} runs: {len(jobs) - len(left)} cached, {len(left)} to do", highlight=False)
    if left:
        resolve = request.cluster.device if request.cluster else resolve_device
        request = replace(request, machine=replace(request.machine, device=resolve(request.machine.device)))
        with Display(console, jobs) as display:
            if missing:
                # What happened under a lease is not asked of the store again: the executor says how each run ended.
                statuses |= Execution(request, missing, display).until_ended()
            unmeasured = [run for run, _ in jobs if run.id in timed and _lacks_speed(statuses[run.id])]
            statuses |= dict.fromkeys(_measure(request, unmeasured, display), Status("failed"))
    return {run: status.state for run, status in statuses.items()}


def _is_missing(status: Status) -> bool:
    """Whether an executor is to take the run. A run that cannot be read is given to it too, which says so."""
    # The weights of an unavailable metric may have arrived; `load` tries each metric once a process.
    return not status.is_scored or any(_is_available(metric) for metric in status.to_score)


def _is_available(metric: str) -> bool:
    try:
        load(metric, "cpu")
    except Unavailable:
        return False
    return True


def _lacks_speed(status: Status) -> bool:
    return status.state == "done" and not status.is_measured


class Execution:
    """Missing jobs, until each has ended here or in another process."""

    def __init__(self, request: RunRequest, missing: Sequence[Job], display: Display) -> None:
        self.store, self.machine, self.display = request.store, request.machine, display
        self.jobs = {job[0].id: job for job in missing}
        workers = request.workers or default_workers(request.machine, len(missing))
        executor = in_process if workers == 1 else local_processes(workers)
        self.executor: Executor = request.cluster.execute if request.cluster else executor
        self.shown_events = {run: len(self._events(run)) for run in self.jobs}
        self.ended: dict[str, Status] = {}
        self.waiting: list[str] = []
        """Runs that another process holds."""

    def until_ended(self) -> dict[str, Status]:
        """Each run's status at its end. A run that is lost with its process goes on from its last checkpoint."""
        self.display.begin("runs", len(self.jobs))
        losses, missing = Losses(self.store), list(self.jobs)
        while missing or self.waiting:
            losses.begin(missing)
            lost = self._execute(missing)
            given_up = losses.given_up(lost)
            for run in given_up:
                self._give_up(run)
            missing = [run for run in lost if run not in given_up] + self._freed()
            if not missing and self.waiting:
                time.sleep(POLL_SECONDS)
        return self.ended

    def _execute(self, runs: Sequence[str]) -> list[str]:
        """Gives the runs whose process died."""
        lost = []
        jobs = [self.jobs[run] for run in runs]
        for run, end in self.executor(jobs, self.store, self.machine, self.display.tell) if jobs else ():
            self._show_new_events(run)
            if isinstance(end, LeftAsItIs):
                self._leave(run.id, end.reason)
            elif end == "running":
                self.waiting.append(run.id)
            elif end != "lost":
                self._end(run.id, end)
            elif read_or_empty(self.store, run.id, "outcome").get("fault") == "hung":
                self._end(run.id, "failed")  # the watchdog ended the process; a second try would hang again
            else:
                lost.append(run.id)
        return lost

    def _freed(self) -> list[str]:
        """Runs that another process held and did not bring to their end: they are executed here."""
        freed = []
        for run in list(self.waiting):
            # Another process changes this state, so it has to be read until it is not `running` any more.
            status = read_status(self.jobs[run], self.store)
            if status.state == "running":
                continue
            self.waiting.remove(run)
            if _is_missing(status):
                freed.append(run)
            else:
                self._end(run, status.state)
        return freed

    def _end(self, run: str, state: State) -> None:
        reason = read_or_empty(self.store, run, "outcome").get("reason", "")
        self.display.end(self.jobs[run][0], state, reason)
        self.ended[run] = Status(state, is_measured=is_measured(self.store, run))

    def _leave(self, run: str, reason: str) -> None:
        self.display.end(self.jobs[run][0], "left as it is", reason)
        self.ended[run] = Status("failed")

    def _give_up(self, run: str) -> None:
        reason = f"{FAULT_WORDS['lost']} again and again (out of memory?)"
        if self.store.end(run, "failed", reason, fault="lost"):
            self._end(run, "failed")
        else:
            self._leave(run, f"is done, but was not scored: {reason}")

    def _show_new_events(self, run: Run) -> None:
        events = self._events(run.id)
        for event in events[self.shown_events[run.id] :]:
            self.display.note(run, event["text"])
        self.shown_events[run.id] = len(events)

    def _events(self, run: str) -> list[dict[str, str]]:
        return list(read_or_empty(self.store, run, "events"))


def read_or_empty(store: RunStore, run: str, name: str) -> Any:
    """NAME.json of a run, to be shown; empty where there is none, or it cannot be read now."""
    try:
        return store.read(run, name) or {}
    except Unreadable:
        return {}


class Losses:
    """How often each run's process has died without the run having advanced."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.counts: dict[str, int] = {}
        self.marks: dict[str, tuple[int, int]] = {}

    def begin(self, runs: Iterable[str]) -> None:
        """The runs are handed to an executor now."""
        self.marks = {run: self.store.progress_mark(run) for run in runs}

    def given_up(self, lost: Sequence[str]) -> set[str]:
        """Those of the lost runs that have died too often."""
        # With one worker of a pool all its jobs are lost; only the runs that were at work count, if that can be told.
        at_work = [run for run in lost if self.store.was_at_work(run)] or lost
        for run in at_work:
            has_stalled = self.store.progress_mark(run) == self.marks[run]
            self.counts[run] = self.counts.get(run, 0) + 1 if has_stalled else 1
        return {run for run in at_work if self.counts[run] > MAX_LOSSES}


def _measure(request: RunRequest, unmeasured: Sequence[Run], display: Display) -> list[str]:
    """Measure one run after the other; gives the runs that could not be read or written."""
    if not unmeasured:
        return []
    display.begin("measuring speed", len(unmeasured))
    measurer: Executor = request.cluster.measure if request.cluster else measured_here
    left_alone, losses, missing = [], 0, list(unmeasured)
    while missing:
        repeated = []
        for run, end in measurer([(run, ()) for run in missing], request.store, request.machine, display.tell):
            losses += end == "lost"
            if isinstance(end, LeftAsItIs):
                left_alone.append(run.id)
                display.end(run, "not measured", end.reason)
            elif end == "running" or (end == "lost" and losses <= MAX_LOSSES):
                repeated.append(run)
            else:
                failure = read_or_empty(request.store, run.id, "throughput.missing")
                display.end(run, "measured" if end == "done" else "not measured", failure.get("reason", ""))
        missing = repeated
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
