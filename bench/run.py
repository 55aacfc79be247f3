"""One run from config to records: data, method, training, cost, throughput, scores."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines import UNTRAINED
from baselines.weights import WeightsMissing
from bench.allocator import keep_freed_memory
from bench.build import build_method
from bench.config import TrainConfig
from bench.data.batches import (
    BATCH,
    BatchesAhead,
    dataset_of,
    one_image,
    training_batch,
    validation_batches,
    validation_crops,
)
from bench.data.dataset import Dataset
from bench.data.tasks import Batch, build_task
from bench.machine import Machine as Machine
from bench.measure.cost import count_cost
from bench.measure.metrics import METRICS, Unavailable, load
from bench.measure.metrics.registry import ALL_IMAGES
from bench.measure.throughput import measure_inference, measure_training
from bench.provenance import describe, device_name
from bench.store import RunStore, State
from bench.study import Run
from bench.training.checkpoint import load_weights, save_weights
from bench.training.graphs import with_graphs
from bench.training.method import Method
from bench.training.trainer import Diverged, Hooks, Interrupted, Pruned, train

SAMPLES = 16
RING = 8  # batches that throughput is measured on
TRAINING_WINDOW, INFERENCE_WINDOW = 0.1, 0.04  # seconds


@dataclass(frozen=True)
class Watch:
    """How a run speaks to whoever started it."""

    tell: Callable[[str, str, float], None] = lambda run, phase, fraction: None
    """Run id, what it does, share of it that is done."""
    told_to_stop: Callable[[], bool] = lambda: False
    goes_on: Callable[[list[dict[str, Any]]], bool] = lambda curve: True
    """Asked after every validation, with the curve so far; False prunes the run."""


def execute(run: Run, metrics: Sequence[str], store: RunStore, machine: Machine, watch: Watch) -> State:
    """Train the run if it is not trained, score what is not scored, and say how it ended.

    `running` means that another process has it. A failure is recorded, and tried again the next time it is asked
    for; a divergence is a result. Raises trainer.Interrupted when told to stop.
    """

    def stages(work: _Work) -> None:
        work.train()
        work.keep_samples()
        work.score(metrics)

    return _attempt(run, store, machine, watch, stages)


def measure(run: Run, store: RunStore, machine: Machine, watch: Watch) -> State:
    """Count the cost of a finished run and measure its speed and memory; nothing else should be at work meanwhile.

    A failure leaves the run done and its scores as they are; it is tried again the next time.
    """
    with store.claim(run.id) as mine:
        if not mine:
            return "running"
        try:
            _Work(run, store, machine, watch).measure()
        except Exception as error:
            store.write(
                run.id, "throughput.missing", {"reason": _first_line(error), "traceback": traceback.format_exc()}
            )
            return "failed"
        return "done"


def _attempt(run: Run, store: RunStore, machine: Machine, watch: Watch, stages: Callable[[_Work], None]) -> State:
    with store.claim(run.id) as mine:
        if not mine:
            return "running"
        outcome = store.read(run.id, "outcome") or {"state": "new"}
        if outcome["state"] == "diverged":
            return "diverged"
        try:
            work = _Work(run, store, machine, watch)
            stages(work)
        except Diverged as error:
            work.write_curve(error.state.curve)
            return _finish(store, run, "diverged", str(error), step=error.step)
        except Pruned as error:
            work.write_curve(error.state.curve)
            return _finish(store, run, "pruned", str(error), step=error.state.step)
        except Interrupted:
            raise
        except WeightsMissing as error:
            return _finish(store, run, "unavailable", str(error))
        except Exception as error:  # whatever went wrong in this run, the others go on
            reason = f"{_first_line(error)} (traceback in {store.folder(run.id) / 'outcome.json'})"
            return _finish(store, run, "failed", reason, traceback=traceback.format_exc())
        return "done" if outcome["state"] == "done" else _finish(store, run, "done", "")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _finish(store: RunStore, run: Run, state: State, reason: str, **more: Any) -> State:
    store.write(run.id, "outcome", {"state": state, "reason": reason, **more})
    if state not in ("failed", "pruned"):
        (store.folder(run.id) / "checkpoint.safetensors").unlink(missing_ok=True)
    return state


class _Work:
    """What the steps of one run share."""

    def __init__(self, run: Run, store: RunStore, machine: Machine, watch: Watch) -> None:
        self.run, self.store, self.machine, self.watch = run, store, machine, watch
        self.device = set_up(machine)
        self.folder = store.prepare(run.id)
        self.task = build_task(run.config.task)

    @cached_property
    def method(self) -> Method:
        """With its trained weights, if it has been trained."""
        method = build_method(self.run.config, self.task, self.device)
        if method.networks and self._is_there("training.json"):
            load_weights(self.folder / "weights.safetensors", method)
        return with_graphs(method) if self.machine.cuda_graphs and self.device.type == "cuda" else method

    def _is_there(self, name: str) -> bool:
        return (self.folder / name).exists()

    @cached_property
    def dataset(self) -> Dataset:
        return dataset_of(self.run.config.data)

    @cached_property
    def validation(self) -> list[tuple[Batch, Tensor]]:
        """Batches with their images: (B, 3, H, W) in [0, 1]."""
        return validation_batches(self.run.config.data, self.run.config.task, self.device)

    def train(self) -> None:
        """Train from the start or the checkpoint, unless it is done or there is nothing to train."""
        if not self._is_there("run.json"):
            self._describe()
        if self._is_there("training.json") or self.run.config.method in UNTRAINED or not self.method.optimizers:
            return
        config = self.run.config.train
        self.watch.tell(self.run.id, "train", 0)
        hooks = Hooks(
            draw=BatchesAhead(self.run.config, self.device),
            validate=self._validate,
            advanced=lambda fraction: self.watch.tell(self.run.id, "train", fraction),
            goes_on=self.watch.goes_on,
            told_to_stop=self.watch.told_to_stop,
        )
        checkpoint = self.folder / "checkpoint.safetensors"
        state = train(self.method, config, hooks, checkpoint, self.machine.checkpoint_seconds)
        save_weights(self.folder / "weights.safetensors", self.method)
        self.write_curve(state.curve)
        done = {"steps": state.step, "images": state.step * config.batch_size, "seconds": state.seconds}
        if math.isfinite(state.data_seconds):
            done["data_seconds"] = state.data_seconds
        if state.flops:
            done["flops"] = state.flops
        self.store.write(self.run.id, "training", done)

    def _describe(self) -> None:
        content = {
            "id": self.run.id,
            "config": self.run.config.identity(),
            "data": self.dataset.describe(),
            "provenance": describe(self.device),
        }
        self.store.write(self.run.id, "run", content)

    def write_curve(self, curve: list[dict[str, Any]]) -> None:
        self.store.write_rows(self.run.id, "curve", curve)

    def _validate(self) -> dict[str, float]:
        """Mean of the metrics with a curve, named val_METRIC."""
        predictions = self._predictions()
        values = {}
        for metric in METRICS.values():
            if metric.has_curve:
                with suppress(Unavailable):  # a hole where the task has none, one image alone: no curve of that
                    values[f"val_{metric.name}"] = float(np.mean(self._score(metric.name, predictions)))
        return values

    def _predictions(self) -> list[Tensor]:
        return [self.task.to_rgb(self.method.predict(batch), batch) for batch, _ in self.validation]

    def _score(self, metric: str, predictions: list[Tensor]) -> list[float]:
        """One value a validation crop."""
        score, grid = load(metric, self.machine.device), self.run.config.tiling.grid
        scored = [(rgb, batch.mask) for batch, rgb in self.validation]
        if METRICS[metric].needs in ("set", "distribution"):
            return score(torch.cat(predictions), torch.cat([rgb for rgb, _ in scored])).tolist()
        pairs = zip(predictions, scored, strict=True)
        return [value for ours, (rgb, mask) in pairs for value in score(ours, rgb, mask, grid).tolist()]

    def measure(self) -> None:
        """Cost, throughput and peak memory; of training on a second copy of the method, since that moves it."""
        if self._is_there("throughput.json"):
            return
        self.watch.tell(self.run.id, "measure", 0)
        train = self.run.config.train
        batch, _ = self.validation[0]
        cost = count_cost(self.method, one_image(batch))
        self.store.write(self.run.id, "cost", {**asdict(cost), "flops": cost.flops})
        ring = [training_batch(self.run.config, step, self.device) for step in range(RING)]
        inference = measure_inference(self.method, ring, self.device, INFERENCE_WINDOW)
        record: dict[str, Any] = {"inference": asdict(inference), "training": None, "training_peak_bytes": None}
        if self.method.optimizers:
            again = build_method(self.run.config, self.task, self.device)
            training, peak = measure_training(again, ring, typical_step(train), self.device, TRAINING_WINDOW)
            record |= {"training": asdict(training), "training_peak_bytes": peak}
        record |= {
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
            "precision": train.precision,
        }
        self.store.write(self.run.id, "throughput", record)

    def keep_samples(self) -> None:
        """The first validation images as uint8, for the report's pictures."""
        if self._is_there("samples.npz"):
            return
        names = [crop["image"] for crop in validation_crops(self.run.config.data)]
        shown: dict[str, list[Tensor]] = {"input": [], "prediction": [], "target": []}
        for batch, rgb in self.validation[: -(-SAMPLES // BATCH)]:
            shown["input"].append(self.task.input_rgb(batch))
            shown["prediction"].append(self.task.to_rgb(self.method.predict(batch), batch))
            shown["target"].append(rgb)
        arrays = {name: _to_uint8(torch.cat(images))[:SAMPLES] for name, images in shown.items()}
        temporary = self.folder / f".samples.{os.getpid()}.npz"
        np.savez_compressed(temporary, allow_pickle=False, names=np.array(names[:SAMPLES]), **arrays)
        temporary.replace(self.folder / "samples.npz")

    def score(self, metrics: Sequence[str]) -> None:
        """Score what has no records yet. A metric that cannot be had is recorded with its reason."""
        missing = [m for m in metrics if self.store.read_rows(self.run.id, METRICS[m].records) is None]
        if not missing:
            return
        predictions: list[Tensor] = []
        crops = validation_crops(self.run.config.data)
        for index, metric in enumerate(missing):
            self.watch.tell(self.run.id, f"score {metric}", index / len(missing))
            try:
                load(metric, self.machine.device)  # before the predictions: most often nothing is left but this
                predictions = predictions or self._predictions()
                if not all(bool(prediction.isfinite().all()) for prediction in predictions):
                    raise FloatingPointError("the predictions are not finite")
                values = self._score(metric, predictions)
            except Unavailable as error:
                self.store.write(self.run.id, f"{METRICS[metric].records}.missing", {"reason": str(error)})
                continue
            whole = [{"image": ALL_IMAGES, "photograph": ALL_IMAGES}]
            named = whole if METRICS[metric].needs == "distribution" else crops
            rows: list[dict[str, Any]] = [crop | {"value": value} for crop, value in zip(named, values, strict=True)]
            if METRICS[metric].direction == "neutral":  # then only the ground truth's own score says what is good
                truth = self._score(metric, [rgb for _, rgb in self.validation])
                rows = [row | {"reference": value} for row, value in zip(rows, truth, strict=True)]
            self.store.write_rows(self.run.id, METRICS[metric].records, rows)


def typical_step(train: TrainConfig) -> int:
    """The first step behind pretraining, if any is."""
    last = train.steps - 1 if train.steps else train.pretrain_steps
    return min(train.pretrain_steps, last)


def set_up(machine: Machine, keeps_memory: bool = True) -> torch.device:
    """Make this process compute as the machine says; with glibc's allocator as it is, if it is not to keep memory."""
    device = torch.device(machine.device)
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn  # mypy does not see what is inside
        cudnn.conv.fp32_precision = "ieee"  # fp32 is what it says; cuDNN's default is TF32
    else:
        torch.set_num_threads(machine.threads)
        if keeps_memory:
            keep_freed_memory()
    return device


def _to_uint8(rgb: Tensor) -> np.ndarray:
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
