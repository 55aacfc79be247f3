"""The discriminator: strided convolutions that score (x, y) one sub-image at a time (sections 3.1, 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.config import DiscriminatorConfig, TilingConfig
from bench.models.layers import channels, norm_layer
from bench.models.tiling import cut, cut_with_context


def full_depth(size: int) -> int:
    """How often `size` pixels can be halved and still fill the last 4x4 kernel."""
    return max(1, size.bit_length() - 3)


class Discriminator(nn.Module):
    """Convolution-norm-LeakyReLU layers down to 1x1, or fewer layers and the mean of the remaining map.

    With 1 input and 2 output channels, sub-images of 64x64 with context and the default config it has 2,767,553
    parameters. Section 3.1 has BatchNorm in each module; here the first has none, to match the total of table 1
    (`norm_first`: +128).
    """

    def __init__(
        self, c_in: int, c_out: int, tile_size: int, discriminator: DiscriminatorConfig, tiling: TilingConfig
    ) -> None:
        super().__init__()
        self.grid, self.context = tiling.grid, discriminator.context and tiling.grid > 1
        depth = full_depth(tile_size) if discriminator.depth == "full" else discriminator.depth
        widths = channels(discriminator.width, discriminator.max_multiplier, depth)
        features = c_in * (2 if self.context else 1) + c_out
        layers: list[nn.Module] = []
        for i, width in enumerate(widths):
            layers += [
                nn.Conv2d(features, width, 4, stride=2, padding=1),
                norm_layer(discriminator.norm if i or discriminator.norm_first else "none", width),
                nn.LeakyReLU(0.2) if discriminator.activation == "leaky_relu" else nn.ReLU(),
            ]
            features = width
        self.layers = nn.Sequential(*layers, nn.Conv2d(features, 1, 4))

    def condition(self, x: Tensor) -> Tensor:
        """D's view of the input: (B, C, H, W) -> (B * grid^2, C or 2C, h, w); the same for real and fake."""
        return cut_with_context(x, self.grid, self.context)

    def forward(self, condition: Tensor, y: Tensor) -> Tensor:
        """condition from `condition`, y: (B, C_out, H, W) -> scores (B * grid^2,), before any sigmoid."""
        pairs = torch.cat([condition, cut(y, self.grid)], dim=1)
        return self.layers(pairs).mean(dim=(1, 2, 3))  # type: ignore[no-any-return]
