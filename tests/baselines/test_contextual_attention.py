"""Contextual attention against its definition, and on a texture whose missing part stands elsewhere too."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from baselines.contextual_attention import contextual_attention, nearest, propagate

Array = npt.NDArray[np.float64]
TAKEN = [0, 2, 5, 7]  # four of eight with the corners kept: 0, 2.33, 4.67, 7
PLACES = list(itertools.product(range(4), range(4)))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def patch(x: Array, top: int, left: int, side: int) -> Array:
    """(C, side, side) of x: (C, H, W), with zeros outside."""
    wide = np.pad(x, ((0, 0), (side, side), (side, side)))
    return wide[:, top + side : top + 2 * side, left + side : left + 2 * side]


def fused(likeness: Array, order: list[tuple[int, int]]) -> Array:
    """Each pair of places and the pairs one step before and after it, in this order of places."""
    at = [PLACES.index(place) for place in order]
    result = likeness.copy()
    for i, j in itertools.product(range(16), range(16)):
        pairs = [(i + s, j + s) for s in (-1, 1) if 0 <= i + s < 16 and 0 <= j + s < 16]
        result[at[i], at[j]] += sum(likeness[at[a], at[b]] for a, b in pairs)
    return result


def by_definition(features: Array, mask: Array) -> Array:
    """features: (C, 8, 8), mask: (8, 8) -> (C, 8, 8)."""
    small, small_mask = features[:, TAKEN][:, :, TAKEN], mask[TAKEN][:, TAKEN]
    patches = [patch(small, i - 1, j - 1, 3) for i, j in PLACES]
    known = np.array([not patch(small_mask[None], i - 1, j - 1, 3).any() for i, j in PLACES])
    likeness = np.array([[(p * q).sum() / max(np.sqrt((q * q).sum()), 1e-4) for q in patches] for p in patches])
    likeness = fused(fused(likeness, PLACES), sorted(PLACES, key=lambda place: place[::-1]))
    steep = np.exp(10 * likeness * known)
    weight = steep / steep.sum(axis=1, keepdims=True) * known
    out = np.zeros((len(features), 10, 10))  # a border of one
    for (p, (i, j)), (q, (k, m)) in itertools.product(enumerate(PLACES), enumerate(PLACES)):
        out[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += weight[p, q] * patch(features, 2 * k - 1, 2 * m - 1, 4) / 4
    return out[:, 1:-1, 1:-1]


def test_it_is_its_definition() -> None:
    features, mask = 0.2 * noise(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)
    mask[0, :, 5:, 4:] = 1
    mask[1, :, :2, :2] = 1
    output = contextual_attention(features, mask)
    expected = [by_definition(f.double().numpy(), m[0].numpy()) for f, m in zip(features, mask, strict=True)]
    np.testing.assert_allclose(output.numpy(), np.stack(expected), rtol=0, atol=1e-5)
    assert output.abs().max() > 0.05


def test_the_hole_is_filled_from_its_twin() -> None:
    features = noise(1, 8, 32, 32)
    features[:, :, 0:16, 8:16] = features[:, :, 0:16, 0:8]
    mask = torch.zeros(1, 1, 32, 32)
    mask[:, :, 6:9, 11:13] = 1
    hole = (mask > 0).expand_as(features)
    output = contextual_attention(features, mask)
    torch.testing.assert_close(output[hole], features[hole], rtol=0, atol=1e-4)
    features[:, :, 0:16, 0:8] = noise(1, 8, 16, 8, seed=1)  # without the twin there is nothing to take it from
    assert (contextual_attention(features, mask) - features)[hole].abs().mean() > 0.3


def test_what_is_missing_is_never_pasted() -> None:
    features, mask = noise(1, 4, 16, 16), torch.ones(1, 1, 16, 16)
    assert torch.equal(contextual_attention(features, mask), torch.zeros(1, 4, 16, 16))
    mask[..., :8, :] = 0
    features[..., :8, :], features[..., 8:, :] = 1, 1000
    assert contextual_attention(features, mask).max() <= 1.001


def test_neighbours_vote() -> None:
    """Places are 0 = (0, 0), 1 = (0, 1), 2 = (1, 0), 3 = (1, 1). Across, the pair after (0, 2) is (1, 3). Down, where
    the places' order is 0, 2, 1, 3, the pair (2, 1) comes after (0, 2) and before (1, 3)."""
    likeness, expected = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    likeness[0, 0, 2] = 1
    expected[0, 0, 2] = expected[0, 1, 3] = 1
    expected[0, 2, 1] = 2
    assert torch.equal(propagate(likeness, 2, 2), expected)


def test_it_stays_in_fp32() -> None:
    features, mask = noise(1, 4, 16, 16), torch.zeros(1, 1, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(contextual_attention(features, mask), contextual_attention(features.float(), mask))


def test_shrinking_keeps_the_corners() -> None:
    x = torch.arange(8.0).view(1, 1, 1, 8) + 10 * torch.arange(4.0).view(1, 1, 4, 1)
    assert nearest(x, 2, 4).tolist() == [[[[0, 2, 5, 7], [30, 32, 35, 37]]]]
    assert nearest(x, 1, 1).tolist() == [[[[0]]]]
