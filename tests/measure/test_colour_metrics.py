"""The metrics of colour against published pairs, numbers by hand, scikit-image and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from bench.measure.metrics import Unavailable, load


def flat(*lab: tuple[float, float, float], side: int = 4) -> Tensor:
    """Images of one colour each: CIE Lab -> sRGB (N, 3, side, side)."""
    rgb = torch.tensor(lab2rgb(np.array(lab, dtype=float)), dtype=torch.float32)
    return rgb[:, :, None, None].expand(-1, -1, side, side)


def lab_of(image: Tensor) -> np.ndarray:
    """(1, 3, H, W) -> Lab (H, W, 3) by scikit-image."""
    lab: np.ndarray = rgb2lab(image[0].permute(1, 2, 0).double().numpy())
    return lab


# ab L1 and CIEDE2000


def test_ab_l1_by_hand() -> None:
    prediction = flat((50, 10, -20), (70, 0, 0))
    target = flat((60, 13, -10), (20, 0, 0))  # |3| and |10| over two channels; lightness does not count
    torch.testing.assert_close(load("ab_l1", "cpu")(prediction, target), torch.tensor([6.5, 0.0]), rtol=0, atol=5e-3)


def test_ab_l1_is_that_of_scikit_images_lab(photo: Tensor, noisy: Tensor) -> None:
    expected = np.abs(lab_of(noisy) - lab_of(photo))[..., 1:].mean()
    assert load("ab_l1", "cpu")(noisy, photo).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "published"),  # Sharma, Wu & Dalal 2005, table 1, of the pairs that lie within sRGB
    [
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_published_pairs(
    first: tuple[float, float, float], second: tuple[float, float, float], published: float
) -> None:
    score = load("ciede2000", "cpu")
    assert score(flat(first), flat(second)).item() == pytest.approx(published, abs=1e-3)
    assert score(flat(second), flat(first)).item() == pytest.approx(published, abs=1e-3)


def test_ciede2000_is_the_mean_of_its_pixels() -> None:
    half = flat((50, 2.5, 0)).clone()
    half[..., :2, :] = flat((58, 24, 15))[..., :2, :]
    scores = load("ciede2000", "cpu")(torch.cat([half, half]), torch.cat([flat((50, 2.5, 0)), half]))
    torch.testing.assert_close(scores, torch.tensor([19.4535 / 2, 0.0]), rtol=0, atol=1e-3)


# colorfulness


def test_colorfulness_by_hand() -> None:
    gray = torch.full((3, 4, 4), 0.3)
    red_and_blue = torch.zeros(3, 4, 4)
    red_and_blue[0, :, :2] = 1  # rg 255, yb 127.5
    red_and_blue[2, :, 2:] = 1  # rg 0, yb -255
    # means 127.5 and -63.75, deviations 127.5 and 191.25, in units of 63.75: (2, -1) and (2, 3)
    expected = 63.75 * (math.sqrt(4 + 9) + 0.3 * math.sqrt(4 + 1))
    scores = load("colorfulness", "cpu")(torch.stack([gray, red_and_blue]), torch.zeros(2, 3, 4, 4))
    torch.testing.assert_close(scores, torch.tensor([0.0, expected]), rtol=1e-6, atol=1e-4)


def test_colorfulness_is_that_of_numpy_and_ignores_the_target(photo: Tensor, noisy: Tensor) -> None:
    red, green, blue = (255 * noisy[0].double().numpy()).reshape(3, -1)
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    score = load("colorfulness", "cpu")
    assert score(noisy, photo).item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(score(noisy, photo), score(noisy, noisy))


# diversity


def test_diversity_by_hand() -> None:
    targets = flat((50, 0, 0), (50, 10, 0), (50, 0, 20))
    # mean |difference| of ab: 5, 10 and 15; mean to the two others 7.5, 10 and 12.5; over all pairs 10
    expected = torch.tensor([0.75, 1, 1.25])
    score = load("diversity", "cpu")
    torch.testing.assert_close(score(targets, targets), expected, rtol=0, atol=1e-3)
    paler = flat((40, 0, 0), (50, 5, 0), (60, 0, 10))  # half the colour, and lightness that does not count
    torch.testing.assert_close(score(paler, targets), expected / 2, rtol=0, atol=1e-3)
    one_colour = flat((40, 10, 20), (50, 10, 20), (60, 10, 20))
    torch.testing.assert_close(score(one_colour, targets), torch.zeros(3), rtol=0, atol=1e-3)


def test_diversity_of_the_targets_is_one_and_of_one_picture_for_all_is_zero() -> None:
    targets = torch.rand(9, 3, 256, 256, generator=torch.Generator().manual_seed(0))  # more pixels than one chunk has
    score = load("diversity", "cpu")
    assert score(targets, targets).mean().item() == pytest.approx(1, abs=1e-6)
    assert score(targets[:1].expand_as(targets), targets).tolist() == [0.0] * 9


def test_diversity_needs_several_images_of_several_colours(photo: Tensor) -> None:
    with pytest.raises(Unavailable, match="there is only one"):
        load("diversity", "cpu")(photo, photo)
    grays = flat((20, 0, 0), (50, 0, 0), (90, 0, 0))
    with pytest.raises(Unavailable, match="targets with different colours"):
        load("diversity", "cpu")(grays, grays)
