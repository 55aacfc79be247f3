"""The table of time to quality: how soon each variant reaches the control's final score."""

from __future__ import annotations

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import score_column
from bench.report.analysis.quantities import parse
from bench.report.analysis.time_to_quality import POSITIONS
from bench.report.tables.numbers import estimate_text, listed, number
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

TIME_RATIO = (
    "× is the median of the seeds' ratios; its interval comes from the order statistics of the sign test and needs at "
    "least 6 seeds. ×0 means that the variant in the denominator never reaches the score."
)


def time_table(analysis: Analysis) -> TextTable | None:
    """A row for each score and variant; None where no score has a curve."""
    times = analysis.times
    if not len(times):
        return None
    rows = []
    for row in times.to_dict("records"):
        estimate = row["ratio"], row["low"], row["high"]
        is_control = row["label"] == analysis.control
        rows.append(
            [
                score_column(row["metric"]).title,
                row["label"] + (" (control)" if is_control else ""),
                f"{row['reached']}/{row['runs']}",
                *(number(row[p], 1 if p == "seconds" else 0) for p in POSITIONS),
                MISSING if is_control else estimate_text(estimate, parse(f"steps_to_{row['metric']}").column),
            ]
        )
    headings = ["score", "variant", "reached", "median steps", "median images", "median seconds", "steps to control's"]
    metrics = list(dict.fromkeys(times["metric"]))
    notes = [
        f"Time to quality: {reached(analysis, metrics)} ∞ means that half of the runs or more do not reach the score.",
        "Times are rounded up to the next validation. Seconds are seconds of training, without validation, while other "
        f"runs train at the same time. {TIME_RATIO}",
    ]
    if titles := [score_column(metric).title for metric in analysis.reached_at_once]:
        notes.append(
            f"{listed(titles)}: every variant reaches the score at the first validation, so this time does not "
            "distinguish them."
        )
    return TextTable("Time to quality", headings, rows, notes)


def reached(analysis: Analysis, metrics: list[str]) -> str:
    """The rule by which a run reaches a score, with each score's threshold."""
    levels = "; ".join(f"{score_column(metric).title} {_level(analysis, metric)}" for metric in metrics)
    return (
        "a run reaches the score at its first validation that is no worse than the control's median final validation "
        f"score over its finished seeds ({levels}). A run that diverged or failed never reaches it."
    )


def _level(analysis: Analysis, metric: str) -> str:
    level, column = analysis.thresholds.get(metric), score_column(metric)
    if level is None:
        return MISSING
    sign = "≥" if column.direction == "higher" else "≤"
    return f"{sign} {number(level, column.decimals)}" + (f" {column.unit}" if column.unit else "")
