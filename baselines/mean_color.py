"""Colorization with one colour: what knowing nothing but the training set's colours is worth."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from baselines.parameter_free import ParameterFree
from bench.config import DataConfig, RunConfig
from bench.data.batches import training_photographs
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
    means = [ab.double().mean(dim=(0, 2, 3)) for _, ab in map(split_lab, training_photographs(config))]
    return tuple((sum(means, torch.zeros(2, dtype=torch.float64)) / len(means)).tolist())
