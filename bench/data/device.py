"""What goes from the host to the device: small arrays every step, the train photographs once, to be cut there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.dataset import Crops, Dataset

SHARE = 0.25  # of the device's free memory that photographs may take
PIECE = 1 << 26  # bytes that are copied at a time


def upload(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """A copy on the device that the host does not wait for."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Photographs:
    """The train photographs of a data set as uint8 pixels in the device's memory."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self.size, self.device = dataset.image_size, device
        first, end = _extent(dataset)
        self.pixels = torch.empty(end - first, dtype=torch.uint8, device=device)
        for start in range(first, end, PIECE):
            piece = dataset.pixels[
                start : min(start + PIECE, end)
            ].copy()  # the cache is read-only, torch wants its own
            self.pixels[start - first : start - first + len(piece)] = torch.from_numpy(piece)
        self._start = np.array([(level.offset - first) // 3 for level in dataset.train_levels])
        self._width = np.array([level.width for level in dataset.train_levels])

    def cut(self, crops: Crops) -> Tensor:
        """uint8 (B, S, S, 3), the same pixels as Dataset.cut, in one gather."""
        width = self._width[crops.level]
        start = self._start[crops.level] + crops.corner[:, 0] * width + crops.corner[:, 1]
        start, width, mirrored = upload(np.stack([start, width, crops.mirrored]), self.device)[:, :, None, None]
        along = torch.arange(self.size, device=self.device)
        columns = torch.where(mirrored > 0, self.size - 1 - along, along)  # (B, 1, S)
        return self.pixels.view(-1, 3)[start + along[:, None] * width + columns]


def fit(dataset: Dataset, device: torch.device) -> bool:
    """Whether the train photographs may lie in the memory of a CUDA device."""
    first, end = _extent(dataset)
    return end - first <= SHARE * torch.cuda.mem_get_info(device)[0]


def _extent(dataset: Dataset) -> tuple[int, int]:
    """Where the train photographs begin and end in the data set's pixels, those of val between them."""
    last = dataset.train_levels[-1]
    return dataset.train_levels[0].offset, last.offset + last.height * last.width * 3
