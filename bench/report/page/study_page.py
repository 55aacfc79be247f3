"""The content of a study's page, from top to bottom: plain values, and figures that are drawn later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.verdicts import Answer
from bench.report.figures.effects import unit_of
from bench.report.page.drawing import Drawing, line_swatch, point_swatch
from bench.report.page.drawings import (
    curve_drawings,
    effect_drawings,
    pareto_drawings,
    scaling_drawings,
)
from bench.report.page.main_table import MainTable, main_table
from bench.report.page.pictures import Pictures, read_pictures
from bench.report.page.reproduce import commands, environment_table, runs_table
from bench.report.page.sentence import facts, screening, verdict_sentence
from bench.report.tables.failures import events_table, failures_table
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.methods import methods_table, published_table
from bench.report.tables.numbers import new_text, these_text
from bench.report.tables.text_table import TextTable, latex, markdown
from bench.report.tables.time_to_quality import time_table
from bench.report.tables.variants import difference_table
from bench.study.labels import MISSING


@dataclass(frozen=True)
class Effect:
    """A hypothesis with its figure."""

    text: str
    verdict: str
    words: str
    """The verdict with its note, such as (screening)."""
    estimates: list[tuple[str, str]]
    """Name, and estimate with interval."""
    drawing: Drawing


@dataclass(frozen=True)
class StudyPage:
    """The content of the page. The template places it and computes nothing."""

    title: str
    claim: str
    section: str
    verdict: str
    sentence: str
    screening: str
    facts: list[tuple[str, str]]
    table: MainTable
    copies: list[tuple[str, str]]
    """Format, and the main table in this format."""
    effects: list[Effect]
    hypotheses: TextTable | None
    curves: list[dict[str, Drawing]]
    curve_legend: list[Drawing]
    times: TextTable | None
    pictures: Pictures | None
    no_pictures: str
    pareto: list[Drawing]
    pareto_legend: list[Drawing]
    scaling: list[Drawing]
    scaling_legend: list[Drawing]
    files: dict[str, list[str]]
    """Section -> its figures that lie below figures/ as files for papers."""
    differences: TextTable
    failures: TextTable | None
    events: TextTable | None
    done: str
    """The sentence for a study whose runs are all done."""
    about: list[TextTable]
    """The tables of methods, and of the results that their papers published."""
    commands: list[str]
    environments: TextTable
    runs: TextTable


def study_page(analysis: Analysis, folder: Path) -> StudyPage:
    """The content of the page. Pictures and figure files are those in the report folder."""
    study, table = analysis.study, main_table(analysis)
    return StudyPage(
        title=study["title"],
        claim=study["claim"]["text"],
        section=study["claim"]["section"] or "",
        verdict=analysis.verdict,
        sentence=verdict_sentence(analysis),
        screening=screening(analysis),
        facts=facts(analysis),
        table=table,
        copies=_copies(analysis, table),
        effects=_effects(analysis),
        hypotheses=hypothesis_table(analysis) if study["hypotheses"] else None,
        **_curves(analysis),
        times=time_table(analysis),
        pictures=read_pictures(analysis, folder),
        no_pictures=_no_pictures(analysis),
        **_pareto(analysis),
        **_scaling(analysis),
        files={name: [file for file in files if (folder / "figures" / file).exists()] for name, files in FILES.items()},
        differences=difference_table(analysis),
        failures=failures_table(analysis),
        events=events_table(analysis),
        done=f"All {len(analysis.runs)} runs are done; none failed or diverged.",
        about=[table for table in (methods_table(analysis), published_table(analysis)) if table],
        commands=commands(analysis),
        environments=environment_table(analysis),
        runs=runs_table(analysis),
    )


FILES = {
    "effects": ["effects.svg"],
    "curves": ["curves.svg", "curves_seconds.svg"],
    "scaling": ["scaling.svg"],
    "pareto": ["pareto.svg"],
}
"""Section of the page -> its figures as files below figures/."""


def _copies(analysis: Analysis, table: MainTable) -> list[tuple[str, str]]:
    """The main table in the formats that can be copied; CSV is table.csv."""
    csv = analysis.table.to_csv(index=False, lineterminator="\n", float_format="%.8g")
    return [("Markdown", markdown(table.text)), ("CSV", csv), ("LaTeX", latex(table.text))]


def _effects(analysis: Analysis) -> list[Effect]:
    return [
        Effect(answer.text, answer.verdict, answer.verdict_in_words, _estimates(answer), drawing)
        for answer, drawing in zip(analysis.answers, effect_drawings(analysis), strict=True)
    ]


def _estimates(answer: Answer) -> list[tuple[str, str]]:
    comparison, column = answer.comparison, answer.quantity.column
    rows = [(unit_of(answer), these_text(comparison, column))]
    if answer.of_new_images:
        rows = [("on these images", rows[0][1]), ("on new images", new_text(comparison, column))]
    sample = "an exact count" if comparison.method == "exact" else f"{comparison.these.n} seeds"
    rows.append(("from", f"{sample}, {comparison.photographs} photographs" if comparison.photographs else sample))
    return rows + ([("still needed", answer.still_needed)] if answer.still_needed != MISSING else [])


def _curves(analysis: Analysis) -> dict[str, Any]:
    drawings = curve_drawings(analysis) if analysis.study["metrics"] else []
    shown = set().union(*(set(panels["step"].data["label"]) for panels in drawings))
    legend = [line_swatch(i, label) for i, label in enumerate(analysis.labels) if label in shown]
    return {"curves": drawings, "curve_legend": legend}


def _pareto(analysis: Analysis) -> dict[str, Any]:
    shown = set(analysis.pareto["label"])
    legend = [point_swatch(i, label) for i, label in enumerate(analysis.labels) if label in shown]
    return {"pareto": pareto_drawings(analysis), "pareto_legend": legend}


def _scaling(analysis: Analysis) -> dict[str, Any]:
    lines = list(dict.fromkeys(analysis.scaling["line"]))
    legend = [line_swatch(i, line, "scale") for i, line in enumerate(lines)]
    return {"scaling": scaling_drawings(analysis), "scaling_legend": legend}


def _no_pictures(analysis: Analysis) -> str:
    if not analysis.study["metrics"]:
        return "This study compares costs only. Its runs are hardly trained, so there are no pictures to show."
    return (
        "There are no pictures. The report was made without the run store, which holds them, or with --no-pictures, "
        "for data that may not be passed on."
    )
