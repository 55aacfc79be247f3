"""The trivial methods, which anything trained has to beat: the input unchanged, no colour, the mean colour."""

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
    """A method without networks and optimisers; each subclass adds `predict`."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels
        self.config, self.out_channels, self.device = config, out_channels, device
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Raises TypeError."""
        raise TypeError(f"{type(self).__name__} has nothing to train")


class Identity(ParameterFree):
    """Predicts the input: ab = 0 in colorization, the image with its hole in inpainting."""

    def predict(self, batch: Batch) -> Tensor:
        # colorization's input is the lightness, which is not part of the output
        if self.config.task.name == "colorization":
            b, _, h, w = batch.input.shape
            return batch.input.new_zeros(b, self.out_channels, h, w)
        # inpainting's input may have the mask as a fourth channel
        return batch.input[:, : self.out_channels].clone()


class Gray(ParameterFree):
    """Predicts the middle of the output range everywhere; in colorization this is ab = 0."""

    def predict(self, batch: Batch) -> Tensor:
        b, _, h, w = batch.input.shape
        return batch.input.new_zeros(b, self.out_channels, h, w)


class MeanColor(ParameterFree):
    """Predicts the training images' mean ab everywhere, the constant with the least squared error."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        super().__init__(config, in_channels, out_channels, device)
        self.ab = torch.tensor(mean_ab(config.data), device=device).view(1, 2, 1, 1)

    def predict(self, batch: Batch) -> Tensor:
        b, _, h, w = batch.input.shape
        return self.ab.repeat(b, 1, h, w)  # (B, 2, H, W)


@lru_cache(maxsize=4)
def mean_ab(config: DataConfig) -> tuple[float, ...]:
    """Mean a and b, in [-1, 1], over the training images at their smallest size; each image has equal weight.

    Raises InputError as `dataset_of` does.
    """
    # On the CPU in fp64, so that every device gets the same value.
    means = [ab.double().mean(dim=(0, 2, 3)) for _, ab in map(split_lab, training_photographs(config))]
    return tuple((sum(means, torch.zeros(2, dtype=torch.float64)) / len(means)).tolist())
