"""Images a second, measured after warm-up in windows, so that the figure comes with its spread."""

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
"""(call, times) -> seconds for so many calls, one after the other."""
WINDOWS = 7
SLOW_WINDOWS = 3
SLOW = 1.0  # seconds a call: one that takes longer is a window of its own, and warm after one
WARM_UP_CALLS = 3
WARM_UP_SECONDS = 2.0  # at the most
STEADY = 0.02  # by how much two windows of a warm machine may differ


@dataclass(frozen=True)
class Rate:
    """Images a second: the median over windows, and their interquartile range as a share of it."""

    images_per_second: float
    spread: float
    batch_size: int
    windows: int


def measure_training(
    method: Method, ring: Sequence[Batch], step: int, device: torch.device, window_seconds: float
) -> tuple[Rate, int]:
    """Rate of whole updates over a ring of batches that lie on the device, and the peak bytes of one, with its batch.

    Give it a method of its own: its weights move. `step` lies behind pretraining, so that D is at work.
    """
    batches = itertools.cycle(ring)
    progress = Progress(step, 0.5)

    def update() -> None:
        method.update(next(batches), progress)

    rate = _measure(update, len(ring[0]), device, window_seconds)
    return rate, peak_bytes(update, alive(method, ring), device) - spare_bytes(ring)


def measure_inference(method: Method, ring: Sequence[Batch], device: torch.device, window_seconds: float) -> Rate:
    """Rate of `predict` over a ring of batches that lie on the device."""
    batches = itertools.cycle(ring)
    return _measure(lambda: method.predict(next(batches)), len(ring[0]), device, window_seconds)


def _measure(call: Callable[[], Any], batch_size: int, device: torch.device, window_seconds: float) -> Rate:
    clock = clock_of(device)
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
    """Run windows until two in a row agree, which caches, clocks and allocators may need some for."""
    before, deadline = window(), time.monotonic() + WARM_UP_SECONDS
    while time.monotonic() < deadline:
        now = window()
        if abs(now - before) <= STEADY * before:
            return
        before = now


def clock_of(device: torch.device) -> Clock:
    """The device's."""
    return cuda_clock if device.type == "cuda" else wall_clock


def wall_clock(call: Callable[[], Any], times: int) -> float:
    """On the CPU."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - started


def cuda_clock(call: Callable[[], Any], times: int) -> float:
    """By a pair of CUDA events, with one synchronisation at the end."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(times):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000  # type: ignore[no-any-return]


def alive(method: Method, ring: Sequence[Batch]) -> Iterator[Tensor]:
    """All tensors that a method and its batches hold between two calls."""
    for network in method.networks.values():
        yield from itertools.chain(network.parameters(), network.buffers())
        yield from (p.grad for p in network.parameters() if p.grad is not None)
    for optimizer in method.optimizers.values():
        for moments in optimizer.state.values():
            yield from (value for value in moments.values() if isinstance(value, Tensor))
    yield from _tensors(ring)


def spare_bytes(ring: Sequence[Batch]) -> int:
    """Bytes of all batches of a ring but one. They lie on the device so that a timing does not wait for data; a call
    needs one. They are of one size, so that it does not matter which."""
    held = storage_bytes(_tensors(ring))
    return held - held // max(len(ring), 1)


def _tensors(ring: Sequence[Batch]) -> Iterator[Tensor]:
    for batch in ring:
        yield from (tensor for tensor in (batch.input, batch.target, batch.mask) if tensor is not None)
