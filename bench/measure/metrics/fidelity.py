"""PSNR, SSIM and MS-SSIM: how far a prediction is from its target, by the pixel, the window and the scale.

Convention: one score per image, and the mean over images is the mean of those scores. torchmetrics' own PSNR pools the
squared error of all images before the logarithm, which is lower or equal; papers that do so are not comparable.
"""

from __future__ import annotations

from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from bench.measure.metrics import ImageScore


def load_psnr(device: str) -> ImageScore:
    """PSNR has nothing to load."""
    return psnr


def load_ssim(device: str) -> ImageScore:
    """SSIM has nothing to load."""
    return ssim


def load_ms_ssim(device: str) -> ImageScore:
    """MS-SSIM has nothing to load."""
    return ms_ssim


def psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, (B, 3, H, W) in [0, 1] -> (B,) in dB; inf where the two images are identical."""
    return peak_signal_noise_ratio(prediction, target, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), (B, 3, H, W) in [0, 1] -> (B,) in [-1, 1], 1 where identical.

    Gaussian window 11x11, sigma 1.5, K1 = 0.01, K2 = 0.03, mean over RGB and over the whole image, whose border is
    padded by reflection. Wang et al. and scikit-image (gaussian_weights=True) leave the outer 5 pixels out of the mean:
    on distorted photographs up to 0.026 apart at 64x64, 0.015 at 128x128, 0.009 at 256x256. scikit-image's default, a
    uniform 7x7 window, is 0.01 lower to 0.05 higher.
    """
    return ssim_map(prediction, target).flatten(1).mean(1)


def ssim_map(prediction: Tensor, target: Tensor) -> Tensor:
    """SSIM of the window around every pixel, (B, 3, H, W) in [0, 1] -> (B, 3, H, W); `ssim` is its mean."""
    _, scores = structural_similarity_index_measure(
        prediction,
        target,
        gaussian_kernel=True,
        sigma=1.5,
        kernel_size=11,
        reduction="none",
        data_range=1.0,
        return_full_image=True,
    )
    return scores


def ms_ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Multi-scale structural similarity, (B, 3, H, W) in [0, 1] -> (B,) in [0, 1], 1 where identical.

    Wang, Simoncelli & Bovik 2003: contrast and structure at five scales, each half as large, and SSIM at the last, to
    the powers 0.0448, 0.2856, 0.3001, 0.2363, 0.1333; windows as in `ssim`, mean over RGB. torchmetrics leaves the
    outer 5 pixels out of the first four means, pads the last, and takes 0 for a mean below 0. The last scale needs 11
    pixels a side, the image 16 times as many.
    """
    return multiscale_structural_similarity_index_measure(
        prediction, target, gaussian_kernel=True, sigma=1.5, kernel_size=11, reduction="none", data_range=1.0
    )
