"""The training loop: draw, update, log, validate, checkpoint, until the budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench.config import TrainConfig
from bench.data.tasks import Batch
from bench.training.checkpoint import Checkpoints
from bench.training.method import Method, Progress

LOG_EVERY = 10  # iterations; losses are read from the device only then


class Diverged(Exception):
    """A loss became NaN or infinite, or a validation score NaN."""

    def __init__(self, state: State, step: int, name: str, value: float) -> None:
        super().__init__(f"{name} became {value} at step {step}")
        self.state, self.step = state, step


class Pruned(Exception):
    """Whoever asked for the run has seen enough of it; the checkpoint holds everything up to here."""

    def __init__(self, state: State) -> None:
        super().__init__(f"pruned at step {state.step}")
        self.state = state


class Interrupted(Exception):
    """Training stopped because it was told to; the checkpoint holds everything up to here."""


@dataclass
class State:
    """Where training stands. With the weights it is all that a resumed run needs: randomness comes from the step."""

    step: int = 0
    seconds: float = 0.0
    """Spent on drawing and updating; validation and checkpoints are not in it."""
    data_seconds: float = 0.0
    """Of those, spent on waiting for batches; NaN where a checkpoint of before they were counted was gone on from."""
    validation_seconds: float = 0.0
    validated: int = 0
    flops: int = 0
    """Spent on updates, where they are the budget."""
    step_flops: int = 0
    """Of a step like that which was counted last."""
    counted: list[str] = field(default_factory=list)
    """Names of that step's losses."""
    phase: list[str] = field(default_factory=list)
    """Names of the last step's losses."""
    window: list[dict[str, float]] = field(default_factory=list)
    """Losses since the last row of the curve."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Rows of step, images, seconds, name, value."""


@dataclass(frozen=True)
class Hooks:
    """What the loop calls besides the method."""

    draw: Callable[[int], Batch]
    """Step -> batch, a function of nothing else."""
    validate: Callable[[], dict[str, float]]
    """May raise Interrupted; the run that goes on then begins with this validation."""
    advanced: Callable[[float], None] = lambda fraction: None
    """Told the share of the budget that is spent."""
    goes_on: Callable[[list[dict[str, Any]]], bool] = lambda curve: True
    """Asked after every validation, with the curve so far, whether the run is worth the rest of its budget."""
    told_to_stop: Callable[[], bool] = lambda: False
    may_save: Callable[[], None] = lambda: None
    """Called before a checkpoint is written; whatever it raises ends the training without one."""
    fell_back: Callable[[str], None] = lambda text: None
    """Told of a checkpoint that is damaged, and of what is used in its place."""


def train(method: Method, config: TrainConfig, hooks: Hooks, checkpoints: Checkpoints, every_seconds: float) -> State:
    """Train until the budget is spent, going on from the last checkpoint that is whole.

    Raises Diverged, Pruned and Interrupted.
    """
    state = (
        State(**{"data_seconds": math.nan} | known) if (known := checkpoints.load(method, hooks.fell_back)) else State()
    )
    pending: list[dict[str, Tensor]] = []
    saved, began = time.monotonic(), state.step

    def save() -> None:
        _collect(state, pending)
        hooks.may_save()
        checkpoints.save(method, asdict(state))

    while True:
        fraction = _spent(config, state)
        try:
            is_hopeless = not _validate_if_due(state, config, min(fraction, 1), hooks)
        except Interrupted:
            save()
            raise
        if state.step > began:
            hooks.advanced(min(fraction, 1))
        if fraction >= 1:
            return state
        if is_hopeless:
            save()
            raise Pruned(state)
        if hooks.told_to_stop():
            save()
            raise Interrupted
        if state.step % LOG_EVERY == 0 and state.step > began and time.monotonic() - saved >= every_seconds:
            save()
            saved = time.monotonic()
        _step(method, config, hooks, state, pending, fraction)


def _step(
    method: Method, config: TrainConfig, hooks: Hooks, state: State, pending: list[dict[str, Tensor]], fraction: float
) -> None:
    """Draw, update, and log if a row of the curve is full."""
    started = time.perf_counter()
    batch = hooks.draw(state.step)
    state.data_seconds += time.perf_counter() - started
    pending.append(_update(method, batch, Progress(state.step, fraction), state, config))
    state.step += 1
    row_is_full = state.step % LOG_EVERY == 0
    if row_is_full:
        _collect(state, pending)
    state.seconds += time.perf_counter() - started
    if row_is_full or _spent(config, state) >= 1:
        _collect(state, pending)
        _log_window(state, config.batch_size)


def _validate_if_due(state: State, config: TrainConfig, fraction: float, hooks: Hooks) -> bool:
    """Validate where the budget's next mark is passed; False if the run is not worth the rest of its budget."""
    due = math.floor(fraction * config.validations + 1e-9)
    if due <= state.validated:
        return True
    started = time.perf_counter()
    scores = _without_nan(state, hooks.validate())
    state.validation_seconds += time.perf_counter() - started
    state.validated = due
    _log(state, config.batch_size, scores)
    return hooks.goes_on(state.curve)


def _spent(config: TrainConfig, state: State) -> float:
    """Share of the budget that is spent."""
    if config.steps is not None:
        return state.step / config.steps
    if config.images is not None:
        return state.step * config.batch_size / config.images
    if config.flops is not None:
        return state.flops / config.flops
    assert config.seconds is not None
    return state.seconds / config.seconds


def _update(method: Method, batch: Batch, progress: Progress, state: State, config: TrainConfig) -> dict[str, Tensor]:
    """One update. Where FLOPs are the budget, those of the first step are counted, and again in the step after the
    losses' names changed, which is how a new phase of a method shows; every other step costs what was counted last."""
    if config.flops is None or (state.step_flops and state.counted == state.phase):
        losses = method.update(batch, progress)
    else:
        from bench.training.flops import Operations  # torch's formulas bring triton with them

        with Operations() as operations:
            losses = method.update(batch, progress)
        state.step_flops, state.counted = operations.flops, list(losses)
        if not state.step_flops:
            raise ValueError("train.flops is the budget, but torch counts no operation in this method's update")
    state.phase = list(losses)
    state.flops += state.step_flops
    return losses


def _collect(state: State, pending: list[dict[str, Tensor]]) -> None:
    """Move the losses of the last iterations from the device into the window, in one transfer."""
    if not pending:
        return
    values = torch.stack([loss.float() for losses in pending for loss in losses.values()]).tolist()
    first = state.step - len(pending)
    for offset, losses in enumerate(pending):
        row = {name: values.pop(0) for name in losses}
        for name, value in row.items():
            if not math.isfinite(value):
                raise Diverged(state, first + offset, name, value)
        state.window.append(row)
    pending.clear()


def _without_nan(state: State, scores: dict[str, float]) -> dict[str, float]:
    """The scores of a validation; NaN is what weights give that broke in an update whose losses were still finite."""
    for name, value in scores.items():
        if math.isnan(value):
            raise Diverged(state, state.step, name, value)
    return scores


def _log_window(state: State, batch_size: int) -> None:
    names = {name: None for row in state.window for name in row}
    means = {}
    for name in names:
        values = [row[name] for row in state.window if name in row]
        means[name] = math.fsum(values) / len(values)
    _log(state, batch_size, means)
    state.window.clear()


def _log(state: State, batch_size: int, values: dict[str, float]) -> None:
    at = {"step": state.step, "images": state.step * batch_size, "seconds": round(state.seconds, 3)}
    state.curve += [{**at, "name": name, "value": value} for name, value in values.items()]
