"""The contract of every method, checked on real batches: shapes, range, determinism, learning, save and load."""

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
"""Shares of the budget at which an update is tried; every training phase of every registered method has one."""


def tasks_of(method: str) -> tuple[str, ...]:
    """The tasks that a method can do."""
    return ONLY_FOR.get(method, TASKS)


def contract_violations(method: str, task: str, image_size: int = 64) -> Iterator[str]:
    """Every rule that the method breaks, one sentence each. The method's own exceptions pass through.

    The rules are those of bench/training/method.py. Without them a run cannot be counted, resumed or trusted.
    """
    config = _tiny_config(method, task, image_size)
    batch = training_batch(config, 0, CPU)
    first, second = _build(config), _build(config)
    # A method without the required attributes, or with a prediction of another type, cannot be checked any further.
    if violations := list(_interface_violations(first)):
        yield from violations
        return
    if (kind := type(_predict(first, batch))) is not Tensor:
        yield f"predict returns a {kind.__name__}, not a tensor"
        return
    yield from _prediction_violations(first, batch)
    if not torch.equal(_predict(first, batch), _predict(second, batch)):
        yield "before training, two methods with the same config and seed predict differently"
    if first.networks:
        yield from _learning_violations(first, second, config)


def _tiny_config(method: str, task: str, image_size: int) -> RunConfig:
    tiny = {**SCALES["tiny"], "data": {"image_size": image_size, "val_images": 4}}
    train = {**tiny["train"], "steps": STEPS, "pretrain_steps": PRETRAIN_STEPS}
    return RunConfig.model_validate({**tiny, "train": train, "method": method, "task": {"name": task}})


def _build(config: RunConfig) -> Method:
    return build_method(config, build_task(config.task), CPU)


def _interface_violations(method: Any) -> Iterator[str]:
    """Attributes and methods that are missing or have the wrong type."""
    for name, kind in (("networks", nn.Module), ("optimizers", Optimizer)):
        values = getattr(method, name, None)
        if not isinstance(values, dict) or not all(isinstance(value, kind) for value in values.values()):
            yield f"{name} must be a dict of name -> {kind.__module__.split('.')[0]}'s {kind.__name__}"
        elif name == "networks" and values and "generator" not in values:
            yield f'the network that predicts must be called "generator"; the names are {", ".join(values)}'
    for name in ("update", "predict"):
        if not callable(getattr(method, name, None)):
            yield f"the class has no method {name}"


def _prediction_violations(method: Method, batch: Batch) -> Iterator[str]:
    given = _copy(batch)
    output = method.predict(given)
    if output.shape != batch.target.shape:
        yield f"predict returns {tuple(output.shape)}, the target is {tuple(batch.target.shape)}"
        return
    pairs = [(given.input, batch.input), (given.target, batch.target), (given.mask, batch.mask)]
    if not all(now is None or before is None or torch.equal(now, before) for now, before in pairs):
        yield "predict changes the batch that it is given"
    if output.requires_grad:
        yield "predict returns a tensor with gradients; use torch.inference_mode()"
    if output.dtype != torch.float32:
        yield f"predict returns {output.dtype}, not float32"
    if not output.isfinite().all() or output.abs().max() > 1:
        yield f"predict leaves [-1, 1]: {output.min():.3g} to {output.max():.3g}"
    if not torch.equal(output, _predict(method, batch)):
        yield "predict returns different values the second time"
    # Another target must not change the prediction, or the scores are worthless.
    if not torch.equal(output, _predict(method, replace(batch, target=batch.target.flip(0, 3)))):
        yield "predict uses the target, which it has to predict"
    alone = _predict(method, one_image(batch))
    if not torch.allclose(alone, output[:1], atol=1e-4):
        yield f"an image's prediction depends on the rest of its batch (by {(alone - output[:1]).abs().max():.2g})"


def _predict(method: Method, batch: Batch) -> Tensor:
    return method.predict(_copy(batch))


def _copy(batch: Batch) -> Batch:
    mask = None if batch.mask is None else batch.mask.clone()
    return replace(batch, input=batch.input.clone(), target=batch.target.clone(), mask=mask)


def _learning_violations(first: Method, second: Method, config: RunConfig) -> Iterator[str]:
    """Trains `first` at every share of the budget; `second` resumes from its checkpoint half-way."""
    start, *middle, end = SHARES
    before = _weights(first)
    yield from _loss_violations(_update(first, config, start))
    if all(torch.equal(a, b) for a, b in zip(before, _weights(first), strict=True)):
        yield "update changes no tensor of networks"
    batch = training_batch(config, 9, CPU)
    if not torch.equal(_predict(first, batch), _predict(first, batch)):
        yield "after an update, predict returns different values the second time"
    for share in middle:
        _update(first, config, share)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.safetensors")
        save_checkpoint(path, first, {})
        load_checkpoint(path, second)
    if not torch.equal(_predict(first, batch), _predict(second, batch)):
        yield "saved and loaded, it predicts differently: some state is in neither networks nor optimizers"
    for share in (middle[-1], end):
        _update(first, config, share)
        # From here on the two differ in torch's global random state, which no update may depend on.
        torch.rand(3)
        _update(second, config, share)
    if not all(torch.equal(a, b) for a, b in zip(_weights(first), _weights(second), strict=True)):
        yield "resumed, it trains differently: its random numbers do not come from (seed, step), or some state is lost"


def _loss_violations(losses: Any) -> Iterator[str]:
    if not isinstance(losses, dict) or not losses:
        yield "update returns no losses: a dict of name -> detached scalar tensor"
        return
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.ndim or loss.requires_grad or not math.isfinite(float(loss)):
            yield f"the loss {name} is not a finite, detached scalar tensor"


def _update(method: Method, config: RunConfig, share: float) -> Any:
    step = round(share * STEPS)
    return method.update(training_batch(config, step, CPU), Progress(step, share))


def _weights(method: Method) -> list[Tensor]:
    return [t.detach().clone() for network in method.networks.values() for t in network.state_dict().values()]
