"""What a method costs before it is trained: parameters and multiply-accumulates."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.data.tasks import Batch
from bench.training.method import Method


@dataclass(frozen=True)
class Cost:
    """Trainable parameters, and the multiply-accumulates (MACs) of predicting one image; FLOPs = 2 x MACs."""

    parameters_generator: int
    parameters_total: int
    macs: int

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count_cost(method: Method, image: Batch) -> Cost:
    """image: a batch of one. MACs as fvcore counts them over the whole tiled forward pass: convolutions and
    transposed convolutions exactly, BatchNorm as 2 a value and instance norm as 5, activations not at all."""
    generator, total = count_parameters(method)
    macs = count_macs(_Prediction(method, image), image.input) if method.networks else 0
    return Cost(parameters_generator=generator, parameters_total=total, macs=macs)


def count_parameters(method: Method) -> tuple[int, int]:
    """Trainable parameters of the generator, and of all networks."""
    parameters = {name: _trainable(network) for name, network in method.networks.items()}
    return parameters.get("generator", 0), sum(parameters.values())


def count_macs(network: nn.Module, x: Tensor) -> int:
    """Multiply-accumulates of network(x), with the network in eval mode so that nothing in it moves."""
    network.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # fvcore stands on torch.jit, which is deprecated
        from fvcore.nn import FlopCountAnalysis

        logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
        analysis = FlopCountAnalysis(network, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analysis.total())


class _Prediction(nn.Module):
    """A method's `predict` as a module, which is what fvcore traces."""

    def __init__(self, method: Method, image: Batch) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(method.networks)
        self.method, self.image = method, image

    def forward(self, x: Tensor) -> Tensor:
        return self.method.predict(Batch(x, self.image.target, self.image.mask))


def _trainable(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
