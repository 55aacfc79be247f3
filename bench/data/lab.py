"""Training crops in Lab on the CPU: bit by bit what `split_lab` makes of them, several times as fast."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.cache import Pixels
from bench.data.colour import AB_RANGE
from bench.data.dataset import Crops, Dataset

LIMIT = 64 << 20  # bytes that a data set's photographs in Lab may take, in every process
VECTOR, GRAIN = 32, 32768  # elements that torch computes in one go; from which on it shares work out to threads
BLOCK = 8192  # pixels, three values each: below GRAIN
CUBE_ROOT_FROM = 0.008856  # CIE's threshold, as kornia writes it
XYZ_OF_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = ((0.95047,), (1.0,), (1.08883,))  # D65
Planes = npt.NDArray[np.float32]


def is_exact(values: int) -> bool:
    """Whether torch computes a tensor of so many values in whole vectors only: at the end of each thread's part it
    takes another power function, with other last bits."""
    threads = min(torch.get_num_threads(), -(-values // GRAIN)) if values >= GRAIN else 1
    return -(-values // threads) % VECTOR == 0 and values % VECTOR == 0


class LabPhotographs:
    """The train photographs of a data set in Lab, each converted when it is first drawn, if all fit into LIMIT."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.fits = sum(12 * level.height * level.width for level in dataset.train_levels) <= LIMIT
        self._converted: dict[int, Planes] = {}

    def cut(self, crops: Crops) -> tuple[Tensor, Tensor]:
        """Lightness (B, 1, S, S) and ab (B, 2, S, S) in [-1, 1]. Only for batches that are `is_exact`."""
        size, count = self.dataset.image_size, len(crops.level)
        lightness, ab = (np.empty((count, channels, size, size), np.float32) for channels in (1, 2))
        if self.fits:
            for i, (level, (top, left), mirror) in enumerate(zip(*(part.tolist() for part in crops), strict=True)):
                crop = self._level(level)[:, top : top + size, left : left + size]
                crop = crop[:, :, ::-1] if mirror else crop
                lightness[i], ab[i] = crop[:1], crop[1:]
        else:
            planes = to_lab(self.dataset.cut(crops).reshape(-1, 3)).reshape(3, count, size, size)
            lightness[:, 0], ab[:] = planes[0], planes[1:].swapaxes(0, 1)
        return torch.from_numpy(lightness), torch.from_numpy(ab)

    def _level(self, index: int) -> Planes:
        """(3, height, width)"""
        if index not in self._converted:
            pixels = self.dataset.level_pixels(self.dataset.train_levels[index])
            self._converted[index] = to_lab(pixels.reshape(-1, 3)).reshape(3, *pixels.shape[:2])
        return self._converted[index]


def to_lab(pixels: Pixels) -> Planes:
    """uint8 (N, 3) -> lightness, a and b in [-1, 1], (3, N)."""
    if is_exact(3 * len(pixels)):
        return _to_lab(pixels)
    planes = np.empty((3, len(pixels)), np.float32)
    for start in range(0, len(pixels), BLOCK):
        block = pixels[start : start + BLOCK]
        padded = np.pad(block, ((0, -len(block) % VECTOR), (0, 0)))
        planes[:, start : start + BLOCK] = _to_lab(padded)[:, : len(block)]
    return planes


def _to_lab(pixels: Pixels) -> Planes:
    """The steps of kornia's rgb_to_lab in their order, in place, on planes, the first of them looked up."""
    linear = torch.index_select(_linear(), 0, torch.from_numpy(pixels.T.ravel()).int()).view(3, -1)
    xyz = torch.mm(torch.tensor(XYZ_OF_RGB), linear).div_(torch.tensor(WHITE))
    dark = torch.from_numpy(np.flatnonzero(xyz.numpy() <= np.float32(CUBE_ROOT_FROM)))
    straight = 7.787 * xyz.view(-1)[dark] + 4.0 / 29.0
    root = xyz.clamp_(min=CUBE_ROOT_FROM).pow_(1 / 3.0)
    root.view(-1)[dark] = straight
    x, y, z = root
    a, b = (x - y).mul_(500.0).div_(AB_RANGE), (y - z).mul_(200.0).div_(AB_RANGE)
    return torch.stack([y.mul_(116.0).sub_(16.0).div_(50).sub_(1), a, b]).numpy()


@cache
def _linear() -> Tensor:
    """sRGB of 0 to 255 without its gamma."""
    srgb = torch.arange(256) / 255
    return torch.where(srgb > 0.04045, torch.pow((srgb + 0.055) / 1.055, 2.4), srgb / 12.92)
