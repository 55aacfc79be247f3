"""A run in this process: it does not resume on other images, and stops when another process takes it over."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import small_study
from PIL import Image

from baselines.build import build_method
from bench.data.batches import dataset_of, training_batch, validation_batches
from bench.data.tasks import build_task
from bench.machine import Machine
from bench.runs.run import Watch, execute, measure
from bench.runs.stages import SETTLING
from bench.store.lease import Lease
from bench.store.run_store import RunStore
from bench.study.load import load_study
from bench.study.study import Run
from bench.training.checkpoint import load_weights
from bench.training.trainable import settle_average
from bench.training.trainer import Interrupted

CPU = torch.device("cpu")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of ten images."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(10):
        Image.fromarray(rng.integers(256, size=(80, 80, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


def _run(tmp_path: Path, photographs: Path, *overrides: str) -> Run:
    overrides = ("train.steps=20", *overrides)
    study = load_study(small_study(tmp_path, metrics=["psnr"]), "tiny", str(photographs), overrides)
    return study.runs()[0]


def _opened_anew() -> None:
    """As in another process."""
    dataset_of.cache_clear()
    validation_batches.cache_clear()


def test_a_run_does_not_go_on_from_its_checkpoint_with_other_images(tmp_path: Path, photographs: Path) -> None:
    run, store, calls = _run(tmp_path, photographs), RunStore(tmp_path / "runs"), iter(range(1000))
    with pytest.raises(Interrupted):
        execute(run, ("psnr",), store, Machine(), Watch(told_to_stop=lambda: next(calls) == 3))
    checkpoint = store.folder(run.id) / "checkpoint.safetensors"
    before, image = checkpoint.read_bytes(), photographs / "0.png"
    content = image.read_bytes()
    image.write_bytes(b"no image")
    _opened_anew()
    drawn: list[float] = []
    watch = Watch(tell=lambda name, phase, share: drawn.append(share))
    assert execute(run, ("psnr",), store, Machine(checkpoint_seconds=0), watch) == "failed"
    assert json.loads((store.folder(run.id) / "outcome.json").read_text())["fault"] == "data_changed"
    assert drawn == []  # not a step
    assert checkpoint.read_bytes() == before
    image.write_bytes(content)
    _opened_anew()
    assert execute(run, ("psnr",), store, Machine(), Watch()) == "done"


def test_a_run_that_is_taken_over_while_it_is_measured_is_the_others(tmp_path: Path, photographs: Path) -> None:
    run, store = _run(tmp_path, photographs), RunStore(tmp_path / "runs")
    assert execute(run, ("psnr",), store, Machine(), Watch()) == "done"
    thief = Lease(store.folder(run.id) / "lease", 60.0)

    def steal(name: str, phase: str, share: float) -> None:
        (store.folder(run.id) / "lease").unlink()
        assert thief.acquire()

    assert measure(run, store, Machine(), Watch(tell=steal)) == "running"
    assert store.read(run.id, "throughput") is None
    thief.release()
    assert measure(run, store, Machine(), Watch()) == "done"


def test_averaged_weights_are_stored_with_statistics_of_their_own(tmp_path: Path, photographs: Path) -> None:
    run, store = _run(tmp_path, photographs, "train.ema=0.9"), RunStore(tmp_path / "runs")
    assert execute(run, ("psnr",), store, Machine(), Watch()) == "done"
    method = build_method(run.config, build_task(run.config.task), CPU)
    load_weights(store.folder(run.id) / "weights.safetensors", method)
    stored = {name: buffer.clone() for name, buffer in method.networks["average"].named_buffers()}
    live = dict(method.networks["generator"].named_buffers())
    assert not any(torch.equal(stored[name], live[name]) for name in stored)
    settle_average(method, (training_batch(run.config, step, CPU) for step in range(SETTLING)), CPU, run.config.train)
    assert all(torch.equal(stored[name], buffer) for name, buffer in method.networks["average"].named_buffers())
