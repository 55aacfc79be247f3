"""Intervals, tests and verdicts against SciPy, hand-computed values and simulated data whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, t, ttest_1samp, ttest_rel

from bench.report.analysis import statistics as stats  # the names test and Test, imported alone, would be pytest's
from bench.report.analysis.statistics import ALPHA, CONFIDENCE, NOTHING, SCREENING_BELOW, Estimate, paired_difference

inf, nan = math.inf, math.nan


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_paired_difference_is_that_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    theirs = rng.normal(20, 3, n)
    ours = theirs + rng.normal(0.5, 1, n)
    estimate = paired_difference(ours.tolist(), theirs.tolist())
    scipys = ttest_rel(ours, theirs)
    expected = scipys.confidence_interval(CONFIDENCE)
    assert (estimate.low, estimate.high, estimate.p) == pytest.approx((*expected, scipys.pvalue), rel=1e-12)
    assert estimate.mean / estimate.error == pytest.approx(scipys.statistic, rel=1e-12)
    assert (estimate.n, estimate.freedom, estimate.floor) == (n, n - 1, 0)


def test_paired_difference_by_hand() -> None:
    # differences 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.303, over the root of 3
    estimate = paired_difference([11, 22, 33], [10, 20, 30])
    assert (estimate.mean, estimate.n) == (2, 3)
    assert (estimate.low, estimate.high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)


def test_paired_difference_at_its_ends() -> None:
    one = paired_difference([3.0], [1.0])
    assert (one.mean, one.n) == (2, 1)
    assert np.isnan([one.low, one.high, one.p, one.error]).all()
    equal, tie = paired_difference([3, 4, 5], [1, 2, 3]), paired_difference([1, 2], [1, 2])
    assert (equal.mean, equal.low, equal.high, equal.p, equal.error) == (2, 2, 2, 0, 0)
    assert (tie.mean, tie.low, tie.high, tie.p) == (0, 0, 0, 1)
    for bad in (
        paired_difference([], []),
        paired_difference([1, nan], [0, 0]),
        paired_difference([inf, inf], [0, inf]),
    ):
        assert np.isnan([bad.mean, bad.low, bad.high, bad.p]).all()
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([1.0, 2.0, 3.0], [1.0])


def table(seeds: int, crops: list[int], rng: np.random.Generator, effects: float = 1) -> tuple[np.ndarray, list[str]]:
    """Differences with effects of seed, photograph, crop, seed x photograph and cell, and each crop's photograph."""
    group = np.repeat(np.arange(len(crops)), crops)
    both = (effects * rng.normal(0, 1, len(crops)) + rng.normal(0, 0.5, (seeds, len(crops))))[:, group]
    noise = rng.normal(0, 0.3, len(group)) + rng.normal(0, 1, (seeds, len(group)))
    return effects * rng.normal(0, 0.5, (seeds, 1)) + both + noise, [f"photograph {i}" for i in group]


def test_two_way_by_analysis_of_variance() -> None:
    differences, photographs = table(4, [1] * 6, np.random.default_rng(0))
    rows, columns, mean = differences.mean(1, keepdims=True), differences.mean(0), differences.mean()
    between_seeds = 6 * ((rows - mean) ** 2).sum() / 3  # mean squares of 4 seeds and 6 photographs
    between_photographs = 4 * ((columns - mean) ** 2).sum() / 5
    rest = ((differences - rows - columns + mean) ** 2).sum() / 15
    assert min(between_seeds, between_photographs) > rest
    estimate = stats.two_way_difference(differences, photographs)
    assert estimate.error**2 == pytest.approx((between_seeds + between_photographs - rest) / 24)
    assert estimate.floor**2 == pytest.approx((between_photographs - rest) / 24)
    a, b, c = between_seeds * (1 + 2 / 3), between_photographs * (1 + 2 / 5), rest * (1 + 2 / 15)
    assert estimate.freedom == pytest.approx((a + b - c) ** 2 / (a**2 / 3 + b**2 / 5))
    half = t.ppf(0.975, estimate.freedom) * estimate.error
    assert (estimate.low, estimate.high) == pytest.approx((mean - half, mean + half))
    assert estimate.p == pytest.approx(2 * t.sf(abs(mean) / estimate.error, estimate.freedom))
    assert (estimate.n, estimate.floor_freedom) == (4, pytest.approx(5))


def test_two_way_does_not_see_order_names_or_copies() -> None:
    rng = np.random.default_rng(1)
    differences, photographs = table(5, [1, 2, 3, 4, 1, 2], rng)
    estimate = stats.two_way_difference(differences, photographs)
    assert estimate.mean == pytest.approx(differences.mean(1).mean(), rel=1e-12)
    order = rng.permutation(len(photographs))
    moved = stats.two_way_difference(differences[:, order][::-1], [photographs[i][::-1] for i in order])
    assert np.array(list(vars(moved).values())) == pytest.approx(np.array(list(vars(estimate).values())), rel=1e-9)
    # crops that are copies of their photograph add nothing
    differences, photographs = table(5, [1] * 7, rng)
    copies = stats.two_way_difference(np.repeat(differences, 3, axis=1), np.repeat(photographs, 3).tolist())
    once = stats.two_way_difference(differences, photographs)
    assert np.array(list(vars(copies).values())) == pytest.approx(np.array(list(vars(once).values())), rel=1e-9)


def test_two_way_at_its_ends() -> None:
    one_seed, one_photograph = np.array([[1.0, 3.0]]), np.array([[1.0, 3.0], [2.0, 4.0]])
    for differences, photographs, mean in ((one_seed, "ab", 2), (one_photograph, "aa", 2.5)):
        estimate = stats.two_way_difference(differences, photographs)
        assert (estimate.mean, estimate.n) == (mean, len(differences))
        assert np.isnan([estimate.low, estimate.high, estimate.p]).all()
    equal = stats.two_way_difference(np.full((3, 4), 0.5), "aabc")
    assert (equal.low, equal.high, equal.p, equal.error) == (0.5, 0.5, 0, 0)
    crossed = stats.two_way_difference(np.array([[2.0, 0.0], [0.0, 2.0]]), "ab")  # equal means of seeds and photographs
    assert crossed.error == pytest.approx(1)  # sqrt(4 / (2 x 2)): the cells' variance still counts
    assert math.isnan(stats.two_way_difference(np.array([[1.0, inf], [0.0, 2.0]]), "ab").mean)
    with pytest.raises(ValueError, match="2 images, but 3 names"):
        stats.two_way_difference(one_seed, "abc")


def covered(estimates: list[Estimate]) -> float:
    return 100 * float(np.mean([e.low <= 0 <= e.high for e in estimates]))


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_intervals_cover_the_truth_as_often_as_they_say(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    paired = [paired_difference(row, [0.0] * seeds) for row in rng.normal(0, 2, (5000, seeds)).tolist()]
    assert 93 < covered(paired) < 97
    for crops in ([2] * 30, [1] * 26 + [2] * 3, [1, 2, 3, 4, 5, 6, 7, 8]):
        two_way = [stats.two_way_difference(*table(seeds, crops, rng)) for _ in range(3000)]
        assert 93 < covered(two_way) < 98
        hardly = [stats.two_way_difference(*table(seeds, crops, rng, effects=0.05)) for _ in range(1000)]
        assert covered(hardly) > 94  # up to 100: too wide where neither seeds nor photographs matter


def test_paired_median_is_the_exact_sign_test() -> None:
    six = stats.paired_median([1, 2, 3, 4, 5, 6], [0] * 6)
    assert (six.mean, six.low, six.high, six.n, six.p) == (3.5, 1, 6, 6, 2 / 64)
    five = stats.paired_median([1, 2, 3, 4, 5], [0] * 5)
    assert (five.mean, five.p) == (3, 2 / 32)
    assert np.isnan([five.low, five.high, five.error]).all()
    values = np.random.default_rng(0).normal(0.3, 1, 25)
    many, ordered = stats.paired_median(values.tolist(), [0] * 25), np.sort(values)
    # of 25 fair coins 7 or fewer are heads with 0.0216, 8 or fewer with 0.0539: the 8th value from either end
    assert (many.mean, many.low, many.high) == (np.median(values), ordered[7], ordered[17])
    assert many.p == binomtest(int((values > 0).sum()), 25).pvalue


def test_paired_median_takes_infinity_for_a_value() -> None:
    ours, theirs = [inf, 10, inf, 30, 40, 50], [inf, 20, 30, inf, 20, 100]
    ratios = stats.paired_median(ours, theirs, ratio=True)  # 1, 0.5, inf, 0, 2, 0.5
    assert (ratios.mean, ratios.low, ratios.high) == (0.75, 0, inf)
    assert ratios.p == binomtest(2, 5).pvalue
    never = stats.paired_median([inf] * 3, [inf] * 3, ratio=True)
    assert (never.mean, never.p) == (1, 1)
    worst = stats.paired_median([-inf, -inf, 2], [-inf, 5, 1])  # 0, -inf, 1
    assert (worst.mean, worst.p) == (0, 1)
    assert np.isnan([stats.paired_median([inf, 0], [0, inf]).mean, stats.paired_median([nan, 0], [0, 0]).p]).all()


def test_sign_flips_by_hand() -> None:
    assert stats.sign_flip_p([1, 2, 3]) == 2 / 8
    assert stats.sign_flip_p([1, 2, -3]) == 1
    assert stats.sign_flip_p([1, 2, 4, -3]) == 10 / 16  # of 16 sums, 10, 8, 6 and 4 twice, and their negatives
    assert stats.sign_flip_p([0.5] * 14) == 2**-13
    assert 0 < stats.sign_flip_p(range(1, 21)) == stats.sign_flip_p(range(1, 21)) < 0.001
    assert np.isnan([stats.sign_flip_p([1]), stats.sign_flip_p([1, inf]), stats.sign_flip_p([])]).all()
    # screening ends where the smallest of these p-values is small enough
    assert 2 / 2 ** (SCREENING_BELOW - 1) > ALPHA >= 2 / 2**SCREENING_BELOW
    assert pytest.approx(1 - CONFIDENCE) == ALPHA


def test_holm_by_hand() -> None:
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never below the one before
    assert stats.holm([0.01, 0.04, nan, 0.03, 0.005]) == pytest.approx([0.03, 0.06, nan, 0.06, 0.02], nan_ok=True)
    assert stats.holm([0.6, 0.7]) == [1, 1]
    assert stats.holm([]) == []


def told(estimate: Estimate, relation: str, margin: float | None = None, neutral: float = 0.0) -> tuple[float, str]:
    outcome = stats.test(estimate, relation, margin, neutral=neutral)
    return outcome.p, stats.verdict(outcome, outcome.p)


def test_more_and_less() -> None:
    up = paired_difference([1.0, 2.0, 1.5, 1.2], [0.0] * 4)
    assert (told(up, ">"), told(up, "<")) == ((up.p, "supported"), (up.p, "refuted"))
    assert stats.verdict(stats.test(up, ">"), 0.05) == "inconclusive"
    assert told(paired_difference([0.0, 0.0], [0.0, 0.0]), ">") == (1, "inconclusive")
    faster = stats.paired_median([1] * 6, [2] * 6, ratio=True)
    assert told(faster, "<", neutral=1) == (2 / 64, "supported")
    tied = stats.paired_median([0] * 7 + [1] * 6, [0] * 13)  # the sign test leaves out the 7 ties, the median does not
    assert tied.p == 2 / 64
    assert told(tied, ">") == (1, "inconclusive")
    for relation, margin in ((">", None), ("<", None), ("=", 1.0)):
        for missing in (NOTHING, paired_difference([2.0], [1.0])):
            assert told(missing, relation, margin) == (pytest.approx(nan, nan_ok=True), "inconclusive")


def test_equivalence_is_two_one_sided_tests() -> None:
    values = [0.2, -0.1, 0.3, 0.1, 0.15]
    estimate = paired_difference(values, [0.0] * 5)
    above = ttest_1samp(values, -0.5, alternative="greater").pvalue
    below = ttest_1samp(values, 0.5, alternative="less").pvalue
    assert told(estimate, "=", 0.5) == (pytest.approx(max(above, below)), "supported")
    assert told(estimate, "=", 0.14)[1] == "inconclusive"
    far = paired_difference([v + 2 for v in values], [0.0] * 5)
    beyond = t.sf((far.mean - 0.5) / far.error, 4) + t.sf((far.mean + 0.5) / far.error, 4)
    assert told(far, "=", 0.5) == (pytest.approx(beyond), "refuted")
    exact = [told(Estimate(3, 3, 3, 1, p=0, error=0), "=", margin) for margin in (4, 3, 2)]
    assert exact == [(0, "supported"), (0.5, "inconclusive"), (0, "refuted")]
    for relation, margin in (("=", None), ("=", 0.0), ("≈", 1.0)):
        with pytest.raises(ValueError, match="no test of"):
            stats.test(estimate, relation, margin)


@pytest.mark.parametrize(("truth", "margin", "wrong"), [(1, 1, "supported"), (1, 1, "refuted"), (0, 0.01, "refuted")])
def test_equivalence_is_wrong_no_more_often_than_it_says(truth: float, margin: float, wrong: str) -> None:
    rows = np.random.default_rng(0).normal(truth, 1, (4000, 10)).tolist()
    verdicts = [told(paired_difference(row, [0.0] * 10), "=", margin)[1] for row in rows]
    assert verdicts.count(wrong) / len(rows) == pytest.approx(0.05, abs=0.011)


def spread(mean: float, deviation: float, n: int) -> Estimate:
    """The paired estimate of n differences with exactly this mean and deviation."""
    values = np.linspace(-1, 1, n)
    return paired_difference((mean + deviation * values / values.std(ddof=1)).tolist(), [0.0] * n)


@pytest.mark.parametrize(
    ("pairs", "seeds"), [([0.5] * 6, 6), ([0.5] * 5 + [2], 17), ([0.5] * 3 + [1] * 3, 12), ([0.5, 0.5, 2, 2], None)]
)
def test_seeds_needed_of_a_sign_test_is_the_least_with_the_power(pairs: list[float], seeds: int | None) -> None:
    assert stats.seeds_needed_by_sign(pairs, 1.0) == seeds
    if seeds is None:
        return
    below, untied = pairs.count(0.5), len(pairs) - pairs.count(1)
    for n, is_enough in ((seeds, True), (seeds - 1, False)):
        counted = n * untied // len(pairs)
        decided = [k for k in range(counted + 1) if k > counted / 2 and binomtest(k, counted).pvalue < 0.05]
        assert (binom.pmf(decided, counted, below / untied).sum() >= 0.8) == is_enough


def test_seeds_needed_is_that_of_power_tables() -> None:
    # one-sample t test, two-sided 5%, power 80%: effects of 1, 0.8 and 0.5 deviations need 10, 15 and 34 (Cohen 1988)
    assert [stats.seeds_needed(spread(m, 1, 5), ">") for m in (1, 0.8, -0.5)] == [10, 15, 34]
    assert [stats.seeds_needed(spread(m, 1, 5), "<") for m in (3.3, 1.7)] == [3, 5]
    assert stats.seeds_needed(spread(1.5, 1, 5), "=", 0.5) == stats.seeds_needed(spread(-1.5, 1, 7), "=", 0.5)
    assert [stats.seeds_needed(spread(m, 1, 5), "<") for m in (0, 0.001)] == [None, None]
    assert stats.seeds_needed(Estimate(3, 3, 3, 5, p=0, error=0, freedom=4), "<") == 2
    assert stats.seeds_needed(spread(1e9, 1, 5), "<") == 2
    for missing in (NOTHING, paired_difference([2.0], [1.0]), stats.paired_median([1] * 6, [2] * 6)):
        assert stats.seeds_needed(missing, ">") is None
    with pytest.raises(ValueError, match="no test of"):
        stats.seeds_needed(spread(1, 1, 5), "=")


@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_so_many_seeds_do_reach_equivalence(mean: float) -> None:
    n = stats.seeds_needed(spread(mean, 1, 5), "=", 0.8)
    assert n is not None
    rows = np.random.default_rng(0).normal(mean, 1, (3000, n)).tolist()
    verdicts = [told(paired_difference(row, [0.0] * n), "=", 0.8)[1] for row in rows]
    assert 0.78 < verdicts.count("supported") / len(rows) < 0.86


def test_seeds_do_not_replace_photographs() -> None:
    same = {"p": 0.2, "error": 0.7, "freedom": 5, "floor_freedom": 9}
    needed = [stats.seeds_needed(Estimate(1, nan, nan, 5, **same, floor=f), ">") for f in (0, 0.2, 0.3, 0.6)]
    # at the last not even without seed variance: 1 / 0.6 is below t(0.975, 9) = 2.26
    assert needed == [22, 29, 115, None]


def test_time_to() -> None:
    points = [(10, 1), (20, 2), (30, nan), (40, 3)]
    assert [stats.time_to(points, threshold, True) for threshold in (2, 2.5, 9)] == [20, 40, inf]
    assert [stats.time_to(points, threshold, False) for threshold in (1.5, 0)] == [10, inf]
    assert stats.time_to([], 1, True) == inf
