"""OpenCV's two classical inpainters, by fast marching and by fluid dynamics; both have radius 3."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from baselines.holes import Hole, Image, fill_each
from baselines.parameter_free import ParameterFree
from bench.data.tasks import Batch

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
