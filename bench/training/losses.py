"""The adversarial losses of section 3.2, on D's outputs before any sigmoid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def adversarial(kind: str, score: Tensor, real: bool) -> Tensor:
    """Mean loss of D's scores (N,) for the label `real`. D and G both minimise it, G with its own images as real.

    bce: -log D(x, y) or -log(1 - D(x, G(x))). l2: (1 - D(x, y))^2 or D(x, G(x))^2.
    Deviation: the paper's G minimises log(1 - D(x, G(x))), which has no gradient while D wins; like pix2pix and
    LSGAN, ours minimises -log D(x, G(x)) or (1 - D(x, G(x)))^2.
    """
    score = score.float()
    if kind == "bce":
        return F.softplus(-score).mean() if real else F.softplus(score).mean()
    return ((score - (1.0 if real else 0.0)) ** 2).mean()
