"""What runs take and what of them is left, from the store's records of like runs or from remembered probes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from bench.config import BUDGETS, TrainConfig
from bench.errors import Unreadable
from bench.machine import Machine
from bench.plan.identity import RunIdentity, made_of_all, stored_runs
from bench.runs.executors import Job
from bench.runs.probe import probe_apart
from bench.runs.probe_cache import Probe, all_remembered, probe_file, recall, remember
from bench.runs.status import measured_runs, read_status
from bench.store.checkpoint_header import training_state
from bench.store.run_store import CHECKPOINTS, ENDED, RunStore, State, identity_hash
from bench.study.study import Run

START = 1.5  # seconds that the imports of a process take, where no probe has said
UNKNOWN = "neither run nor probed on this device"


@dataclass(frozen=True)
class Price:
    """What a run takes from its beginning, in seconds and bytes."""

    start: float
    """Once a process."""
    setup: float
    """Once a process and data set."""
    train: float
    """With its validations."""
    score: float
    measure: float
    peak_bytes: int
    gpu_peak_bytes: int | None
    source: Literal["store", "probe"]


@dataclass(frozen=True)
class Planned:
    """A run that is asked for, what is known of it, and what of it is left to do."""

    run: Run
    metrics: tuple[str, ...]
    state: State | Literal["stale"]
    """stale: new, although the store has a finished run of the same config."""
    to_score: tuple[str, ...]
    """Metrics that a finished run has no records of."""
    train_share: float
    """Of training, left."""
    is_scored: bool
    """Nothing is left but measuring its speed, if that."""
    is_measured: bool
    """Its speed is, or is not asked for."""
    price: Price | None
    reason: str
    """Why there is no price."""
    probe_file: Path

    @property
    def is_left(self) -> bool:
        return not (self.is_scored and self.is_measured)

    @property
    def seconds(self) -> float | None:
        """Left, without what is done once a process; None if it is not known."""
        if not self.is_left:
            return 0.0
        return None if self.price is None else self.worker_seconds + self.measure_seconds

    @property
    def worker_seconds(self) -> float:
        if self.price is None or self.is_scored:
            return 0.0
        return self.train_share * self.price.train + self.price.score

    @property
    def measure_seconds(self) -> float:
        return 0.0 if self.price is None or self.is_measured else self.price.measure


class Pricing:
    """Prices of runs on one machine, from a store read once."""

    def __init__(self, store: RunStore, machine: Machine, device_name: str, at_a_time: int) -> None:
        self.store, self.machine, self.device_name, self.at_a_time = store, machine, device_name, at_a_time
        self.stored = stored_runs(store)
        self.start = median([p.start for p in all_remembered() if not p.reason] or [START])
        self._finished: dict[str, list[RunIdentity]] = {}
        self._alike: dict[str, list[RunIdentity]] = {}
        self._timed: dict[str, list[dict[str, Any]]] = {}
        self._ended: dict[str, State] = {}
        for made in self.stored.values():
            if (state := store.state(made.id)) in ENDED:
                self._ended[made.id] = state
                self._finished.setdefault(made.key, []).append(made)
                self._alike.setdefault(made.like, []).append(made)

    def plan(self, jobs: Sequence[Job]) -> list[Planned]:
        """Every run with its state and price. Opens the data sets."""
        timed, planned = measured_runs(jobs), []
        for job, made in zip(jobs, made_of_all(run for run, _ in jobs), strict=True):
            try:
                planned.append(self._planned(job, made, is_timed=job[0].id in timed))
            except Unreadable as error:
                planned.append(_left_alone(job, str(error)))
        return planned

    def _planned(self, job: Job, made: RunIdentity, is_timed: bool) -> Planned:
        run, metrics = job
        self.store.check_readable(run.id)
        status = read_status(job, self.store, self._ended.get(run.id))
        if status.state == "unreadable":
            return _left_alone(job, status.reason)
        has_speed = status.is_measured or (status.is_trained and status.state != "done")
        file = self._probe_file(made, metrics)
        price, reason = self._price(run, made, file)
        return Planned(
            run=run,
            metrics=metrics,
            state="stale" if status.state == "new" and self._is_stale(made) else status.state,
            to_score=status.to_score,
            train_share=0.0 if status.is_trained else 1 - spent(self.store, run),
            is_scored=status.is_scored,
            is_measured=has_speed or not is_timed,
            price=price,
            reason=reason,
            probe_file=file,
        )

    def price(self, run: Run, metrics: Sequence[str]) -> Price | None:
        """Of any run, planned or not; None if it is not known. Opens the data set."""
        (made,) = made_of_all([run])
        return self._price(run, made, self._probe_file(made, metrics))[0]

    def _probe_file(self, made: RunIdentity, metrics: Sequence[str]) -> Path:
        seedless = identity_hash(made.config | {"seed": 0}, made.fingerprint, made.code or "")
        return probe_file(seedless, metrics, self.machine, self.device_name)

    def _is_stale(self, made: RunIdentity) -> bool:
        return any(other.data.get("name") == made.data["name"] for other in self._finished.get(made.key, ()))

    def _price(self, run: Run, made: RunIdentity, file: Path) -> tuple[Price | None, str]:
        """The price, or None and the reason; records of what was done come before a probe."""
        found = recall(file, self.at_a_time)
        if price := _of_store(self._timings(made.like), found, self.start):
            return price, ""
        if found is None:
            return None, UNKNOWN
        return (None, found.reason) if found.reason else (_of_probe(found, run.config.train), "")

    def _timings(self, like: str) -> list[dict[str, Any]]:
        """What is written down of the finished runs that are like it, of this machine."""
        if like not in self._timed:
            alike = (other for other in self._alike.get(like, ()) if self._is_of_this_machine(other))
            self._timed[like] = [timing for other in alike if (timing := self.store.read(other.id, "timing"))]
        return self._timed[like]

    def _is_of_this_machine(self, made: RunIdentity) -> bool:
        known = made.provenance
        threads = self.machine.device != "cpu" or known.get("threads") == self.machine.threads
        return known.get("device") == self.device_name and threads


def _left_alone(job: Job, reason: str) -> Planned:
    """A run that `bench run` leaves as it is, since it cannot be read; nothing of it is left to do."""
    run, metrics = job
    return Planned(run, metrics, "unreadable", (), 0.0, True, True, None, reason, Path())


def _of_store(timings: list[dict[str, Any]], found: Probe | None, start: float) -> Price | None:
    """Medians of what like runs took, and their largest memory; None where none has said all of it."""
    parts = [t["seconds"] for t in timings if {"setup", "score"} <= t.get("seconds", {}).keys()]
    measured = [seconds["measure"] for seconds in parts if seconds.get("measure") is not None]
    if not parts or not (measured or found):
        return None
    return Price(
        start=start,
        setup=max(seconds["setup"] for seconds in parts),  # of the first run of a process
        train=median(seconds.get("train", 0.0) + seconds.get("validate", 0.0) for seconds in parts),
        score=median(seconds["score"] for seconds in parts),
        measure=median(measured) if measured else found.measure if found else 0.0,
        peak_bytes=max(t.get("peak_bytes") or 0 for t in timings),
        gpu_peak_bytes=max(t.get("gpu_peak_bytes") or 0 for t in timings) or None,
        source="store",
    )


def _of_probe(found: Probe, train: TrainConfig) -> Price:
    validations = train.validations if train.steps is None else min(train.validations, train.steps)
    return Price(
        start=found.start,
        setup=found.setup,
        train=found.train + found.validation * validations,
        score=found.score,
        measure=found.measure,
        peak_bytes=found.peak_bytes,
        gpu_peak_bytes=found.gpu_peak_bytes,
        source="probe",
    )


def probe_unknown(planned: Sequence[Planned], pricing: Pricing) -> Iterator[tuple[Planned, Probe]]:
    """Probe every config that has no price and something left, as many at a time as runs will be, and remember what
    is found: runs beside each other slow each other down."""
    unknown = configs_without_price(planned)
    if not unknown:
        return
    filled = unknown + unknown[-1:] * (-len(unknown) % pricing.at_a_time)  # the last are not to have the machine alone
    ask: Callable[[Planned], Probe] = lambda one: probe_apart(one.run, one.metrics, pricing.machine)  # noqa: E731
    with ThreadPoolExecutor(pricing.at_a_time) as pool:
        try:
            for one, found in zip(unknown, pool.map(ask, filled), strict=False):
                remember(one.probe_file, pricing.at_a_time, found)
                yield one, found
        except BaseException:  # the threads wait for the probes
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.kill()
            raise


def configs_without_price(planned: Sequence[Planned]) -> list[Planned]:
    """One run of each config that a probe would be of; a probe that failed is made again."""
    return list({p.probe_file: p for p in planned if p.is_left and p.price is None}.values())


def spent(store: RunStore, run: Run) -> float:
    """Share of a run's training that is done, as its files say; without torch."""
    if store.read(run.id, "training") is not None:
        return 1.0
    state, train = training_state(store.folder(run.id) / CHECKPOINTS[0]), run.config.train
    done: dict[str, float] = {
        "steps": state.get("step", 0),
        "images": state.get("step", 0) * train.batch_size,
        "seconds": state.get("seconds", 0.0),
        "flops": state.get("flops", 0),
    }
    unit = next(unit for unit in BUDGETS if getattr(train, unit) is not None)
    return min(1.0, done[unit] / float(getattr(train, unit)))
