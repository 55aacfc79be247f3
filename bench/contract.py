"""What any method has to keep to, checked on real batches: shapes, range, determinism, learning, save and load."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from baselines import ONLY_FOR
from bench.config import RunConfig
from bench.data.batches import one_image, training_batch
from bench.data.tasks import Batch, build_task
from bench.run import build_method
from bench.study_file import SCALES
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.method import Method, Progress

TASKS = ("colorization", "inpainting")
CPU = torch.device("cpu")


def tasks_of(method: str) -> tuple[str, ...]:
    """The tasks that a method says it can do."""
    return ONLY_FOR.get(method, TASKS)


def breaches(method: str, task: str, image_size: int = 64) -> Iterator[str]:
    """Every rule that the method breaks, in words. Its own exceptions are not caught.

    The rules are those of bench/training/method.py: without them a run could not be counted, resumed or believed.
    """
    config = _config(method, task, image_size)
    batch = training_batch(config, 0, CPU)
    ours, again = _build(config), _build(config)
    if not isinstance(ours.networks, dict) or not isinstance(ours.optimizers, dict):
        yield "networks and optimizers are dicts of name -> module, name -> optimiser"
        return
    if ours.networks and "generator" not in ours.networks:
        yield f'the network that predicts is called "generator"; there is {", ".join(ours.networks)}'
    yield from _prediction(ours, batch, config)
    if not torch.equal(ours.predict(batch), again.predict(batch)):
        yield "two methods of the same config and seed predict differently from the start"
    if ours.networks:
        yield from _learning(ours, again, config)


def _config(method: str, task: str, image_size: int) -> RunConfig:
    tiny = {**SCALES["tiny"], "data": {"image_size": image_size, "val_images": 4}}
    train = {**tiny["train"], "pretrain_steps": 0}
    return RunConfig.model_validate({**tiny, "train": train, "method": method, "task": {"name": task}})


def _build(config: RunConfig) -> Method:
    return build_method(config, build_task(config.task), CPU)


def _prediction(method: Method, batch: Batch, config: RunConfig) -> Iterator[str]:
    output = method.predict(batch)
    if output.shape != batch.target.shape:
        yield f"predict gives {tuple(output.shape)}, the target is {tuple(batch.target.shape)}"
        return
    if output.requires_grad:
        yield "predict gives a tensor with gradients; use torch.inference_mode()"
    if output.dtype != torch.float32:
        yield f"predict gives {output.dtype}, not float32"
    if not output.isfinite().all() or output.abs().max() > 1:
        yield f"predict leaves [-1, 1]: {output.min():.3g} to {output.max():.3g}"
    if not torch.equal(output, method.predict(batch)):
        yield "predict gives something else the second time"
    alone = method.predict(one_image(batch))
    if not torch.allclose(alone, output[:1], atol=1e-4):
        yield f"an image's prediction depends on the rest of its batch (by {(alone - output[:1]).abs().max():.2g})"


def _learning(ours: Method, again: Method, config: RunConfig) -> Iterator[str]:
    before = _tensors(ours)
    losses = _update(ours, config, 0)
    if not losses:
        yield "update gives no losses"
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.ndim or loss.requires_grad or not math.isfinite(float(loss)):
            yield f"the loss {name} is not a finite, detached scalar tensor"
    if all(torch.equal(a, b) for a, b in zip(before, _tensors(ours), strict=True)):
        yield "update moves no tensor of networks"
    batch = training_batch(config, 9, CPU)
    if not torch.equal(ours.predict(batch), ours.predict(batch)):
        yield "predict gives something else the second time, after an update"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.safetensors")
        save_checkpoint(path, ours, {})
        load_checkpoint(path, again)
    if not torch.equal(ours.predict(batch), again.predict(batch)):
        yield "saved and loaded, it predicts differently: something that changes is in neither networks nor optimizers"
    for step in (1, 2):
        _update(ours, config, step)
        torch.rand(3)  # hidden random state differs from here on
        _update(again, config, step)
    if not all(torch.equal(a, b) for a, b in zip(_tensors(ours), _tensors(again), strict=True)):
        yield "resumed, it goes on differently: random numbers that do not come from (seed, step), or state not saved"


def _update(method: Method, config: RunConfig, step: int) -> dict[str, Any]:
    return dict(method.update(training_batch(config, step, CPU), Progress(step, step / 20)))


def _tensors(method: Method) -> list[Tensor]:
    return [t.detach().clone() for network in method.networks.values() for t in network.state_dict().values()]
