"""The stages of one run, from its description to its scores and its speed; each is stored as soon as it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines import UNTRAINED
from baselines.build import build_method
from bench.config import TrainConfig
from bench.data.batches import BATCH, BatchesAhead, one_image, training_batch, validation_crops
from bench.data.tasks import Batch, build_task
from bench.machine import set_up
from bench.measure import PEAK_VERSION
from bench.measure.cost import count_cost
from bench.measure.memory import peak_resident_bytes, reset_peak_resident_bytes
from bench.measure.throughput import measure_inference, measure_training
from bench.runs.context import RunContext
from bench.runs.provenance import describe, device_name, has_same_make
from bench.runs.scoring import Scorer
from bench.store.run_store import CHECKPOINTS, SCHEMA
from bench.study.study import method_code
from bench.training.checkpoint import Checkpoints, load_weights, save_weights
from bench.training.cuda_graphs import with_graphs
from bench.training.method import Method
from bench.training.trainable import settle_average
from bench.training.trainer import Hooks, train

SAMPLES = 16
SETTLING = 16  # batches that the BatchNorm statistics of averaged weights are estimated on
RING = 8  # batches that throughput is measured on
TRAINING_WINDOW, INFERENCE_WINDOW = 0.1, 0.04  # seconds


class RunStages:
    """One run's stages. `train_and_score` and `measure_speed` list them; each skips what the store has already."""

    def __init__(self, context: RunContext) -> None:
        self.context, self.run, self.store, self.machine = context, context.run, context.store, context.machine
        self.device = set_up(self.machine)
        self.seconds: dict[str, float] = {}
        """By stage, of this process."""
        reset_peak_resident_bytes()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.folder = self.store.prepare(self.run.id)
        self.task = build_task(self.run.config.task)
        self.scorer = Scorer(context, self.device, self.predict)

    def train_and_score(self, metrics: Sequence[str]) -> None:
        """Everything up to the scores. Raises trainer.Interrupted, Diverged and Pruned, DataChanged."""
        if not self.context.has_file("training.json"):
            with self.timed("setup"):
                self.describe()
                is_trainable = self.run.config.method not in UNTRAINED and bool(self.method.optimizers)
            if is_trainable:
                self.make_weights()
        with self.timed("score"):
            self.keep_samples()
            self.scorer.score(metrics)
        self.write_timing()

    def measure_speed(self) -> None:
        """Cost and speed, once nothing else computes on the machine."""
        with self.timed("measure"):
            self.measure()
        self.write_timing()

    @cached_property
    def method(self) -> Method:
        """The method, with its trained weights if the run has been trained."""
        method = build_method(self.run.config, self.task, self.device)
        if method.networks and self.context.has_file("training.json"):
            load_weights(self.folder / "weights.safetensors", method)
        return with_graphs(method) if self.machine.cuda_graphs and self.device.type == "cuda" else method

    def predict(self, batch: Batch) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1]."""
        return self.task.to_rgb(self.method.predict(batch), batch)

    def describe(self) -> None:
        """Write run.json; for a run that resumes on another processor or with other versions, note that instead.
        Raises DataChanged."""
        # The data are opened before a step is trained, so that no checkpoint is continued on other images.
        provenance, dataset = describe(self.device, self.machine.command), self.context.open_data()
        stored = self.store.read(self.run.id, "run")
        if stored is None:
            content = {
                "id": self.run.id,
                "config": self.run.config.identity(),
                "schema": SCHEMA,
                "method_code": method_code(self.run.config.method),
                "data": dataset.describe(),
                "provenance": provenance,
            }
            self.store.write(self.run.id, "run", content)
        elif not has_same_make(stored["provenance"], provenance):
            words = f"torch {provenance['torch']} on {provenance['device']}, threads {provenance['threads']}"
            self.store.note(self.run.id, "moved", f"resumed from a checkpoint with {words}")

    def make_weights(self) -> None:
        """Train from the start or the last checkpoint; store the weights, the curve and training.json, in that
        order."""
        config = self.run.config.train
        self.context.tell("train", 0)
        hooks = Hooks(
            draw=BatchesAhead(self.run.config, self.device),
            validate=self.validate,
            advanced=lambda share: self.context.tell("train", share),
            goes_on=self.context.watch.goes_on,
            told_to_stop=self.context.watch.told_to_stop,
            may_save=lambda: self.store.check_held(self.run.id),
            fell_back=lambda text: self.store.note(self.run.id, "damaged", text),
        )
        checkpoints = Checkpoints(*(self.folder / name for name in CHECKPOINTS))
        state = train(self.method, config, hooks, checkpoints, self.machine.checkpoint_seconds)
        with self.store.placing(self.run.id, "weights.safetensors") as path:
            save_weights(path, self.method)
        self.write_curve(state.curve)
        self.seconds |= {"train": state.seconds, "validate": state.validation_seconds}
        training = {
            "steps": state.step,
            "images": state.step * config.batch_size,
            "seconds": state.seconds,
            "data_seconds": state.data_seconds,
        }
        if state.flops:
            training["flops"] = state.flops
        self.store.write(self.run.id, "training", training)

    def validate(self) -> dict[str, float]:
        """Means of the metrics with a curve, of the weights that would be stored now."""
        # The last validation is of the last weights, so the BatchNorm statistics that it leaves are stored and scored.
        batches = (training_batch(self.run.config, step, self.device) for step in range(SETTLING))
        settle_average(self.method, batches, self.device, self.run.config.train)
        return self.scorer.validate()

    def write_curve(self, curve: list[dict[str, Any]]) -> None:
        self.store.write_rows(self.run.id, "curve", curve)

    def keep_samples(self) -> None:
        """Store the first validation images as uint8, for the report's pictures."""
        if self.context.has_file("samples.npz"):
            return
        names = [crop["image"] for crop in validation_crops(self.run.config.data)]
        shown: dict[str, list[Tensor]] = {"input": [], "prediction": [], "target": []}
        for batch, rgb in self.scorer.validation[: -(-SAMPLES // BATCH)]:
            shown["input"].append(self.task.input_rgb(batch))
            shown["prediction"].append(self.predict(batch))
            shown["target"].append(rgb)
        arrays = {name: _to_uint8(torch.cat(images))[:SAMPLES] for name, images in shown.items()}
        with self.store.placing(self.run.id, "samples.npz") as path:
            np.savez_compressed(path, allow_pickle=False, names=np.array(names[:SAMPLES]), **arrays)

    def measure(self) -> None:
        """Store cost, throughput and peak memory."""
        if self.store.read(self.run.id, "throughput") is not None:
            return
        self.context.tell("measure", 0)
        train_config = self.run.config.train
        batch, _ = self.scorer.validation[0]
        cost = count_cost(self.method, one_image(batch))
        self.store.write(self.run.id, "cost", {**asdict(cost), "flops": cost.flops})
        ring = [training_batch(self.run.config, step, self.device) for step in range(RING)]
        inference = measure_inference(self.method, ring, self.device, INFERENCE_WINDOW)
        record: dict[str, Any] = {"inference": asdict(inference), "training": None, "training_peak_bytes": None}
        if self.method.optimizers:
            # Training changes the weights, so it is measured on a second copy of the method.
            copy, step = build_method(self.run.config, self.task, self.device), typical_step(train_config)
            training, peak = measure_training(copy, ring, step, self.device, TRAINING_WINDOW)
            record |= {"training": asdict(training), "training_peak_bytes": peak}
        record |= {
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
            "precision": train_config.precision,
            "peak_version": PEAK_VERSION,
        }
        self.store.write(self.run.id, "throughput", record)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the block's seconds to the stage's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def write_timing(self) -> None:
        """Store the seconds of each stage and the peak memory, merged with those of earlier processes."""
        stored = self.store.read(self.run.id, "timing") or {}
        gpu = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else 0
        earlier = stored.get("seconds", {})
        # Metrics may be added to a finished run, so the seconds of scoring add up; other stages run once.
        scoring = earlier.get("score", 0.0) + self.seconds.get("score", 0.0)
        timing = {
            "seconds": {**earlier, **self.seconds, "score": scoring},
            "peak_bytes": max(stored.get("peak_bytes", 0), peak_resident_bytes()),
            "gpu_peak_bytes": max(stored.get("gpu_peak_bytes", 0), gpu),
        }
        self.store.write(self.run.id, "timing", timing)


def typical_step(train: TrainConfig) -> int:
    """The first step after pretraining, or the last step where pretraining is all there is."""
    last = train.steps - 1 if train.steps else train.pretrain_steps
    return min(train.pretrain_steps, last)


def _to_uint8(rgb: Tensor) -> np.ndarray:
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
