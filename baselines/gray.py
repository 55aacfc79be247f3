"""The floor of colorization: no colour at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.method import Progress


class Gray:
    """Predicts the middle of the output range everywhere, which is ab = 0 in colorization."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del config, in_channels, device
        self.out_channels = out_channels
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise TypeError("gray has nothing to train")

    def predict(self, batch: Batch) -> Tensor:
        b, _, h, w = batch.input.shape
        return batch.input.new_zeros(b, self.out_channels, h, w)
