"""sRGB to CIE Lab (D65) and back, normalised for the networks; always in fp32."""

from __future__ import annotations

import torch
from torch import Tensor

AB_RANGE = 110.0  # sRGB reaches a in [-86, 98] and b in [-108, 94]


def split_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """rgb: (B, 3, H, W) in [0, 1] -> lightness (B, 1, H, W) in [-1, 1] and ab (B, 2, H, W) in [-1, 1]."""
    from kornia.color import rgb_to_lab  # slow to import, and a run can do its first steps without it

    with torch.autocast(rgb.device.type, enabled=False):
        lab = rgb_to_lab(rgb.float())
        return lab[:, :1] / 50 - 1, lab[:, 1:] / AB_RANGE


def join_lab(lightness: Tensor, ab: Tensor) -> Tensor:
    """The inverse of `split_lab`: (B, 3, H, W); colours outside sRGB are clipped to [0, 1]."""
    from kornia.color import lab_to_rgb

    with torch.autocast(ab.device.type, enabled=False):
        lab = torch.cat([(lightness.float() + 1) * 50, ab.float() * AB_RANGE], dim=1)
        return lab_to_rgb(lab, clip=True)
