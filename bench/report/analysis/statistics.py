"""Statistics of paired runs: differences with intervals that hold at few seeds, tests, verdicts, and seeds needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
ALPHA = 0.05  # 1 - CONFIDENCE, without its rounding error
SCREENING_BELOW = 6  # seeds: with fewer, the smallest two-sided sign-flip p is above 0.05
MAX_SEEDS = 1000  # seeds_needed looks no further


@dataclass(frozen=True)
class Estimate:
    """A mean (or median) of paired differences and its interval; a value that does not exist is NaN."""

    mean: float
    low: float
    high: float
    n: int  # seeds
    p: float = math.nan  # two-sided, of no difference, from the test that the interval inverts
    error: float = math.nan  # standard error of the mean; nan for a median
    freedom: float = math.nan  # degrees of freedom of the error
    floor: float = 0.0  # the part of the error that more seeds do not shrink: photographs
    floor_freedom: float = math.inf  # degrees of freedom of the floor


@dataclass(frozen=True)
class Test:
    """A p-value, and the verdict (supported or refuted) if it is small enough."""

    p: float
    side: str


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Mean of ours - theirs, pair by pair, with the 95% paired t interval.

    With the means of seeds it generalises to new seeds on the same images, not to new images. With a value that is not
    finite only n is known; use paired_median for infinities. Raises ValueError for different lengths.
    """
    difference = np.array([a - b for a, b in zip(ours, theirs, strict=True)], float)
    n = len(difference)
    if n == 0 or not np.isfinite(difference).all():
        return Estimate(math.nan, math.nan, math.nan, n)
    error = math.nan
    if n > 1:
        error = 0.0 if np.ptp(difference) == 0 else float(difference.std(ddof=1)) / math.sqrt(n)
    return _t_estimate(float(difference.mean()), error, n - 1, n)


def two_way_difference(differences: np.ndarray, photographs: Sequence[str]) -> Estimate:
    """Mean of (S seeds, I images) paired differences, with a 95% interval for new seeds and new photographs.

    The crops of a photograph are one cluster, weighted by their number, so the mean equals the mean of the seed means.
    Variance: seeds + photographs - cells (Cameron, Gelbach & Miller 2011, two-way clusters; cells: what is left without
    seed and photograph means), no part of it below its cells; each is scaled to be unbiased for effects of equal
    variance (Bell & McCaffrey 2002; G / (G - 1) with equally many crops). Interval: t, freedom as in _satterthwaite.
    Simulated coverage: 93-97% at 3, 5 and 10 seeds of 8 or 30 photographs with 1 to 8 crops; up to 100% (too wide)
    where seeds and photographs hardly have effects of their own, or few photographs hold most crops; 93-100% with 2
    or 3 photographs. Below 2 seeds or 2 photographs there is no interval.
    ValueError: the table's width is not the number of photographs' names.
    """
    seeds, images = differences.shape
    _, group, crops = np.unique(np.asarray(list(photographs), str), return_inverse=True, return_counts=True)
    if len(group) != images:
        raise ValueError(f"{images} images, but {len(group)} names of photographs")
    if differences.size == 0 or not np.isfinite(differences).all():
        return Estimate(math.nan, math.nan, math.nan, seeds)
    mean = float(differences.mean())
    if seeds < 2 or len(crops) < 2:
        return Estimate(mean, math.nan, math.nan, seeds)
    if np.ptp(differences) == 0:
        return _t_estimate(mean, 0.0, seeds - 1, seeds)
    cells = differences @ (np.eye(len(crops))[group] / crops)  # (S, G): mean over a photograph's crops
    share = crops / images
    deviate = share[:, None] * (np.eye(len(crops)) - share)  # (G, G): photograph means -> weighted deviations
    gram = deviate @ deviate.T
    unbiased = (share**2).sum() / np.trace(gram)
    freedom = float(np.trace(gram) ** 2 / (gram**2).sum())
    seed = float(differences.mean(axis=1).var(ddof=1)) / seeds
    photo = float(unbiased * ((deviate @ cells.mean(axis=0)) ** 2).sum())
    cell = float(unbiased * (((cells - cells.mean(axis=0)) @ deviate.T) ** 2).sum()) / (seeds - 1) / seeds
    floor = math.sqrt(max(photo - cell, 0.0))
    error = math.hypot(math.sqrt(max(seed, cell)), floor)
    return _t_estimate(mean, error, _satterthwaite(seed, seeds - 1, photo, freedom, cell), seeds, floor, freedom)


def _satterthwaite(seed: float, seed_freedom: float, photo: float, photo_freedom: float, cell: float = 0.0) -> float:
    """Degrees of freedom of the variance seed + photo - cell: Satterthwaite 1946, but on enlarged parts.

    As published it takes a seed part that came out small by chance for small: 92% coverage at 3 seeds. So a part with
    d degrees of freedom counts (d + 2) / d times; that was chosen by simulation (94% there, the same at 10 seeds).
    """
    seed *= 1 + 2 / seed_freedom
    photo *= 1 + 2 / photo_freedom
    cell *= 1 + 2 / (seed_freedom * photo_freedom)
    total = max(seed + photo - cell, seed, photo)
    return total**2 / (seed**2 / seed_freedom + photo**2 / photo_freedom) if total > 0 else seed_freedom


def _t_estimate(
    mean: float, error: float, freedom: float, n: int, floor: float = 0.0, floor_freedom: float = math.inf
) -> Estimate:
    """The t interval and two-sided p of a mean with this standard error; nothing but the mean if that is nan."""
    from scipy.special import stdtrit

    if math.isnan(error):
        return Estimate(mean, math.nan, math.nan, n)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p = 2 * _tail(abs(mean), error, freedom)
    return Estimate(mean, mean - half, mean + half, n, p, error, freedom, floor, floor_freedom)


def _tail(distance: float, error: float, freedom: float) -> float:
    """One-sided p-value of the t test that a distance is above 0; with zero error any distance is certain."""
    from scipy.special import stdtr

    if error == 0 and not math.isnan(distance):
        return 0.0 if distance > 0 else 0.5
    return float(stdtr(freedom, -distance / error))


def paired_median(ours: Sequence[float], theirs: Sequence[float], ratio: bool = False) -> Estimate:
    """Median of the paired differences (or ratios ours / theirs). Infinity is a valid value: never reached, or worst.

    Equal values are a tie (0, or ratio 1), also infinite ones. Interval: the order statistics whose coverage by the
    binomial is at least 95% (min to max at 6 pairs, nan below), ties in their place. p: exact sign test without ties
    (Dixon & Mood 1946; 1 if all are), so with many ties p can be small although the interval touches the tie.
    """
    neutral = 1.0 if ratio else 0.0
    values = np.sort([_compare(a, b, ratio) for a, b in zip(ours, theirs, strict=True)])
    n = len(values)
    if n == 0 or np.isnan(values).any():
        return Estimate(math.nan, math.nan, math.nan, n)
    from scipy.stats import binom, binomtest

    lower, upper = float(values[(n - 1) // 2]), float(values[n // 2])
    median = lower if lower == upper else (lower + upper) / 2  # -inf and +inf have no middle: nan
    more, less = int((values > neutral).sum()), int((values < neutral).sum())
    p = float(binomtest(more, more + less).pvalue) if more + less else 1.0
    rank = int(binom.ppf(ALPHA / 2, n, 0.5))  # of the interval's ends, counted from both ends; 0: too few pairs
    low, high = (float(values[rank - 1]), float(values[n - rank])) if rank else (math.nan, math.nan)
    return Estimate(median, low, high, n, p)


def _compare(ours: float, theirs: float, ratio: bool) -> float:
    if not ratio:
        return 0.0 if ours == theirs else ours - theirs  # inf - inf would be nan
    if ours == theirs:
        return 1.0
    return ours / theirs if theirs else math.copysign(math.inf, ours)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the sign-flip test (Fisher 1935) of a zero mean: exact up to 14 pairs, else by 2^14 fixed
    resamples. It is never below 2^(1 - n), and NaN for one pair or with a value that is not finite.
    """
    values = np.asarray(differences, float)
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    from scipy.stats import permutation_test

    flips = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**14, random_state=0)
    return float(flips.pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979), in the given order; NaN stays NaN and does not count."""
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    adjusted, running = [math.nan] * len(ps), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * ps[i]))
        adjusted[i] = running
    return adjusted


def test(estimate: Estimate, relation: str, margin: float | None = None, *, neutral: float = 0.0) -> Test:  # noqa: PT028
    """The test of `>`, `<`, or `=` within +-margin; neutral is the value of no difference (1 for ratios).

    `>` and `<`: the estimate's two-sided p, side by the sign. `=`: inside the margin two one-sided t tests (Schuirmann
    1987), outside a t test that the difference is beyond the margin, both tails counted so that its size holds for
    small margins too. p is nan where the estimate has no p (`=`: no error). ValueError: `=` without a margin above 0.
    """
    distance = estimate.mean - neutral
    if relation in (">", "<"):
        p = math.nan if math.isnan(distance) else estimate.p
        p = p if distance else max(p, 1.0)  # a median can be a tie although the sign test, which drops ties, decides
        return Test(p, "supported" if (distance > 0) == (relation == ">") else "refuted")
    inside = _checked(relation, margin) - abs(distance)
    p = _tail(abs(inside), estimate.error, estimate.freedom)
    if inside <= 0:
        p += _tail(inside + 2 * abs(distance), estimate.error, estimate.freedom)
    return Test(p, "supported" if inside > 0 else "refuted")


def _checked(relation: str, margin: float | None) -> float:
    if relation != "=" or margin is None or not margin > 0:
        raise ValueError(f"no test of {relation!r} with margin {margin}")
    return margin


def verdict(test: Test, adjusted_p: float) -> str:
    """The test's side if the adjusted p-value is below 0.05; else, and for NaN, inconclusive."""
    return test.side if adjusted_p < ALPHA else "inconclusive"


def seeds_needed(estimate: Estimate, relation: str, margin: float | None = None, power: float = 0.8) -> int | None:
    """Total number of seeds with which the t test decides with this power, if the observed mean and spread are true.

    The seed part of the variance shrinks with the seeds, the floor stays (noncentral t; p before Holm). Equivalence
    must hold at both margins, which at a mean near zero costs more than the nearer one alone. None: no number up to
    1000 is enough, or the estimate has no error (a median, one seed).
    """
    if math.isnan(estimate.error) or math.isnan(estimate.mean):
        return None
    from scipy.special import stdtrit
    from scipy.stats import nct

    level, distances = (1 + CONFIDENCE) / 2, [abs(estimate.mean)]
    if relation not in (">", "<"):
        inside = _checked(relation, margin) - abs(estimate.mean)
        level, distances = CONFIDENCE, [inside, inside + 2 * abs(estimate.mean)] if inside > 0 else [-inside]
    if min(distances) == 0 or estimate.error == 0:
        return None if min(distances) == 0 else 2
    floor = estimate.floor**2
    for n in range(2, MAX_SEEDS + 1):
        seed = (estimate.error**2 - floor) * estimate.n / n
        freedom = _satterthwaite(seed, n - 1, floor, estimate.floor_freedom)
        shifts = np.minimum(np.array(distances) / math.sqrt(seed + floor), 100)  # nct is nan far beyond, its power 1
        missed = nct.cdf(stdtrit(freedom, level), freedom, shifts).sum()
        if 1 - missed >= power:
            return n
    return None


def seeds_needed_by_sign(pairs: Sequence[float], neutral: float, power: float = 0.8) -> int | None:
    """Total number of seeds with which the sign test decides with this power, if the observed shares of differences
    above, below and at `neutral` are true (p before Holm). None: as many above as below, or no number up to 1000 is
    enough."""
    from scipy.stats import binom

    above, below = sum(pair > neutral for pair in pairs), sum(pair < neutral for pair in pairs)
    if above == below:
        return None
    untied = above + below
    for n in range(2, MAX_SEEDS + 1):
        counted = n * untied // len(pairs)
        most = int(binom.ppf(ALPHA / 2, counted, 0.5)) - 1  # of the rarer side, with which p is below 0.05
        if most >= 0 and binom.cdf(most, counted, min(above, below) / untied) >= power:
            return n
    return None


def time_to(points: Sequence[tuple[float, float]], threshold: float, higher_is_better: bool) -> float:
    """The first position of (position, value) points whose value reaches the threshold; infinity if none does."""
    for position, value in points:
        if value >= threshold if higher_is_better else value <= threshold:
            return position
    return math.inf
