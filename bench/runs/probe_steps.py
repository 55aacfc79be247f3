"""Measures what a run takes: steps from all over its budget, two validations, and its scoring twice."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from baselines import UNTRAINED
from bench.config import RunConfig
from bench.data.batches import BatchesAhead
from bench.data.tasks import Batch
from bench.machine import Machine
from bench.measure.memory import peak_resident_bytes
from bench.measure.throughput import clock_of
from bench.runs.context import RunContext, Watch
from bench.runs.probe_cache import Probe
from bench.runs.stages import RunStages
from bench.store.run_store import RunStore
from bench.study.study import Run
from bench.training.checkpoint import save_weights
from bench.training.flops import Operations
from bench.training.method import Method, Progress

STEPS = 20
AT_ONCE = {"cpu": 1, "cuda": 5}
"""Steps timed together: a GPU computes one step while the next is launched, so timing each alone would wait."""
WARM_UP = {"cpu": 2, "cuda": 4}
"""Steps of each phase before the timed ones; on CUDA a graph is captured in them."""


def measure_run(run: Run, metrics: Sequence[str], machine: Machine, begun: float) -> Probe:
    """Probe a run. Raises whatever the run would."""
    start, opened = time.monotonic() - begun, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-probe-") as folder:
        contexts = (RunContext(run, RunStore(Path(folder) / name), machine, Watch()) for name in ("first", "second"))
        stages, second = (RunStages(context) for context in contexts)
        second.method = stages.method  # as if it were trained
        _ = stages.scorer.validation
        clock = Clock(stages.device)
        setup = time.monotonic() - opened
        train, validation, phases = 0.0, 0.0, {}
        if run.config.method not in UNTRAINED and stages.method.optimizers:
            steps = Steps(run.config, stages.method, clock)
            train = training_seconds(run.config, steps)
            phases = {phase: median(seconds) for phase, seconds in steps.seconds.items()}
            first, validation = clock(stages.scorer.validate), clock(stages.scorer.validate)
            setup += steps.excess() + max(0.0, first - validation)
        first, score = (clock(partial(_finish, each, metrics)) for each in (stages, second))
        peak, gpu_peak = peak_resident_bytes(), clock.gpu_peak_bytes()
        return Probe(
            start=start,
            setup=setup + max(0.0, first - score),
            train=train,
            validation=validation,
            score=score,
            measure=clock(partial(_measure, stages)),
            peak_bytes=peak,
            gpu_peak_bytes=gpu_peak,
            gpu_bytes=clock.gpu_bytes(),
            phases=phases,
            took=time.monotonic() - begun,
        )


def _finish(stages: RunStages, metrics: Sequence[str]) -> None:
    """What a run does besides its steps and validations."""
    stages.describe()
    with stages.store.placing(stages.run.id, "weights.safetensors") as path:
        save_weights(path, stages.method)
    stages.keep_samples()
    stages.scorer.score(metrics)


def _measure(stages: RunStages) -> None:
    with suppress(Exception):  # a run is done without its speed too
        stages.measure()


def training_seconds(config: RunConfig, steps: Steps) -> float:
    """Seconds of the whole budget, from STEPS steps spread over it. Each has its true index and fraction, so that every
    phase (D joins after pretraining) is timed and counts by its share."""
    first = steps.take(0, 0.0)
    count = max(1, math.ceil(steps.budget / steps.cost(first)))  # an upper bound: a later phase may cost more a step
    at = sorted({(2 * i + 1) * count // (2 * STEPS) for i in range(STEPS)})
    phases = [steps.take(step, step / count) for step in at]
    if config.train.seconds is not None:
        return config.train.seconds
    each, left, taken, seconds = count / len(at), steps.budget, 0.0, 0.0
    for index, phase in enumerate(phases):
        possible = left / steps.cost(phase)
        stands_for = possible if index == len(phases) - 1 else min(each, possible)
        seconds += stands_for * median(steps.seconds[phase])
        left -= stands_for * steps.cost(phase)
        taken += stands_for
    return seconds + math.ceil(taken / steps.together) * median(steps.drawing)


class Steps:
    """Steps of a run's training, timed by phase. Drawing is timed apart, since the trainer draws several batches at
    once."""

    def __init__(self, config: RunConfig, method: Method, clock: Clock) -> None:
        self.config, self.method, self.clock = config, method, clock
        self.together = BatchesAhead(config, clock.device).count
        self.seconds: dict[str, list[float]] = {}
        self.drawing: list[float] = []
        self._first: dict[str, float] = {}
        self._first_draw = clock(lambda: self._draw(0))
        self._flops: dict[str, int] = {}

    @property
    def budget(self) -> float:
        """The run's budget; one in images is rounded up to whole steps."""
        train = self.config.train
        images = None if train.images is None else math.ceil(train.images / train.batch_size) * train.batch_size
        return next(float(b) for b in (train.steps, images, train.flops, train.seconds) if b is not None)

    def cost(self, phase: str) -> float:
        """The cost of a step in the unit of the budget."""
        train = self.config.train
        if train.flops is not None:
            return self._flops[phase]
        if train.seconds is not None:
            return median(self.seconds[phase]) + median(self.drawing) / self.together
        return 1 if train.steps is not None else train.batch_size

    def take(self, step: int, fraction: float) -> str:
        """Time a step; gives its phase. The first steps of a phase are warm-up; its FLOPs are counted there."""
        batch: Batch | None = None
        losses: dict[str, Any] = {}

        def draw() -> None:
            nonlocal batch
            batch = self._draw(step)

        def update() -> None:
            nonlocal losses
            assert batch is not None
            losses = self.method.update(batch, Progress(step, fraction))

        self.drawing.append(self.clock(draw))
        seconds = self.clock(update)
        phase = ", ".join(losses)
        if phase not in self.seconds:
            self._first[phase] = seconds
            if self.config.train.flops is not None:
                with Operations() as operations:
                    update()
                self._flops[phase] = operations.flops
            repeat(update, WARM_UP[self.clock.kind] - 1)
            seconds = self.clock(update)
        times = AT_ONCE[self.clock.kind]
        if times > 1:
            seconds = self.clock(lambda: repeat(update, times)) / times
        self.seconds.setdefault(phase, []).append(seconds)
        return phase

    def excess(self) -> float:
        """Seconds that the first step of each phase and the first draw took beyond the others: once a process."""
        steps = sum(max(0.0, first - median(self.seconds[phase])) for phase, first in self._first.items())
        return steps + max(0.0, self._first_draw - median(self.drawing))

    def _draw(self, step: int) -> Batch:
        """The batch of a step; the batches that are drawn together with it are drawn too."""
        return BatchesAhead(self.config, self.clock.device)(step)


def repeat(call: Callable[[], Any], times: int) -> None:
    """Call `call` `times` times."""
    for _ in range(times):
        call()


class Clock:
    """Seconds of a call, until the device has finished it."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.kind = device, "cuda" if device.type == "cuda" else "cpu"
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def __call__(self, call: Callable[[], Any]) -> float:
        return clock_of(self.device)(call, 1)

    def gpu_peak_bytes(self) -> int | None:
        return int(torch.cuda.max_memory_allocated(self.device)) if self.kind == "cuda" else None

    def gpu_bytes(self) -> int | None:
        return int(torch.cuda.get_device_properties(self.device).total_memory) if self.kind == "cuda" else None
