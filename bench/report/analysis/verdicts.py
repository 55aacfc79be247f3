"""Each hypothesis answered: estimates, p-values, verdict, and what is still needed for one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from bench.report.analysis.comparisons import Comparison, compare
from bench.report.analysis.frames import Results
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


@dataclass(frozen=True)
class Answer:
    """A hypothesis and what became of it."""

    quantity: Quantity
    left: str
    relation: str
    right: str
    margin: float | None
    comparison: Comparison
    p: float
    """Of the test that the verdict stands on."""
    p_holm: float
    p_sign_flip: float
    """Of no difference between the seeds' means; nan for an equality, infinities and counts."""
    verdict: str
    """On new images where there is such an estimate, else on these."""
    verdict_these: str
    fewest: int
    """Seeds with which a sign test can pass 0.05, this family's Holm correction at its strictest."""
    seeds_needed: int | None
    """In all, for a verdict on the estimate that this one stands on; None if seeds alone do not help."""

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
        """The estimate that the verdict stands on."""
        return self.comparison.new if self.of_new_images else self.comparison.these

    @property
    def verdict_in_words(self) -> str:
        """With what these images alone say, where that is more, and what has to be known of it."""
        if self.comparison.identical:
            return f"{self.verdict} (the same outputs)"
        if self.verdict == UNDECIDED != self.verdict_these:
            return f"{self.verdict} (on these images: {self.verdict_these})"
        few = self.comparison.method != "exact" and self.comparison.these.n < SCREENING_BELOW
        return f"{self.verdict} (screening)" if few and self.verdict != UNDECIDED else self.verdict

    @property
    def is_unanimous(self) -> bool:
        """Whether no two seeds differ in opposite directions."""
        neutral = self.comparison.neutral
        sides = {value > neutral for value in self.comparison.pairs.values() if value != neutral}
        return len(sides) == 1

    @property
    def still_needed(self) -> str:
        """12 more seeds, more photographs, or a dash."""
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


@lru_cache(maxsize=4)  # the report's tables, figures and claims ask for them in turn
def answers(results: Results) -> list[Answer]:
    """An answer a hypothesis, in the study's order."""
    asked = results.study["hypotheses"]
    quantities = [oriented(parse(h["quantity"]), h["relation"]) for h in asked]
    found = [compare(results, q, h["left"], h["right"]) for q, h in zip(quantities, asked, strict=True)]
    these = [_tested(c, c.these, h) for c, h in zip(found, asked, strict=True)]
    final = [_tested(c, c.new, h) if c.new.n else on_these for c, h, on_these in zip(found, asked, these, strict=True)]
    adjusted = holm([t.p for t in final])
    adjusted_these = holm([t.p for t in these])
    return [
        Answer(
            quantities[i], h["left"], h["relation"], h["right"], h["margin"],
            comparison=found[i],
            p=final[i].p,
            p_holm=adjusted[i],
            p_sign_flip=_sign_flip(found[i], h["relation"]),
            verdict=_verdict(found[i], final[i], adjusted[i], h),
            verdict_these=_verdict(found[i], these[i], adjusted_these[i], h),
            fewest=_fewest(len([t for t in final if not math.isnan(t.p)])),
            seeds_needed=_needed(found[i], h),
        )
        for i, h in enumerate(asked)
    ]  # fmt: skip


def _tested(comparison: Comparison, estimate: Estimate, hypothesis: dict[str, Any]) -> Test:
    if comparison.method == "exact" or comparison.identical:  # nothing to test
        return Test(math.nan, UNDECIDED)
    margin = _on_scale(comparison, hypothesis["margin"])
    return test(estimate, hypothesis["relation"], margin, neutral=comparison.neutral)


def _on_scale(comparison: Comparison, margin: float | None) -> float | None:
    """A margin where the estimates are: within 10% of a ratio is log(1.1) of its logarithm, to either side."""
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


def _fewest(family: int) -> int:
    """The least n with family * 2^(1 - n) below 0.05."""
    return next(n for n in range(SCREENING_BELOW, 100) if max(1, family) * 2.0 ** (1 - n) < ALPHA)


def _needed(comparison: Comparison, hypothesis: dict[str, Any]) -> int | None:
    estimate = comparison.new if comparison.new.n else comparison.these
    if comparison.method == "exact" or estimate.n < 2 or _is_open(comparison, hypothesis["relation"]):
        return None
    if comparison.method == "median":
        return seeds_needed_by_sign(list(comparison.pairs.values()), comparison.neutral)
    return seeds_needed(estimate, hypothesis["relation"], _on_scale(comparison, hypothesis["margin"]))


def _is_open(comparison: Comparison, relation: str) -> bool:
    """Whether no number of seeds decides: an equality with runs that diverged, of which there is no test."""
    return comparison.method == "median" and relation == "="


def fewest_seeds(results: Results) -> int:
    """That any of the hypotheses was tested on; the study's where none was."""
    tested = [a.comparison.these.n for a in answers(results) if a.comparison.method != "exact" and a.comparison.these.n]
    return min(tested, default=len(results.study["seeds"]))


def conjunction(found: list[Answer]) -> str:
    """A claim's verdict from its hypotheses': refuted if one is, supported if all are."""
    if not found:
        return "no hypothesis"
    verdicts = {answer.verdict for answer in found}
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if verdicts == {"supported"} else UNDECIDED


def hypotheses_frame(results: Results) -> pd.DataFrame:
    """Every answer in numbers, a row a hypothesis; of ratios the estimates are ratios."""
    names = ["quantity", "left", "relation", "right", "margin", "comparison",
             "these_estimate", "these_low", "these_high", "new_estimate", "new_low", "new_high",
             "n", "photographs", "left_out", "p_sign_flip", "p", "p_holm", "verdict", "verdict_these",
             "seeds_needed"]  # fmt: skip
    rows = []
    for answer in answers(results):
        found = answer.comparison
        what = ("ratio" if found.is_ratio else "difference") + {"t": "", "median": ", median", "exact": ", exact"}[
            found.method
        ]
        rows.append(
            [answer.quantity.column.key, answer.left, answer.relation, answer.right, answer.margin, what,
             *found.shown(found.these), *found.shown(found.new), found.these.n, found.photographs, found.left_out,
             answer.p_sign_flip, answer.p, answer.p_holm, answer.verdict, answer.verdict_these, answer.seeds_needed]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=names).astype({"seeds_needed": "Int64", "margin": float})
