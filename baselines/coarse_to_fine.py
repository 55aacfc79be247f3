"""The two-stage inpainting network of Yu et al., with plain convolutions in 2018 and gated ones in 2019."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.contextual_attention import contextual_attention, nearest
from bench.config import TrainConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.training.trainable import autocast


class Row(NamedTuple):
    """A layer, named by its scope in the authors' TensorFlow release."""

    name: str
    multiple: float
    """Channels of the convolution, in multiples of the network's width."""
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    up: bool = False
    """Whether the input is doubled by repeating pixels first."""
    relu: bool = False
    """Whether ReLU replaces ELU."""


COARSE = (
    Row("conv1", 1, kernel=5),
    Row("conv2_downsample", 2, stride=2),
    Row("conv3", 2),
    Row("conv4_downsample", 4, stride=2),
    Row("conv5", 4),
    Row("conv6", 4),
    Row("conv7_atrous", 4, dilation=2),
    Row("conv8_atrous", 4, dilation=4),
    Row("conv9_atrous", 4, dilation=8),
    Row("conv10_atrous", 4, dilation=16),
    Row("conv11", 4),
    Row("conv12", 4),
    Row("conv13_upsample", 2, up=True),
    Row("conv14", 2),
    Row("conv15_upsample", 1, up=True),
    Row("conv16", 0.5),
)
HALLUCINATE = (
    Row("xconv1", 1, kernel=5),
    Row("xconv2_downsample", 1, stride=2),
    Row("xconv3", 2),
    Row("xconv4_downsample", 2, stride=2),
    Row("xconv5", 4),
    Row("xconv6", 4),
    Row("xconv7_atrous", 4, dilation=2),
    Row("xconv8_atrous", 4, dilation=4),
    Row("xconv9_atrous", 4, dilation=8),
    Row("xconv10_atrous", 4, dilation=16),
)
BEFORE_ATTENTION = (
    Row("pmconv1", 1, kernel=5),
    Row("pmconv2_downsample", 1, stride=2),
    Row("pmconv3", 2),
    Row("pmconv4_downsample", 4, stride=2),
    Row("pmconv5", 4),
    Row("pmconv6", 4, relu=True),
)
AFTER_ATTENTION = (Row("pmconv9", 4), Row("pmconv10", 4))
DECODE = (
    Row("allconv11", 4),
    Row("allconv12", 4),
    Row("allconv13_upsample", 2, up=True),
    Row("allconv14", 2),
    Row("allconv15_upsample", 1, up=True),
    Row("allconv16", 0.5),
)
SHRINKS = 8  # the network works at a quarter of the size, its attention at half of that


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding "SAME": the output has ceil(size / stride) pixels, and an odd padding has
    its extra zeros at the last side."""

    def forward(self, input: Tensor) -> Tensor:
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        (top, bottom), (left, right) = (_same_padding(*size) for size in sizes)
        if (top, left) != (bottom, right):
            input, top, left = F.pad(input, (left, right, top, bottom)), 0, 0
        return F.conv2d(input, self.weight, self.bias, self.stride, (top, left), self.dilation)


def _same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class Layer(nn.Module):
    """Convolution and activation. If gated, half of the convolution's channels gate the other half.

    (B, c_in, H, W) -> (B, features, H', W'), where features is `channels`, or half of it if gated, with the output
    activation(a) * sigmoid(b) (Yu et al. 2019, section on gated convolution).
    """

    def __init__(self, c_in: int, channels: int, row: Row, gated: bool) -> None:
        super().__init__()
        self.row, self.gated = row, gated
        self.conv = SameConv2d(c_in, channels, row.kernel, row.stride, dilation=row.dilation)
        self.features = channels // 2 if gated else channels

    def forward(self, x: Tensor) -> Tensor:
        if self.row.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        activation = F.relu if self.row.relu else F.elu
        y: Tensor = self.conv(x)
        if not self.gated:
            return activation(y)
        y, gate = y.chunk(2, dim=1)
        return activation(y) * gate.sigmoid()


class TwoStage(nn.Module):
    """`coarse` fills the hole roughly; `refine` takes the image with that filling and fills the hole again.

    `sees_mask`: whether `refine` also takes a channel of ones and the mask, as `coarse` does. `squash` maps both
    outputs to [-1, 1]. Width 32, plain, sees_mask: 1,448,227 + 2,153,315 parameters. Width 48, gated, not sees_mask:
    1,631,151 + 2,421,327. Fully convolutional: the same for every size that is a multiple of 8.
    """

    def __init__(self, width: int, gated: bool, sees_mask: bool, squash: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.sees_mask, self.squash = sees_mask, squash
        self.coarse = _chain(5, width, gated, COARSE, to_rgb="conv17")
        self.refine = Refinement(5 if sees_mask else 3, width, gated)

    def forward(self, images: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """images: (B, 3, H, W), 0 in the hole; mask: (B, 1, H, W) -> both stages' (B, 3, H, W), in fp32."""
        # With zero padding, a channel of ones marks the image's border.
        hints = [torch.ones_like(mask), mask]
        coarse = self.squash(self.coarse(torch.cat([images, *hints], dim=1)).float())
        pasted = paste(coarse, images, mask)
        refine_input = torch.cat([pasted, *hints], dim=1) if self.sees_mask else pasted  # (B, 5 or 3, H, W)
        return coarse, self.squash(self.refine(refine_input, mask).float())


class Refinement(nn.Module):
    """Two encoders side by side, one with dilated convolutions and one with contextual attention, and one decoder."""

    def __init__(self, c_in: int, width: int, gated: bool) -> None:
        super().__init__()
        self.hallucinate = _chain(c_in, width, gated, HALLUCINATE)
        self.before_attention = _chain(c_in, width, gated, BEFORE_ATTENTION)
        features = _features(self.before_attention)
        self.after_attention = _chain(features, width, gated, AFTER_ATTENTION)
        features = _features(self.hallucinate) + _features(self.after_attention)
        self.decode = _chain(features, width, gated, DECODE, to_rgb="allconv17")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        matched = self.before_attention(x)
        matched = contextual_attention(matched, nearest(mask, matched.shape[2], matched.shape[3]))
        both = [self.hallucinate(x), self.after_attention(matched)]
        return self.decode(torch.cat(both, dim=1))  # type: ignore[no-any-return]


def _chain(c_in: int, width: int, gated: bool, rows: Sequence[Row], to_rgb: str | None = None) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for row in rows:
        layer = Layer(c_in, int(width * row.multiple), row, gated)
        layers[row.name], c_in = layer, layer.features
    if to_rgb is not None:
        layers[to_rgb] = SameConv2d(c_in, 3, 3)  # without an activation, and never gated
    return nn.Sequential(layers)


def _features(chain: nn.Sequential) -> int:
    last = chain[-1]
    assert isinstance(last, Layer)
    return last.features


def paste(filling: Tensor, images: Tensor, mask: Tensor) -> Tensor:
    """The filling where the mask is 1, and the images bit by bit elsewhere."""
    return torch.where(mask > 0.5, filling, images)


def holed(batch: Batch) -> tuple[Tensor, Tensor]:
    """The RGB images with 0 in the hole, as published (the task's input has -1 there), and the mask.

    These methods use batch.mask, whatever task.mask_known says. Raises ValueError if the task has no holes.
    """
    if batch.mask is None:
        raise ValueError("this task has no holes to fill")
    return paste(torch.zeros_like(batch.input[:, :3]), batch.input[:, :3], batch.mask), batch.mask


def check_size(image_size: int) -> None:
    """Raises InputError."""
    if image_size % SHRINKS:
        raise InputError(f"data.image_size is {image_size}; this method needs a multiple of {SHRINKS}")


@torch.no_grad()
def glorot(network: nn.Module) -> None:
    """Glorot's uniform weights and biases of 0, TensorFlow's defaults, which the authors' release does not change."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@torch.inference_mode()
def complete(generator: TwoStage, batch: Batch, device: torch.device, train: TrainConfig) -> Tensor:
    """The prediction of both papers: the second stage's image in the hole, the input's known pixels elsewhere."""
    images, mask = holed(batch)
    with autocast(device, train):
        _, fine = generator(images, mask)
    return paste(fine, images, mask)
