"""FID and KID: how far all predictions together are from all targets, in Inception's features; one value for the set.

Convention: images are rounded to 8 bits, resized to 299 px as torchmetrics does (bilinear, antialiased; that of
TensorFlow, on which published numbers often stand, is another), and seen in fp32 by the Inception-v3 of 2015 that
torch-fidelity converted. Means, covariances and kernels are worked out in fp64.
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
BATCH = 16  # images in the network at once
REMEMBERED = 4  # sets of images whose features are kept: FID and KID share them, and all runs share their targets
SUBSETS, SUBSET_SIZE = 100, 50  # of KID, where there are more than 50 images

Features: TypeAlias = "Callable[[Tensor], Tensor]"
"""RGB (N, 3, H, W) in [0, 1] -> (N, 2048) in fp64, on the same device."""


def load_fid(device: str) -> ImageScore:
    """Frechet Inception distance (Heusel et al. 2017): (N, 3, H, W) in [0, 1], twice -> (1,), 0 where identical.

    The weights are torch-fidelity's, downloaded (96 MB) on first use into torch.hub's directory. Raises Unavailable if
    torch-fidelity is not installed, if the download fails, which is tried once a process, or the file is no good; the
    score raises it for one image alone. Few images bias it upwards: compare at an equal number of images only.
    """
    return functools.partial(of_features, inception_features(weights_path(), device), frechet_distance)


def load_kid(device: str) -> ImageScore:
    """Kernel Inception distance (Binkowski et al. 2018): (N, 3, H, W) in [0, 1], twice -> (1,). Raises as FID does.

    Unbiased for two independent sets of any size. Ours are pairs: the kernel of an output and its own target is among
    the N^2 between the sets, so identical images score below 0, by 2/N of what that kernel is above the others.
    """
    return functools.partial(of_features, inception_features(weights_path(), device), kernel_distance)


def of_features(
    features: Features, distance: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor
) -> Tensor:
    """The distance of the two sets' features, (1,); nan if a pixel is. Raises Unavailable for fewer than two images."""
    if len(target) < 2:
        raise Unavailable("FID and KID compare sets of images, and there is only one")
    if not (prediction.isfinite().all() and target.isfinite().all()):
        return prediction.new_full((1,), math.nan)  # in 8 bits it would be some number
    return distance(features(prediction), features(target)).float().reshape(1)


def frechet_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features (N, D) and (M, D) in fp64; N, M of at least 2.

    With S = A^T A, the trace of (S1 S2)^(1/2) is the sum of the singular values of A1 A2^T, and stays so if the upper
    triangular factor of A replaces it. torchmetrics takes the eigenvalues of S1 S2, singular if N <= D: of 32
    images 4 s and 6e-5 off, where this takes 2 ms (one Xeon core).
    """
    spread1, spread2 = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (ours, theirs))  # A: (N, D), (M, D)
    factor1, factor2 = (torch.linalg.qr(spread, mode="r").R for spread in (spread1, spread2))  # (min(N, D), D)
    shared: Tensor = torch.linalg.svdvals(factor1 @ factor2.T).sum()
    between: Tensor = (ours.mean(0) - theirs.mean(0)).square().sum()
    return between + spread1.square().sum() + spread2.square().sum() - 2 * shared


def kernel_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """Squared MMD of features (N, D), twice, in fp64, with the kernel (x y / D + 1)^3 (torchmetrics).

    Of more than 50 images it is the mean over 100 subsets of 50, the same ones whenever N is the same.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save all")
        size = min(len(ours), SUBSET_SIZE)
        subsets = SUBSETS if len(ours) > size else 1
        metric = KernelInceptionDistance(feature=nn.Identity(), subsets=subsets, subset_size=size)
    metric.update(theirs, real=True)
    metric.update(ours, real=False)
    with seeded(ours.device, "kid"):  # it permutes by torch's global random numbers
        mean: Tensor = metric.compute()[0]
    return mean


def weights_path() -> Path:
    """The file of Inception's weights in torch.hub's directory, downloaded if need be. Raises Unavailable."""
    if importlib.util.find_spec("torch_fidelity") is None:
        raise Unavailable("FID and KID need torch-fidelity: pip install 'gan-bench[fid]'")
    path = hub_path(URL)
    fetch("Inception", URL, path)
    return path


@functools.cache
def inception_features(weights: Path, device: str) -> Features:
    """Images to features by the network of these weights, which is read once, for FID and for KID."""
    network = inception_network(weights, device)
    known: dict[bytes, Tensor] = {}  # the set used last is the last

    def features(images: Tensor) -> Tensor:
        pixels = (255 * images).round().clamp(0, 255).byte()
        key = repr(pixels.shape).encode() + hashlib.sha256(pixels.cpu().numpy().tobytes()).digest()
        found = known.pop(key, None)
        if found is None:
            found = torch.cat([network(part) for part in pixels.split(BATCH)]).double()
        known[key] = found
        if len(known) > REMEMBERED:
            del known[next(iter(known))]
        return found

    return features


def inception_network(weights: Path, device: str) -> nn.Module:
    """uint8 RGB (N, 3, H, W) -> (N, 2048). Raises Unavailable if the file cannot be read."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        torch.load(weights, map_location="cpu", weights_only=True)  # torch-fidelity would run code that it finds in it
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
    except (OSError, EOFError, RuntimeError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        raise Unavailable(f"Inception weights: {shown(weights)} cannot be read ({first_line(error)})") from error
    placed: nn.Module = network.to(device).to(memory_format=torch.channels_last)
    return placed
