"""Contextual attention: features of the hole are rebuilt from those patches of the known part that look most alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 2  # patches are compared on every other feature, and pasted at full resolution
SOFTMAX_SCALE = 10.0
ALIKE = 3  # side of the patches that are compared
PASTED = 2 * RATE  # side of the patches that are pasted; they overlap by half
MIN_NORM = 1e-4


def contextual_attention(features: Tensor, mask: Tensor) -> Tensor:
    """Every 3x3 patch, compared with all known patches; a softmax of the likeness weighs what is pasted there.

    Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, section 4, with the details of the
    authors' release (JiahuiYu/generative_inpainting, v1.0.0): the likeness is the inner product with the known patch
    over its norm, times 10; a patch is known if none of its features is missing; the others count as likeness 0 in
    the softmax and then weigh nothing; known features are rebuilt as well. In fp32 whatever the precision, as the
    softmax is steep.

    features: (B, C, H, W) with H and W even; mask: (B, 1, H, W), 1 where missing -> (B, C, H, W). The patches compared
    are (H W / 4)^2, so memory grows with the fourth power of the side.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        b, _, h, w = features.shape
        rows, columns = h // RATE, w // RATE
        known = F.max_pool2d(nearest(mask, rows, columns), ALIKE, stride=1, padding=1) == 0  # (B, 1, rows, columns)
        patches = F.unfold(nearest(features, rows, columns), ALIKE, padding=1)  # (B, 9C, rows * columns)
        unit = patches / torch.linalg.vector_norm(patches, dim=1, keepdim=True).clamp(min=MIN_NORM)
        likeness = propagate(patches.transpose(1, 2) @ unit, rows, columns)  # (B, where, from)
        allowed = known.view(b, 1, rows * columns).float()
        weight = torch.softmax(likeness * allowed * SOFTMAX_SCALE, dim=2) * allowed
        pasted = F.unfold(features, PASTED, stride=RATE, padding=1) @ weight.transpose(1, 2)  # (B, 16C, where)
        return F.fold(pasted, (h, w), PASTED, stride=RATE, padding=1) / RATE**2  # each feature lies in four patches


def propagate(likeness: Tensor, rows: int, columns: int) -> Tensor:
    """Neighbours that look like neighbours count too, left and right, then up and down ("attention propagation").

    likeness: (B, rows * columns, rows * columns). Each pair of places gains the likeness of the pairs one step before
    and one step after both of them. As in the authors' release the steps go on across the ends of rows and columns.
    """
    b, n, _ = likeness.shape
    across = _with_both_neighbours(likeness).view(b, rows, columns, rows, columns)
    down = _with_both_neighbours(across.permute(0, 2, 1, 4, 3).reshape(b, n, n))
    return down.view(b, columns, rows, columns, rows).permute(0, 2, 1, 4, 3).reshape(b, n, n)


def _with_both_neighbours(likeness: Tensor) -> Tensor:
    """A 3x3 convolution with the identity matrix, without its zeros."""
    before = F.pad(likeness[:, :-1, :-1], (1, 0, 1, 0))
    after = F.pad(likeness[:, 1:, 1:], (0, 1, 0, 1))
    return likeness + before + after


def nearest(x: Tensor, height: int, width: int) -> Tensor:
    """Shrink by taking the nearest value, with the corners kept, as TensorFlow's align_corners does.

    By half it takes the even rows in the upper half of the image and the odd ones in the lower. PyTorch's `nearest`
    would take the even ones.
    """
    taken = x[:, :, _taken(x.shape[2], height, x.device)]
    return taken[:, :, :, _taken(x.shape[3], width, x.device)]


def _taken(size: int, to: int, device: torch.device) -> Tensor:
    """round(i (size - 1) / (to - 1)) with halves up, in whole numbers."""
    steps = max(to - 1, 1)
    return (torch.arange(to, device=device) * 2 * (size - 1) + steps) // (2 * steps)
