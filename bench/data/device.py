"""Copies from the host to the device: small arrays at every step, the train photographs once, to be cut there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.dataset import Crops, Dataset
from bench.data.decode import Pixels

MEMORY_SHARE = 0.25  # of the device's free memory, which the photographs may take
PIECE = 1 << 26  # bytes that are copied at a time; the last level may exceed them


def upload(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """A copy on the device that the host does not wait for."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class PhotographsOnDevice:
    """The train photographs of a data set as uint8 pixels in the device's memory."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self.size, self.device = dataset.image_size, device
        sizes = _sizes(dataset)
        self.pixels = torch.empty(int(sizes.sum()), dtype=torch.uint8, device=device)
        offset = 0
        for piece in _pieces(dataset):
            self.pixels[offset : offset + len(piece)] = torch.from_numpy(piece)
            offset += len(piece)
        self._start = (np.cumsum(sizes) - sizes) // 3
        self._width = np.array([level.width for level in dataset.train_levels])

    def cut(self, crops: Crops) -> Tensor:
        """uint8 (B, S, S, 3), the same pixels as Dataset.cut, in one gather."""
        width = self._width[crops.level]
        start = self._start[crops.level] + crops.corner[:, 0] * width + crops.corner[:, 1]
        start, width, mirrored = upload(np.stack([start, width, crops.mirrored]), self.device)[:, :, None, None]
        along = torch.arange(self.size, device=self.device)
        # One index for each pixel of each crop makes a single gather of B copies.
        columns = torch.where(mirrored > 0, self.size - 1 - along, along)  # (B, 1, S)
        return self.pixels.view(-1, 3)[start + along[:, None] * width + columns]


def fits_on_device(dataset: Dataset, device: torch.device) -> bool:
    """Whether the train photographs may lie in the memory of a CUDA device."""
    return int(_sizes(dataset).sum()) <= MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]


def _sizes(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Bytes of each level of the train photographs."""
    return np.array([3 * level.height * level.width for level in dataset.train_levels], np.int64)


def _pieces(dataset: Dataset) -> Iterator[Pixels]:
    """The pixels of all levels, one after the other, in pieces of about PIECE bytes."""
    held: list[Pixels] = []
    size = 0
    for level in dataset.train_levels:
        held.append(dataset.level_pixels(level).reshape(-1))
        size += len(held[-1])
        if size >= PIECE:
            yield np.concatenate(held)
            held, size = [], 0
    if held:
        yield np.concatenate(held)
