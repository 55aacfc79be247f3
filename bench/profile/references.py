"""Reference loops to compare the speed with: the paper's GAN with nothing done for speed, and pix2pix's own loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.pix2pix import BETAS, L1_WEIGHT, LEARNING_RATE, PatchGAN, UNet
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.models.discriminator import Discriminator
from bench.models.generator import Generator
from bench.models.layers import initialise
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.schedules import value_at


class PlainGAN:
    """Computes what `bench.training.gan.GAN` does, in fp32, with torch's default memory format and Adam. It repeats G's
    forward pass for every use of its image, and computes every gradient. It has no train.ema, no fresh batches and no
    decay."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config = config
        generator = Generator(in_channels, out_channels, config.generator, config.tiling)
        discriminator = Discriminator(in_channels, out_channels, config.tile_size, config.discriminator, config.tiling)
        self.networks: dict[str, nn.Module] = {"generator": generator, "discriminator": discriminator}
        self.optimizers: dict[str, Optimizer] = {}
        for name, network in self.networks.items():
            initialise(network, config.seed, name, getattr(config, name).init)
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


class Pix2PixReference:
    """One iteration in the order of the release, at its defaults. G forward. D's gradients on, half the sum of its
    losses on fake and real, step. D's gradients off, BCE + 100 L1 for G, step. It runs in fp32, with the default memory
    format and Adam; unet_256 at 256 px (unet_128 at 128), 70x70 PatchGAN. The learning rate stays constant, as it is in
    the first half of the release's training."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.generator = UNet(in_channels, out_channels, config.data.image_size)
        self.discriminator = PatchGAN(in_channels + out_channels)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers: dict[str, Optimizer] = {}
        for name, network in self.networks.items():
            initialise(network, config.seed, f"pix2pix/{name}")
            network.to(device).train()
            self.optimizers[name] = Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS)

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        del progress
        fake = self.generator(batch.input)

        self.discriminator.requires_grad_(True)
        self.optimizers["discriminator"].zero_grad()
        d_fake = self._judge(batch.input, fake.detach(), real=False)
        d_real = self._judge(batch.input, batch.target, real=True)
        ((d_fake + d_real) / 2).backward()
        self.optimizers["discriminator"].step()

        self.discriminator.requires_grad_(False)
        self.optimizers["generator"].zero_grad()
        g_adversarial = self._judge(batch.input, fake, real=True)
        l1 = F.l1_loss(fake, batch.target)
        (g_adversarial + L1_WEIGHT * l1).backward()
        self.optimizers["generator"].step()

        losses = {"l1": l1, "d_real": d_real, "d_fake": d_fake, "g_adversarial": g_adversarial}
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.no_grad()
    def predict(self, batch: Batch) -> Tensor:
        """The release predicts in train mode too."""
        output: Tensor = self.generator(batch.input)
        return output

    def _judge(self, x: Tensor, y: Tensor, real: bool) -> Tensor:
        score = self.discriminator(torch.cat([x, y], dim=1))
        return F.binary_cross_entropy_with_logits(score, torch.full_like(score, float(real)))
