"""The time and memory that runs take, and how much of it is left, from the store's records or from probes."""

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
from bench.plan.identity import RunIdentity, identities_of, stored_runs
from bench.runs.probe import probe_apart
from bench.runs.probe_cache import Probe, all_remembered, probe_file, recall, remember
from bench.runs.status import measured_runs, read_status
from bench.store.checkpoint_header import training_state
from bench.store.run_store import CHECKPOINTS, ENDED, SCHEMA, RunStore, State, identity_hash
from bench.study.study import Job, Run

START = 1.5  # seconds that a process takes to import torch and the rest, before any probe has measured it
UNKNOWN = "neither run nor probed on this device"


@dataclass(frozen=True)
class Price:
    """What a whole run takes, in seconds and bytes."""

    start: float
    """Once a process: imports."""
    setup: float
    """Once a process and data set."""
    train: float
    """Training, validations included."""
    score: float
    measure: float
    peak_bytes: int
    gpu_peak_bytes: int | None
    source: Literal["store", "probe"]


@dataclass(frozen=True)
class Planned:
    """A run that a study asks for, what is left of it, and its price."""

    run: Run
    metrics: tuple[str, ...]
    state: State | Literal["stale"]
    """stale: new, although the store has a finished run of the same config and data set's name."""
    to_score: tuple[str, ...]
    """Metrics that a finished run has no records of."""
    train_share: float
    """The share of training that is left, in [0, 1]."""
    is_scored: bool
    """Whether nothing but measuring speed can be left."""
    is_measured: bool
    """Whether speed is stored, or not asked for."""
    price: Price | None
    reason: str
    """Why there is no price."""
    probe_file: Path

    @property
    def is_left(self) -> bool:
        return not (self.is_scored and self.is_measured)

    @property
    def seconds(self) -> float | None:
        """Seconds that are left, without what is done once a process; None if the price is unknown."""
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
        self.start = median([p.start for p in all_remembered() if not p.reason] or [START])
        self._states: dict[str, State] = {}
        """Of the runs that have ended."""
        self._by_config: dict[str, list[RunIdentity]] = {}
        self._by_seedless_key: dict[str, list[RunIdentity]] = {}
        self._timings: dict[str, list[dict[str, Any]]] = {}
        for identity in stored_runs(store).values():
            # A run of another schema is not this version's: neither its time nor its config says anything here.
            if identity.schema == SCHEMA and (state := store.state(identity.id)) in ENDED:
                self._states[identity.id] = state
                self._by_config.setdefault(identity.key, []).append(identity)
                self._by_seedless_key.setdefault(identity.seedless_key, []).append(identity)

    def plan(self, jobs: Sequence[Job]) -> list[Planned]:
        """Every run with its state and price. Opens the data sets."""
        timed, planned = measured_runs(jobs), []
        for job, identity in zip(jobs, identities_of(run for run, _ in jobs), strict=True):
            try:
                planned.append(self._planned(job, identity, is_timed=job[0].id in timed))
            except Unreadable as error:
                planned.append(_left_alone(job, str(error)))
        return planned

    def _planned(self, job: Job, identity: RunIdentity, is_timed: bool) -> Planned:
        run, metrics = job
        self.store.check_readable(run.id)
        status = read_status(job, self.store, self._states.get(run.id))
        if status.state == "unreadable":
            return _left_alone(job, status.reason)
        has_no_speed = status.is_trained and status.state != "done"
        file = self._probe_file(identity, metrics)
        price, reason = self._price(run, identity, file)
        return Planned(
            run=run,
            metrics=metrics,
            state="stale" if status.state == "new" and self._is_stale(identity) else status.state,
            to_score=status.to_score,
            train_share=0.0 if status.is_trained else 1 - trained_share(self.store, run),
            is_scored=status.is_scored,
            is_measured=status.is_measured or has_no_speed or not is_timed,
            price=price,
            reason=reason,
            probe_file=file,
        )

    def price(self, run: Run, metrics: Sequence[str]) -> Price | None:
        """The price of any run, planned or not; None if it is unknown. Opens the data set."""
        (identity,) = identities_of([run])
        return self._price(run, identity, self._probe_file(identity, metrics))[0]

    def _probe_file(self, identity: RunIdentity, metrics: Sequence[str]) -> Path:
        seedless = identity_hash(identity.config | {"seed": 0}, identity.fingerprint, identity.code)
        return probe_file(seedless, metrics, self.machine, self.device_name)

    def _is_stale(self, identity: RunIdentity) -> bool:
        finished = self._by_config.get(identity.key, ())
        return any(other.data.get("name") == identity.data["name"] for other in finished)

    def _price(self, run: Run, identity: RunIdentity, file: Path) -> tuple[Price | None, str]:
        """The price, or None and the reason. Records of finished runs come before a probe."""
        probe = recall(file, self.at_a_time)
        if price := _from_store(self._timings_like(identity), probe, self.start):
            return price, ""
        if probe is None:
            return None, UNKNOWN
        return (None, probe.reason) if probe.reason else (_from_probe(probe, run.config.train), "")

    def _timings_like(self, identity: RunIdentity) -> list[dict[str, Any]]:
        """timing.json of the finished runs on this machine that differ from this one only in the seed."""
        key = identity.seedless_key
        if key not in self._timings:
            alike = (other for other in self._by_seedless_key.get(key, ()) if self._is_of_this_machine(other))
            self._timings[key] = [timing for other in alike if (timing := self.store.read(other.id, "timing"))]
        return self._timings[key]

    def _is_of_this_machine(self, identity: RunIdentity) -> bool:
        provenance = identity.provenance
        has_same_threads = self.machine.device != "cpu" or provenance.get("threads") == self.machine.threads
        return provenance.get("device") == self.device_name and has_same_threads


def _left_alone(job: Job, reason: str) -> Planned:
    """A run that cannot be read: `bench run` leaves it as it is, so nothing of it is left to do."""
    run, metrics = job
    return Planned(run, metrics, "unreadable", (), 0.0, True, True, None, reason, Path())


def _from_store(timings: list[dict[str, Any]], probe: Probe | None, start: float) -> Price | None:
    """The medians of like runs' seconds and their greatest memory; None if no run has all of them."""
    stages = [t["seconds"] for t in timings if {"setup", "score"} <= t.get("seconds", {}).keys()]
    measured = [seconds["measure"] for seconds in stages if seconds.get("measure") is not None]
    if not stages or not (measured or probe):
        return None
    return Price(
        start=start,
        # Only the first run of a process opens its data set; the others find it open.
        setup=max(seconds["setup"] for seconds in stages),
        train=median(seconds.get("train", 0.0) + seconds.get("validate", 0.0) for seconds in stages),
        score=median(seconds["score"] for seconds in stages),
        measure=median(measured) if measured else probe.measure if probe else 0.0,
        peak_bytes=max(t.get("peak_bytes") or 0 for t in timings),
        gpu_peak_bytes=max(t.get("gpu_peak_bytes") or 0 for t in timings) or None,
        source="store",
    )


def _from_probe(probe: Probe, train: TrainConfig) -> Price:
    validations = train.validations if train.steps is None else min(train.validations, train.steps)
    return Price(
        start=probe.start,
        setup=probe.setup,
        train=probe.train + probe.validation * validations,
        score=probe.score,
        measure=probe.measure,
        peak_bytes=probe.peak_bytes,
        gpu_peak_bytes=probe.gpu_peak_bytes,
        source="probe",
    )


def probe_unknown(planned: Sequence[Planned], pricing: Pricing) -> Iterator[tuple[Planned, Probe]]:
    """Probe every config that has no price and something left, and remember the results. As many probes run at a time
    as runs will, since runs beside each other slow each other down."""
    unknown = configs_without_price(planned)
    if not unknown:
        return
    # The last probes are repeated until the round is full: alone on the machine they would be too fast.
    filled = unknown + unknown[-1:] * (-len(unknown) % pricing.at_a_time)
    ask: Callable[[Planned], Probe] = lambda entry: probe_apart(entry.run, entry.metrics, pricing.machine)  # noqa: E731
    with ThreadPoolExecutor(pricing.at_a_time) as pool:
        try:
            for entry, probe in zip(unknown, pool.map(ask, filled), strict=False):
                remember(entry.probe_file, pricing.at_a_time, probe)
                yield entry, probe
        except BaseException:  # the pool's threads wait for their probes, so these are ended
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.kill()
            raise


def configs_without_price(planned: Sequence[Planned]) -> list[Planned]:
    """One run of each config to probe; a probe that failed is repeated."""
    return list({p.probe_file: p for p in planned if p.is_left and p.price is None}.values())


def trained_share(store: RunStore, run: Run) -> float:
    """The share of a run's training that is done, in [0, 1], as its files say; without torch."""
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
