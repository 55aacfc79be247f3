"""Classical inpainting without learning: the mean colour around the hole, OpenCV, scikit-image and PatchMatch.

All of these methods are told where the hole is, whatever task.mask_known says, because they cannot find it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.availability import require_available
from baselines.trivial import ParameterFree
from bench.config import RunConfig
from bench.data.tasks import Batch

Image = npt.NDArray[np.float64]
"""(H, W, 3) in [-1, 1]."""
Hole = npt.NDArray[np.bool_]
"""(H, W), true where pixels are missing."""
Fill = Callable[[Image, Hole], Image]
"""Fills one image; only the missing pixels of the result are used."""

MEAN_RING = 3  # pixels around the hole that mean_fill averages
OPENCV_RADIUS = 3  # pixels around a missing one; the value in OpenCV's own example
PATCH_RADIUS = 3  # patches of 7x7, as in the paper and in PyPatchMatch's examples; the library's default is 15
PATCH_SEED = 0  # fixed, so that every run searches in the same order


def holes_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """The RGB images (B, 3, H, W) in [-1, 1], and the holes (B, 1, H, W) bool, true where pixels are missing.

    Raises ValueError if the task has no holes, or if an image has no known pixel.
    """
    if batch.mask is None:
        raise ValueError("this task has no holes to fill")
    missing = batch.mask > 0.5
    if missing.flatten(1).all(dim=1).any():
        raise ValueError("an image without a known pixel cannot be filled")
    return batch.input[:, :3], missing


def fill_each(batch: Batch, fill: Fill) -> Tensor:
    """(B, 3, H, W): each image filled on its own, on the CPU; its known pixels equal the input's bit by bit."""
    images, missing = holes_of(batch)
    pixels = images.double().permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)
    filled = [fill(image, hole) for image, hole in zip(pixels, missing[:, 0].cpu().numpy(), strict=True)]
    fillings = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(images)  # to the images' dtype and device
    return torch.where(missing, fillings, images)


def to_bytes(image: Image) -> npt.NDArray[np.uint8]:
    """[-1, 1] -> 0 .. 255."""
    # The channels stay RGB although OpenCV says BGR: every channel is filled on its own.
    return np.round((image + 1) * 127.5).astype(np.uint8)


def from_bytes(pixels: npt.NDArray[np.generic]) -> Image:
    """0 .. 255 -> [-1, 1]."""
    return pixels.astype(np.float64) / 127.5 - 1


class MeanFill(ParameterFree):
    """Fills each hole with the mean sRGB colour of a ring of 3 pixels around it.

    The ring is the hole dilated by a 7x7 square, less the hole, so that diagonals are included.
    """

    def predict(self, batch: Batch) -> Tensor:
        images, missing = holes_of(batch)
        dilated = F.max_pool2d(missing.float(), 2 * MEAN_RING + 1, stride=1, padding=MEAN_RING)  # (B, 1, H, W)
        ring = (dilated > 0) & ~missing
        # In fp64, so that the mean of equal values is that value.
        total = (images.double() * ring).sum(dim=(2, 3), keepdim=True)  # (B, 3, 1, 1)
        mean = total / ring.sum(dim=(2, 3), keepdim=True).clamp(min=1)
        return torch.where(missing, mean.to(images.dtype), images)


class Telea(ParameterFree):
    """Fills the hole from its rim inwards with weighted means of the known pixels nearby (`cv2.INPAINT_TELEA`).

    Telea, "An Image Inpainting Technique Based on the Fast Marching Method", Journal of Graphics Tools 9(1), 2004.
    Deviation: the images have 16 bits a channel here, which leaves a drift of at most 0.06 levels of 255 but makes
    OpenCV's gradient term, at most 1.4 levels, negligible.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _telea)


def _telea(image: Image, hole: Hole) -> Image:
    import cv2

    # With 8 bits OpenCV's rounding accumulates on the way inwards: over a hole of 64 px a flat image gets brighter by
    # up to 7 levels in the middle of the image and by up to 14 in a corner (OpenCV 5.0).
    deep = to_bytes(image).astype(np.uint16) * 257  # 0 .. 65535
    mask = hole.astype(np.uint8)
    # OpenCV takes 16 bits for single channels only.
    channels = [
        cv2.inpaint(np.ascontiguousarray(deep[..., c]), mask, OPENCV_RADIUS, cv2.INPAINT_TELEA) for c in range(3)
    ]
    return from_bytes(np.round(np.stack(channels, axis=-1) / 257))


class NavierStokes(ParameterFree):
    """Continues the lines of equal brightness into the hole (`cv2.INPAINT_NS`), with 8 bits a channel.

    Bertalmio, Bertozzi and Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", CVPR 2001.
    Deviation: OpenCV does not solve the paper's equations. It marches inwards once, as Telea does, with weights that
    follow those lines.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _navier_stokes)


def _navier_stokes(image: Image, hole: Hole) -> Image:
    import cv2

    return from_bytes(cv2.inpaint(to_bytes(image), hole.astype(np.uint8), OPENCV_RADIUS, cv2.INPAINT_NS))


class Biharmonic(ParameterFree):
    """Solves the biharmonic equation in the hole, channel by channel (`skimage.restoration.inpaint_biharmonic`).

    Damelin and Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects",
    International Journal of Mathematics and Mathematical Sciences, 2018. In fp64; scikit-image clips the result to the
    range of the known pixels. Linear ramps continue exactly, except in holes less than 2 px from the image's border,
    where scikit-image truncates the stencil.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _biharmonic)


def _biharmonic(image: Image, hole: Hole) -> Image:
    from skimage.restoration import inpaint_biharmonic

    filled: Image = inpaint_biharmonic(image, hole, channel_axis=-1)
    return filled


class PatchMatch(ParameterFree):
    """Fills the hole from coarse to fine with weighted means of overlapping patches, which a random search finds.

    Barnes, Shechtman, Finkelstein and Goldman, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
    Editing", SIGGRAPH 2009; with 8 bits a channel, by the library PyPatchMatch (after Y. Andam's program, not the
    authors'), which starts every search from the seed. Deviation: on coarse levels it also tries patches of 11x11.
    Raises MethodUnavailable without PyPatchMatch.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        super().__init__(config, in_channels, out_channels, device)
        require_available("patchmatch")

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _patchmatch)


def _patchmatch(image: Image, hole: Hole) -> Image:
    import patchmatch

    # The library has a random state of its own, which neither numpy's nor torch's seed touches.
    patchmatch.set_random_seed(PATCH_SEED)
    filled = patchmatch.inpaint(np.ascontiguousarray(to_bytes(image)), hole.astype(np.uint8), patch_size=PATCH_RADIUS)
    return from_bytes(filled)
