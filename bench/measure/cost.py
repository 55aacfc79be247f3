"""The cost of a method before training: parameters and multiply-accumulates (MACs), counted by fvcore.

fvcore is used here alone; its counts stand in reports, in `bench baselines` and in the costs that a search minimises.
torch's registry (bench/training/flops.py) counts the FLOPs of training. For every method both counters agree on
convolutions and matrix products; fvcore adds BatchNorm, instance norm and upsampling, 0.02 to 0.28% of the total at
256 px, so that replacing it would change every published count.
"""

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
    """Trainable parameters, and the MACs of predicting one image; FLOPs = 2 x MACs."""

    parameters_generator: int
    parameters_total: int
    macs: int

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count_cost(method: Method, image: Batch) -> Cost:
    """The cost of predicting `image`, a batch of one, with the whole tiled forward pass.

    Convolutions, transposed convolutions and matrix products count exactly, BatchNorm 2 a value, instance norm 5,
    upsampling 1 (nearest) or 4 (bilinear) a value; activations do not count.
    """
    generator, total = count_parameters(method)
    macs = count_macs(_Prediction(method, image), image.input) if method.networks else 0
    return Cost(parameters_generator=generator, parameters_total=total, macs=macs)


def count_parameters(method: Method) -> tuple[int, int]:
    """Trainable parameters of the generator, and of all networks."""
    parameters = {name: _trainable(network) for name, network in method.networks.items()}
    return parameters.get("generator", 0), sum(parameters.values())


def count_macs(network: nn.Module, x: Tensor) -> int:
    """MACs of network(x); leaves the network in eval mode."""
    # In training mode the count itself would change BatchNorm's running statistics.
    network.eval()
    with warnings.catch_warnings(), torch.no_grad():
        # fvcore is built on torch.jit, which is deprecated.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
        analysis = FlopCountAnalysis(network, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analysis.total())


class _Prediction(nn.Module):
    """A method's `predict` as a module, because fvcore traces modules."""

    def __init__(self, method: Method, image: Batch) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(method.networks)
        self.method, self.image = method, image

    def forward(self, x: Tensor) -> Tensor:
        return self.method.predict(Batch(x, self.image.target, self.image.mask))


def _trainable(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
