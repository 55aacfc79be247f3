"""Images a second, measured in several windows after a warm-up, so that each rate has a spread."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.data.tasks import Batch
from bench.measure.memory import peak_bytes, storage_bytes
from bench.training.method import Method, Progress

Clock = Callable[[Callable[[], Any], int], float]
"""(call, times) -> seconds for that many calls in a row."""
WINDOWS = 7
SLOW_WINDOWS = 3
SLOW = 1.0  # seconds a call; each slower call is a window of its own, after a warm-up of one call
WARM_UP_CALLS = 3
WARM_UP_SECONDS = 2.0  # at most
STEADY = 0.02  # relative difference of two windows on a warm machine


@dataclass(frozen=True)
class Rate:
    """Images a second: the median over windows; `spread` is their interquartile range as a share of the median."""

    images_per_second: float
    spread: float
    batch_size: int
    windows: int


def measure_training(
    method: Method, ring: Sequence[Batch], step: int, device: torch.device, window_seconds: float
) -> tuple[Rate, int]:
    """Rate of whole updates over a ring of batches on the device, and the peak bytes of one update with its batch.

    Changes the method's weights. `step` must lie after pretraining, so that D is trained too.
    """
    batches = itertools.cycle(ring)
    progress = Progress(step, 0.5)

    def update() -> None:
        method.update(next(batches), progress)

    rate = _measure(update, len(ring[0]), device, window_seconds)
    return rate, peak_bytes(update, live_tensors(method, ring), device) - spare_bytes(ring)


def measure_inference(method: Method, ring: Sequence[Batch], device: torch.device, window_seconds: float) -> Rate:
    """Rate of `predict` over a ring of batches on the device."""
    batches = itertools.cycle(ring)
    return _measure(lambda: method.predict(next(batches)), len(ring[0]), device, window_seconds)


def _measure(call: Callable[[], Any], batch_size: int, device: torch.device, window_seconds: float) -> Rate:
    clock = clock_of(device)
    # The first call pays for lazy imports, autotuning and allocations, so it does not decide the number of windows.
    clock(call, 1)
    once = max(clock(call, 1), 1e-6)
    windows, calls = SLOW_WINDOWS, 1
    if once < SLOW:
        clock(call, WARM_UP_CALLS - 1)
        windows, calls = WINDOWS, max(1, round(window_seconds * 2 / max(clock(call, 2), 1e-6)))
        _warm_up(lambda: clock(call, calls))
    rates = [calls * batch_size / clock(call, calls) for _ in range(windows)]
    low, middle, high = statistics.quantiles(rates, n=4)
    return Rate(middle, (high - low) / middle, batch_size, windows)


def _warm_up(window: Callable[[], float]) -> None:
    """Run windows until two in a row agree: caches, processor clocks and allocators need time to settle."""
    before, deadline = window(), time.monotonic() + WARM_UP_SECONDS
    while time.monotonic() < deadline:
        now = window()
        if abs(now - before) <= STEADY * before:
            return
        before = now


def clock_of(device: torch.device) -> Clock:
    """CUDA events on a GPU, wall time elsewhere."""
    return cuda_clock if device.type == "cuda" else wall_clock


def wall_clock(call: Callable[[], Any], times: int) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - started


def cuda_clock(call: Callable[[], Any], times: int) -> float:
    """Seconds between a pair of CUDA events, with one synchronisation at the end."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(times):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000  # type: ignore[no-any-return]


def live_tensors(method: Method, ring: Sequence[Batch]) -> Iterator[Tensor]:
    """All tensors that a method and its batches hold between two calls: weights, buffers, gradients, moments, data."""
    for network in method.networks.values():
        yield from itertools.chain(network.parameters(), network.buffers())
        yield from (p.grad for p in network.parameters() if p.grad is not None)
    for optimizer in method.optimizers.values():
        for moments in optimizer.state.values():
            yield from (value for value in moments.values() if isinstance(value, Tensor))
    yield from _tensors(ring)


def spare_bytes(ring: Sequence[Batch]) -> int:
    """Bytes of all batches of a ring but one."""
    # The ring is on the device so that no timing waits for data; an update needs only one batch. All have equal size.
    held = storage_bytes(_tensors(ring))
    return held - held // max(len(ring), 1)


def _tensors(ring: Sequence[Batch]) -> Iterator[Tensor]:
    for batch in ring:
        yield from (tensor for tensor in (batch.input, batch.target, batch.mask) if tensor is not None)
