"""What the methods without parameters share: nothing to count, to save or to train."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.config import DataConfig, RunConfig
from bench.data.batches import training_photographs
from bench.data.colour import split_lab
from bench.data.tasks import Batch
from bench.training.method import Progress


class ParameterFree:
    """A method but for its `predict`, which each of them adds."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels
        self.config, self.out_channels, self.device = config, out_channels, device
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Raises TypeError."""
        raise TypeError(f"{type(self).__name__} has nothing to train")


class Identity(ParameterFree):
    """Predicts the picture that it is given: ab = 0 in colorization, the image with its hole in inpainting."""

    def predict(self, batch: Batch) -> Tensor:
        if self.config.task.name == "colorization":  # the input is the lightness, which is no part of the output
            b, _, h, w = batch.input.shape
            return batch.input.new_zeros(b, self.out_channels, h, w)
        return batch.input[:, : self.out_channels].clone()  # without the mask, if it is an input channel


class Gray(ParameterFree):
    """Predicts the middle of the output range everywhere, which is ab = 0 in colorization."""

    def predict(self, batch: Batch) -> Tensor:
        b, _, h, w = batch.input.shape
        return batch.input.new_zeros(b, self.out_channels, h, w)


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
