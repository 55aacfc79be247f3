"""Diversity: whether different inputs get different colours, or the generator has collapsed to one colouring.

Zhang & Zhou, section 3.1: "prevent the generator from always generating the same image". The score of output i is the
mean of |ab_i - ab_j| over pixels, channels and all other outputs j, divided by the mean over all pairs of targets. The
divisor is one number for the set, so that a single odd target has little weight. Colours are compared pixel by pixel.
Lightness, which is colorization's input, is ignored.
"""

from __future__ import annotations

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.targets import of_target

FAINTEST_DIFFERENCE = 0.01  # Lab units; targets that differ by less have the same colours up to rounding


def load_diversity(device: str) -> ImageScore:
    """Diversity, a ratio, neutral; nothing to load."""
    return diversity


def diversity(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean colour distance to the other outputs over that of the targets: sRGB (N, 3, H, W) in [0, 1] -> (N,).

    0: all outputs have the same colours; a mean of 1: they differ as much as the targets do. Raises Unavailable for a
    single image, and for targets that all have the same colours.
    """
    if len(target) < 2:
        raise Unavailable("diversity compares images with each other; there is only one")
    scale = of_target(_mean_distances, target).mean()
    if scale < FAINTEST_DIFFERENCE:
        raise Unavailable("diversity needs targets with different colours; all targets have the same")
    return _mean_distances(prediction) / scale


def _mean_distances(rgb: Tensor) -> Tensor:
    """Mean |difference| of ab between each image and all others, in Lab units: (N, 3, H, W) -> (N,)."""
    ab = rgb_to_lab(rgb)[:, 1:].flatten(1)  # (N, 2HW)
    return torch.cdist(ab, ab, p=1).sum(1) / ((len(ab) - 1) * ab.shape[1])
