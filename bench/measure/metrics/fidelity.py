"""PSNR, SSIM and MS-SSIM: how far a prediction is from its target, by the pixel, the window and the scale.

Convention: one score per image, and the mean over images is the mean of those scores. torchmetrics' own PSNR pools the
squared error of all images before the logarithm, which is lower or equal; papers that do so are not comparable.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
)

from bench.measure.metrics import ImageScore
from bench.measure.metrics.targets import of_target

K1, K2 = 0.01, 0.03  # of SSIM
MIDDLE = 0.5  # taken off before squaring: less is lost where a large mean of squares is left with a small variance


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
    """SSIM of the window around every pixel, (B, 3, H, W) in [0, 1] -> (B, 3, H, W); `ssim` is its mean.

    torchmetrics' map in a fifth of its time: the window is separable, and the moments of a target that is known are not
    worked out again. Of 64x64 photographs it is within 3e-6 of torchmetrics in fp64, whose own fp32 is up to 9e-5 off.
    """
    their_mean, their_variance = of_target(moments, target)
    our_mean, our_variance = moments(prediction)
    covariance = window_mean((prediction - MIDDLE) * (target - MIDDLE)) - our_mean * their_mean
    ours, theirs = our_mean + MIDDLE, their_mean + MIDDLE
    luminance = (2 * ours * theirs + K1**2) / (ours.square() + theirs.square() + K1**2)
    return luminance * (2 * covariance + K2**2) / (our_variance + their_variance + K2**2)


def moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean above MIDDLE and variance of the window around every pixel, (B, 3, H, W) in [0, 1] -> the same, twice."""
    centred = images - MIDDLE
    mean, mean_of_squares = window_mean(torch.stack([centred, centred.square()]))
    return mean, (mean_of_squares - mean.square()).clamp_(min=0)


def window_mean(images: Tensor) -> Tensor:
    """(..., H, W) -> the same: the Gaussian mean of 11x11 pixels, first of columns, then of rows."""
    height, width = images.shape[-2:]
    line = torch.arange(-5.0, 6, device=images.device).div(1.5).square().div(-2).exp()
    line /= line.sum()
    planes = F.pad(images.reshape(1, -1, height, width), (5, 5, 5, 5), mode="reflect")  # planes as channels
    channels = planes.shape[1]
    columns = F.conv2d(planes, line.view(1, 1, 11, 1).expand(channels, -1, -1, -1), groups=channels)
    return F.conv2d(columns, line.view(1, 1, 1, 11).expand(channels, -1, -1, -1), groups=channels).view(images.shape)


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
