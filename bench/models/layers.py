"""Parts of both networks: channel growth, normalisation, and initial weights that depend on (seed, name) alone."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn


def channels(width: int, max_multiplier: int, depth: int) -> list[int]:
    """Channels of each down-sampling layer: width, doubled in every layer up to max_multiplier * width."""
    return [width * min(2**i, max_multiplier) for i in range(depth)]


def norm_layer(kind: str, features: int) -> nn.Module:
    """batch, instance (both with a learned scale and shift) or none, for (B, features, H, W)."""
    if kind == "batch":
        return nn.BatchNorm2d(features)
    if kind == "instance":
        return nn.InstanceNorm2d(features, affine=True)
    return nn.Identity()


@torch.no_grad()
def initialise(network: nn.Module, seed: int, name: str, init: str = "normal") -> None:
    """Fill the weights in place: convolutions N(0, 0.02), norm scales N(1, 0.02), biases 0, as DCGAN and pix2pix do;
    with init = "he", convolutions N(0, sqrt(2 / fan-in)).

    Each tensor has its own random stream, keyed by (seed, network, parameter), so that variants start from the same
    values in every layer that has the same name and shape.
    """
    for parameter_name, parameter in network.named_parameters():
        if parameter_name.startswith("merge."):
            continue  # the learned merge is initialised as the identity
        key = hashlib.sha256(f"{seed}/{name}/{parameter_name}".encode()).digest()
        stream = torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)
        noise = torch.randn(parameter.shape, generator=stream) * 0.02
        if init == "he" and parameter.ndim == 4:
            noise *= math.sqrt(2 / _fan_in(network.get_submodule(parameter_name.rpartition(".")[0]))) / 0.02
        parameter.copy_(_initial_value(parameter_name, noise))


def _fan_in(layer: nn.Module) -> float:
    """Products that are summed up to one output of a convolution, away from the border."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    products = layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    return products / math.prod(layer.stride) if isinstance(layer, nn.ConvTranspose2d) else products


def _initial_value(parameter_name: str, noise: Tensor) -> Tensor:
    if parameter_name.endswith("bias"):
        return torch.zeros_like(noise)
    return noise if noise.ndim == 4 else 1 + noise
