"""Scores that may decide a claim put the truth first and another photograph's colours last; noise never raises them."""

from __future__ import annotations

import pytest
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from kornia.filters import gaussian_blur2d
from skimage import data
from skimage.transform import resize
from sklearn.datasets import load_sample_images
from torch import Tensor

from bench.measure.metrics import METRICS, load

COLOUR_SCORES = [
    m.name for m in METRICS.values() if m.ranks and m.needs == "images" and m.min_side < 64 and m.name != "lpips"
]
"""Those of a whole image that need no download."""


@pytest.fixture(scope="module")
def truth() -> Tensor:
    """(6, 3, 64, 64) in [0, 1]."""
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), *load_sample_images().images]
    small = [
        resize(image[: min(image.shape[:2]), : min(image.shape[:2])], (64, 64), anti_aliasing=True)
        for image in photographs
    ]
    return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in small]).float()


def recoloured(truth: Tensor, ab: Tensor) -> Tensor:
    """The truth's lightness with these colours."""
    return lab_to_rgb(torch.cat([rgb_to_lab(truth)[:, :1], ab], dim=1)).clamp(0, 1)


@pytest.fixture(scope="module")
def pale(truth: Tensor) -> Tensor:
    """What L1 gives: the colours blurred, and four tenths as far from the mean colour of all photographs."""
    ab = rgb_to_lab(truth)[:, 1:]
    mean = ab.mean((0, 2, 3), keepdim=True)
    return recoloured(truth, mean + 0.4 * (gaussian_blur2d(ab, (9, 9), (2.0, 2.0)) - mean))


def quality(name: str, prediction: Tensor, target: Tensor) -> float:
    """The mean score, with a sign that makes more better."""
    sign = -1 if METRICS[name].direction == "lower" else 1
    return sign * load(name, "cpu")(prediction, target).mean().item()


@pytest.mark.parametrize("name", COLOUR_SCORES)
def test_truth_comes_before_pale_colours_and_those_before_another_photographs(
    name: str, truth: Tensor, pale: Tensor
) -> None:
    others = [recoloured(truth, rgb_to_lab(truth)[:, 1:].roll(shift, 0)) for shift in range(1, len(truth))]
    wrong = sum(quality(name, other, truth) for other in others) / len(others)
    assert quality(name, truth, truth) > quality(name, pale, truth) > wrong


@pytest.mark.parametrize("name", COLOUR_SCORES)
@pytest.mark.parametrize("deviation", [2.0, 5.0, 10.0])  # Lab units
def test_noise_in_the_colours_never_raises_a_score(name: str, deviation: float, truth: Tensor, pale: Tensor) -> None:
    noise = deviation * torch.randn(truth[:, 1:].shape, generator=torch.Generator().manual_seed(0))
    for image in (truth, pale):
        noisy = recoloured(truth, rgb_to_lab(image)[:, 1:] + noise)
        assert quality(name, noisy, truth) < quality(name, image, truth)


@pytest.mark.parametrize(
    "name", ["colorfulness", "delta_colorfulness", "ab_histogram", "color_sharpness", "diversity", "hue_bias"]
)
def test_scores_that_wrong_colours_can_win_say_so(name: str) -> None:
    assert not METRICS[name].ranks
