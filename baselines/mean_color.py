"""Colorization with one colour: what knowing nothing but the training set's colours is worth."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from baselines.parameter_free import ParameterFree
from bench.config import DataConfig, RunConfig
from bench.data.batches import dataset_of, to_images
from bench.data.cache import Level
from bench.data.colour import split_lab
from bench.data.tasks import Batch


class MeanColor(ParameterFree):
    """Predicts the training images' mean ab everywhere: of all constants the one with the least squared error."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        super().__init__(config, in_channels, out_channels, device)
        self.ab = torch.tensor(mean_ab(config.data), device=device).view(1, 2, 1, 1)

    def predict(self, batch: Batch) -> Tensor:
        b, _, h, w = batch.input.shape
        return self.ab.repeat(b, 1, h, w)


@lru_cache(maxsize=4)
def mean_ab(config: DataConfig) -> tuple[float, ...]:
    """Mean a and b, in [-1, 1], over the training images at their smallest size; each image weighs the same.

    Computed on the CPU in fp64, so that it is the same on every device. Raises InputError as `dataset_of` does.
    """
    data = dataset_of(config)
    total = torch.zeros(2, dtype=torch.float64)
    for photo in data.train:
        pixels = data.level_pixels(min(photo.levels, key=_area)).copy()  # the cache is read-only, torch wants its own
        _, ab = split_lab(to_images(pixels[None], torch.device("cpu")))
        total += ab.double().mean(dim=(0, 2, 3))
    return tuple((total / len(data.train)).tolist())


def _area(level: Level) -> int:
    return level.height * level.width
