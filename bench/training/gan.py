"""The paper's method: L1 pretraining, then D and G in turn (sections 3.2, 4.1.1)."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bench.config import RunConfig, TrainConfig
from bench.data.tasks import Batch
from bench.models.discriminator import Discriminator
from bench.models.generator import Generator
from bench.models.layers import initialise
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.schedules import value_at


class GAN:
    """G = adversarial + lambda(t) L1 against `d_steps` updates of a conditional D an iteration.

    G's forward pass is computed once an iteration and serves D's updates (detached) and its own.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config, device
        generator = Generator(in_channels, out_channels, config.generator, config.tiling)
        discriminator = Discriminator(in_channels, out_channels, config.tile_size, config.discriminator, config.tiling)
        initialise(generator, config.seed, "generator")
        initialise(discriminator, config.seed, "discriminator")
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        self.average = None
        if config.train.ema is not None:
            self.average = copy.deepcopy(self.generator).requires_grad_(False)
            self.networks["average"] = self.average
        self.optimizers: dict[str, Optimizer] = {
            "generator": _adam(self.generator, config.train),
            "discriminator": _adam(self.discriminator, config.train),
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self.generator.train()
        self.discriminator.train()
        with self._autocast():
            fake = self.generator(batch.input).float()
        l1 = F.l1_loss(fake, batch.target)
        losses = {"l1": l1}
        if progress.step < self.config.train.pretrain_steps:
            self._step("generator", l1)
        else:
            condition = self.discriminator.condition(batch.input)
            for _ in range(self.config.train.d_steps):
                losses["d_real"] = self._judge(condition, batch.target, real=True)
                losses["d_fake"] = self._judge(condition, fake.detach(), real=False)
                self._step("discriminator", losses["d_real"] + losses["d_fake"])
            losses["g_adversarial"] = self._judge(condition, fake, real=True)
            weight = value_at(self.config.loss.l1, progress.fraction)
            self._step("generator", losses["g_adversarial"] + weight * l1)
        self._update_average()
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        network = self.generator if self.average is None else self.average
        network.eval()
        with self._autocast():
            output: Tensor = network(batch.input)
        return output.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.train.precision == "bf16")

    def _judge(self, condition: Tensor, y: Tensor, real: bool) -> Tensor:
        with self._autocast():
            score = self.discriminator(condition, y)
        return adversarial(self.config.loss.adversarial, score, real)

    def _step(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=list(self.networks[name].parameters()))
        optimizer.step()

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.average is None or self.config.train.ema is None:
            return
        for mean, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(value, 1 - self.config.train.ema)
        for kept, current in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            kept.copy_(current)


def _adam(network: nn.Module, train: TrainConfig) -> Adam:
    return Adam(network.parameters(), lr=train.learning_rate, betas=train.betas, fused=True)
