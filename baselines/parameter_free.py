"""What the methods without parameters share: nothing to count, to save or to train."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.config import RunConfig
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
