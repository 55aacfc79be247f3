"""The stages of one run, from its data and method to cost, speed and scores, each kept in the store when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines import UNTRAINED
from baselines.build import build_method
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
from bench.errors import DataChanged, InputError, is_there
from bench.machine import Machine, set_up
from bench.measure import PEAK_VERSION
from bench.measure.cost import count_cost
from bench.measure.memory import peak_resident_bytes, reset_peak_resident_bytes
from bench.measure.metrics import METRICS, Unavailable, load
from bench.measure.metrics.registry import ALL_IMAGES
from bench.measure.throughput import measure_inference, measure_training
from bench.runs.provenance import describe, device_name, same_make
from bench.store.run_store import CHECKPOINTS, SCHEMA, RunStore, run_id
from bench.study.study import Run, method_code
from bench.training.checkpoint import Checkpoints, load_weights, save_weights
from bench.training.cuda_graphs import with_graphs
from bench.training.method import Method
from bench.training.trainable import settle_average
from bench.training.trainer import Hooks, Interrupted, train

SAMPLES = 16
SETTLING = 16  # batches that the BatchNorm statistics of averaged weights are estimated on
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


class RunStages:
    """What the steps of one run share."""

    def __init__(self, run: Run, store: RunStore, machine: Machine, watch: Watch) -> None:
        self.run, self.store, self.machine, self.watch = run, store, machine, watch
        self.device = set_up(machine)
        self.seconds: dict[str, float] = {}
        """By stage, of this process."""
        reset_peak_resident_bytes()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
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
        return is_there(self.folder / name)

    def check_data(self) -> Dataset:
        """The data set. Raises DataChanged where it is not the one that the run was planned with."""
        config = self.run.config
        try:
            dataset = dataset_of(config.data)
        except InputError as error:
            raise DataChanged(str(error)) from None
        if run_id(config, dataset.fingerprint, method_code(config.method)) != self.run.id:
            skipped = "".join(f"; {s.name}: {s.reason}" for s in dataset.skipped[:3])
            raise DataChanged(f"the images (or the file of the method) are not those of the study any more{skipped}")
        return dataset

    @cached_property
    def validation(self) -> list[tuple[Batch, Tensor]]:
        """Batches with their images: (B, 3, H, W) in [0, 1]. Raises DataChanged."""
        self.check_data()
        return validation_batches(self.run.config.data, self.run.config.task, self.device)

    def train(self) -> None:
        """Train from the start or the checkpoint, unless it is done or there is nothing to train."""
        if self._is_there("training.json"):
            return
        with self.timed("setup"):
            self.describe()
            is_trained = self.run.config.method not in UNTRAINED and bool(self.method.optimizers)
        if not is_trained:
            return
        config = self.run.config.train
        self.watch.tell(self.run.id, "train", 0)
        hooks = Hooks(
            draw=BatchesAhead(self.run.config, self.device),
            validate=self.validate,
            advanced=lambda fraction: self.watch.tell(self.run.id, "train", fraction),
            goes_on=self.watch.goes_on,
            told_to_stop=self.watch.told_to_stop,
            may_save=lambda: self.store.check_held(self.run.id),
            fell_back=lambda text: self.store.note(self.run.id, "damaged", text),
        )
        checkpoints = Checkpoints(*(self.folder / name for name in CHECKPOINTS))
        state = train(self.method, config, hooks, checkpoints, self.machine.checkpoint_seconds)
        with self.store.placing(self.run.id, "weights.safetensors") as path:
            save_weights(path, self.method)
        self.write_curve(state.curve)
        self.seconds |= {"train": state.seconds, "validate": state.validation_seconds}
        done: dict[str, float] = {"steps": state.step, "images": state.step * config.batch_size}
        done |= {"seconds": state.seconds, "data_seconds": state.data_seconds}
        if state.flops:
            done["flops"] = state.flops
        self.store.write(self.run.id, "training", done)

    def describe(self) -> None:
        """run.json, or where it goes on with another processor or other versions than it began with, a note. Raises
        DataChanged, before a step is trained."""
        made_with, dataset = describe(self.device, self.machine.command), self.check_data()
        known = self.store.read(self.run.id, "run")
        if known is None:
            content = {
                "id": self.run.id,
                "config": self.run.config.identity(),
                "schema": SCHEMA,
                "method_code": method_code(self.run.config.method),
                "data": dataset.describe(),
                "provenance": made_with,
            }
            self.store.write(self.run.id, "run", content)
        elif not same_make(known["provenance"], made_with):
            words = f"torch {made_with['torch']} on {made_with['device']}, threads {made_with['threads']}"
            self.store.note(self.run.id, "moved", f"trained on from a checkpoint with {words}")

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the block's seconds to the stage's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def write_timing(self) -> None:
        """What the stages took, and the most memory; later stages are added to what is there."""
        known = self.store.read(self.run.id, "timing") or {}
        gpu = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else 0
        before = known.get("seconds", {})
        scoring = before.get("score", 0.0) + self.seconds.get("score", 0.0)  # of metrics that were added later, too
        timing = {
            "seconds": {**before, **self.seconds, "score": scoring},
            "peak_bytes": max(known.get("peak_bytes", 0), peak_resident_bytes()),
            "gpu_peak_bytes": max(known.get("gpu_peak_bytes", 0), gpu),
        }
        self.store.write(self.run.id, "timing", timing)

    def _stop_if_told(self) -> None:
        if self.watch.told_to_stop():
            raise Interrupted

    def write_curve(self, curve: list[dict[str, Any]]) -> None:
        self.store.write_rows(self.run.id, "curve", curve)

    def validate(self) -> dict[str, float]:
        """Mean of the metrics with a curve, named val_METRIC."""
        self._settle_average()
        predictions = self._predictions()
        values = {}
        for metric in METRICS.values():
            if metric.has_curve:
                with suppress(Unavailable):  # a hole where the task has none, one image alone: no curve of that
                    values[f"val_{metric.name}"] = float(np.mean(self._score(metric.name, predictions)))
        return values

    def _settle_average(self) -> None:
        """The last validation is of the last weights, so that what it leaves is what is stored and scored."""
        config = self.run.config
        batches = (training_batch(config, step, self.device) for step in range(SETTLING))
        settle_average(self.method, batches, self.device, config.train)

    def _predictions(self) -> list[Tensor]:
        """Raises Interrupted when told to stop."""
        found = []
        for batch, _ in self.validation:
            self._stop_if_told()
            found.append(self.task.to_rgb(self.method.predict(batch), batch))
        return found

    def _score(self, metric: str, predictions: list[Tensor]) -> list[float]:
        """One value a validation crop. Raises Interrupted when told to stop."""
        score, grid = load(metric, self.machine.device), self.run.config.tiling.grid
        scored = [(rgb, batch.mask) for batch, rgb in self.validation]
        if METRICS[metric].needs in ("set", "distribution"):
            return score(torch.cat(predictions), torch.cat([rgb for rgb, _ in scored])).tolist()
        values: list[float] = []
        for ours, (rgb, mask) in zip(predictions, scored, strict=True):
            self._stop_if_told()
            values += score(ours, rgb, mask, grid).tolist()
        return values

    def measure(self) -> None:
        """Cost, throughput and peak memory; of training on a second copy of the method, since that moves it."""
        if self.store.read(self.run.id, "throughput") is not None:
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
            "peak_version": PEAK_VERSION,
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
        with self.store.placing(self.run.id, "samples.npz") as path:
            np.savez_compressed(path, allow_pickle=False, names=np.array(names[:SAMPLES]), **arrays)

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


def _to_uint8(rgb: Tensor) -> np.ndarray:
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
