"""Inpainting with one colour: the mean of what surrounds the hole."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.holes import holes_of
from baselines.parameter_free import ParameterFree
from bench.data.tasks import Batch

RING = 3  # pixels


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
