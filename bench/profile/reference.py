"""pix2pix as its authors' PyTorch release trains it, which is what speeds are compared with (Isola et al., 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.pix2pix import BETAS, L1_WEIGHT, LEARNING_RATE, PatchGAN, UNet
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.models.layers import initialise
from bench.training.method import Progress


class Pix2PixReference:
    """The release's order of one iteration, at its defaults: G forward; D's gradients switched on, half the sum of its
    losses on fake and real, step; D's gradients switched off, BCE + 100 L1 for G, step. fp32, default memory format
    and Adam; unet_256 at 256 px (unet_128 at 128), 70x70 PatchGAN. Its learning rate, constant for the first half of
    training, stays constant."""

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
