"""Tasks: networks' inputs and targets made from RGB images, and predictions turned back into RGB."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from bench.config import TaskConfig
from bench.data.colour import join_lab, split_lab
from bench.data.device import upload

REGISTRY: dict[str, str] = {
    "colorization": "bench.data.tasks:Colorization",
    "inpainting": "bench.data.tasks:Inpainting",
}
HOLE_STREAM = 2  # tells the random numbers of holes from others with the same seed and step

Keys = Sequence[Sequence[int]]
"""One key an image: its random choices, such as the place of a hole, are a function of the key."""


@dataclass(frozen=True)
class Batch:
    """input: (B, C_in, H, W), target: (B, C_out, H, W), both in [-1, 1]; mask: (B, 1, H, W), 1 where pixels are
    missing, or None; fresh: a batch of the same size for each discriminator update (train.fresh_batches)."""

    input: Tensor
    target: Tensor
    mask: Tensor | None = None
    fresh: tuple[Batch, ...] = ()

    def __len__(self) -> int:
        return len(self.input)


class Task(Protocol):
    """Turns RGB images into a batch, and a prediction or the input back into RGB."""

    in_channels: int
    out_channels: int

    def batch(self, rgb: Tensor, keys: Keys) -> Batch:
        """rgb: (B, 3, H, W) in [0, 1]; keys: B of them."""
        ...

    def to_rgb(self, output: Tensor, batch: Batch) -> Tensor:
        """output: (B, C_out, H, W) in [-1, 1] -> (B, 3, H, W) in [0, 1]."""
        ...

    def input_rgb(self, batch: Batch) -> Tensor:
        """The method's input as a picture: (B, 3, H, W) in [0, 1]."""
        ...


class Colorization:
    """Lightness in, ab out, in CIE Lab, normalised (section 4.1.1)."""

    in_channels = 1
    out_channels = 2

    def __init__(self, config: TaskConfig) -> None:
        del config  # colorization has no options

    def batch(self, rgb: Tensor, keys: Keys) -> Batch:
        del keys  # nothing is random
        lightness, ab = split_lab(rgb)
        return Batch(input=lightness, target=ab)

    def to_rgb(self, output: Tensor, batch: Batch) -> Tensor:
        return join_lab(batch.input, output)

    def input_rgb(self, batch: Batch) -> Tensor:
        return join_lab(batch.input, torch.zeros_like(batch.target))


class Inpainting:
    """RGB with a square of zeros in, the whole RGB image out (section 4.2.1).

    The method is not told where the square is, unless task.mask_known adds the mask, 1 where pixels are missing, as a
    fourth input channel. Its prediction counts outside the hole too: the known pixels are not pasted over it.
    """

    out_channels = 3

    def __init__(self, config: TaskConfig) -> None:
        self.config = config
        self.in_channels = 4 if config.mask_known else 3

    def batch(self, rgb: Tensor, keys: Keys) -> Batch:
        mask = square_masks(keys, rgb.shape[2], rgb.shape[3], self.config.hole, rgb.device)
        target = (2 * rgb).sub_(1)
        image = (target * (1 - mask)).sub_(mask)  # the paper fills with RGB 0, which is -1 here
        known = torch.cat([image, mask], dim=1) if self.config.mask_known else image
        return Batch(input=known, target=target, mask=mask)

    def to_rgb(self, output: Tensor, batch: Batch) -> Tensor:
        return ((output + 1) / 2).clamp(0, 1)

    def input_rgb(self, batch: Batch) -> Tensor:
        return (batch.input[:, :3] + 1) / 2


def square_masks(keys: Keys, height: int, width: int, share: float, device: torch.device) -> Tensor:
    """Masks (B, 1, H, W): 1 in a square whose side is `share` of the image's shorter side.

    The square lies wholly inside the image, at a uniformly random place that is a function of the key.
    """
    side = max(1, round(share * min(height, width)))
    room = [height - side + 1, width - side + 1]
    corners = np.array([np.random.default_rng([HOLE_STREAM, *key]).integers(room) for key in keys])
    top, left = upload(corners, device)[:, :, None].unbind(1)  # (B, 1) each
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    # All masks in one comparison on the device, without a loop that would wait for it.
    in_rows, in_columns = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    return in_rows.float()[:, None, :, None] * in_columns.float()[:, None, None, :]


def build_task(config: TaskConfig) -> Task:
    """The task that the config names."""
    module, _, name = REGISTRY[config.name].partition(":")
    factory: Any = getattr(importlib.import_module(module), name)
    task: Task = factory(config)
    return task
