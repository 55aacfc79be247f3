"""PSNR, SSIM, LPIPS and ST-LPIPS of inpainting: in the hole alone, and outside it.

PSNR and SSIM average over the region's pixels. SSIM's window reaches 5 pixels across the hole's edge, so that each
side sees some of the other. The perceptual distances have no pixels to average. They compare the target with a
composite: the prediction in the region, the target everywhere else. They are means over the whole image, so that a
small hole has a small distance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.measure.metrics import ImageScore, MaskScore
from bench.measure.metrics.fidelity import ssim_map
from bench.measure.metrics.perceptual import load_lpips
from bench.measure.metrics.st_lpips import load_st_lpips

ROUNDING = 1e-6
"""Errors up to this, in values of [0, 1], count as 0. A step of 8 bits is 4,000 times as large."""


def load_psnr_hole(device: str) -> MaskScore:
    """PSNR over the missing pixels, in dB."""
    return in_hole(psnr_over)


def load_psnr_outside(device: str) -> MaskScore:
    """PSNR over the known pixels, in dB; inf where a method returns them unchanged."""
    return outside(psnr_over)


def load_ssim_hole(device: str) -> MaskScore:
    """SSIM over the missing pixels."""
    return in_hole(ssim_over)


def load_ssim_outside(device: str) -> MaskScore:
    """SSIM over the known pixels."""
    return outside(ssim_over)


def load_lpips_hole(device: str) -> MaskScore:
    """LPIPS of the filled hole in the true surroundings. Raises as load_lpips does."""
    return in_hole(of_composite(load_lpips(device)))


def load_lpips_outside(device: str) -> MaskScore:
    """LPIPS of the predicted surroundings with the true content in the hole. Raises as load_lpips does."""
    return outside(of_composite(load_lpips(device)))


def load_st_lpips_hole(device: str) -> MaskScore:
    """ST-LPIPS of the filled hole in the true surroundings. Raises as load_st_lpips does."""
    return in_hole(of_composite(load_st_lpips(device)))


def load_st_lpips_outside(device: str) -> MaskScore:
    """ST-LPIPS of the predicted surroundings with the true content in the hole. Raises as load_st_lpips does."""
    return outside(of_composite(load_st_lpips(device)))


def in_hole(score: MaskScore) -> MaskScore:
    """Score the missing pixels. Raises ValueError if an image has none."""

    def scored(prediction: Tensor, target: Tensor, hole: Tensor) -> Tensor:
        return score(prediction, target, _not_empty(hole, "missing"))

    return scored


def outside(score: MaskScore) -> MaskScore:
    """Score the known pixels. Raises ValueError if an image has none."""

    def scored(prediction: Tensor, target: Tensor, hole: Tensor) -> Tensor:
        return score(prediction, target, _not_empty(~hole, "known"))

    return scored


def psnr_over(prediction: Tensor, target: Tensor, region: Tensor) -> Tensor:
    """10 log10(1 / MSE) over the region's pixels and RGB, (B, 3, H, W) in [0, 1] -> (B,) in dB.

    inf where all errors are at most ROUNDING, which fp32 loses on the way to [-1, 1] and back.
    """
    error = prediction - target
    return -10 * _mean_over(error.masked_fill(error.abs() <= ROUNDING, 0).square(), region).log10()


def ssim_over(prediction: Tensor, target: Tensor, region: Tensor) -> Tensor:
    """Mean of the SSIM map over the region's pixels and RGB, (B, 3, H, W) in [0, 1] -> (B,)."""
    return _mean_over(ssim_map(prediction, target), region)


def of_composite(distance: ImageScore) -> MaskScore:
    """The distance between the target and a composite: the prediction in the region, the target everywhere else."""

    def score(prediction: Tensor, target: Tensor, region: Tensor) -> Tensor:
        return distance(torch.where(region, prediction, target), target)

    return score


def _mean_over(values: Tensor, region: Tensor) -> Tensor:
    """values: (B, C, H, W), region: (B, 1, H, W) -> (B,): the mean over the region's pixels and all channels."""
    return (values * region).sum((1, 2, 3)) / (values.shape[1] * region.sum((1, 2, 3)))


def _not_empty(region: Tensor, kind: str) -> Tensor:
    if not region.flatten(1).any(1).all():
        raise ValueError(f"a mask without {kind} pixels leaves nothing to score")
    return region
