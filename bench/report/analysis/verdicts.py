"""The answer to each hypothesis: estimates, p-values, the verdict, and the seeds that are still needed for one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.report.analysis.comparisons import Comparison, compare
from bench.report.analysis.measurements import Measurements
from bench.report.analysis.quantities import Quantity, oriented, parse
from bench.report.analysis.statistics import (
    ALPHA,
    MAX_SEEDS,
    SCREENING_BELOW,
    Estimate,
    Test,
    holm,
    seeds_needed,
    seeds_needed_by_sign,
    sign_flip_p,
    test,
    verdict,
)
from bench.study.hypotheses import within
from bench.study.labels import MISSING

UNDECIDED = "inconclusive"
NO_HYPOTHESIS = "no hypothesis"


@dataclass(frozen=True)
class Answer:
    """A hypothesis with its estimates and verdict."""

    quantity: Quantity
    left: str
    relation: str
    right: str
    margin: float | None
    comparison: Comparison
    p: float
    """p-value of the test that decides the verdict; NaN without a test."""
    p_holm: float
    p_sign_flip: float
    """p-value of the sign-flip test of the seeds' means; NaN for an equality, infinite values and exact counts."""
    verdict: str
    """Verdict for new images where there is such an estimate, else for these images."""
    verdict_these: str
    fewest: int
    """Least number of seeds with which a sign test can pass 0.05 under the strictest Holm factor of this study."""
    seeds_needed: int | None
    """Total number of seeds for a verdict on the deciding estimate; None if seeds alone do not help."""

    @property
    def text(self) -> str:
        """ST-LPIPS: bce = l2 within 0.02"""
        margin = within(self.margin, self.quantity.column.is_ratio)
        return f"{self.quantity.column.title}: {self.left} {self.relation} {self.right}{margin}"

    @property
    def of_new_images(self) -> bool:
        return self.comparison.new.n > 0

    @property
    def deciding(self) -> Estimate:
        """The estimate that decides the verdict."""
        return self.comparison.new if self.of_new_images else self.comparison.these

    @property
    def verdict_in_words(self) -> str:
        """The verdict, with a note where it needs one: what these images alone say, or that it is a screening."""
        if self.comparison.identical:
            return f"{self.verdict} (the same outputs)"
        if self.verdict == UNDECIDED != self.verdict_these:
            return f"{self.verdict} (on these images: {self.verdict_these})"
        few = self.comparison.method != "exact" and self.comparison.these.n < SCREENING_BELOW
        return f"{self.verdict} (screening)" if few and self.verdict != UNDECIDED else self.verdict

    @property
    def is_unanimous(self) -> bool:
        """Whether all seeds that differ do so in the same direction."""
        neutral = self.comparison.neutral
        sides = {value > neutral for value in self.comparison.pairs.values() if value != neutral}
        return len(sides) == 1

    @property
    def still_needed(self) -> str:
        """`12 more seeds`, `more photographs`, or a dash."""
        undecidable = self.comparison.identical or _is_open(self.comparison, self.relation)
        if self.verdict != UNDECIDED or not self.deciding.n or undecidable:
            return MISSING
        have = self.deciding.n
        if self.comparison.method == "median" and self.is_unanimous and have < self.fewest:
            return f"at least {_seeds(self.fewest - have)}"
        if self.seeds_needed is not None:
            return _seeds(self.seeds_needed - have) if self.seeds_needed > have else "more seeds"
        return "more photographs" if self.of_new_images else f"more than {MAX_SEEDS:,} seeds" if have > 1 else MISSING


def _seeds(count: int) -> str:
    return f"{count} more seed{'' if count == 1 else 's'}"


def answer_hypotheses(measured: Measurements) -> list[Answer]:
    """One answer a hypothesis, in the study's order. p-values are adjusted over all of them."""
    asked = measured.results.study["hypotheses"]
    quantities = [oriented(parse(h["quantity"]), h["relation"]) for h in asked]
    comparisons = [compare(measured, q, h["left"], h["right"]) for q, h in zip(quantities, asked, strict=True)]
    these = [_test(c, c.these, h) for c, h in zip(comparisons, asked, strict=True)]
    final = [
        _test(c, c.new, h) if c.new.n else on_these for c, h, on_these in zip(comparisons, asked, these, strict=True)
    ]
    adjusted, adjusted_these = holm([t.p for t in final]), holm([t.p for t in these])
    fewest = _fewest(len([t for t in final if not math.isnan(t.p)]))
    return [
        Answer(
            quantities[i], h["left"], h["relation"], h["right"], h["margin"],
            comparison=comparisons[i],
            p=final[i].p,
            p_holm=adjusted[i],
            p_sign_flip=_sign_flip(comparisons[i], h["relation"]),
            verdict=_verdict(comparisons[i], final[i], adjusted[i], h),
            verdict_these=_verdict(comparisons[i], these[i], adjusted_these[i], h),
            fewest=fewest,
            seeds_needed=_seeds_needed(comparisons[i], h),
        )
        for i, h in enumerate(asked)
    ]  # fmt: skip


def _test(comparison: Comparison, estimate: Estimate, hypothesis: dict[str, Any]) -> Test:
    if comparison.method == "exact" or comparison.identical:  # nothing to test
        return Test(math.nan, UNDECIDED)
    margin = _on_scale(comparison, hypothesis["margin"])
    return test(estimate, hypothesis["relation"], margin, neutral=comparison.neutral)


def _on_scale(comparison: Comparison, margin: float | None) -> float | None:
    """A margin on the scale of the estimates: 10% of a ratio is log(1.1) of its logarithm, to either side."""
    return math.log1p(margin) if margin is not None and comparison.scale == "log" else margin


def _verdict(comparison: Comparison, tested: Test, adjusted: float, hypothesis: dict[str, Any]) -> str:
    if comparison.method != "exact":
        return verdict(tested, adjusted)
    ratio, relation = comparison.these.mean, hypothesis["relation"]
    if relation == "=":
        holds = 1 / (1 + hypothesis["margin"]) <= ratio <= 1 + hypothesis["margin"]
    else:
        holds = ratio > 1 if relation == ">" else ratio < 1
    return "supported" if holds else "refuted"


def _sign_flip(comparison: Comparison, relation: str) -> float:
    if comparison.method != "t" or relation == "=" or not comparison.pairs:
        return math.nan
    pairs = list(comparison.pairs.values())
    return sign_flip_p([math.log(ratio) for ratio in pairs] if comparison.is_ratio else pairs)


def _fewest(hypotheses: int) -> int:
    """The least n with hypotheses * 2^(1 - n) below 0.05: the smallest p-value of a sign test is 2^(1 - n)."""
    return next(n for n in range(SCREENING_BELOW, 100) if max(1, hypotheses) * 2.0 ** (1 - n) < ALPHA)


def _seeds_needed(comparison: Comparison, hypothesis: dict[str, Any]) -> int | None:
    estimate = comparison.new if comparison.new.n else comparison.these
    if comparison.method == "exact" or estimate.n < 2 or _is_open(comparison, hypothesis["relation"]):
        return None
    if comparison.method == "median":
        return seeds_needed_by_sign(list(comparison.pairs.values()), comparison.neutral)
    return seeds_needed(estimate, hypothesis["relation"], _on_scale(comparison, hypothesis["margin"]))


def _is_open(comparison: Comparison, relation: str) -> bool:
    """Whether no number of seeds can decide: there is no test of an equality where runs diverged."""
    return comparison.method == "median" and relation == "="


def fewest_seeds(answers: list[Answer], seeds: list[int]) -> int:
    """The smallest number of seeds behind any tested hypothesis; the study's number where none was tested."""
    tested = [a.comparison.these.n for a in answers if a.comparison.method != "exact" and a.comparison.these.n]
    return min(tested, default=len(seeds))


def conjunction(answers: list[Answer]) -> str:
    """The verdict on a claim: refuted if one of its hypotheses is, supported if all are, else inconclusive."""
    if not answers:
        return NO_HYPOTHESIS
    verdicts = {answer.verdict for answer in answers}
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if verdicts == {"supported"} else UNDECIDED


METHODS = {"t": "", "median": ", median", "exact": ", exact"}


def hypotheses_frame(answers: list[Answer]) -> pd.DataFrame:
    """Every answer in numbers, a row a hypothesis: hypotheses.csv. Estimates of a ratio are ratios."""
    names = ["quantity", "left", "relation", "right", "margin", "comparison",
             "these_estimate", "these_low", "these_high", "new_estimate", "new_low", "new_high",
             "n", "photographs", "left_out", "p_sign_flip", "p", "p_holm", "verdict", "verdict_these",
             "seeds_needed"]  # fmt: skip
    rows = []
    for answer in answers:
        comparison = answer.comparison
        kind = ("ratio" if comparison.is_ratio else "difference") + METHODS[comparison.method]
        rows.append(
            [answer.quantity.column.key, answer.left, answer.relation, answer.right, answer.margin, kind,
             *comparison.shown(comparison.these), *comparison.shown(comparison.new), comparison.these.n,
             comparison.photographs, comparison.left_out, answer.p_sign_flip, answer.p, answer.p_holm,
             answer.verdict, answer.verdict_these, answer.seeds_needed]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=names).astype({"seeds_needed": "Int64", "margin": float})
