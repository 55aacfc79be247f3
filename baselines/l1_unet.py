"""The paper's generator trained with L1 alone (section 4.1.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.method import Progress
from bench.training.trainable import TrainableGenerator, set_learning_rate


class L1UNet:
    """The paper's "only go through L1 loss pretrained": the GAN's pretraining for the whole budget, and no D.

    Generator, tiling, optimiser, precision, weight average and initial weights are those of `gan`. The sections `loss`
    and `discriminator` and train.pretrain_steps have no effect.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self._config = config.train
        self._generate = TrainableGenerator(config, in_channels, out_channels, device)
        self.networks: dict[str, nn.Module] = {"generator": self._generate.network}
        if self._generate.average is not None:
            self.networks["average"] = self._generate.average
        self.optimizers: dict[str, Optimizer] = {"generator": self._generate.optimizer}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return self.compute(batch, self.prepare(progress))

    def prepare(self, progress: Progress) -> str:
        """Set the learning rate; every iteration is the same."""
        set_learning_rate(self._generate.optimizer, self._config, progress)
        return "l1"

    def compute(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        """One L1 step, as Capturable.compute requires."""
        del phase
        loss = F.l1_loss(self._generate(batch.input), batch.target)
        self._generate.learn(loss)
        return {"l1": loss.detach()}

    def predict(self, batch: Batch) -> Tensor:
        return self._generate.predict(batch)
