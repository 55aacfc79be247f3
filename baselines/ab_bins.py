"""Colours as classes: the 313 ab bins of Zhang et al. 2016, soft codes, the training set's prior and its weights."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from bench.config import DataConfig
from bench.data.batches import training_photographs
from bench.data.colour import AB_RANGE, split_lab

NEIGHBOURS = 5  # section 2.1; the authors' released training code takes 10
SIGMA = 5.0  # in ab units; section 2.1 for the soft code, 2.2 for the prior
UNIFORM_SHARE = 0.5  # lambda of eq. 4

_ROWS = {  # a: (smallest b, largest b), in steps of 10
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100), -40: (-40, 100), -30: (-50, 100),
    -20: (-50, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90),
    50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, 0),
}  # fmt: skip


def bin_centres() -> Tensor:
    """(313, 2): a and b of each bin, ordered by a, then b.

    The authors' list (pts_in_hull.npy of their release): the 261 bins that contain an sRGB colour, and 52 others, for
    which no rule is stated. So the list is data here.
    """
    pairs = [(a, b) for a, (low, high) in _ROWS.items() for b in range(low, high + 1, 10)]
    return torch.tensor(pairs, dtype=torch.float32)


def squared_distances(points: Tensor, centres: Tensor) -> Tensor:
    """points: (P, 2), centres: (Q, 2) -> (P, Q)."""
    # torch.cdist expands the square and loses digits.
    a, b = (points[:, None, i] - centres[:, i] for i in (0, 1))
    return a.square_().add_(b.square_())


def soft_encode(ab: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of H in section 2.1: shares of the nearest bins, by a Gaussian of their distance.

    ab: (B, 2, H, W) in ab units -> index and share, both (B, 5, H, W), the nearest bin first; shares sum to 1.
    """
    b, _, h, w = ab.shape
    squared = squared_distances(ab.permute(0, 2, 3, 1).reshape(-1, 2).float(), centres)
    nearest, index = squared.topk(NEIGHBOURS, dim=1, largest=False)
    share = torch.softmax(nearest / (-2 * SIGMA**2), dim=1)
    index, share = (t.reshape(b, h, w, NEIGHBOURS).permute(0, 3, 1, 2) for t in (index, share))  # (B, 5, H, W)
    return index, share


@lru_cache(maxsize=4)
def colour_prior(config: DataConfig) -> Tensor:
    """p of section 2.2: how often each bin is the nearest one in the training photographs. (313,) fp64, sums to 1.

    Photographs have their smallest size and equal weight, as in `mean_ab`. Raises InputError as `dataset_of` does.
    """
    # Colours are counted in cells of 1 x 1 ab units. No cell crosses the border of two bins, so that the nearest bin
    # is computed once a cell and not once a pixel.
    side = int(2 * AB_RANGE)
    cells = torch.zeros(side * side, dtype=torch.float64)
    photographs = 0
    for rgb in training_photographs(config):
        photographs += 1
        _, ab = split_lab(rgb)
        a, b = ((ab[0] + 1) * AB_RANGE).floor().long().clamp(0, side - 1)
        cells += torch.bincount((a * side + b).flatten(), minlength=side * side) / a.numel()
    grid = torch.arange(side) + 0.5 - AB_RANGE
    nearest = squared_distances(torch.cartesian_prod(grid, grid), bin_centres()).argmin(dim=1)
    return torch.zeros(len(bin_centres()), dtype=torch.float64).index_add_(0, nearest, cells) / photographs


def smooth(prior: Tensor, centres: Tensor) -> Tensor:
    """The prior, each bin's mass spread over all bins by a Gaussian of their distance: (Q,) -> (Q,), same sum."""
    kernel = torch.exp(squared_distances(centres, centres).to(prior) / (-2 * SIGMA**2))
    return (kernel / kernel.sum(dim=0)) @ prior


def rebalance(prior: Tensor) -> Tensor:
    """Eq. 4: w proportional to 1 / ((1 - lambda) prior + lambda / Q), with mean 1 under the prior. (Q,) -> (Q,)"""
    weights = 1 / ((1 - UNIFORM_SHARE) * prior + UNIFORM_SHARE / len(prior))
    return weights / (weights * prior).sum()
