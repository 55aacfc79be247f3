"""Lab against scikit-image's, there and back, and always in fp32."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2lab
from torch import Tensor

from bench.data.colour import AB_RANGE, join_lab, split_lab


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """(1, 3, 96, 128) in [0, 1]: skin, hair, an orange suit and a flag."""
    crop = np.ascontiguousarray(data.astronaut()[60:156, 160:288])
    return torch.from_numpy(crop).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="module")
def colours() -> Tensor:
    """(1, 3, 17, 289): an even grid of all of sRGB, corners included."""
    levels = [value / 16 for value in range(17)]
    return torch.tensor(list(itertools.product(levels, repeat=3))).T.reshape(1, 3, 17, 289)


def lab(rgb: Tensor) -> Tensor:
    """L in [0, 100], a and b in their own units."""
    lightness, ab = split_lab(rgb)
    return torch.cat([(lightness + 1) * 50, ab * AB_RANGE], dim=1)


@pytest.mark.parametrize("name", ["photo", "colours"])
def test_lab_is_that_of_scikit_image(name: str, request: pytest.FixtureRequest) -> None:
    rgb: Tensor = request.getfixturevalue(name)
    expected = rgb2lab(rgb[0].permute(1, 2, 0).double().numpy())
    difference = np.abs(lab(rgb)[0].permute(1, 2, 0).numpy() - expected)
    assert difference.max() < 2e-3


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),  # as every table of sRGB's primaries under D65 has them
        ((0, 1, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb: tuple[float, ...], expected: tuple[float, ...]) -> None:
    found = lab(torch.tensor(rgb).float().view(1, 3, 1, 1)).flatten().tolist()
    assert found == pytest.approx(expected, abs=0.02)


def test_gray_has_no_colour() -> None:
    _, ab = split_lab(torch.linspace(0, 1, 256).expand(1, 3, 1, 256))
    assert (ab * AB_RANGE).abs().max() < 0.02


def test_all_of_srgb_lies_between_minus_1_and_1(colours: Tensor) -> None:
    lightness, ab = split_lab(colours)
    assert (lightness.shape, ab.shape) == ((1, 1, 17, 289), (1, 2, 17, 289))
    assert (lightness.min(), lightness.max()) == (pytest.approx(-1, abs=1e-5), pytest.approx(1, abs=1e-5))
    assert (ab * AB_RANGE).amin((0, 2, 3)).tolist() == pytest.approx([-86.18, -107.86], abs=0.02)
    assert (ab * AB_RANGE).amax((0, 2, 3)).tolist() == pytest.approx([98.25, 94.48], abs=0.02)


@pytest.mark.parametrize("name", ["photo", "colours"])
def test_there_and_back(name: str, request: pytest.FixtureRequest) -> None:
    rgb: Tensor = request.getfixturevalue(name)
    torch.testing.assert_close(join_lab(*split_lab(rgb)), rgb, rtol=0, atol=1e-4)


def test_colours_outside_srgb_are_clipped() -> None:
    corners = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]).T.reshape(1, 2, 1, 4)
    rgb = join_lab(torch.zeros(1, 1, 1, 4), corners)
    assert (rgb.min(), rgb.max()) == (0, 1)


def test_everything_is_fp32_under_autocast_and_from_bf16(photo: Tensor) -> None:
    lightness, ab = split_lab(photo)
    rgb = join_lab(lightness, ab)
    with torch.autocast("cpu", torch.bfloat16):
        inside = split_lab(photo)
        back = join_lab(*inside)
    assert torch.equal(inside[0], lightness)
    assert torch.equal(inside[1], ab)
    assert torch.equal(back, rgb)
    assert {t.dtype for t in (*split_lab(photo.bfloat16()), join_lab(lightness.bfloat16(), ab))} == {torch.float32}
