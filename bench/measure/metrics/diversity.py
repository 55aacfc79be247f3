"""Diversity: whether different inputs get different colours, or the generator has collapsed to one colouring.

Zhang & Zhou, section 3.1: "prevent the generator from always generating the same image". Of output i, the mean over all
others j of the mean |ab_i - ab_j| over pixels and channels; divided by the mean of the same over all pairs of targets,
one number for the set, so that one odd target does not weigh. Colours are compared pixel by pixel; lightness, which
colorization is given, is not looked at.
"""

from __future__ import annotations

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.targets import of_target

FAINTEST_DIFFERENCE = 0.01  # Lab units; targets that differ by less are of the same colours but for rounding


def load_diversity(device: str) -> ImageScore:
    """Diversity has nothing to load."""
    return diversity


def diversity(prediction: Tensor, target: Tensor) -> Tensor:
    """How far an output's colours are from the others', in units of the targets', sRGB (N, 3, H, W) in [0, 1] -> (N,).

    0: all outputs have the same colours; a mean of 1: they differ as much as the targets do. Raises Unavailable for one
    image alone, and for targets of the same colours.
    """
    if len(target) < 2:
        raise Unavailable("diversity compares images with each other, and there is only one")
    scale = of_target(_mean_distances, target).mean()
    if scale < FAINTEST_DIFFERENCE:
        raise Unavailable("diversity needs targets of different colours, and all have the same")
    return _mean_distances(prediction) / scale


def _mean_distances(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N,): of each image, the mean over the others of the mean |difference| of ab, in Lab units."""
    ab = rgb_to_lab(rgb)[:, 1:].flatten(1)  # (N, 2HW)
    return torch.cdist(ab, ab, p=1).sum(1) / ((len(ab) - 1) * ab.shape[1])
