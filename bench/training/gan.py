"""The paper's method: L1 pretraining, then D and G in turn (sections 3.2, 4.1.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.models.discriminator import Discriminator
from bench.models.layers import initialise
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.schedules import value_at
from bench.training.trainable import TrainableGenerator, adam, autocast, step

PRETRAINING, ADVERSARIAL = "pretraining", "adversarial"


class GAN:
    """G = adversarial + lambda(t) L1 against `d_steps` updates of a conditional D an iteration.

    G's forward pass is computed once an iteration and serves D's updates (detached) and its own.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config, device
        self._l1_weight = torch.zeros((), device=device)
        self._generate = TrainableGenerator(config, in_channels, out_channels, device)
        self.generator = self._generate.network
        discriminator = Discriminator(in_channels, out_channels, config.tile_size, config.discriminator, config.tiling)
        initialise(discriminator, config.seed, "discriminator")
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        if self._generate.average is not None:
            self.networks["average"] = self._generate.average
        self.optimizers: dict[str, Optimizer] = {
            "generator": self._generate.optimizer,
            "discriminator": adam(self.discriminator, config.train),
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return self.compute(batch, self.prepare(progress))

    def prepare(self, progress: Progress) -> str:
        """lambda, on the device, and the phase."""
        self._l1_weight.fill_(value_at(self.config.loss.l1, progress.fraction))
        return PRETRAINING if progress.step < self.config.train.pretrain_steps else ADVERSARIAL

    def compute(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        """What Capturable.compute promises."""
        self.discriminator.train()
        fake = self._generate(batch.input)
        l1 = F.l1_loss(fake, batch.target)
        losses = {"l1": l1}
        if phase == PRETRAINING:
            self._generate.learn(l1)
        else:
            condition = self.discriminator.condition(batch.input)
            for _ in range(self.config.train.d_steps):
                losses["d_real"] = self._judge(condition, batch.target, real=True)
                losses["d_fake"] = self._judge(condition, fake.detach(), real=False)
                step(self.optimizers["discriminator"], self.discriminator, losses["d_real"] + losses["d_fake"])
            losses["g_adversarial"] = self._judge(condition, fake, real=True)
            self._generate.learn(losses["g_adversarial"] + self._l1_weight * l1)
        return {name: loss.detach() for name, loss in losses.items()}

    def predict(self, batch: Batch) -> Tensor:
        return self._generate.predict(batch)

    def _judge(self, condition: Tensor, y: Tensor, real: bool) -> Tensor:
        with autocast(self.device, self.config.train):
            score = self.discriminator(condition, y)
        return adversarial(self.config.loss.adversarial, score, real)
