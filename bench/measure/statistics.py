"""What paired runs say: differences between variants over seeds, with intervals that hold at few seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
SCREENING_BELOW = 6  # seeds: with fewer, the smallest two-sided sign-flip p is above 0.05


@dataclass(frozen=True)
class Estimate:
    """A mean paired difference and its interval; without an interval (nan) below two pairs."""

    mean: float
    low: float
    high: float
    n: int


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Mean of ours - theirs, pair by pair, with the 95% paired t interval.

    Over seed means it speaks of new seeds on the same images, not of new images.
    """
    difference = np.array([a - b for a, b in zip(ours, theirs, strict=True)])
    n = len(difference)
    mean = float(difference.mean())
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n)
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1) * difference.std(ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def verdict(estimate: Estimate, relation: str) -> str:
    """supported if the whole interval lies on the side that `>` or `<` names, refuted if on the other side."""
    if math.isnan(estimate.low) or estimate.low <= 0 <= estimate.high:
        return "inconclusive"
    return "supported" if (estimate.low > 0) == (relation == ">") else "refuted"
