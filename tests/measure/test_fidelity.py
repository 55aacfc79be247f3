"""PSNR and SSIM, whole and inside and outside a hole, and MS-SSIM, against numbers by hand, scikit-image and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import pad

from bench.measure.metrics import load


def scikit_image_ssim(a: Tensor, b: Tensor) -> tuple[float, np.ndarray]:
    """The mean without the outer 5 pixels, and the whole map (H, W, 3)."""
    first, second = (x[0].permute(1, 2, 0).double().numpy() for x in (a, b))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    mean, whole = structural_similarity(first, second, data_range=1.0, channel_axis=2, **settings)
    return float(mean), whole


def test_psnr_of_a_constant_offset() -> None:
    target = torch.full((3, 3, 8, 8), 0.5)
    offsets = torch.tensor([0.1, 0.01, 0.5]).view(3, 1, 1, 1)
    # 10 log10(1 / offset^2), image by image; pooling the errors would give one number, 10.6
    expected = torch.tensor([20.0, 40.0, 20 * math.log10(2)])
    torch.testing.assert_close(load("psnr", "cpu")(target + offsets, target), expected, rtol=0, atol=1e-4)


def test_psnr_in_and_outside_a_hole_by_hand() -> None:
    target = torch.full((1, 3, 4, 4), 0.5)
    prediction = target.clone()
    prediction[..., :2, :] += 0.1  # MSE 0.01
    prediction[:, 0, 2:] -= 0.3  # one channel of three: MSE 0.03
    prediction[:, :, 3, 3] = 0.5  # one of eight pixels right: MSE 0.03 x 7 / 8
    top = torch.zeros(1, 1, 4, 4)
    top[..., :2, :] = 1
    assert load("psnr_hole", "cpu")(prediction, target, top).item() == pytest.approx(20, abs=1e-4)
    expected = -10 * math.log10(0.03 * 7 / 8)
    assert load("psnr_outside", "cpu")(prediction, target, top).item() == pytest.approx(expected, abs=1e-4)


def test_a_method_that_keeps_the_known_pixels_has_infinite_psnr_there(
    photo: Tensor, noisy: Tensor, hole: Tensor
) -> None:
    filled = torch.where(hole > 0, noisy, photo)
    assert load("psnr_outside", "cpu")(filled, photo, hole).item() == math.inf
    there_and_back = ((2 * filled - 1) + 1) / 2  # as a task does, in fp32
    assert not torch.equal(there_and_back, filled)
    assert load("psnr_outside", "cpu")(there_and_back, photo, hole).item() == math.inf
    assert load("psnr_outside", "cpu")(filled + 2e-6, photo, hole).item() < 120
    assert math.isnan(load("psnr_outside", "cpu")(filled * math.nan, photo, hole).item())


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_a_hole_of_the_whole_image_scores_as_the_whole_image(name: str, photo: Tensor, noisy: Tensor) -> None:
    whole = load(name, "cpu")(noisy, photo).item()
    mask = torch.ones(1, 1, 96, 128)
    assert load(f"{name}_hole", "cpu")(noisy, photo, mask).item() == pytest.approx(whole, rel=1e-6)
    assert load(f"{name}_outside", "cpu")(noisy, photo, 1 - mask).item() == pytest.approx(whole, rel=1e-6)


def test_ssim_is_that_of_scikit_image_but_for_the_border(photo: Tensor, noisy: Tensor) -> None:
    ours = load("ssim", "cpu")(noisy, photo).item()
    # scikit-image leaves the outer 5 pixels out of its mean, a sixth of this small crop: 0.7206 against our 0.7083
    assert scikit_image_ssim(noisy, photo)[0] - ours == pytest.approx(0.0123, abs=2e-4)
    # and reflecting 5 pixels first, which it then leaves out, is our convention exactly
    reflected = (pad(image, (5, 5, 5, 5), mode="reflect") for image in (noisy, photo))
    assert ours == pytest.approx(scikit_image_ssim(*reflected)[0], abs=1e-5)


def test_ssim_in_and_outside_a_hole_is_the_mean_of_scikit_images_map(
    photo: Tensor, noisy: Tensor, hole: Tensor
) -> None:
    _, whole = scikit_image_ssim(*(pad(image, (5, 5, 5, 5), mode="reflect") for image in (noisy, photo)))
    inside = hole[0, 0].bool().numpy()
    ours = [load(f"ssim_{region}", "cpu")(noisy, photo, hole).item() for region in ("hole", "outside")]
    expected = [whole[5:-5, 5:-5][inside].mean(), whole[5:-5, 5:-5][~inside].mean()]
    assert ours == pytest.approx(expected, abs=1e-5)


def scales_by_hand(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Contrast and structure at four scales, SSIM at the fifth, of (H, W, 3) in fp64: 11 taps of SciPy's Gaussian."""

    def local_mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, sigma=(1.5, 1.5, 0), mode="mirror", truncate=3.5)

    means = []
    for scale in range(5):
        mean_a, mean_b = local_mean(a), local_mean(b)
        variances = local_mean(a * a) - mean_a**2 + local_mean(b * b) - mean_b**2
        contrast = (2 * (local_mean(a * b) - mean_a * mean_b) + 0.03**2) / (variances + 0.03**2)
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        means.append(contrast[5:-5, 5:-5].mean() if scale < 4 else (contrast * luminance).mean())
        a, b = (x.reshape(len(x) // 2, 2, -1, 2, 3).mean((1, 3)) for x in (a, b))
    return means


def test_ms_ssim_is_the_product_of_five_scales() -> None:
    target = torch.from_numpy(np.array(data.astronaut()[:192, 100:292])).permute(2, 0, 1)[None] / 255
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    predictions = torch.cat([(target + 0.1 * noise).clamp(0, 1), target.roll(2, 3), 1 - target])
    scores = load("ms_ssim", "cpu")(predictions, target.expand_as(predictions)).tolist()
    powers = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]  # Wang et al. 2003, section 3.2
    first, *others = ([*x.permute(1, 2, 0).double().numpy()] for x in (target[0], *predictions))
    scales = [scales_by_hand(np.stack(first), np.stack(other)) for other in others]
    expected = [math.prod(max(mean, 0) ** power for mean, power in zip(of, powers, strict=True)) for of in scales]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert 0.5 < scores[0] < 0.95
    assert scores[2] == 0  # a negative has contrast below 0
