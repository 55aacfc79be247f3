"""Build a case: its method, a ring of real batches on the device, and the call to time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from baselines.build import build_method
from bench.config import RunConfig, TrainConfig
from bench.data.batches import training_batch, validation_batches
from bench.data.tasks import Batch, Task, build_task
from bench.errors import InputError
from bench.profile.cases import Case
from bench.profile.references import Pix2PixReference, PlainGAN
from bench.runs.stages import typical_step
from bench.training.cuda_graphs import with_graphs
from bench.training.method import Method, Progress
from bench.training.trainable import autocast

RING = 8  # batches
PAIRS = 16  # of images to score
PLAIN_LOOPS = ("plain", "reference")
"""Loops that are measured with torch's own allocator settings."""


@dataclass(frozen=True)
class Loaded:
    """A case, ready to time."""

    method: Method
    call: Callable[[], Any]
    images: int
    """The images of one call."""
    ring: Sequence[Batch] = ()


def load_case(case: Case, device: torch.device) -> Loaded:
    """Build a case. Raises InputError for a method that cannot be measured this way."""
    config = at_batch(case.config, case.batch_size)
    task = build_task(config.task)
    method = _method(case, config, task, device)
    if case.work == "scoring":
        from bench.profile.scoring import scoring_loops

        pairs = _pairs(config, task, method, device)
        calls = list(scoring_loops(pairs, device.type).values())
        return Loaded(method, calls[case.loop == "shared"], len(pairs))
    ring = [training_batch(config, step, device) for step in range(RING)]
    batches = itertools.cycle(ring)
    if case.work == "inference":
        predict = _compiled(method, config.train) if case.loop == "compiled" else method.predict
        return Loaded(method, lambda: predict(next(batches)), case.batch_size, ring)
    if not method.optimizers:
        raise InputError(f"{case.label}: nothing to train")
    progress = Progress(typical_step(config.train), 0.5)
    return Loaded(method, lambda: method.update(next(batches), progress), case.batch_size, ring)


def at_batch(config: RunConfig, batch_size: int) -> RunConfig:
    """The config with this batch size."""
    return config.model_copy(update={"train": config.train.model_copy(update={"batch_size": batch_size})})


def _method(case: Case, config: RunConfig, task: Task, device: torch.device) -> Method:
    if case.loop == "reference":
        return Pix2PixReference(config, task.in_channels, task.out_channels, device)
    if case.loop == "plain":
        return PlainGAN(config, task.in_channels, task.out_channels, device)
    method = build_method(config, task, device)
    return with_graphs(method) if case.loop == "cuda graphs" else method


def _pairs(config: RunConfig, task: Task, method: Method, device: torch.device) -> Sequence[tuple[Tensor, Tensor]]:
    """(prediction of untrained weights, target) of single images, each (1, 3, H, W) in [0, 1]."""
    pairs: list[tuple[Tensor, Tensor]] = []
    for batch, rgb in validation_batches(config.data, config.task, device):
        predictions = task.to_rgb(method.predict(batch), batch)
        pairs += zip(predictions.split(1), rgb.split(1), strict=True)
    return pairs[:PAIRS]


def _compiled(method: Method, train: TrainConfig) -> Callable[[Batch], Tensor]:
    """The generator compiled by inductor, with its weights as constants, in the precision of training."""
    from torch._inductor import config as inductor

    inductor.freezing = True
    generator = method.networks["generator"].eval()
    compiled: Any = torch.compile(generator)

    @torch.no_grad()
    def predict(batch: Batch) -> Tensor:
        with autocast(batch.input.device, train):
            output: Tensor = compiled(batch.input)
        return output.float()

    return predict
