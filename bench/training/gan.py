"""The paper's method: L1 pretraining, then alternating updates of D and G (sections 3.2, 4.1.1)."""

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
from bench.training.trainable import TrainableGenerator, adam, autocast, set_learning_rate, step

PRETRAINING, ADVERSARIAL = "pretraining", "adversarial"


class GAN:
    """G minimises adversarial + lambda(t) L1; a conditional D is updated `d_steps` times an iteration.

    G's forward pass is computed once an iteration. Its output serves G's update and, detached, those of D, unless D
    gets fresh batches.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config, device
        self._l1_weight = torch.zeros((), device=device)
        self._generate = TrainableGenerator(config, in_channels, out_channels, device)
        self.generator = self._generate.network
        discriminator = Discriminator(in_channels, out_channels, config.tile_size, config.discriminator, config.tiling)
        initialise(discriminator, config.seed, "discriminator", config.discriminator.init)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        if self._generate.average is not None:
            self.networks["average"] = self._generate.average
        self.optimizers: dict[str, Optimizer] = {
            "generator": self._generate.optimizer,
            "discriminator": adam(self.discriminator, config.train, config.train.discriminator_learning_rate),
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return self.compute(batch, self.prepare(progress))

    def prepare(self, progress: Progress) -> str:
        """Set lambda and the learning rates; return the phase."""
        self._l1_weight.fill_(value_at(self.config.loss.l1, progress.fraction))
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, self.config.train, progress)
        return PRETRAINING if progress.step < self.config.train.pretrain_steps else ADVERSARIAL

    def compute(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        """See Capturable.compute."""
        self.discriminator.train()
        fake = self._generate(batch.input)
        l1 = F.l1_loss(fake, batch.target)
        losses = {"l1": l1}
        if phase == PRETRAINING:
            self._generate.learn(l1)
        else:
            condition = self.discriminator.condition(batch.input)
            shared = (condition, batch.target, fake.detach())
            for index in range(self.config.train.d_steps):
                given, real, generated = self._generate_for_d(batch.fresh[index]) if batch.fresh else shared
                losses["d_real"] = self._judge(given, real, real=True)
                losses["d_fake"] = self._judge(given, generated, real=False)
                step(self.optimizers["discriminator"], self.discriminator, losses["d_real"] + losses["d_fake"])
            losses["g_adversarial"] = self._judge(condition, fake, real=True)
            self._generate.learn(losses["g_adversarial"] + self._l1_weight * l1)
        return {name: loss.detach() for name, loss in losses.items()}

    def predict(self, batch: Batch) -> Tensor:
        return self._generate.predict(batch)

    @torch.no_grad()
    def _generate_for_d(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Condition, target and G's output of a batch that only D learns from."""
        return self.discriminator.condition(batch.input), batch.target, self._generate(batch.input)

    def _judge(self, condition: Tensor, y: Tensor, real: bool) -> Tensor:
        with autocast(self.device, self.config.train):
            score = self.discriminator(condition, y)
        return adversarial(self.config.loss.adversarial, score, real)
