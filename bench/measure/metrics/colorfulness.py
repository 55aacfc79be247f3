"""Colorfulness: how vivid a prediction is, whether or not its colours are right."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.measure.metrics import ImageScore


def load_colorfulness(device: str) -> ImageScore:
    """Colorfulness M(3), neutral; nothing to load."""
    return colorfulness


def colorfulness(prediction: Tensor, target: Tensor) -> Tensor:
    """M(3) of the prediction, sRGB (B, 3, H, W) in [0, 1] -> (B,); the target is ignored.

    Hasler & Suesstrunk 2003, "Measuring colourfulness in natural images", on sRGB in 0..255: 0 is gray, 15 slightly,
    45 averagely, 82 highly, 109 extremely colourful. More is not better: compare it with the targets' value.
    """
    red, green, blue = (255 * prediction).flatten(2).unbind(1)  # (B, H * W) each
    opponents = torch.stack([red - green, (red + green) / 2 - blue])  # (2, B, H * W): rg and yb
    spread = opponents.var(-1, correction=0).sum(0).sqrt()
    offset = opponents.mean(-1).square().sum(0).sqrt()
    return spread + 0.3 * offset  # (B,)
