"""Inpainting with pieces of the known part of the image."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from baselines.holes import Hole, Image, fill_each
from baselines.opencv_inpainting import from_bytes, to_bytes
from baselines.parameter_free import ParameterFree
from bench.data.tasks import Batch

RADIUS = 3  # patches of 7x7, as in the paper and in the library's own examples; the library's default is 15
SEED = 0  # of the random search; a number of its own, so that every run sees the same


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

    patchmatch.set_random_seed(SEED)  # the library's, not numpy's or torch's
    filled = patchmatch.inpaint(np.ascontiguousarray(to_bytes(image)), hole.astype(np.uint8), patch_size=RADIUS)
    return from_bytes(filled)
