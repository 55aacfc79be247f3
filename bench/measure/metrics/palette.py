"""The palette of a prediction against the ground truth's: which colours it has, how vivid they are, and how much of it
is green or blue. Where the colours stand in the image does not matter to these scores."""

from __future__ import annotations

import math

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from bench.measure.metrics import ImageScore
from bench.measure.metrics.colorfulness import colorfulness
from bench.measure.metrics.targets import of_target

DIRECTIONS = 16
"""Directions of the ab plane that the histogram distance projects on. 64 change it by less than 0.1% (measured on
photographs of 64x64)."""
GREEN, BLUE = 120.0, 310.0
"""Hue angles of CIE Lab in degrees: sRGB's green lies at 136, cyan at 196, its blue at 306."""
FAINTEST_CHROMA = 1.0
"""Lab units, the mean chroma below which an image counts as gray: its hues are rounding errors."""


def load_delta_colorfulness(device: str) -> ImageScore:
    """The difference in colorfulness has nothing to load."""
    return delta_colorfulness


def load_ab_histogram(device: str) -> ImageScore:
    """The distance of histograms has nothing to load."""
    return ab_histogram


def load_hue_bias(device: str) -> ImageScore:
    """The bias of hues has nothing to load."""
    return hue_bias


def delta_colorfulness(prediction: Tensor, target: Tensor) -> Tensor:
    """|M(3) - target's M(3)|, sRGB (B, 3, H, W) in [0, 1] -> (B,), 0 where both are as vivid.

    Kang et al. 2023 (DDColor) report the difference of the means over a set; this is the mean difference per image,
    which is never smaller. It does not see whether the colours are right: another photograph's can score well.
    """
    return (colorfulness(prediction, target) - colorfulness(target, target)).abs()


def ab_histogram(prediction: Tensor, target: Tensor) -> Tensor:
    """Distance of the 2-D histograms of a and b, sRGB (B, 3, H, W) in [0, 1] -> (B,) in Lab units, 0 where equal.

    The sliced Wasserstein distance (Bonneel et al. 2015, "Sliced and Radon Wasserstein Barycenters of Measures") of
    order 1: by how many Lab units the colours have to move, in the mean over 16 directions. It needs no bins, and
    unlike a distance of bins it knows that a pale red is nearer to red than blue is. It does rank the truth before pale
    colours and those before another photograph's; but noise widens a histogram, and so betters that of pale colours.
    """
    ours, theirs = _projections(prediction), of_target(_projections, target)
    return (ours - theirs).abs().mean((1, 2))


def _projections(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, DIRECTIONS, H * W): ab along each direction, in rising order."""
    angles = torch.arange(DIRECTIONS, device=rgb.device) * (math.pi / DIRECTIONS)
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)  # (DIRECTIONS, 2)
    return (directions @ rgb_to_lab(rgb)[:, 1:].flatten(2)).sort(dim=-1).values


def hue_bias(prediction: Tensor, target: Tensor) -> Tensor:
    """Share of green and blue in the prediction's chroma less that in the target's, sRGB (B, 3, H, W) in [0, 1] -> (B,)
    in [-1, 1]; 0 is no bias, above it is a favour of green and blue.

    Zhang & Zhou, section 4.1.2: "Our model shows its favor of blue and green". Pixels weigh by their chroma.
    """
    return _green_and_blue(prediction) - of_target(_green_and_blue, target)


def _green_and_blue(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,) in [0, 1]: the share of hues from green to blue in the sum of chroma."""
    a, b = rgb_to_lab(rgb)[:, 1:].unbind(1)  # (B, H, W) each
    chroma, hue = torch.hypot(a, b), torch.atan2(b, a).rad2deg() % 360
    share = torch.where((hue >= GREEN) & (hue < BLUE), chroma, 0).mean((1, 2))
    # gray has no hue: it counts as half green and blue, and so do colours too faint to be seen
    return (share + FAINTEST_CHROMA / 2) / (chroma.mean((1, 2)) + FAINTEST_CHROMA)
