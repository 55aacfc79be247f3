"""Contextual attention: rebuilds the features of the hole from the most similar patches of the known part."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 2  # patches are compared on every other feature, and pasted at full resolution
SOFTMAX_SCALE = 10.0
COMPARED = 3  # side of the patches that are compared
PASTED = 2 * RATE  # side of the patches that are pasted; they overlap by half
MIN_NORM = 1e-4


def contextual_attention(features: Tensor, mask: Tensor) -> Tensor:
    """Compares every 3x3 patch with all known patches, and pastes their mean, weighted by a softmax of the similarity.

    Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, section 4, with the details of the
    authors' release (JiahuiYu/generative_inpainting, v1.0.0): the similarity is the inner product with the known
    patch over its norm, times 10; a patch is known if none of its features is missing; unknown patches have similarity
    0 in the softmax and weight 0 after it; known features are rebuilt as well. Always in fp32, because the softmax is
    steep.

    features: (B, C, H, W) with H and W even; mask: (B, 1, H, W), 1 where missing -> (B, C, H, W). There are
    (H W / 4)^2 pairs of patches, so that memory grows with the fourth power of the side.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        b, _, h, w = features.shape
        rows, columns = h // RATE, w // RATE
        known = F.max_pool2d(nearest(mask, rows, columns), COMPARED, stride=1, padding=1) == 0  # (B, 1, rows, columns)
        patches = F.unfold(nearest(features, rows, columns), COMPARED, padding=1)  # (B, 9C, rows * columns)
        unit = patches / torch.linalg.vector_norm(patches, dim=1, keepdim=True).clamp(min=MIN_NORM)
        similarity = propagate(patches.transpose(1, 2) @ unit, rows, columns)  # (B, where, from)
        allowed = known.view(b, 1, rows * columns).float()
        weight = torch.softmax(similarity * allowed * SOFTMAX_SCALE, dim=2) * allowed
        pasted = F.unfold(features, PASTED, stride=RATE, padding=1) @ weight.transpose(1, 2)  # (B, 16C, where)
        return F.fold(pasted, (h, w), PASTED, stride=RATE, padding=1) / RATE**2  # each feature lies in four patches


def propagate(similarity: Tensor, rows: int, columns: int) -> Tensor:
    """Adds the similarity of neighbouring patches, left and right, then up and down ("attention propagation").

    similarity: (B, rows * columns, rows * columns). Each pair of places gains the similarity of the pairs one step
    before and one step after both places. As in the authors' release, steps wrap around the ends of rows and columns.
    """
    b, n, _ = similarity.shape
    across = _with_both_neighbours(similarity).view(b, rows, columns, rows, columns)
    down = _with_both_neighbours(across.permute(0, 2, 1, 4, 3).reshape(b, n, n))
    return down.view(b, columns, rows, columns, rows).permute(0, 2, 1, 4, 3).reshape(b, n, n)


def _with_both_neighbours(similarity: Tensor) -> Tensor:
    """A 3x3 convolution with the identity matrix as its kernel, without multiplying by its zeros."""
    before = F.pad(similarity[:, :-1, :-1], (1, 0, 1, 0))
    after = F.pad(similarity[:, 1:, 1:], (0, 1, 0, 1))
    return similarity + before + after


def nearest(x: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) -> (B, C, height, width) by the nearest value with fixed corners, as TensorFlow's align_corners."""
    # Halving takes the even rows in the upper half of the image and the odd rows in the lower half. PyTorch's `nearest`
    # takes the even rows everywhere, which the authors' weights do not expect.
    rows = _nearest_index(x.shape[2], height, x.device)
    columns = _nearest_index(x.shape[3], width, x.device)
    return x[:, :, rows][:, :, :, columns]


def _nearest_index(size: int, new_size: int, device: torch.device) -> Tensor:
    """round(i (size - 1) / (new_size - 1)), halves up, in integer arithmetic."""
    steps = max(new_size - 1, 1)
    return (torch.arange(new_size, device=device) * 2 * (size - 1) + steps) // (2 * steps)
