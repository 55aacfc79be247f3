"""OpenCV's two classical inpainters, by fast marching and by fluid dynamics; both have radius 3."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.trivial import ParameterFree
from bench.data.tasks import Batch

PATCH_RADIUS = 3  # patches of 7x7, as in the paper and in the library's own examples; the library's default is 15
PATCH_SEED = 0  # of the random search; a number of its own, so that every run sees the same

Image = npt.NDArray[np.float64]
Hole = npt.NDArray[np.bool_]
Fill = Callable[[Image, Hole], Image]
"""(H, W, 3) in [-1, 1] and (H, W), true where pixels are missing -> (H, W, 3), of which the missing ones are used."""

RING = 3  # pixels

RADIUS = 3  # pixels around a missing one that are looked at; the value in OpenCV's own example


class Telea(ParameterFree):
    """Fills from the rim inwards with weighted means of what is known near by (`cv2.INPAINT_TELEA`).

    Telea, "An Image Inpainting Technique Based on the Fast Marching Method", Journal of Graphics Tools 9(1), 2004.
    Deviations: OpenCV scales the paper's gradient term to 1.4 grey levels at the most, and with 8 bits its rounding
    adds up on the way inwards: in a hole of 64 px a flat image gets brighter by up to 7 levels of 255 if the hole is
    in the middle, by up to 14 in a corner, whether its value is odd or even (OpenCV 5.0). So it gets 16 bits a channel
    here, where the drift is 0.06 levels at the most and the gradient term is nothing.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _telea)


class NavierStokes(ParameterFree):
    """Carries the lines of equal brightness on into the hole (`cv2.INPAINT_NS`), with 8 bits a channel.

    Bertalmio, Bertozzi and Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", CVPR 2001.
    Deviation: OpenCV does not solve the paper's equations; it marches inwards once, as Telea does, with weights that
    follow those lines.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _navier_stokes)


def _telea(image: Image, hole: Hole) -> Image:
    import cv2

    deep = to_bytes(image).astype(np.uint16) * 257  # 0 .. 65535
    mask = hole.astype(np.uint8)
    channels = [cv2.inpaint(np.ascontiguousarray(deep[..., c]), mask, RADIUS, cv2.INPAINT_TELEA) for c in range(3)]
    return from_bytes(np.round(np.stack(channels, axis=-1) / 257))


def _navier_stokes(image: Image, hole: Hole) -> Image:
    import cv2

    return from_bytes(cv2.inpaint(to_bytes(image), hole.astype(np.uint8), RADIUS, cv2.INPAINT_NS))


def to_bytes(image: Image) -> npt.NDArray[np.uint8]:
    """[-1, 1] -> 0 .. 255. The order of the channels does not matter: each is filled alone."""
    return np.round((image + 1) * 127.5).astype(np.uint8)


def from_bytes(pixels: npt.NDArray[np.generic]) -> Image:
    """Undo `to_bytes`."""
    return pixels.astype(np.float64) / 127.5 - 1


class MeanFill(ParameterFree):
    """Fills an image's hole with the mean colour of its ring: the known pixels up to 3 rows or columns away, diagonals
    included (the hole dilated by a 7x7 square, less the hole). The mean is of sRGB values."""

    def predict(self, batch: Batch) -> Tensor:
        images, missing = holes_of(batch)
        near = F.max_pool2d(missing.float(), 2 * RING + 1, stride=1, padding=RING)  # max pooling is dilation
        ring = (near > 0) & ~missing
        total = (images.double() * ring).sum(dim=(2, 3), keepdim=True)  # fp64: the mean of equal values is that value
        mean = total / ring.sum(dim=(2, 3), keepdim=True).clamp(min=1)
        return torch.where(missing, mean.to(images.dtype), images)


def holes_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """The RGB images (B, 3, H, W) in [-1, 1], and (B, 1, H, W) bool, true where pixels are missing.

    These methods are told where the hole is whatever task.mask_known says: they cannot find it. Raises ValueError where
    the task has no holes, and where nothing is known of an image.
    """
    if batch.mask is None:
        raise ValueError("this task has no holes to fill")
    missing = batch.mask > 0.5
    if missing.flatten(1).all(dim=1).any():
        raise ValueError("an image without a known pixel cannot be filled")
    return batch.input[:, :3], missing


def fill_each(batch: Batch, fill: Fill) -> Tensor:
    """(B, 3, H, W): every image filled by itself, on the CPU; its known pixels are the input's, bit by bit."""
    images, missing = holes_of(batch)
    pixels = images.double().permute(0, 2, 3, 1).cpu().numpy()
    filled = [fill(image, hole) for image, hole in zip(pixels, missing[:, 0].cpu().numpy(), strict=True)]
    made = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(images)  # its type and device
    return torch.where(missing, made, images)


class Biharmonic(ParameterFree):
    """Solves the biharmonic equation in the hole, channel by channel (`skimage.restoration.inpaint_biharmonic`).

    Damelin and Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects",
    International Journal of Mathematics and Mathematical Sciences, 2018. In fp64; scikit-image clips the result to the
    range of the known pixels. Linear ramps are continued exactly, unless the hole is less than 2 px from the
    image's border, where scikit-image cuts the stencil.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _biharmonic)


def _biharmonic(image: Image, hole: Hole) -> Image:
    from skimage.restoration import inpaint_biharmonic

    filled: Image = inpaint_biharmonic(image, hole, channel_axis=-1)
    return filled


class PatchMatch(ParameterFree):
    """Fills the hole from coarse to fine with weighted means of overlapping patches, found by random search.

    Barnes, Shechtman, Finkelstein and Goldman, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
    Editing", SIGGRAPH 2009; with 8 bits a channel, by the library PyPatchMatch (after Y. Andam's program, not the
    authors'), which starts every search from the seed. Deviation: on coarse levels it also tries patches of 11x11.
    """

    def predict(self, batch: Batch) -> Tensor:
        return fill_each(batch, _patchmatch)


def _patchmatch(image: Image, hole: Hole) -> Image:
    import patchmatch

    patchmatch.set_random_seed(PATCH_SEED)  # the library's, not numpy's or torch's
    filled = patchmatch.inpaint(np.ascontiguousarray(to_bytes(image)), hole.astype(np.uint8), patch_size=PATCH_RADIUS)
    return from_bytes(filled)
