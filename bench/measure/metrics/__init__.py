"""Quality of predictions: scores by name, ready on a device. Importing this does not import torch."""

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
"""(prediction, target), both fp32 RGB (B, 3, H, W) in [0, 1] -> one fp32 score per image (B,), on the same device.

A metric that needs the distribution returns one score for all images, (1,)."""
MaskScore: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
"""ImageScore with a third argument: a boolean mask (B, 1, H, W), true where pixels were missing."""
GridScore: TypeAlias = "Callable[[Tensor, Tensor, int], Tensor]"
"""ImageScore with a third argument: the image was cut into grid x grid tiles."""

CPU_PIXELS = 256 * 256
"""Pixels that are scored at once on a CPU. Sixteen pairs of 256x256 at once would need 16 times the memory for about
the same time: 1.2 times as long for CIEDE2000, 0.9 times for LPIPS (measured on one EPYC core)."""


class Unavailable(Exception):
    """A score cannot be computed here; the message is the reason, which the report shows."""


class Score(Protocol):
    """Any metric, ready to be called; it ignores the arguments that it does not need."""

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor | None = None, grid: int = 1) -> Tensor:
        """One fp32 score per image (B,), on the images' device; one for all of them, (1,), for a distribution.

        prediction, target: RGB (B, 3, H, W) in [0, 1]; mask: (B, 1, H, W), 1 where pixels were missing, 0 elsewhere;
        grid: the images were cut into grid x grid tiles.
        """
        ...


@functools.cache
def load(name: str, device: str) -> Score:
    """The score `name`, ready on `device`; weights are read once per process and device.

    The score runs in IEEE fp32, whatever autocast, TF32 or bf16 setting surrounds it. Raises Unavailable, which is not
    cached, if weights are missing. The score itself raises Unavailable for images that are too small or too few and for
    a missing mask; and ValueError for wrong shapes and for masks that leave nothing to score.
    """
    import torch

    metric = METRICS[name]
    module, function = metric.target.split(":")
    score: Callable[..., Tensor] = getattr(import_module(module), function)(device)
    device_type = torch.device(device).type

    @torch.no_grad()
    def checked(prediction: Tensor, target: Tensor, mask: Tensor | None = None, grid: int = 1) -> Tensor:
        check_images(metric, tuple(prediction.shape), tuple(target.shape))
        # Two memory layouts of one image would round differently.
        tensors = [image.float().contiguous() for image in (prediction, target)]
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
    """Full fp32 for convolutions and matrix products, in place of TF32 or bf16."""
    # TF32 keeps 10 bits of mantissa and bf16 keeps 7. TF32 is PyTorch's default for cuDNN's convolutions and lowered
    # SSIM by 0.04 (simulated); bf16 matrix products moved Lab by 0.36 on a CPU.
    import torch

    backends: Any = torch.backends  # its switches are missing in its type
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
    """The mask as booleans, (B, 1, H, W).

    Raises Unavailable without a mask, ValueError if its shape does not fit the images or a value is not 0 or 1.
    """
    if mask is None:
        raise Unavailable(f"{metric.title} needs a hole, and this task has none")
    expected, got = (len(prediction), 1, *prediction.shape[2:]), tuple(mask.shape)
    if got != expected:
        raise ValueError(f"{metric.title} needs a mask of shape {expected}, got {got}")
    hole = mask.bool()
    if not (mask == hole).all():
        raise ValueError(f"{metric.title} needs a mask of 0 and 1")
    return hole
