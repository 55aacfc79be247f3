"""A generator and all that trains it except the loss; the optimiser steps of both networks."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import update_bn

from bench.config import RunConfig, TrainConfig
from bench.data.tasks import Batch
from bench.models.generator import Generator
from bench.models.layers import initialise
from bench.training.method import Method, Progress
from bench.training.schedules import decay_at


class TrainableGenerator:
    """G with its first weights, precision, Adam and, if the config asks for it, an average of its weights.

    Methods that use it differ only in their loss: the same config starts from the same weights.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config.train, device
        network = Generator(in_channels, out_channels, config.generator, config.tiling)
        initialise(network, config.seed, "generator", config.generator.init)
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
        """Take one step of Adam and update the average."""
        step(self.optimizer, self.network, loss)
        self._update_average()

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        """See Method.predict; the averaged weights predict if there are any."""
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
        for averaged, live in zip(self.average.buffers(), self.network.buffers(), strict=True):
            averaged.copy_(live)


def settle_average(method: Method, batches: Iterable[Batch], device: torch.device, train: TrainConfig) -> None:
    """Estimate the BatchNorm statistics of the averaged weights on training batches, if the method averages.

    During training the average carries the statistics of the live network, which belong to other weights. The next
    update copies them again, so training does not depend on when this is called.
    """
    average = method.networks.get("average")
    if average is not None:
        with autocast(device, train):
            update_bn((batch.input for batch in batches), average)


def adam(network: nn.Module, train: TrainConfig, learning_rate: float | None = None) -> Adam:
    """The optimiser of a network; `learning_rate` overrides that of the config."""
    on_cuda = next(network.parameters()).is_cuda
    rate = train.learning_rate if learning_rate is None else learning_rate
    # A CUDA graph replays the numbers that it captured, so a value that changes has to be a tensor on the device.
    is_tensor = on_cuda and train.learning_rate_decay != "none"
    lr = torch.tensor(rate, device=next(network.parameters()).device) if is_tensor else rate
    group = {"params": list(network.parameters()), "initial_lr": rate}
    return Adam([group], lr=lr, betas=train.betas, fused=True, capturable=on_cuda)


def set_learning_rate(optimizer: Optimizer, train: TrainConfig, progress: Progress) -> None:
    """Decay the learning rate. It is a function of progress, so checkpoints need not hold it."""
    if train.learning_rate_decay == "none":
        return
    for group in optimizer.param_groups:
        rate = group["initial_lr"] * decay_at(train, progress.fraction)
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def autocast(device: torch.device, train: TrainConfig) -> torch.autocast:
    """The context that runs the networks in the precision of the config."""
    return torch.autocast(device.type, torch.bfloat16, enabled=train.precision == "bf16")


def step(optimizer: Optimizer, network: nn.Module, loss: Tensor) -> None:
    """Update the network's parameters; no other network gets a gradient."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=list(network.parameters()))
    optimizer.step()
