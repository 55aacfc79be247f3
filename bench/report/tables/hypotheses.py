"""The table of hypotheses: what was expected, what came out, and by which conventions."""

from __future__ import annotations

from bench.report.analysis.frames import Results
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import Answer, answers, fewest_seeds
from bench.report.tables.numbers import new_text, p_text, these_text
from bench.report.tables.text_table import TextTable
from bench.report.tables.time_to_quality import TIME_RATIO, reached
from bench.report.tables.variants import ENDED_BADLY
from bench.study.labels import MISSING


def hypothesis_table(results: Results, compact: bool = False) -> TextTable:
    """A row a hypothesis. `compact` is for a terminal: both estimates in one cell, one p, the first notes."""
    found = answers(results)
    if compact:
        headings = [
            "hypothesis",
            "on these images,\non new images",
            "seeds,\nphoto-\ngraphs",
            "p\n(Holm)",
            "verdict,\nstill needed",
        ]
        rows = [_compact(answer) for answer in found]
        return TextTable("Hypotheses", headings, rows, [FIRST, *_screening(results)])
    headings = [
        "hypothesis", "difference on these images [95%]", "on new images [95%]", "seeds, photographs",
        "p (sign flip)", "p (Holm)", "verdict", "still needed",
    ]  # fmt: skip
    return TextTable("Hypotheses", headings, [_row(answer) for answer in found], _notes(results, found))


def _row(answer: Answer) -> list[str]:
    found, column = answer.comparison, answer.quantity.column
    return [
        answer.text,
        these_text(found, column),
        new_text(found, column),
        _sizes(answer),
        p_text(answer.p_sign_flip),
        _p_holm(answer),
        answer.verdict_in_words,
        answer.still_needed,
    ]


def _compact(answer: Answer) -> list[str]:
    found, column = answer.comparison, answer.quantity.column
    both = [these_text(found, column)] + ([new_text(found, column)] if answer.of_new_images else [])
    words = answer.text.replace(": ", ":\n", 1)
    needed = "" if answer.still_needed == MISSING else f"\n{answer.still_needed}"
    return [words, "\n".join(both), _sizes(answer), _p_holm(answer), answer.verdict_in_words + needed]


def _sizes(answer: Answer) -> str:
    found = answer.comparison
    if found.method == "exact":
        return "exact"
    return f"{found.these.n}, {found.photographs}" if found.photographs else str(found.these.n)


def _p_holm(answer: Answer) -> str:
    return "exact" if answer.comparison.method == "exact" else p_text(answer.p_holm)


FIRST = (
    "As the study file has them; its history shows whether they were written down before the study was run. The "
    "difference is left − right, × is left / right, both paired by seed, with 95% intervals."
)
ESTIMATES = (
    "On these images: t interval over the seeds' means (of logarithms for ×), which speaks of new seeds on the images "
    "that were scored. On new images: two-way over seeds and photographs, the crops of a photograph as one cluster "
    "(Cameron, Gelbach & Miller 2011; degrees of freedom after Satterthwaite 1946), which speaks of new seeds and new "
    "photographs."
)
VERDICT = (
    "The verdict is that on new images where there is such an estimate, else that on these. It is the side of the "
    "difference if p (Holm) is below 0.05, else inconclusive. p (Holm) is the p of that estimate's two-sided t test "
    "(of a median: sign test), adjusted over this study's hypotheses (Holm 1979). In brackets: what these images alone "
    "would say, in a Holm family of their own."
)
SIGN_FLIP = (
    "p (sign flip) is of the exact two-sided test that flips the signs of the seeds' differences on these images; with "
    "n seeds it is never below 2^(1−n). It decides nothing here."
)
NEEDED = (
    "Still needed: the seeds with which the test would decide with 80% power if the observed mean and spread (for a "
    "median: the observed shares on either side) were true, before Holm. It is a rough guide. More photographs: no "
    "number of seeds up to 1,000 would do."
)
EQUAL = (
    "= is tested by two one-sided t tests against the margin (Schuirmann 1987): supported if the difference is shown "
    "to lie within it, refuted if it is shown to lie beyond. Of a ratio, within 10% is from 1/1.1 to 1.1."
)
EARLY = "At a share such as 25%: the score of the first validation at or after that share of the run's last step."
IDENTICAL = (
    "The same outputs: every image has the same score on both sides at every seed, so that what was varied does not "
    "reach what is scored. There is no verdict."
)
COUNTS = "Parameters, MACs and FLOPs are exact counts: the number itself is the verdict, at any number of seeds."


def _notes(results: Results, found: list[Answer]) -> list[str]:
    kinds = {answer.quantity.kind for answer in found}
    methods = {answer.comparison.method for answer in found if answer.quantity.kind != "time"}
    left_out = [a for a in found if a.comparison.left_out]
    notes = [FIRST, ESTIMATES, VERDICT, SIGN_FLIP, NEEDED]
    notes += [EQUAL] if any(answer.relation == "=" for answer in found) else []
    notes += [_times(results, found)] if "time" in kinds else []
    notes += [EARLY] if "early" in kinds else []
    notes += [COUNTS] if "count" in kinds else []
    notes += [IDENTICAL] if any(answer.comparison.identical for answer in found) else []
    notes += [ENDED_BADLY] if "median" in methods else []
    for answer in left_out:
        count = answer.comparison.left_out
        notes.append(
            f"{answer.text}: {count} pair{' is' if count == 1 else 's are'} left out, with a run that diverged or "
            f"failed, since {answer.quantity.column.title} has no worst value."
        )
    return notes + _screening(results)


def _times(results: Results, found: list[Answer]) -> str:
    metrics = list(dict.fromkeys(a.quantity.metric for a in found if a.quantity.kind == "time"))
    return f"Steps, images or seconds to a score: {reached(results, metrics)} {TIME_RATIO}"


def _screening(results: Results) -> list[str]:
    seeds = fewest_seeds(results)
    if seeds >= SCREENING_BELOW:
        return []
    return [
        f"Screening only: {seeds} seed{'' if seeds == 1 else 's'}. The smallest p that a sign-flip test can give is "
        f"2^(1−{seeds}) = {2.0 ** (1 - seeds):g}, above 0.05; {SCREENING_BELOW} seeds are the fewest that can pass it."
    ]
