"""How methods that fill a hole see it, and how what they know stays as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.tasks import Batch

Image = npt.NDArray[np.float64]
Hole = npt.NDArray[np.bool_]
Fill = Callable[[Image, Hole], Image]
"""(H, W, 3) in [-1, 1] and (H, W), true where pixels are missing -> (H, W, 3), of which the missing ones are used."""


def holes_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """The RGB images (B, 3, H, W) in [-1, 1], and (B, 1, H, W) bool, true where pixels are missing.

    These methods are told where the hole is whatever task.mask_known says: they cannot find it. Raises ValueError where
    the task has no holes, and where nothing is known of an image.
    """
    if batch.mask is None:
        raise ValueError("this task has no holes to fill")
    missing = batch.mask > 0.5
    if missing.flatten(1).all(dim=1).any():
        raise ValueError("an image without a known pixel cannot be filled")
    return batch.input[:, :3], missing


def fill_each(batch: Batch, fill: Fill) -> Tensor:
    """(B, 3, H, W): every image filled by itself, on the CPU; its known pixels are the input's, bit by bit."""
    images, missing = holes_of(batch)
    pixels = images.double().permute(0, 2, 3, 1).cpu().numpy()
    filled = [fill(image, hole) for image, hole in zip(pixels, missing[:, 0].cpu().numpy(), strict=True)]
    made = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(images)  # its type and device
    return torch.where(missing, made, images)
