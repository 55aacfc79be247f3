"""The table of hypotheses: the expectation, the estimates, the verdict, and the conventions behind them."""

from __future__ import annotations

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import Answer
from bench.report.tables.numbers import new_text, p_text, these_text
from bench.report.tables.text_table import TextTable
from bench.report.tables.time_to_quality import TIME_RATIO, reached
from bench.report.tables.variants import ENDED_BADLY
from bench.study.labels import MISSING


def hypothesis_table(analysis: Analysis, compact: bool = False) -> TextTable:
    """A row a hypothesis. `compact` is for a terminal: both estimates in one cell, one p-value, two notes."""
    answers = analysis.answers
    if compact:
        headings = [
            "hypothesis",
            "on these images,\non new images",
            "seeds,\nphoto-\ngraphs",
            "p\n(Holm)",
            "verdict,\nstill needed",
        ]
        rows = [_compact(answer) for answer in answers]
        return TextTable("Hypotheses", headings, rows, [FIRST, *_screening(analysis)])
    headings = [
        "hypothesis", "difference on these images [95%]", "on new images [95%]", "seeds, photographs",
        "p (sign flip)", "p (Holm)", "verdict", "still needed",
    ]  # fmt: skip
    return TextTable("Hypotheses", headings, [_row(answer) for answer in answers], _notes(analysis))


def _row(answer: Answer) -> list[str]:
    comparison, column = answer.comparison, answer.quantity.column
    return [
        answer.text,
        these_text(comparison, column),
        new_text(comparison, column),
        _sizes(answer),
        p_text(answer.p_sign_flip),
        _p_holm(answer),
        answer.verdict_in_words,
        answer.still_needed,
    ]


def _compact(answer: Answer) -> list[str]:
    comparison, column = answer.comparison, answer.quantity.column
    both = [these_text(comparison, column)] + ([new_text(comparison, column)] if answer.of_new_images else [])
    words = answer.text.replace(": ", ":\n", 1)
    needed = "" if answer.still_needed == MISSING else f"\n{answer.still_needed}"
    return [words, "\n".join(both), _sizes(answer), _p_holm(answer), answer.verdict_in_words + needed]


def _sizes(answer: Answer) -> str:
    comparison = answer.comparison
    if comparison.method == "exact":
        return "exact"
    return f"{comparison.these.n}, {comparison.photographs}" if comparison.photographs else str(comparison.these.n)


def _p_holm(answer: Answer) -> str:
    return "exact" if answer.comparison.method == "exact" else p_text(answer.p_holm)


FIRST = (
    "The hypotheses are copied from the study file; its history shows whether they were written before the study was "
    "run. A difference is left − right and × is left / right; both are paired by seed and have 95% intervals."
)
ESTIMATES = (
    "On these images: a t interval over the seeds' means (of logarithms for ×). It generalises to new seeds on the "
    "images that were scored. On new images: a two-way interval over seeds and photographs, with all crops of a "
    "photograph as one cluster (Cameron, Gelbach & Miller 2011; degrees of freedom after Satterthwaite 1946). It "
    "generalises to new seeds and new photographs."
)
VERDICT = (
    "The verdict uses the estimate on new images where there is one, else the estimate on these images. If p (Holm) is "
    "below 0.05, the sign of the difference decides; otherwise the verdict is inconclusive. p (Holm) is the p-value of "
    "that estimate's two-sided t test (for a median: sign test), adjusted over this study's hypotheses (Holm 1979). A "
    "verdict in brackets is for these images alone, adjusted separately."
)
SIGN_FLIP = (
    "p (sign flip) is the p-value of the exact two-sided test that flips the signs of the seeds' differences on these "
    "images; with n seeds it is never below 2^(1−n). No verdict depends on it."
)
NEEDED = (
    "Still needed: the additional seeds with which the test would decide with 80% power if the observed mean and "
    "spread (for a median: the observed shares on either side) were the true ones, before the Holm adjustment. It is a "
    "rough guide. “More photographs” means that no number of seeds up to 1,000 is enough."
)
EQUAL = (
    "An equality (=) is tested with two one-sided t tests against its margin (Schuirmann 1987): supported if the "
    "difference is shown to lie within the margin, refuted if it is shown to lie outside. For a ratio, within 10% "
    "means from 1/1.1 to 1.1."
)
EARLY = "A score at 25% is the score of the first validation at or after 25% of the run's last step."
IDENTICAL = (
    "The same outputs: every image has the same score on both sides at every seed, so the varied setting does not "
    "affect the scored images. There is no verdict."
)
COUNTS = "Parameters, MACs and FLOPs are exact counts: the number itself decides, whatever the number of seeds."


def _notes(analysis: Analysis) -> list[str]:
    answers = analysis.answers
    kinds = {answer.quantity.kind for answer in answers}
    methods = {answer.comparison.method for answer in answers if answer.quantity.kind != "time"}
    notes = [FIRST, ESTIMATES, VERDICT, SIGN_FLIP, NEEDED]
    notes += [EQUAL] if any(answer.relation == "=" for answer in answers) else []
    notes += [_times(analysis)] if "time" in kinds else []
    notes += [EARLY] if "early" in kinds else []
    notes += [COUNTS] if "count" in kinds else []
    notes += [IDENTICAL] if any(answer.comparison.identical for answer in answers) else []
    notes += [ENDED_BADLY] if "median" in methods else []
    for answer in answers:
        if count := answer.comparison.left_out:
            notes.append(
                f"{answer.text}: {count} pair{' is' if count == 1 else 's are'} left out because a run diverged or "
                f"failed; {answer.quantity.column.title} has no worst value to count instead."
            )
    return notes + _screening(analysis)


def _times(analysis: Analysis) -> str:
    metrics = list(dict.fromkeys(a.quantity.metric for a in analysis.answers if a.quantity.kind == "time"))
    return f"Steps, images or seconds to a score: {reached(analysis, metrics)} {TIME_RATIO}"


def _screening(analysis: Analysis) -> list[str]:
    seeds = analysis.fewest_seeds
    if seeds >= SCREENING_BELOW:
        return []
    return [
        f"Screening only: {seeds} seed{'' if seeds == 1 else 's'}. The smallest p that a sign-flip test can give is "
        f"2^(1−{seeds}) = {2.0 ** (1 - seeds):g}, above 0.05; at least {SCREENING_BELOW} seeds are needed to pass it."
    ]
