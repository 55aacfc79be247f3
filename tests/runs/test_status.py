"""The status of the run that a job asks for: what is left of it, from one reading of the store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from harness import small_study
from rich.console import Console

from bench.machine import Machine
from bench.runs.runner import RunRequest, jobs_of, run_jobs
from bench.runs.status import MEASURED_SEEDS, Status, measured_runs, read_status
from bench.store.run_store import RunStore, State
from bench.study.load import load_study
from bench.study.study import Job


class CountingStore(RunStore):
    """Counts how often each run's state is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads = Counter[str]()

    def read_state(self, run: str) -> State:
        self.reads[run] += 1
        return super().read_state(run)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return jobs_of([load_study(small_study(tmp_path, metrics=["psnr", "ssim"]), "tiny")])[0]


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "runs")


def test_a_status_says_what_is_left(job: Job, store: CountingStore) -> None:
    run = job[0].id
    assert read_status(job, store) == Status("new")
    store.write(run, "outcome", {"state": "done", "reason": ""})
    status = read_status(job, store)
    assert (status, status.is_scored) == (Status("done", is_trained=True, to_score=("psnr", "ssim")), False)
    store.write_rows(run, "scores/psnr.v1", [{"image": "x", "value": 1.5}])
    store.write(run, "scores/ssim.v1.missing", {"reason": "no weights"})
    status = read_status(job, store)
    assert (status.to_score, status.unavailable, status.is_scored) == (("ssim",), ("ssim",), True)
    store.write(run, "throughput", {})
    assert read_status(job, store).is_measured
    store.write(run, "outcome", {"state": "diverged", "reason": ""})
    status = read_status(job, store)
    assert (status.state, status.to_score, status.is_scored) == ("diverged", (), True)


def test_a_run_that_cannot_be_read_says_why(job: Job, store: CountingStore) -> None:
    (store.prepare(job[0].id) / "outcome.json").mkdir()
    status = read_status(job, store)
    assert (status.state, status.is_scored) == ("unreadable", False)
    assert status.reason.endswith("outcome.json: cannot be read (Is a directory)")


def test_the_first_seeds_of_each_config_are_measured(tmp_path: Path) -> None:
    jobs = jobs_of([load_study(small_study(tmp_path, seeds=MEASURED_SEEDS + 2), "tiny")])
    seeds = Counter(run.label for run, _ in jobs if run.id in measured_runs(jobs))
    assert set(seeds.values()) == {MEASURED_SEEDS}


def test_the_state_of_a_cached_run_is_read_once(job: Job, store: CountingStore) -> None:
    run = job[0].id
    for metric in job[1]:
        store.write_rows(run, f"scores/{metric}.v1", [{"image": "x", "value": 1.5}])
    store.write(run, "throughput", {})
    store.write(run, "outcome", {"state": "done", "reason": ""})
    assert run_jobs(RunRequest([job], store, Machine()), Console(quiet=True)) == {run: "done"}
    assert store.reads == {run: 1}
