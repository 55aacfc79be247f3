"""Inpainting with the smoothest surface that fits the hole's rim."""

from __future__ import annotations

from torch import Tensor

from baselines.holes import Hole, Image, fill_each
from baselines.parameter_free import ParameterFree
from bench.data.tasks import Batch


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
