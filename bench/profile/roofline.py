"""The roofline: how fast a step could be on this machine, from what it computes and moves and from measured rates.

Williams, Waterman & Patterson 2009. FLOPs and bytes are those of convolutions and matrix products, forward and
backward, each of which has to read its tensors and write its result once, and of Adam, which reads 4 and writes 3
values a parameter. All else (norms, activations, losses, copies) is taken to be fused away: the floor is what no
program of these operators gets below while the tensors do not fit into a cache.
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
SIZES = {"cpu": (1024, 256, 32), "cuda": (8192, 1024, 128)}  # of the matrices; channels and side of the image
COPIED = {"cpu": 2**28, "cuda": 2**31}  # bytes of one copy: more than any cache
RATE_SECONDS = 1.0


@dataclass(frozen=True)
class Rates:
    """What the machine does at best: FLOP/s of a matrix product or a convolution in a precision, whichever library is
    the faster, and bytes/s read and written by a copy."""

    matmul: float
    copy: float


@dataclass(frozen=True)
class Demand:
    """What one call asks for."""

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.bytes if self.bytes else 0.0

    def floor(self, rates: Rates) -> float:
        """Seconds below which the call cannot be, by these rates."""
        return max(self.flops / rates.matmul, self.bytes / rates.copy)


@torch.no_grad()
def machine_rates(device: torch.device, precision: str, seconds: float = RATE_SECONDS) -> Rates:
    """The best of all calls in so many seconds each, after one call."""
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
    clock = clock_of(device)
    clock(call, 1)
    found: list[float] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(found) < 3:
        found.append(clock(call, 1))
    return min(found)


def demand_of(call: Callable[[], Any], optimizers: Iterable[Optimizer] = ()) -> Demand:
    """Count one call; FLOPs are 2 a multiply-accumulate."""
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
