"""The generator: a U-Net on sub-images that also takes the shrunk whole image (sections 3.1, 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.config import GeneratorConfig, TilingConfig
from bench.models.layers import channels, norm_layer
from bench.models.tiling import cut, cut_with_context, shrink, stitch


class Down(nn.Module):
    """Convolution-norm-ReLU that halves H and W: (B, C_in, H, W) -> (B, C_out, H / 2, W / 2).

    Strided convolution and max pooling use the same 4x4 kernel, so that they have the same parameters and differ only
    in where the size is halved. (Section 3.1; the paper does not give the kernel of its pooled model.)
    """

    def __init__(self, c_in: int, c_out: int, downsample: str, norm: str) -> None:
        super().__init__()
        pooled = downsample == "max_pool"
        # An even kernel keeps H and W only with uneven padding.
        self.pad = nn.ZeroPad2d((1, 2, 1, 2)) if pooled else nn.Identity()
        self.conv = nn.Conv2d(c_in, c_out, 4, stride=1 if pooled else 2, padding=0 if pooled else 1)
        self.norm = norm_layer(norm, c_out)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(2) if pooled else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.act(self.norm(self.conv(self.pad(x)))))  # type: ignore[no-any-return]


class Up(nn.Module):
    """Transposed convolution-norm-ReLU that doubles H and W: (B, C_in, H, W) -> (B, C_out, 2H, 2W)."""

    def __init__(self, c_in: int, c_out: int, norm: str) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)
        self.norm = norm_layer(norm, c_out)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))  # type: ignore[no-any-return]


def _same_size(width: int, norm: str) -> nn.Sequential:
    """Convolution-norm-ReLU that keeps the shape: (B, C, H, W) -> (B, C, H, W)."""
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), norm_layer(norm, width), nn.ReLU())


class UNet(nn.Module):
    """Encoder, decoder and skips for one sub-image; the output is before its tanh.

    With `context` the encoder also runs on a second image; the decoder takes the latents of both.
    """

    def __init__(self, c_in: int, c_out: int, config: GeneratorConfig, context: bool) -> None:
        super().__init__()
        widths = channels(config.width, config.max_multiplier, config.depth)
        self.down = nn.ModuleList(
            Down(a, b, config.downsample, config.norm if i or config.norm_first else "none")
            for i, (a, b) in enumerate(zip([c_in, *widths], widths, strict=False))
        )
        self.extra = nn.ModuleList(  # none in the paper's model
            nn.Sequential(*(_same_size(width, config.norm) for _ in range(config.extra_convs))) for width in widths
        )
        ups = []
        features = widths[-1] * (2 if context else 1)
        for i in reversed(range(config.depth)):
            width = widths[i - 1] if i else widths[0]
            ups.append(Up(features, width, config.norm))
            features = width + (widths[i - 1] if i else 0)  # the upsampled features and the skip of the same size
        self.up = nn.ModuleList(ups)
        self.head = nn.Conv2d(features, c_out, 1)

    def forward(self, tiles: Tensor, whole: Tensor | None = None) -> Tensor:
        """tiles: (N, C_in, h, w); whole: (B, C_in, h, w) with N a multiple of B -> (N, C_out, h, w)."""
        n = len(tiles)
        # One batch, so that BatchNorm has the same statistics for tiles and whole images.
        x = tiles if whole is None else torch.cat([tiles, whole])  # (N or N + B, C_in, h, w)
        features = []
        for down, extra in zip(self.down, self.extra, strict=True):
            x = extra(down(x))
            features.append(x)
        *skips, latent = features
        if whole is not None:
            context = latent[n:].repeat_interleave(n // len(whole), dim=0)
            latent = torch.cat([latent[:n], context], dim=1)
        x = latent
        for i, up in enumerate(self.up):
            x = up(x)
            if i < len(skips):
                x = torch.cat([x, skips[-1 - i][:n]], dim=1)
        return self.head(x)  # type: ignore[no-any-return]


class Generator(nn.Module):
    """Cut, U-Net on every sub-image, merge, tanh: (B, C_in, H, W) -> (B, C_out, H, W) in [-1, 1].

    With 1 input and 2 output channels and the default config it has 1,313,474 parameters, which gives the paper's total
    (table 1). It contradicts the text in three places; a config field follows the text in each of them: BatchNorm in
    each down-sampling module (section 3.1; `norm_first`, +128), a learned concatenating layer (section 1;
    `tiling.merge`, +152), and the rescaled image as a second input channel (section 4.1.1; `tiling.context`, -261,120).
    Section 3.3 concatenates the rescaled image's vector before the decoder, as here.
    """

    def __init__(self, c_in: int, c_out: int, generator: GeneratorConfig, tiling: TilingConfig) -> None:
        super().__init__()
        self.grid, self.context = tiling.grid, tiling.context
        features = c_in * (2 if tiling.context == "channel" else 1)
        self.unet = UNet(features, c_out, generator, context=tiling.context == "vector")
        self.merge = _identity_convolution(c_out + c_in, c_out) if tiling.merge == "learned" else None

    def forward(self, x: Tensor) -> Tensor:
        if self.context == "vector":
            tiles = self.unet(cut(x, self.grid), shrink(x, self.grid))
        else:
            tiles = self.unet(cut_with_context(x, self.grid, self.context == "channel"))
        y = stitch(tiles, self.grid)
        if self.merge is not None:
            y = self.merge(torch.cat([y, x], dim=1))
        return torch.tanh(y)


def _identity_convolution(c_in: int, c_out: int) -> nn.Conv2d:
    """The learned concatenating layer: a 5x5 convolution across sub-image borders, initialised as the identity."""
    layer = nn.Conv2d(c_in, c_out, 5, padding=2)
    nn.init.dirac_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
