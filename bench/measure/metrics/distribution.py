"""FID and KID: the distance between all predictions and all targets in Inception's features; one value for the set.

Images are rounded to 8 bits and resized to 299 px as torchmetrics does: bilinear with antialiasing. Published numbers
often rest on TensorFlow's resizing, which differs. Features come in fp32 from the Inception-v3 of 2015 that
torch-fidelity converted; means, covariances and kernels are computed in fp64.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import math
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from bench.errors import first_line
from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.downloads import fetch, hub_path, shown
from bench.randomness import seeded

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
BATCH = 16  # images a forward pass
CACHED_SETS = 4  # sets of images with cached features: FID and KID share them, and all runs share their targets
SUBSETS, SUBSET_SIZE = 100, 50  # of KID, for more than 50 images

Features: TypeAlias = "Callable[[Tensor], Tensor]"
"""RGB (N, 3, H, W) in [0, 1] -> (N, 2048) in fp64, on the same device."""


def load_fid(device: str) -> ImageScore:
    """Frechet Inception distance (Heusel et al. 2017): (N, 3, H, W) in [0, 1], twice -> (1,), 0 where identical.

    Lower is better; biased upwards for few images, so compare equal numbers of images only. The weights are
    torch-fidelity's, downloaded (96 MB) on first use into torch.hub's directory. Raises Unavailable if torch-fidelity
    is not installed, if the download fails, which is tried once a process, or if the file cannot be read; the score
    raises it for a single image.
    """
    return functools.partial(of_features, inception_features(weights_path(), device), frechet_distance)


def load_kid(device: str) -> ImageScore:
    """Kernel Inception distance (Binkowski et al. 2018): (N, 3, H, W) in [0, 1], twice -> (1,). Raises as FID does.

    Lower is better. KID is unbiased for two independent sets of any size, but predictions and targets are pairs: the
    N^2 kernels between the sets include N of an output and its own target. Identical sets therefore score below 0, by
    2/N of the excess of those kernels over the others.
    """
    return functools.partial(of_features, inception_features(weights_path(), device), kernel_distance)


def of_features(
    features: Features, distance: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor
) -> Tensor:
    """The distance of the two sets' features, (1,); nan if a pixel is not finite. Raises Unavailable for one image."""
    if len(target) < 2:
        raise Unavailable("FID and KID compare sets of images; there is only one image")
    if not (prediction.isfinite().all() and target.isfinite().all()):
        # In 8 bits nan would become a number.
        return prediction.new_full((1,), math.nan)
    return distance(features(prediction), features(target)).float().reshape(1)


def frechet_distance(first: Tensor, second: Tensor) -> Tensor:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features (N, D) and (M, D) in fp64; N, M >= 2."""
    # With S = A^T A, the trace of (S1 S2)^(1/2) is the sum of the singular values of A1 A2^T, also with A's upper
    # triangular factor in place of A. torchmetrics takes the eigenvalues of S1 S2, which is singular if N <= D: for 32
    # images that takes 4 s and is 6e-5 off; this takes 2 ms (one Xeon core).
    spread1, spread2 = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (first, second))  # A: (N, D), (M, D)
    factor1, factor2 = (torch.linalg.qr(spread, mode="r").R for spread in (spread1, spread2))  # (min(N, D), D)
    shared: Tensor = torch.linalg.svdvals(factor1 @ factor2.T).sum()
    between: Tensor = (first.mean(0) - second.mean(0)).square().sum()
    return between + spread1.square().sum() + spread2.square().sum() - 2 * shared


def kernel_distance(predictions: Tensor, targets: Tensor) -> Tensor:
    """Squared MMD of features (N, D), twice, in fp64, with the kernel (x y / D + 1)^3 (torchmetrics).

    For more than 50 images it is the mean over 100 subsets of 50, which depend on N alone.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save all")
        size = min(len(predictions), SUBSET_SIZE)
        subsets = SUBSETS if len(predictions) > size else 1
        metric = KernelInceptionDistance(feature=nn.Identity(), subsets=subsets, subset_size=size)
    metric.update(targets, real=True)
    metric.update(predictions, real=False)
    # torchmetrics draws the subsets from torch's global random state.
    with seeded(predictions.device, "kid"):
        mean: Tensor = metric.compute()[0]
    return mean


def weights_path() -> Path:
    """The file of Inception's weights in torch.hub's directory, downloaded on first use. Raises Unavailable."""
    if importlib.util.find_spec("torch_fidelity") is None:
        raise Unavailable("FID and KID need torch-fidelity: pip install 'gan-bench[fid]'")
    path = hub_path(URL)
    fetch("Inception", URL, path)
    return path


@functools.cache
def inception_features(weights: Path, device: str) -> Features:
    """Inception with these weights as a function of images; FID and KID share it and its cache."""
    network = inception_network(weights, device)
    cache: dict[bytes, Tensor] = {}  # the most recently used set is last

    def features(images: Tensor) -> Tensor:
        pixels = (255 * images).round().clamp(0, 255).byte()
        key = repr(pixels.shape).encode() + hashlib.sha256(pixels.cpu().numpy().tobytes()).digest()
        values = cache.pop(key, None)
        if values is None:
            values = torch.cat([network(part) for part in pixels.split(BATCH)]).double()
        cache[key] = values
        if len(cache) > CACHED_SETS:
            del cache[next(iter(cache))]
        return values

    return features


def inception_network(weights: Path, device: str) -> nn.Module:
    """uint8 RGB (N, 3, H, W) -> (N, 2048). Raises Unavailable if the file cannot be read."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        # torch-fidelity unpickles the file and would run any code in it; weights_only refuses such a file first.
        torch.load(weights, map_location="cpu", weights_only=True)
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
    except (OSError, EOFError, RuntimeError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        raise Unavailable(f"Inception weights: {shown(weights)} cannot be read ({first_line(error)})") from error
    placed: nn.Module = network.to(device).to(memory_format=torch.channels_last)
    return placed
