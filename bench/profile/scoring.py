"""Two loops that score pairs of images: the plain one with torchmetrics and the ST-LPIPS wheel, and ours."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from bench.data.batches import BATCH
from bench.measure.metrics import ieee_fp32, load
from bench.measure.metrics.st_lpips import ShiftTolerantLPIPS, st_lpips_network, weights_path

ONE_AT_A_TIME = "one at a time (torchmetrics, ST-LPIPS wheel)"
BATCHED = "batched, target features shared"


def scoring_loops(pairs: Sequence[tuple[Tensor, Tensor]], device: str) -> dict[str, Callable[[], Tensor]]:
    """Both loops over these pairs (prediction, target), each RGB (B, 3, H, W) in [0, 1], all of one size.

    A call scores all N images with PSNR (dB), SSIM and ST-LPIPS in fp32, and returns (N, 3) on the device. Our loop
    computes the features of the targets in its first call only, as a process does in its first validation: call each
    loop once before timing it. Raises Unavailable without the weights of the wheel.
    """
    predictions, targets = (torch.cat(images).to(device).contiguous() for images in zip(*pairs, strict=True))
    network = copy.deepcopy(st_lpips_network(weights_path(), device)).to(memory_format=torch.contiguous_format)
    scores = [load(name, device) for name in ("psnr", "ssim", "st_lpips")]

    @torch.no_grad()
    def one_at_a_time() -> Tensor:
        with ieee_fp32():
            ones = zip(predictions.split(1), targets.split(1), strict=True)
            return torch.stack([_published_scores(network, *pair) for pair in ones])

    def batched() -> Tensor:
        batches = zip(predictions.split(BATCH), targets.split(BATCH), strict=True)
        return torch.cat([torch.stack([score(*batch) for score in scores], 1) for batch in batches])

    return {ONE_AT_A_TIME: one_at_a_time, BATCHED: batched}


def _published_scores(network: ShiftTolerantLPIPS, prediction: Tensor, target: Tensor) -> Tensor:
    """(1, 3, H, W), twice -> (3,)."""
    psnr = peak_signal_noise_ratio(prediction, target, data_range=1.0)
    ssim = structural_similarity_index_measure(prediction, target, sigma=1.5, kernel_size=11, data_range=1.0)
    assert isinstance(ssim, Tensor)
    return torch.stack([psnr, ssim, wheel_distance(network, 2 * prediction - 1, 2 * target - 1)])


def wheel_distance(network: ShiftTolerantLPIPS, prediction: Tensor, target: Tensor) -> Tensor:
    """LPIPS.forward of stlpips_pytorch 0.0.2, step by step: two RGB images (1, 3, H, W) in [-1, 1] -> ()."""
    features = [map(_of_unit_length, wheel_features(network, image)) for image in (prediction, target)]
    differences = [(a - b) ** 2 for a, b in zip(*features, strict=True)]
    layers = [F.conv2d(d, head).mean([2, 3], keepdim=True) for head, d in zip(network.heads, differences, strict=True)]
    return torch.stack(layers).sum()


def wheel_features(network: ShiftTolerantLPIPS, image: Tensor) -> list[Tensor]:
    """The outputs of the trunk's five slices, with every convolution, blur and pooling as in the wheel."""
    conv1, conv2, conv3, conv4, conv5 = network.convolutions
    blur1, blur2, blur3 = network.blurs
    x1 = F.relu(blur1(conv1((image - network.shift) / network.scale)), inplace=True)
    x2 = F.relu(conv2(blur2(F.max_pool2d(x1, 3, stride=1))), inplace=True)
    x3 = F.relu(conv3(blur3(F.max_pool2d(x2, 3, stride=1))), inplace=True)
    x4 = F.relu(conv4(x3), inplace=True)
    x5 = F.relu(conv5(x4), inplace=True)
    return [x1, x2, x3, x4, x5]


def _of_unit_length(layer: Tensor) -> Tensor:
    """(1, C, H, W), with every pixel's channels scaled to length 1."""
    return layer / ((layer**2).sum(1, keepdim=True).sqrt() + 1e-10)
