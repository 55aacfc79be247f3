"""Paired differences against SciPy's paired t test, and the verdicts that they lead to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from bench.measure.statistics import CONFIDENCE, SCREENING_BELOW, Estimate, paired_difference, verdict


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_the_interval_is_that_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    theirs = rng.normal(20, 3, n)
    ours = theirs + rng.normal(0.5, 1, n)
    estimate = paired_difference(ours.tolist(), theirs.tolist())
    expected = ttest_rel(ours, theirs).confidence_interval(CONFIDENCE)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert estimate.mean == pytest.approx((ours - theirs).mean(), rel=1e-12)
    assert estimate.n == n


def test_by_hand() -> None:
    # differences 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.303, over the root of 3
    estimate = paired_difference([11, 22, 33], [10, 20, 30])
    assert (estimate.mean, estimate.n) == (2, 3)
    assert (estimate.low, estimate.high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)


def test_one_pair_has_a_mean_and_no_interval() -> None:
    estimate = paired_difference([3.0], [1.0])
    assert (estimate.mean, estimate.n) == (2, 1)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert verdict(estimate, ">") == "inconclusive"


@pytest.mark.parametrize(
    ("low", "high", "more", "less"),
    [
        (0.1, 0.5, "supported", "refuted"),
        (-0.5, -0.1, "refuted", "supported"),
        (-0.1, 0.5, "inconclusive", "inconclusive"),
        (0.0, 0.5, "inconclusive", "inconclusive"),
        (-0.5, 0.0, "inconclusive", "inconclusive"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
    ],
)
def test_verdict(low: float, high: float, more: str, less: str) -> None:
    estimate = Estimate((low + high) / 2, low, high, 5)
    assert (verdict(estimate, ">"), verdict(estimate, "<")) == (more, less)


def test_no_difference_at_all_is_inconclusive() -> None:
    assert verdict(paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ">") == "inconclusive"


def test_what_is_not_in_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([1.0, 2.0, 3.0], [1.0])


def test_a_missing_value_is_inconclusive() -> None:
    assert verdict(paired_difference([1.0, math.nan, 3.0], [0.0, 0.0, 0.0]), ">") == "inconclusive"


def test_screening_ends_where_sign_flips_can_reach_significance() -> None:
    # the smallest two-sided p of n sign flips is 2 of 2^n
    assert 2 / 2 ** (SCREENING_BELOW - 1) > 1 - CONFIDENCE >= 2 / 2**SCREENING_BELOW
