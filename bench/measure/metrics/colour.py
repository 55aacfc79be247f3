"""Colour error against the ground truth: ab L1 and CIEDE2000."""

from __future__ import annotations

import numpy as np
import torch
from kornia.color import rgb_to_lab
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from bench.measure.metrics import ImageScore
from bench.measure.metrics.targets import of_target


def load_ab_l1(device: str) -> ImageScore:
    """ab L1 in Lab units, lower is better; nothing to load."""
    return ab_l1


def load_ciede2000(device: str) -> ImageScore:
    """CIEDE2000, lower is better; nothing to load."""
    return ciede2000


def ab_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean |difference| of ab over pixels and both channels: sRGB (B, 3, H, W) in [0, 1] -> (B,) in Lab units.

    CIE Lab with D65, where sRGB's a lies in [-86, 98] and b in [-108, 94]. Lightness is ignored.
    """
    ours, theirs = rgb_to_lab(prediction)[:, 1:], of_target(rgb_to_lab, target)[:, 1:]  # (B, 2, H, W)
    return (ours - theirs).abs().mean((1, 2, 3))


def ciede2000(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean CIEDE2000 colour difference over the pixels: sRGB (B, 3, H, W) in [0, 1] -> (B,), 0 where identical.

    Sharma, Wu & Dalal 2005, kL = kC = kH = 1, with lightness; a difference of about 1 is just noticeable side by side.
    Computed by scikit-image on the CPU in fp64; the score is returned on the images' device.
    """
    ours, theirs = (rgb2lab(_channels_last(image)) for image in (prediction, target))
    difference = deltaE_ciede2000(ours, theirs)  # type: ignore[no-untyped-call]  # (B, H, W)
    return torch.as_tensor(difference.mean((1, 2)), dtype=torch.float32, device=prediction.device)


def _channels_last(rgb: Tensor) -> np.ndarray:
    return rgb.permute(0, 2, 3, 1).double().cpu().numpy()
