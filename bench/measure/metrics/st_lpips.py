"""ST-LPIPS: a perceptual distance that tolerates shifts of a pixel; its weights come with a wheel."""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import first_line
from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.perceptual import unit_length
from bench.measure.metrics.targets import of_target

WEIGHTS_VARIABLE = "BENCH_STLPIPS_WEIGHTS"
WEIGHTS_IN_WHEEL = "weights/vST0.0/alex_shift_tolerant.pth"

# published tensor names -> ours
KEYS = {
    "scaling_layer.shift": "shift",
    "scaling_layer.scale": "scale",
    "net.slice1.0": "convolutions.0",
    "net.slice1.1.filt": "blurs.0.kernel",
    "net.slice2.4.filt": "blurs.1.kernel",
    "net.slice2.5": "convolutions.1",
    "net.slice3.8.filt": "blurs.2.kernel",
    "net.slice3.9": "convolutions.2",
    "net.slice4.11": "convolutions.3",
    "net.slice5.13": "convolutions.4",
    **{f"lin{layer}.model.1.weight": f"heads.{layer}" for layer in range(5)},
}


class BlurPool(nn.Module):
    """Halve the size with a binomial 3x3 filter, after reflection padding of 2 pixels (R. Zhang, ICML 2019)."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", torch.outer(line, line).expand(channels, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.kernel, stride=2, groups=x.shape[1])


class ShiftTolerantLPIPS(nn.Module):
    """Ghildyal & Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022: the AlexNet variant.

    LPIPS with three changes to the trunk: the first convolution has stride 1, a BlurPool follows it before the ReLU,
    and both max poolings have stride 1 and are followed by a BlurPool. Scaling, heads and averaging are as in LPIPS.
    """

    shift: Tensor
    scale: Tensor
    folded: Tensor
    """The first convolution and its blur as one kernel, (64, 3, 13, 13)."""
    convolutions: Any  # a ModuleList; mypy does not see what is inside
    blurs: Any

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )
        self.blurs = nn.ModuleList([BlurPool(64), BlurPool(64), BlurPool(192)])
        self.heads = nn.ParameterList(nn.Parameter(torch.zeros(1, c, 1, 1)) for c in (64, 192, 384, 256, 256))
        self.register_buffer("folded", torch.zeros(64, 3, 13, 13), persistent=False)

    def fold(self) -> None:
        """Convolve the first kernel with the blur behind it, in fp64. Call it once, after loading the weights."""
        kernel, blur = self.convolutions[0].weight.double(), self.blurs[0].kernel[:1].double()
        self.folded.copy_(F.conv_transpose2d(kernel.flatten(0, 1)[:, None], blur).view_as(self.folded))

    def first_layer(self, x: Tensor) -> Tensor:
        """blurs[0](convolutions[0](x)) as one 13x13 convolution with stride 2: a third of the MACs, and of the time.

        (B, 3, H, W) -> (B, 64, (H - 3) // 2, (W - 3) // 2).
        """
        # Reflection makes the first output row equal to the second, and the last two equal if H is odd: replicate them.
        # If H is even, the last row's window extends one row beyond the input, so that row is computed in two steps.
        # The same holds for columns.
        conv, blur = self.convolutions[0], self.blurs[0]

        def in_two_steps(strip: Tensor, reflected: list[int]) -> Tensor:
            edge = F.pad(F.conv2d(strip, conv.weight, conv.bias), reflected, mode="reflect")
            return F.conv2d(edge, blur.kernel, stride=2, groups=64)

        x = F.pad(x, (2, 2, 2, 2))
        out = F.pad(F.conv2d(x, self.folded, conv.bias, stride=2), (1, 1, 1, 1), mode="replicate")
        if x.shape[2] % 2 == 0:
            out[:, :, -1:] = in_two_steps(x[:, :, -12:], [2, 2, 0, 1])
        if x.shape[3] % 2 == 0:
            out[:, :, :, -1:] = in_two_steps(x[:, :, :, -12:], [0, 1, 2, 2])
        return out

    def features(self, rgb: Tensor) -> list[Tensor]:
        """RGB (B, 3, H, W) in [0, 1] -> five layers, each of unit length over its channels at every position."""
        _, conv2, conv3, conv4, conv5 = self.convolutions
        _, blur2, blur3 = self.blurs
        x = ((2 * rgb - 1) - self.shift) / self.scale
        x1 = F.relu(self.first_layer(x.contiguous(memory_format=torch.channels_last)))  # (B, 64, H/2, W/2)
        x2 = F.relu(conv2(blur2(F.max_pool2d(x1, 3, stride=1))))  # (B, 192, H/4, W/4)
        x3 = F.relu(conv3(blur3(F.max_pool2d(x2, 3, stride=1))))  # (B, 384, H/8, W/8)
        x4 = F.relu(conv4(x3))  # (B, 256, H/8, W/8)
        x5 = F.relu(conv5(x4))  # (B, 256, H/8, W/8)
        return [unit_length(layer) for layer in (x1, x2, x3, x4, x5)]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1], twice -> distances (B,); a target's features are computed once."""
        distance = prediction.new_zeros(len(prediction))
        layers = zip(self.heads, self.features(prediction), of_target(self.features, target), strict=True)
        for head, of_prediction, of_the_target in layers:
            distance += F.conv2d((of_prediction - of_the_target).square_(), head).mean((1, 2, 3))
        return distance


def load_st_lpips(device: str) -> ImageScore:
    """ST-LPIPS, AlexNet: (B, 3, H, W) in [0, 1], twice -> (B,), 0 where identical.

    Lower is better. Raises Unavailable if the weights are neither in the installed wheel nor at BENCH_STLPIPS_WEIGHTS.
    """
    return st_lpips_network(weights_path(), device)


@functools.cache
def st_lpips_network(path: Path, device: str) -> ShiftTolerantLPIPS:
    """The network with the weights of this file; read once, for whole images and for regions of them."""
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
        network = ShiftTolerantLPIPS()
        network.load_state_dict({our_name(name): tensor for name, tensor in published.items()})
    except (OSError, EOFError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        raise Unavailable(f"ST-LPIPS weights: {path} cannot be read ({first_line(error)})") from error
    network.requires_grad_(False).fold()
    return network.eval().to(device).to(memory_format=torch.channels_last)


def our_name(name: str) -> str:
    """Our name of a published tensor. An unknown name stays as it is, so that loading fails and names it."""
    stem, _, kind = name.rpartition(".")
    return KEYS.get(name) or (f"{KEYS[stem]}.{kind}" if stem in KEYS else name)


def weights_path() -> Path:
    """The file of trained weights. Raises Unavailable."""
    # The wheel is located, not imported: its code needs packages that it does not declare.
    if named := os.environ.get(WEIGHTS_VARIABLE):
        path = Path(named)
    else:
        wheel = importlib.util.find_spec("stlpips_pytorch")
        if wheel is None or not wheel.submodule_search_locations:
            raise Unavailable(f"ST-LPIPS weights: stlpips_pytorch is not installed and {WEIGHTS_VARIABLE} is not set")
        path = Path(wheel.submodule_search_locations[0], WEIGHTS_IN_WHEEL)
    if not path.is_file():
        raise Unavailable(f"ST-LPIPS weights: {path} is not a file")
    return path
