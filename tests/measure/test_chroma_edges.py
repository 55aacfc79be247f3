"""Agreement of chroma edges: by NumPy, and under what it must and must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from skimage.color import rgb2lab
from torch import Tensor

from bench.measure.metrics import load


def lab_image(ab: Tensor) -> Tensor:
    """(1, 2, H, W) -> sRGB of lightness 60."""
    return lab_to_rgb(torch.cat([torch.full_like(ab[:, :1], 60), ab], dim=1), clip=False)


def test_it_is_the_correlation_of_scikit_images_gradients(photo: Tensor, noisy: Tensor) -> None:
    fields = [rgb2lab(image[0].permute(1, 2, 0).double().numpy())[..., 1:] for image in (photo, noisy)]
    ours, theirs = (np.concatenate([np.diff(ab, axis=axis).ravel() for axis in (0, 1)]) for ab in fields)
    expected = (ours @ theirs) / np.sqrt((ours @ ours) * (theirs @ theirs))
    assert load("chroma_edges", "cpu")(photo, noisy).item() == pytest.approx(expected, abs=1e-3)


def test_paler_colours_have_the_same_edges_and_opposite_ones_the_contrary() -> None:
    ab = torch.zeros(1, 2, 8, 8)
    ab[..., :4] = 20.0
    scores = [load("chroma_edges", "cpu")(lab_image(times * ab), lab_image(ab)).item() for times in (1, 0.5, -1)]
    assert scores == pytest.approx([1, 1, -1], abs=1e-2)


def test_gray_has_no_edges_and_edges_elsewhere_do_not_count(photo: Tensor) -> None:
    gray = photo.mean(1, keepdim=True).expand_as(photo)
    turned = torch.cat([rgb_to_lab(photo)[:, :1], rgb_to_lab(photo)[:, 1:].flip(3)], dim=1)
    scores = [load("chroma_edges", "cpu")(image, photo).item() for image in (gray, lab_to_rgb(turned))]
    assert scores == pytest.approx([0, 0], abs=0.2)
