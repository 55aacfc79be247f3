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

LOG_EVERY = 10
"""Iterations between two rows of the curve; only then are losses read from the device."""


class Diverged(Exception):
    """A loss became NaN or infinite, or a validation score NaN."""

    def __init__(self, state: State, step: int, name: str, value: float) -> None:
        super().__init__(f"{name} became {value} at step {step}")
        self.state, self.step = state, step


class Pruned(Exception):
    """The search stopped the run early; the checkpoint holds everything up to here."""

    def __init__(self, state: State) -> None:
        super().__init__(f"pruned at step {state.step}")
        self.state = state


class Interrupted(Exception):
    """The user stopped training; the checkpoint holds everything up to here."""


@dataclass
class State:
    """All that a resumed run needs besides the weights; randomness comes from the step."""

    step: int = 0
    seconds: float = 0.0
    """Seconds spent drawing batches and updating, without validation and checkpoints."""
    data_seconds: float = 0.0
    """Seconds of these spent waiting for batches."""
    validation_seconds: float = 0.0
    """Seconds spent in validation."""
    validated: int = 0
    """Validations done."""
    flops: int = 0
    """FLOPs spent on updates; 0 unless they are the budget."""
    step_flops: int = 0
    """FLOPs of the step that was counted last."""
    counted: list[str] = field(default_factory=list)
    """Names of the losses of the step that was counted last."""
    phase: list[str] = field(default_factory=list)
    """Names of the losses of the latest step."""
    window: list[dict[str, float]] = field(default_factory=list)
    """Losses since the latest row of the curve."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Rows with step, images, seconds, name and value."""


@dataclass(frozen=True)
class Hooks:
    """The functions that the loop calls besides the method."""

    draw: Callable[[int], Batch]
    """Step -> batch; it depends on nothing else."""
    validate: Callable[[], dict[str, float]]
    """Scores by name. May raise Interrupted; the resumed run then starts with this validation."""
    advanced: Callable[[float], None] = lambda fraction: None
    """Called after each step with the share of the budget spent."""
    goes_on: Callable[[list[dict[str, Any]]], bool] = lambda curve: True
    """Called after every validation with the curve so far; False prunes the run."""
    told_to_stop: Callable[[], bool] = lambda: False
    """Called after each step; True interrupts the run."""
    may_save: Callable[[], None] = lambda: None
    """Called before a checkpoint is written; an exception ends training without one."""
    fell_back: Callable[[str], None] = lambda text: None
    """Called with a message that names a damaged checkpoint and what is used instead."""


def train(method: Method, config: TrainConfig, hooks: Hooks, checkpoints: Checkpoints, every_seconds: float) -> State:
    """Train until the budget is spent, resuming from the newest undamaged checkpoint.

    Raises Diverged, Pruned and Interrupted.
    """
    saved_state = checkpoints.load(method, hooks.fell_back)
    state = State(**saved_state) if saved_state else State()
    pending: list[dict[str, Tensor]] = []
    saved_at, first_step = time.monotonic(), state.step

    def save() -> None:
        _collect(state, pending)
        hooks.may_save()
        checkpoints.save(method, asdict(state))

    while True:
        fraction = _spent(config, state)
        try:
            is_pruned = not _validate_if_due(state, config, min(fraction, 1), hooks)
        except Interrupted:
            save()
            raise
        if state.step > first_step:
            hooks.advanced(min(fraction, 1))
        if fraction >= 1:
            return state
        if is_pruned:
            save()
            raise Pruned(state)
        if hooks.told_to_stop():
            save()
            raise Interrupted
        if state.step % LOG_EVERY == 0 and state.step > first_step and time.monotonic() - saved_at >= every_seconds:
            save()
            saved_at = time.monotonic()
        _step(method, config, hooks, state, pending, fraction)


def _step(
    method: Method, config: TrainConfig, hooks: Hooks, state: State, pending: list[dict[str, Tensor]], fraction: float
) -> None:
    """Draw a batch, update, and log every LOG_EVERY steps and at the end."""
    started = time.perf_counter()
    batch = hooks.draw(state.step)
    state.data_seconds += time.perf_counter() - started
    pending.append(_update(method, batch, Progress(state.step, fraction), state, config))
    state.step += 1
    is_row_due = state.step % LOG_EVERY == 0
    if is_row_due:
        _collect(state, pending)  # it waits for the device, so its time is training time
    state.seconds += time.perf_counter() - started
    if is_row_due or _spent(config, state) >= 1:
        _collect(state, pending)
        _log_window(state, config.batch_size)


def _validate_if_due(state: State, config: TrainConfig, fraction: float, hooks: Hooks) -> bool:
    """Validate if the next of `validations` equal shares of the budget is spent; False if the run is to be pruned."""
    due = math.floor(fraction * config.validations + 1e-9)
    if due <= state.validated:
        return True
    started = time.perf_counter()
    scores = hooks.validate()
    _check_scores(state, scores)
    state.validation_seconds += time.perf_counter() - started
    state.validated = due
    _log(state, config.batch_size, scores)
    return hooks.goes_on(state.curve)


def _spent(config: TrainConfig, state: State) -> float:
    """Share of the budget spent so far."""
    if config.steps is not None:
        return state.step / config.steps
    if config.images is not None:
        return state.step * config.batch_size / config.images
    if config.flops is not None:
        return state.flops / config.flops
    assert config.seconds is not None
    return state.seconds / config.seconds


def _update(method: Method, batch: Batch, progress: Progress, state: State, config: TrainConfig) -> dict[str, Tensor]:
    """One update. If FLOPs are the budget, one step of each phase is counted, and its other steps are taken to cost the
    same."""
    # The losses' names change with the phase. That shows only after its first step, so its second step is counted.
    if config.flops is None or (state.step_flops and state.counted == state.phase):
        losses = method.update(batch, progress)
    else:
        from bench.training.flops import Operations  # it imports triton

        with Operations() as operations:
            losses = method.update(batch, progress)
        state.step_flops, state.counted = operations.flops, list(losses)
        if not state.step_flops:
            raise ValueError("train.flops is the budget, but torch counts no FLOPs in this method's update")
    state.phase = list(losses)
    state.flops += state.step_flops
    return losses


def _collect(state: State, pending: list[dict[str, Tensor]]) -> None:
    """Move the pending losses from the device into the window, in one transfer."""
    if not pending:
        return
    values = torch.stack([loss.float() for losses in pending for loss in losses.values()]).tolist()
    first_step = state.step - len(pending)
    for offset, losses in enumerate(pending):
        row = {name: values.pop(0) for name in losses}
        for name, value in row.items():
            if not math.isfinite(value):
                raise Diverged(state, first_step + offset, name, value)
        state.window.append(row)
    pending.clear()


def _check_scores(state: State, scores: dict[str, float]) -> None:
    """Raise Diverged if a score is NaN: an update with finite losses can still break the weights."""
    for name, value in scores.items():
        if math.isnan(value):
            raise Diverged(state, state.step, name, value)


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
