"""The roofline: the least time of a step on this machine, from its FLOPs and bytes and from measured rates.

Williams, Waterman & Patterson 2009. FLOPs and bytes count convolutions and matrix products, forward and backward, each
of which reads its tensors and writes its result once; and Adam, which reads 4 and writes 3 values a parameter. All else
(norms, activations, losses, copies) counts as fused away. No program of these operators is faster than this floor, as
long as the tensors do not fit into a cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.optim import Optimizer

from bench.measure.throughput import clock_of
from bench.training.flops import Operations

ADAM_VALUES = 7  # weight, gradient and two moments read; weight and moments written
SIZES = {"cpu": (1024, 256, 32), "cuda": (8192, 1024, 128)}  # side of the matrices; channels and side of the image
COPIED = {"cpu": 2**28, "cuda": 2**31}  # bytes of one copy: more than any cache holds
RATE_SECONDS = 1.0  # for each of the three rates


@dataclass(frozen=True)
class Rates:
    """The best rates of the machine in one precision."""

    matmul: float
    """FLOP/s of a matrix product or of a convolution, whichever is faster."""
    copy: float
    """Bytes/s, read and written, of a copy."""


@dataclass(frozen=True)
class Demand:
    """The work of one call."""

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.bytes if self.bytes else 0.0

    def floor(self, rates: Rates) -> float:
        """The least seconds of the call at these rates."""
        return max(self.flops / rates.matmul, self.bytes / rates.copy)


@torch.no_grad()
def measure_rates(device: torch.device, precision: str, seconds: float = RATE_SECONDS) -> Rates:
    """Measure the rates: after a warm-up call each, the best of all calls in so many seconds."""
    side, channels, pixels = SIZES[device.type]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(a)
    image = torch.randn(1, channels, pixels, pixels, device=device, dtype=dtype)
    kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    image, kernel = (x.contiguous(memory_format=torch.channels_last) for x in (image, kernel))
    source = torch.zeros(COPIED[device.type] // 4, device=device)
    target = torch.empty_like(source)
    matmul = 2 * side**3 / _best(lambda: torch.mm(a, b, out=product), device, seconds)
    convolution = 2 * 9 * channels**2 * pixels**2 / _best(lambda: F.conv2d(image, kernel, padding=1), device, seconds)
    copy = 2 * source.nbytes / _best(lambda: target.copy_(source), device, seconds)
    return Rates(max(matmul, convolution), copy)


def _best(call: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """The shortest seconds of one call."""
    clock = clock_of(device)
    clock(call, 1)
    samples: list[float] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(samples) < 3:
        samples.append(clock(call, 1))
    return min(samples)


def count_demand(call: Callable[[], Any], optimizers: Iterable[Optimizer] = ()) -> Demand:
    """Count FLOPs and bytes of one call; a multiply-accumulate is 2 FLOPs."""
    stepped: list[int] = []

    def after(optimizer: Optimizer, *_: Any) -> None:
        stepped.extend(p.numel() * p.element_size() for g in optimizer.param_groups for p in g["params"])

    handles = [optimizer.register_step_post_hook(after) for optimizer in optimizers]
    operations = Operations()
    try:
        with operations:
            call()
    finally:
        for handle in handles:
            handle.remove()
    return Demand(operations.flops, operations.bytes + ADAM_VALUES * sum(stepped))
