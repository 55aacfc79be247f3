"""What any method has to keep to, checked on real batches: shapes, range, determinism, learning, save and load."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines import ONLY_FOR
from baselines.build import build_method
from bench.config import RunConfig
from bench.data.batches import one_image, training_batch
from bench.data.tasks import Batch, build_task
from bench.scales import SCALES
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.method import Method, Progress

TASKS = ("colorization", "inpainting")
CPU = torch.device("cpu")
STEPS, PRETRAIN_STEPS = 100, 5
SHARES = (0.0, 0.19, 0.55, 0.9)
"""Of the budget, where an update is tried: in each phase that a method of the registry has."""


def tasks_of(method: str) -> tuple[str, ...]:
    """The tasks that a method says it can do."""
    return ONLY_FOR.get(method, TASKS)


def contract_violations(method: str, task: str, image_size: int = 64) -> Iterator[str]:
    """Every rule that the method breaks, in words. Its own exceptions are not caught.

    The rules are those of bench/training/method.py: without them a run could not be counted, resumed or believed.
    """
    config = _config(method, task, image_size)
    batch = training_batch(config, 0, CPU)
    ours, again = _build(config), _build(config)
    if malformed := list(_form(ours)):
        yield from malformed
        return
    if (kind := type(_predict(ours, batch))) is not Tensor:
        yield f"predict gives a {kind.__name__}, not a tensor"
        return
    yield from _prediction(ours, batch)
    if not torch.equal(_predict(ours, batch), _predict(again, batch)):
        yield "two methods of the same config and seed predict differently from the start"
    if ours.networks:
        yield from _learning(ours, again, config)


def _config(method: str, task: str, image_size: int) -> RunConfig:
    tiny = {**SCALES["tiny"], "data": {"image_size": image_size, "val_images": 4}}
    train = {**tiny["train"], "steps": STEPS, "pretrain_steps": PRETRAIN_STEPS}
    return RunConfig.model_validate({**tiny, "train": train, "method": method, "task": {"name": task}})


def _build(config: RunConfig) -> Method:
    return build_method(config, build_task(config.task), CPU)


def _form(method: Any) -> Iterator[str]:
    """What has to be there at all."""
    for name, kind in (("networks", nn.Module), ("optimizers", Optimizer)):
        found = getattr(method, name, None)
        if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
            yield f"{name} has to be a dict of name -> {kind.__module__.split('.')[0]}'s {kind.__name__}"
        elif name == "networks" and found and "generator" not in found:
            yield f'the network that predicts is called "generator"; there is {", ".join(found)}'
    for name in ("update", "predict"):
        if not callable(getattr(method, name, None)):
            yield f"it has no method {name}"


def _prediction(method: Method, batch: Batch) -> Iterator[str]:
    given = _copy(batch)
    output = method.predict(given)
    if output.shape != batch.target.shape:
        yield f"predict gives {tuple(output.shape)}, the target is {tuple(batch.target.shape)}"
        return
    pairs = [(given.input, batch.input), (given.target, batch.target), (given.mask, batch.mask)]
    if not all(now is None or was is None or torch.equal(now, was) for now, was in pairs):
        yield "predict changes the batch that it is given"
    if output.requires_grad:
        yield "predict gives a tensor with gradients; use torch.inference_mode()"
    if output.dtype != torch.float32:
        yield f"predict gives {output.dtype}, not float32"
    if not output.isfinite().all() or output.abs().max() > 1:
        yield f"predict leaves [-1, 1]: {output.min():.3g} to {output.max():.3g}"
    if not torch.equal(output, _predict(method, batch)):
        yield "predict gives something else the second time"
    if not torch.equal(output, _predict(method, replace(batch, target=batch.target.flip(0, 3)))):
        yield "predict looks at the target, which is what it has to find"
    alone = _predict(method, one_image(batch))
    if not torch.allclose(alone, output[:1], atol=1e-4):
        yield f"an image's prediction depends on the rest of its batch (by {(alone - output[:1]).abs().max():.2g})"


def _predict(method: Method, batch: Batch) -> Tensor:
    return method.predict(_copy(batch))


def _copy(batch: Batch) -> Batch:
    mask = None if batch.mask is None else batch.mask.clone()
    return replace(batch, input=batch.input.clone(), target=batch.target.clone(), mask=mask)


def _learning(ours: Method, again: Method, config: RunConfig) -> Iterator[str]:
    """One update in each part of the budget, since a method may do other things late; one is resumed half-way."""
    first, *middle, last = SHARES
    before = _tensors(ours)
    yield from _losses(_update(ours, config, first))
    if all(torch.equal(a, b) for a, b in zip(before, _tensors(ours), strict=True)):
        yield "update moves no tensor of networks"
    batch = training_batch(config, 9, CPU)
    if not torch.equal(_predict(ours, batch), _predict(ours, batch)):
        yield "predict gives something else the second time, after an update"
    for share in middle:
        _update(ours, config, share)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.safetensors")
        save_checkpoint(path, ours, {})
        load_checkpoint(path, again)
    if not torch.equal(_predict(ours, batch), _predict(again, batch)):
        yield "saved and loaded, it predicts differently: something that changes is in neither networks nor optimizers"
    for share in (middle[-1], last):
        _update(ours, config, share)
        torch.rand(3)  # hidden random state differs from here on
        _update(again, config, share)
    if not all(torch.equal(a, b) for a, b in zip(_tensors(ours), _tensors(again), strict=True)):
        yield "resumed, it goes on differently: random numbers that do not come from (seed, step), or state not saved"


def _losses(losses: Any) -> Iterator[str]:
    if not isinstance(losses, dict) or not losses:
        yield "update gives no losses: a dict of name -> detached scalar tensor"
        return
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.ndim or loss.requires_grad or not math.isfinite(float(loss)):
            yield f"the loss {name} is not a finite, detached scalar tensor"


def _update(method: Method, config: RunConfig, share: float) -> Any:
    step = round(share * STEPS)
    return method.update(training_batch(config, step, CPU), Progress(step, share))


def _tensors(method: Method) -> list[Tensor]:
    return [t.detach().clone() for network in method.networks.values() for t in network.state_dict().values()]
