"""LPIPS, the perceptual distance that the field reports, by torchmetrics; or the reason why it is missing."""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import first_line
from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.downloads import fetch, hub_path, shown
from bench.measure.metrics.targets import of_target


def load_lpips(device: str) -> ImageScore:
    """LPIPS v0.1 with the AlexNet trunk (Zhang et al. 2018): (B, 3, H, W) in [0, 1], twice -> (B,), 0 where identical.

    The linear heads ship with torchmetrics. The trunk is torchvision's, downloaded (233 MB) on first use into
    torch.hub's directory. Raises Unavailable if the download fails, which is tried once a process, or if the file
    cannot be read.
    """
    from torchvision.models import AlexNet_Weights

    url = AlexNet_Weights.IMAGENET1K_V1.url
    return lpips_network(url, hub_path(url), device)


class SharedLPIPS(nn.Module):
    """torchmetrics' LPIPS, taken apart so that the features of a target are computed once for all predictions."""

    def __init__(self, lpips: Any) -> None:
        super().__init__()
        self.scaling_layer, self.trunk, self.heads = lpips.scaling_layer, lpips.net, lpips.lins

    def features(self, rgb: Tensor) -> list[Tensor]:
        """RGB (B, 3, H, W) in [0, 1] -> five layers, each of unit length over its channels at every position."""
        return [unit_length(layer) for layer in self.trunk(self.scaling_layer(2 * rgb - 1))]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1], twice -> distances (B,)."""
        distance = prediction.new_zeros(len(prediction))
        layers = zip(self.heads, self.features(prediction), of_target(self.features, target), strict=True)
        for head, of_prediction, of_the_target in layers:
            distance += head((of_prediction - of_the_target).square_()).mean((1, 2, 3))
        return distance


def unit_length(layer: Tensor) -> Tensor:
    """(B, C, h, w) -> the same with unit length over its channels at every position, 0 where all channels are 0."""
    # The authors' 1e-10 outside the root: torchmetrics' 1e-8 inside it shrinks faint features.
    length: Tensor = torch.linalg.vector_norm(layer, dim=1, keepdim=True)
    return layer / (length + 1e-10)


@functools.cache
def lpips_network(url: str, trunk: Path, device: str) -> SharedLPIPS:
    """The network with its trunk from torch.hub's directory; read once, for whole images and for regions of them."""
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    fetch("AlexNet", url, trunk)
    try:
        network = SharedLPIPS(LearnedPerceptualImagePatchSimilarity(net_type="alex").net)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise Unavailable(f"AlexNet weights: {shown(trunk)} cannot be read ({first_line(error)})") from error
    return network.requires_grad_(False).to(device)
