"""A generator with what trains it: weights, precision, optimiser, average; and the steps that any network takes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bench.config import RunConfig, TrainConfig
from bench.data.tasks import Batch
from bench.models.generator import Generator
from bench.models.layers import initialise


class TrainableGenerator:
    """G with all that trains it but a loss: fresh weights, precision, Adam, and an average of its weights if asked for.

    What learns through it differs in the loss alone: the same config starts from the same weights.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config.train, device
        network = Generator(in_channels, out_channels, config.generator, config.tiling)
        initialise(network, config.seed, "generator")
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.optimizer = adam(self.network, config.train)
        self.average: Generator | None = None
        if config.train.ema is not None:
            self.average = copy.deepcopy(self.network).requires_grad_(False)

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, C_in, H, W) -> (B, C_out, H, W) in fp32, in train mode, with gradients."""
        self.network.train()
        with autocast(self.device, self.config):
            output: Tensor = self.network(x)
        return output.float()

    def learn(self, loss: Tensor) -> None:
        """One step of Adam, and of the average."""
        step(self.optimizer, self.network, loss)
        self._update_average()

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        """What Method.predict promises; by the average if there is one."""
        network = self.network if self.average is None else self.average
        network.eval()
        with autocast(self.device, self.config):
            output: Tensor = network(batch.input)
        return output.float()

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.average is None or self.config.ema is None:
            return
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - self.config.ema)
        for kept, current in zip(self.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(current)


def adam(network: nn.Module, train: TrainConfig) -> Adam:
    """The optimiser of both networks. On CUDA its steps are counted there, so that a graph can hold them."""
    on_cuda = next(network.parameters()).is_cuda
    return Adam(network.parameters(), lr=train.learning_rate, betas=train.betas, fused=True, capturable=on_cuda)


def autocast(device: torch.device, train: TrainConfig) -> torch.autocast:
    """The networks' precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=train.precision == "bf16")


def step(optimizer: Optimizer, network: nn.Module, loss: Tensor) -> None:
    """Move the network's own parameters; no other network gets a gradient."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=list(network.parameters()))
    optimizer.step()
