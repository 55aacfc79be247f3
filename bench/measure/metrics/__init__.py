"""How good a prediction is: scores by name, ready on a device; importing this does not import torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bench.measure.metrics.registry import METRICS, Metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "Metric", "Score", "Unavailable", "load"]

ImageScore: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""What a metric's `target` returns if it needs images or the set: prediction and target, fp32 RGB (B, 3, H, W) in
[0, 1] -> one fp32 score per image (B,), on the same device. If it needs the distribution: one score for all (1,)."""
MaskScore: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
"""The same and a boolean mask (B, 1, H, W), true where pixels were missing."""
GridScore: TypeAlias = "Callable[[Tensor, Tensor, int], Tensor]"
"""The same and the side of the grid of tiles that the image was cut into."""

CPU_PIXELS = 256 * 256
"""Pairs of this many pixels are scored at once on a CPU. All 16 pairs of 256x256 at once took CIEDE2000 1.2 times as
long, LPIPS 0.9 times, ST-LPIPS and the others about as long, and 16 times the memory (measured on one EPYC core)."""


class Unavailable(Exception):
    """A score that cannot be had here; the message is the reason, in words, for the report to show."""


class Score(Protocol):
    """Any metric, ready to be called; what it does not need it does not look at."""

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor | None = None, grid: int = 1) -> Tensor:
        """prediction, target: RGB (B, 3, H, W) in [0, 1]; mask: (B, 1, H, W), 1 where pixels were missing, 0 elsewhere;
        grid: the images were cut into grid x grid tiles -> one fp32 score per image (B,), on the same device; one for
        all of them, (1,), if the metric needs the distribution."""
        ...


@functools.cache
def load(name: str, device: str) -> Score:
    """The score `name`, ready on `device`; weights are read once per process and device.

    It always runs in IEEE fp32, whatever autocast, TF32 or bf16 setting surrounds it. Raises Unavailable, which is not
    remembered, if weights cannot be had. The score raises it for images that are too small or too few and where a mask
    is needed and there is none; and ValueError for tensors of other shapes, and masks that leave nothing to score.
    """
    import torch

    metric = METRICS[name]
    module, function = metric.target.split(":")
    score: Callable[..., Tensor] = getattr(import_module(module), function)(device)
    device_type = torch.device(device).type

    @torch.no_grad()
    def checked(prediction: Tensor, target: Tensor, mask: Tensor | None = None, grid: int = 1) -> Tensor:
        check_images(metric, tuple(prediction.shape), tuple(target.shape))
        tensors = [image.float().contiguous() for image in (prediction, target)]  # two layouts round apart
        if metric.needs == "mask":
            tensors.append(hole_of(metric, mask, prediction))
        more = (grid,) if metric.needs == "grid" else ()
        split = device_type == "cpu" and metric.needs not in ("set", "distribution")
        size = max(1, CPU_PIXELS // prediction.shape[2:].numel()) if split else len(prediction)
        with torch.autocast(device_type, enabled=False), ieee_fp32():
            parts = zip(*(torch.split(tensor, size) for tensor in tensors), strict=True)
            return torch.cat([score(*part, *more) for part in parts])

    return checked


@contextmanager
def ieee_fp32() -> Iterator[None]:
    """Full fp32, and not TF32 or bf16, which keep 10 and 7 bits of mantissa: PyTorch's default for cuDNN's convolutions
    (simulated, it took 0.04 off SSIM), a setting for products of matrices (bf16 put Lab 0.36 off on a CPU)."""
    import torch

    backends: Any = torch.backends  # modules by their type, with more than that inside
    switches = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    before = [switch.fp32_precision for switch in switches]
    for switch in switches:
        switch.fp32_precision = "ieee"
    try:
        yield
    finally:
        for switch, precision in zip(switches, before, strict=True):
            switch.fp32_precision = precision


def check_images(metric: Metric, prediction: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Raises ValueError unless both shapes are the same (B, 3, H, W), Unavailable if H or W is below `min_side`."""
    if prediction != target or len(prediction) != 4 or prediction[1] != 3 or 0 in prediction:
        raise ValueError(f"{metric.title} compares two (B, 3, H, W) of one shape, got {prediction} and {target}")
    height, width = prediction[2:]
    if min(height, width) < metric.min_side:
        smallest = f"{metric.min_side}x{metric.min_side}"
        raise Unavailable(f"{metric.title} needs images of at least {smallest} pixels, got {height}x{width}")


def hole_of(metric: Metric, mask: Tensor | None, prediction: Tensor) -> Tensor:
    """The mask as booleans, (B, 1, H, W). Raises Unavailable without one, ValueError if it is not one of 0 and 1 that
    fits the images."""
    if mask is None:
        raise Unavailable(f"{metric.title} needs a hole, and this task has none")
    expected, got = (len(prediction), 1, *prediction.shape[2:]), tuple(mask.shape)
    if got != expected:
        raise ValueError(f"{metric.title} needs a mask of shape {expected}, got {got}")
    hole = mask.bool()
    if not (mask == hole).all():
        raise ValueError(f"{metric.title} needs a mask of 0 and 1")
    return hole
