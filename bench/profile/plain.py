"""The paper's GAN as one would first write it: the same losses in the same order, without anything done for speed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.models.discriminator import Discriminator
from bench.models.generator import Generator
from bench.models.layers import initialise
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.schedules import value_at


class PlainGAN:
    """What `bench.training.gan.GAN` computes, with G's forward pass anew for every use of its image, gradients for
    all that takes part, fp32, torch's default memory format and Adam. Without train.ema."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config = config
        generator = Generator(in_channels, out_channels, config.generator, config.tiling)
        discriminator = Discriminator(in_channels, out_channels, config.tile_size, config.discriminator, config.tiling)
        self.networks: dict[str, nn.Module] = {"generator": generator, "discriminator": discriminator}
        self.optimizers: dict[str, Optimizer] = {}
        for name, network in self.networks.items():
            initialise(network, config.seed, name)
            network.to(device)
            self.optimizers[name] = Adam(network.parameters(), lr=config.train.learning_rate, betas=config.train.betas)

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        generator, losses = self.networks["generator"].train(), {}
        pretraining = progress.step < self.config.train.pretrain_steps
        for _ in range(0 if pretraining else self.config.train.d_steps):
            losses["d_real"] = self._judge(batch, batch.target, real=True)
            losses["d_fake"] = self._judge(batch, generator(batch.input).detach(), real=False)
            self._step("discriminator", losses["d_real"] + losses["d_fake"])
        fake = generator(batch.input)
        losses["l1"] = total = F.l1_loss(fake, batch.target)
        if not pretraining:
            losses["g_adversarial"] = self._judge(batch, fake, real=True)
            total = losses["g_adversarial"] + value_at(self.config.loss.l1, progress.fraction) * losses["l1"]
        self._step("generator", total)
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.no_grad()
    def predict(self, batch: Batch) -> Tensor:
        output: Tensor = self.networks["generator"].eval()(batch.input)
        return output

    def _judge(self, batch: Batch, y: Tensor, real: bool) -> Tensor:
        discriminator = self.networks["discriminator"].train()
        assert isinstance(discriminator, Discriminator)
        score = discriminator(discriminator.condition(batch.input), y)
        return adversarial(self.config.loss.adversarial, score, real)

    def _step(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()
