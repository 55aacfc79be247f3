"""Scores of the palette, by hand, by SciPy's Wasserstein distance, and under what they must not see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from bench.measure.metrics import load
from bench.measure.metrics.palette import DIRECTIONS


def halves(first: tuple[float, float], second: tuple[float, float]) -> Tensor:
    """An image of two colours, (a, b) each at lightness 60 -> sRGB (1, 3, 4, 4)."""
    lab = np.full((4, 4, 3), 60.0)
    lab[:2, :, 1:], lab[2:, :, 1:] = first, second
    return torch.from_numpy(lab2rgb(lab)).permute(2, 0, 1)[None].float()


def test_delta_colorfulness_is_the_difference_of_colorfulness_per_image(photo: Tensor) -> None:
    colorfulness = load("colorfulness", "cpu")
    images = torch.cat([photo, photo.flip(1), photo.mean(1, keepdim=True).expand_as(photo)])
    targets = images.roll(1, 0)
    expected = (colorfulness(images, images) - colorfulness(targets, targets)).abs()
    torch.testing.assert_close(load("delta_colorfulness", "cpu")(images, targets), expected)


def test_ab_histogram_of_flat_colours_is_the_mean_over_directions_of_what_they_move() -> None:
    angles = np.arange(DIRECTIONS) * math.pi / DIRECTIONS
    expected = np.abs(20 * np.cos(angles) + 10 * np.sin(angles)).mean()
    score = load("ab_histogram", "cpu")(halves((0, 0), (0, 0)), halves((20, 10), (20, 10)))
    assert score.item() == pytest.approx(expected, abs=1e-2)


def test_ab_histogram_is_the_mean_of_scipys_distances(photo: Tensor, noisy: Tensor) -> None:
    ours, theirs = (
        rgb2lab(image[0].permute(1, 2, 0).double().numpy())[..., 1:].reshape(-1, 2) for image in (photo, noisy)
    )
    angles = np.arange(DIRECTIONS) * math.pi / DIRECTIONS
    lines = np.stack([np.cos(angles), np.sin(angles)])
    expected = np.mean([wasserstein_distance(ours @ line, theirs @ line) for line in lines.T])
    assert load("ab_histogram", "cpu")(photo, noisy).item() == pytest.approx(expected, abs=1e-3)


def test_ab_histogram_does_not_see_where_colours_stand(photo: Tensor) -> None:
    assert load("ab_histogram", "cpu")(photo.flip(3), photo).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        (((0, 30), (0, -30)), ((0, 30), (0, 30)), 0.5 * 30 / 31),  # half of the chroma turned blue
        (((-30, 0), (-30, 0)), ((30, 0), (30, 0)), 30 / 31),  # green for red
        (((0, 0), (0, 0)), ((0, 0), (0, 0)), 0.0),
        (((0, 0), (0, 0)), ((30, 0), (30, 0)), 0.5 - 0.5 / 31),  # gray has no hue
    ],
)
def test_hue_bias_by_hand(
    prediction: tuple[tuple[float, float], tuple[float, float]],
    target: tuple[tuple[float, float], tuple[float, float]],
    expected: float,
) -> None:
    assert load("hue_bias", "cpu")(halves(*prediction), halves(*target)).item() == pytest.approx(expected, abs=2e-3)
