"""What is on a study's page, from the top: plain values and figures that wait to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report.analysis.frames import Results
from bench.report.analysis.summary import wide
from bench.report.analysis.verdicts import Answer, answers, conjunction
from bench.report.figures.effects import unit_of
from bench.report.figures.pareto import pareto
from bench.report.figures.scaling import scaling
from bench.report.page.drawing import Drawing, line_swatch, point_swatch
from bench.report.page.drawings import (
    curve_drawings,
    effect_drawings,
    pareto_drawings,
    scaling_drawings,
)
from bench.report.page.main_table import MainTable, main_table
from bench.report.page.pictures import Pictures, read_pictures
from bench.report.page.reproduce import commands, made_table, runs_table
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
    """The verdict with what has to be known of it."""
    estimates: list[tuple[str, str]]
    """Name, estimate with interval."""
    drawing: Drawing


@dataclass(frozen=True)
class StudyPage:
    """The page's content; the template puts it into words' places and nothing else."""

    title: str
    claim: str
    section: str
    verdict: str
    sentence: str
    screening: str
    facts: list[tuple[str, str]]
    table: MainTable
    copies: list[tuple[str, str]]
    """Format, the main table in it."""
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
    differences: TextTable
    failures: TextTable | None
    events: TextTable | None
    done: str
    """How many runs there are, where none failed."""
    about: list[TextTable]
    """Methods, and figures that their papers published."""
    commands: list[str]
    made: TextTable
    runs: TextTable


def study_page(results: Results, folder: Path) -> StudyPage:
    """The content of the page; pictures are those that lie in the report folder."""
    study, table = results.study, main_table(results)
    return StudyPage(
        title=study["title"],
        claim=study["claim"]["text"],
        section=study["claim"]["section"] or "",
        verdict=conjunction(answers(results)),
        sentence=verdict_sentence(results),
        screening=screening(results),
        facts=facts(results),
        table=table,
        copies=copies(results, table),
        effects=_effects(results),
        hypotheses=hypothesis_table(results) if study["hypotheses"] else None,
        **_curves(results),
        times=time_table(results),
        pictures=read_pictures(results, folder),
        no_pictures=_no_pictures(results),
        **_pareto(results),
        **_scaling(results),
        differences=difference_table(results),
        failures=failures_table(results),
        events=events_table(results),
        done=f"All {len(results.runs)} runs are done; none failed or diverged.",
        about=[found for found in (methods_table(results), published_table(results)) if found],
        commands=commands(results),
        made=made_table(results),
        runs=runs_table(results),
    )


def copies(results: Results, table: MainTable) -> list[tuple[str, str]]:
    """The main table as it is copied; the CSV has it in numbers, which is table.csv."""
    csv = wide(results).to_csv(index=False, lineterminator="\n", float_format="%.8g")
    return [("Markdown", markdown(table.text)), ("CSV", csv), ("LaTeX", latex(table.text))]


def _effects(results: Results) -> list[Effect]:
    return [
        Effect(answer.text, answer.verdict, answer.verdict_in_words, _estimates(answer), drawing)
        for answer, drawing in zip(answers(results), effect_drawings(results), strict=True)
    ]


def _estimates(answer: Answer) -> list[tuple[str, str]]:
    found, column = answer.comparison, answer.quantity.column
    rows = [(unit_of(answer), these_text(found, column))]
    if answer.of_new_images:
        rows = [("on these images", rows[0][1]), ("on new images", new_text(found, column))]
    seeds = "an exact count" if found.method == "exact" else f"{found.these.n} seeds"
    rows.append(("from", f"{seeds}, {found.photographs} photographs" if found.photographs else seeds))
    return rows + ([("still needed", answer.still_needed)] if answer.still_needed != MISSING else [])


def _curves(results: Results) -> dict[str, Any]:
    drawings = curve_drawings(results) if results.study["metrics"] else []
    shown = set().union(*(set(panels["step"].data["label"]) for panels in drawings))
    legend = [line_swatch(i, label) for i, label in enumerate(results.labels) if label in shown]
    return {"curves": drawings, "curve_legend": legend}


def _pareto(results: Results) -> dict[str, Any]:
    shown = set(pareto(results)["label"])
    legend = [point_swatch(i, label) for i, label in enumerate(results.labels) if label in shown]
    return {"pareto": pareto_drawings(results), "pareto_legend": legend}


def _scaling(results: Results) -> dict[str, Any]:
    lines = list(dict.fromkeys(scaling(results)["line"]))
    legend = [line_swatch(i, line, "scale") for i, line in enumerate(lines)]
    return {"scaling": scaling_drawings(results), "scaling_legend": legend}


def _no_pictures(results: Results) -> str:
    if not results.study["metrics"]:
        return "This study is of costs alone: what was hardly trained has nothing to show."
    return (
        "There are no pictures here: the report was made with --no-pictures, for data that may not be passed on, or "
        "without the run store, in which they lie."
    )
