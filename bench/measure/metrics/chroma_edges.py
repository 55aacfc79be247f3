"""Chroma edges: whether colours change where the ground truth's do, and in the same direction."""

from __future__ import annotations

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from bench.measure.metrics import ImageScore
from bench.measure.metrics.targets import of_target

FAINTEST_GRADIENT = 0.1
"""Lab units a pixel, RMS: an edge that any two images share, so that two flat images agree."""


def load_chroma_edges(device: str) -> ImageScore:
    """The agreement of chroma edges has nothing to load."""
    return chroma_edges


def chroma_edges(prediction: Tensor, target: Tensor) -> Tensor:
    """Correlation of the gradients of CIE a and b, sRGB (B, 3, H, W) in [0, 1] -> (B,) in [-1, 1].

    1: the same edges, however vivid; 0: edges that have nothing to do with the target's, or none. Zhang & Zhou, section
    4.1.2: "The edge of colorful objects is not as sharp". Unlike gradient energy (`color_sharpness`) it is agreement:
    noise and wrong edges lower it.
    """
    ours, theirs = _gradient(prediction), of_target(_gradient, target)  # (B, N) each
    agreement = (ours * theirs).mean(1) + FAINTEST_GRADIENT**2
    energy = (ours.square().mean(1) + FAINTEST_GRADIENT**2) * (theirs.square().mean(1) + FAINTEST_GRADIENT**2)
    return agreement / energy.sqrt()


def _gradient(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, N): all forward differences of a and b, along x and along y."""
    ab = rgb_to_lab(rgb)[:, 1:]
    return torch.cat([ab.diff(dim=axis).flatten(1) for axis in (2, 3)], dim=1)
