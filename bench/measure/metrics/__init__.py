"""The registry of metrics: what each score is, and how to get it on a device; importing it does not import torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Score: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""Prediction and target, RGB (B, 3, H, W) in [0, 1] -> one fp32 score per image (B,), on the same device."""


CPU_PIXELS = 256 * 256
"""Pairs of this many pixels are scored at once on a CPU. All 16 pairs of 256x256 at once took SSIM 2.0 times as long,
ST-LPIPS 1.8 times, LPIPS 0.9 times (measured on 2 Xeon cores)."""


class Unavailable(Exception):
    """A score that cannot be had here; the message is the reason, in words, for the report to show."""


@dataclass(frozen=True)
class Metric:
    """A named score: what a table needs to print it, and where to load it from."""

    name: str
    title: str
    unit: str  # "" is dimensionless
    direction: Literal["higher", "lower", "neutral"]  # which is better; neutral: as close to the targets' own as can be
    source: str
    version: int  # raise it whenever the numbers change: stored scores are keyed by it
    target: str  # "module:function", the function takes a device and returns a Score
    cheap: bool  # runs within a training loop without being noticed
    decimals: int
    min_side: int = 1  # the smallest height and width that it can score, in pixels

    @property
    def records(self) -> str:
        """Where a run keeps this metric's records: a new version is a new file, and trains nothing."""
        return f"scores/{self.name}.v{self.version}"


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="psnr",
            title="PSNR",
            unit="dB",
            direction="higher",
            source="10 log10(1 / MSE) per image (torchmetrics)",
            version=1,
            target="bench.measure.metrics.fidelity:load_psnr",
            cheap=True,
            decimals=2,
        ),
        Metric(
            name="ssim",
            title="SSIM",
            unit="",
            direction="higher",
            source="Wang et al. 2004, Gaussian 11x11, sigma 1.5, per image (torchmetrics)",
            version=1,
            target="bench.measure.metrics.fidelity:load_ssim",
            cheap=True,
            decimals=4,
            min_side=6,
        ),
        Metric(
            name="lpips",
            title="LPIPS",
            unit="",
            direction="lower",
            source="Zhang et al. 2018, v0.1, AlexNet (lpips)",
            version=1,
            target="bench.measure.metrics.perceptual:load_lpips",
            cheap=False,
            decimals=4,
            min_side=31,
        ),
        Metric(
            name="st_lpips",
            title="ST-LPIPS",
            unit="",
            direction="lower",
            source="Ghildyal & Liu 2022, AlexNet, weights of stlpips_pytorch",
            version=1,
            target="bench.measure.metrics.st_lpips:load_st_lpips",
            cheap=False,
            decimals=4,
            min_side=21,
        ),
        Metric(
            name="colorfulness",
            title="colorfulness",
            unit="",
            direction="neutral",
            source="Hasler & Suesstrunk 2003, M(3) of the prediction, sRGB in 0..255",
            version=1,
            target="bench.measure.metrics.colorfulness:load_colorfulness",
            cheap=True,
            decimals=2,
        ),
    )
}


@functools.cache
def load(name: str, device: str) -> Score:
    """The score `name`, ready on `device`; weights are read once per process and device.

    It always runs in IEEE fp32, whatever autocast or TF32 setting surrounds it (simulated TF32 took 0.04 off SSIM).
    Raises Unavailable, which is not remembered, if weights cannot be had; the score raises it for images that are
    too small, and ValueError for tensors that are not two equal (B, 3, H, W).
    """
    import torch

    metric = METRICS[name]
    module, function = metric.target.split(":")
    score: Score = getattr(import_module(module), function)(device)
    device_type = torch.device(device).type

    @torch.no_grad()
    def checked(prediction: Tensor, target: Tensor) -> Tensor:
        check_images(metric, tuple(prediction.shape), tuple(target.shape))
        pairs = max(1, CPU_PIXELS // prediction.shape[2:].numel()) if device_type == "cpu" else len(prediction)
        with torch.autocast(device_type, enabled=False), ieee_convolutions():
            parts = zip(torch.split(prediction.float(), pairs), torch.split(target.float(), pairs), strict=True)
            return torch.cat([score(ours, theirs) for ours, theirs in parts])

    return checked


@contextmanager
def ieee_convolutions() -> Iterator[None]:
    """cuDNN's convolutions in full fp32 and not, as is PyTorch's default, in TF32, which keeps 10 bits of mantissa."""
    import torch

    cudnn: Any = torch.backends.cudnn  # a module by its type, with more than that inside
    before = cudnn.conv.fp32_precision
    cudnn.conv.fp32_precision = "ieee"
    try:
        yield
    finally:
        cudnn.conv.fp32_precision = before


def check_images(metric: Metric, prediction: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Raises ValueError unless both shapes are the same (B, 3, H, W), Unavailable if H or W is below `min_side`."""
    if prediction != target or len(prediction) != 4 or prediction[1] != 3 or 0 in prediction:
        raise ValueError(f"{metric.title} compares two (B, 3, H, W) of one shape, got {prediction} and {target}")
    height, width = prediction[2:]
    if min(height, width) < metric.min_side:
        smallest = f"{metric.min_side}x{metric.min_side}"
        raise Unavailable(f"{metric.title} needs images of at least {smallest} pixels, got {height}x{width}")


def first_line(error: Exception) -> str:
    """What happened, short enough for a table's footnote."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
