"""Partitioning (section 3.3): cuts an image into a grid of sub-images, and stitches them together again."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cut(x: Tensor, grid: int) -> Tensor:
    """Cut into grid x grid sub-images, row by row; those of one image stay together.

    x: (B, C, H, W) with H and W multiples of grid -> (B * grid^2, C, H / grid, W / grid)
    """
    b, c, h, w = x.shape
    x = x.reshape(b, c, grid, h // grid, grid, w // grid)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b * grid * grid, c, h // grid, w // grid)


def stitch(tiles: Tensor, grid: int) -> Tensor:
    """Undo `cut`. tiles: (B * grid^2, C, h, w) -> (B, C, h * grid, w * grid)"""
    n, c, h, w = tiles.shape
    x = tiles.reshape(n // grid**2, grid, grid, c, h, w)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(n // grid**2, c, grid * h, grid * w)


def shrink(x: Tensor, grid: int) -> Tensor:
    """The whole image at the size of one sub-image, by area. x: (B, C, H, W) -> (B, C, H / grid, W / grid)"""
    return F.avg_pool2d(x, grid) if grid > 1 else x


def cut_with_context(x: Tensor, grid: int, context: bool) -> Tensor:
    """Sub-images, each with the shrunk whole image as further channels if `context`.

    x: (B, C, H, W) -> (B * grid^2, C or 2C, H / grid, W / grid)
    """
    tiles = cut(x, grid)
    if not context:
        return tiles
    return torch.cat([tiles, shrink(x, grid).repeat_interleave(grid * grid, dim=0)], dim=1)
