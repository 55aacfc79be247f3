"""A run that cannot be read now is not damaged: none of its files is removed, moved or overwritten."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import small_study
from rich.console import Console
from training.test_checkpoint import STATE, build

import bench.runs.scoring
from bench.config import DataConfig
from bench.data.dataset import open_dataset
from bench.errors import LeftAsItIs, Unreadable, Unwritable, fault_of
from bench.machine import Machine
from bench.runs.executors import in_process
from bench.runs.repair import damage, quarantine, verify_store
from bench.runs.run import Watch, execute
from bench.runs.runner import RunRequest, run_jobs
from bench.store.run_store import CHECKPOINTS, RunStore
from bench.study.load import load_study
from bench.study.study import Run
from bench.training.checkpoint import Checkpoints, save_checkpoint
from bench.training.gan import GAN

RUN = "0123456789abcdef"


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Inside, this process can open nothing."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _content(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def resumable(tmp_path: Path) -> tuple[RunStore, GAN]:
    """A run with two checkpoints, and its method."""
    store, gan = RunStore(tmp_path / "runs"), build()
    for step, name in enumerate(reversed(CHECKPOINTS)):
        save_checkpoint(store.prepare(RUN) / name, gan, {**STATE, "step": step})
    store.write(RUN, "run", {"id": RUN})
    return store, gan


def test_without_a_file_descriptor_both_checkpoints_stay(resumable: tuple[RunStore, GAN]) -> None:
    store, gan = resumable
    checkpoints = Checkpoints(*(store.folder(RUN) / name for name in CHECKPOINTS))
    before = _content(store.folder(RUN))
    fell_back: list[str] = []
    with no_descriptor_left(), pytest.raises(Unreadable, match=r"/checkpoint.safetensors: cannot be read \(Too many"):
        checkpoints.load(gan, fell_back.append)
    assert _content(store.folder(RUN)) == before
    assert fell_back == []
    assert checkpoints.load(gan) == {**STATE, "step": 1}


def test_without_a_file_descriptor_nothing_is_set_aside(resumable: tuple[RunStore, GAN]) -> None:
    store, _ = resumable
    (store.folder(RUN) / "run.json").write_text("damaged")
    before = _content(store.folder(RUN))
    with no_descriptor_left():
        assert store.state(RUN) == "unreadable"
        for look in (damage, quarantine):
            with pytest.raises(Unreadable, match="Too many open files"):
                look(store, RUN)
    assert _content(store.folder(RUN)) == before
    assert quarantine(store, RUN) == {"run.json": "is not what was written (SHA-256)"}


def test_without_a_file_descriptor_no_photograph_is_left_out_and_no_cache_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    config = DataConfig(image_size=64, scales=(1.0,))
    fingerprint, before = open_dataset(config).fingerprint, _content(tmp_path / "cache")
    with no_descriptor_left(), pytest.raises(Unreadable, match="Too many open files"):
        open_dataset(config)
    assert _content(tmp_path / "cache") == before
    assert open_dataset(config).fingerprint == fingerprint


def test_a_newest_checkpoint_that_is_damaged_still_makes_way(resumable: tuple[RunStore, GAN]) -> None:
    store, gan = resumable
    newest, previous = (store.folder(RUN) / name for name in CHECKPOINTS)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert Checkpoints(newest, previous).load(gan) == {**STATE, "step": 0}
    assert not newest.exists()


def test_verify_names_every_run_whatever_cannot_be_read(resumable: tuple[RunStore, GAN]) -> None:
    store, _ = resumable
    other = f"{RUN[:-1]}0"
    store.write(other, "run", {})
    (store.folder(RUN) / "scores").symlink_to("scores")  # a circle, which nobody can open
    assert [(found.run, found.file, found.problem) for found in verify_store(store)] == [
        (other, "run.json", "has a config that does not give the run's id"),
        (RUN, "scores", "unreadable (Too many levels of symbolic links)"),
    ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return load_study(small_study(tmp_path, metrics=["psnr"]), "tiny", None, ("train.steps=6",)).runs()[0]


def test_a_run_that_is_done_stays_so_when_a_later_score_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path / "runs")
    assert execute(run, ("psnr",), store, Machine(), Watch()) == "done"
    outcome = (store.folder(run.id) / "outcome.json").read_bytes()

    def fails(name: str, device: str) -> None:
        raise MemoryError("of this metric")

    monkeypatch.setattr(bench.runs.scoring, "load", fails)
    with pytest.raises(LeftAsItIs, match="is done, but was not scored: out of memory: MemoryError: of this metric"):
        execute(run, ("psnr", "ssim"), store, Machine(), Watch())
    assert (store.folder(run.id) / "outcome.json").read_bytes() == outcome
    assert store.read(run.id, "scores/ssim.v1.missing")["reason"] == "out of memory: MemoryError: of this metric"
    job, console = (run, ("psnr", "ssim")), Console(quiet=True)
    request = RunRequest([job], store, Machine(), workers=1)
    assert [type(end) for _, end in in_process([job], store, Machine(), lambda *_: None)] == [LeftAsItIs]
    assert run_jobs(request, console) == {run.id: "failed"}  # this command's part, not the run
    assert store.state(run.id) == "done"
    monkeypatch.undo()
    assert run_jobs(request, console) == {run.id: "done"}
    assert store.read_rows(run.id, "scores/ssim.v1") is not None


def test_an_outcome_is_not_written_over(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.end(RUN, "failed", "hung", fault="hung")
    assert store.end(RUN, "done", "")
    assert not store.end(RUN, "failed", "its process was killed", fault="lost")
    assert store.state(RUN) == "done"


def test_reading_and_writing_have_words_of_their_own(tmp_path: Path) -> None:
    denied = PermissionError(13, "Permission denied", "x")
    errors = (Unreadable.of(tmp_path, denied), Unwritable.of(tmp_path, denied), denied)
    assert [fault_of(error) for error in errors] == ["unreadable", "read_only", "no_right"]
    assert fault_of(Unwritable(28, "No space left on device", "x")) == "disk_full"
