"""Edges: whether a prediction is as sharp as the ground truth, whether its colours change in the same places, and
whether tiling leaves visible seams.

Seam error compares jumps of the error, Lab of the prediction minus Lab of the target, so that the picture's own edges
do not count where they are predicted. A jump is the CIE 1976 difference (Euclidean) of the error between two
neighbouring pixels, horizontally and vertically. An untiled image (grid 1) is measured along the lines of a 2x2 grid.
Without seams the mean over many images is about 1; a single image lies between 0.8 and 1.25, depending on what it
shows at the lines (measured on gray and blurred copies of 3 photographs, grid 4).
"""

from __future__ import annotations

import functools

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from bench.measure.metrics import GridScore, ImageScore
from bench.measure.metrics.targets import of_target

FAINTEST_GRADIENT = 0.1
"""RMS gradient in Lab units a pixel, added in quadrature to both sides, so that a score exists for flat images. It is
less than the effect of rounding a smooth image to 8 bits: 0.17 in lightness, 0.5 in ab (measured). A gray prediction
scores 0.02 to 0.03 in colour, not 0."""
FAINTEST_JUMP = 0.01
"""Lab units, added to both means, so that the ratio exists for a perfect prediction; in gray, fp32 is off by up to
0.005."""


def load_sharpness(device: str) -> ImageScore:
    """Sharpness of lightness, a ratio, neutral; nothing to load."""
    return functools.partial(sharpness, channels=slice(0, 1))


def load_color_sharpness(device: str) -> ImageScore:
    """Sharpness of colour, a ratio, neutral; nothing to load."""
    return functools.partial(sharpness, channels=slice(1, 3))


def load_chroma_edges(device: str) -> ImageScore:
    """Agreement of chroma edges, a correlation, higher is better; nothing to load."""
    return chroma_edges


def load_seam_error(device: str) -> GridScore:
    """Seam error, a ratio, lower is better; nothing to load."""
    return seam_error


def sharpness(prediction: Tensor, target: Tensor, channels: slice) -> Tensor:
    """RMS gradient of some Lab channels over the target's: sRGB (B, 3, H, W) in [0, 1] -> (B,), 1 where identical.

    Zhang & Zhou, section 4.1.2: "The edge of colorful objects is not as sharp". It measures energy, not agreement:
    noise and wrong edges raise it, and pale colours lower it as blur does, so that more is not better.
    """
    labs = rgb_to_lab(prediction), of_target(rgb_to_lab, target)
    of_prediction, of_the_target = (gradient_energy(lab[:, channels]) for lab in labs)
    return ((of_prediction + FAINTEST_GRADIENT**2) / (of_the_target + FAINTEST_GRADIENT**2)).sqrt()


def gradient_energy(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B,): mean square of the forward differences in x plus that in y, summed over channels."""
    down, right = (x.diff(dim=axis).square().sum(1).mean((1, 2)) for axis in (2, 3))
    return down + right


def chroma_edges(prediction: Tensor, target: Tensor) -> Tensor:
    """Correlation of the gradients of CIE a and b, sRGB (B, 3, H, W) in [0, 1] -> (B,) in [-1, 1].

    1: the same edges, however vivid; 0: edges that have nothing to do with the target's, or none. Unlike sharpness it
    is agreement: noise and wrong edges lower it. Two flat images agree: FAINTEST_GRADIENT counts as a shared edge.
    """
    ours, theirs = (_chroma_gradient(lab) for lab in (rgb_to_lab(prediction), of_target(rgb_to_lab, target)))
    agreement = (ours * theirs).mean(1) + FAINTEST_GRADIENT**2
    energy = (ours.square().mean(1) + FAINTEST_GRADIENT**2) * (theirs.square().mean(1) + FAINTEST_GRADIENT**2)
    return agreement / energy.sqrt()


def _chroma_gradient(lab: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, N): all forward differences of a and b, along x and along y."""
    return torch.cat([lab[:, 1:].diff(dim=axis).flatten(1) for axis in (2, 3)], dim=1)


def seam_error(prediction: Tensor, target: Tensor, grid: int) -> Tensor:
    """Mean jump of the error across tile borders, divided by the mean jump between all other neighbours.

    sRGB (B, 3, H, W) in [0, 1] -> (B,); at 1 the borders are like any other place; lower is better. Raises ValueError
    if the image does not divide into grid x grid tiles of at least 2x2 pixels.
    """
    height, width = prediction.shape[2:]
    if grid > 1 and (height % grid or width % grid or min(height, width) < 2 * grid):
        raise ValueError(f"seam error: {height}x{width} pixels do not divide into {grid}x{grid} tiles of at least 2x2")
    error = rgb_to_lab(prediction) - of_target(rgb_to_lab, target)
    border, elsewhere = zip(*(_jumps(error, axis, max(2, grid)) for axis in (2, 3)), strict=True)
    across, inside = (torch.cat(jumps, dim=1).mean(1) for jumps in (border, elsewhere))
    return (across + FAINTEST_JUMP) / (inside + FAINTEST_JUMP)


def _jumps(error: Tensor, axis: int, lines: int) -> tuple[Tensor, Tensor]:
    """Jumps along one axis: across the inner lines of a lines x lines grid, (B, n), and all others, (B, m)."""
    jumps = error.diff(dim=axis).square().sum(1).sqrt().movedim(axis - 1, 1)  # (B, side - 1, other side)
    side = error.shape[axis]
    at_border = torch.zeros(side - 1, dtype=torch.bool, device=error.device)
    at_border[[k * side // lines - 1 for k in range(1, lines)]] = True
    return jumps[:, at_border].flatten(1), jumps[:, ~at_border].flatten(1)
