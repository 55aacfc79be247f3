"""All claims of the paper in one table: a row a study, from the archives in the reports folder."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.archive import ARCHIVE, load
from bench.report.analysis.frames import Results
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import Answer, answers, conjunction, fewest_seeds
from bench.report.tables.numbers import budget_text, new_text, these_text
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, markdown
from bench.study.labels import GROUND_TRUTH, MISSING

CLAIMS = "claims.md"
NOTES = [
    "A claim is the conjunction of its hypotheses: refuted if any of them is refuted, supported if all are supported, "
    "else inconclusive.",
    "Each hypothesis stands with its difference (left − right; × is left / right), the 95% interval and its own "
    "verdict, adjusted over the study's hypotheses (Holm 1979). It is on new images where that can be said; the report "
    "of the study has both estimates, and the conventions.",
    f"(screening): fewer than {SCREENING_BELOW} seeds, with which no sign-flip test can pass 0.05.",
    "n: training seeds; photographs that the scored images are cut from.",
    "A verdict is about the scale and the data that it stands beside. Zhang & Zhou trained on around 8,000 images of "
    "256x256 pixels (scale `paper`).",
]
ORDER = ("supported", "refuted", "inconclusive", "no hypothesis")


def archives(reports: Path, without: Collection[str] = ()) -> list[Results]:
    """The studies with records below the folder, but for some names. Raises InputError with a broken one's name."""
    found = sorted(reports.glob(f"*/{ARCHIVE}"))
    return [load(path.parent) for path in found if path.parent.name not in without]


def claims_text(studies: list[Results]) -> str:
    """The page: what became of the claims, on which data, by which commands, and the table. Empty without studies."""
    if not studies:
        return ""
    settings = list(dict.fromkeys(_setting(results) for results in in_order(studies)))
    table = claims_table(studies)
    return "\n\n".join(
        [
            "# What became of the claims",
            counts_text(studies),
            "\n".join(f"- {setting}" for setting in settings),
            "All of it again:",
            fenced("\n".join(commands(studies))),
            markdown(table),
        ]
    )


def counts_text(studies: list[Results]) -> str:
    """4 claims: 1 supported, 0 refuted, 3 inconclusive. What quotes no paper is counted apart."""
    claims = [results for results in studies if results.study["claim"]["section"]]
    own = [results for results in studies if not results.study["claim"]["section"]]
    return " ".join(
        f"{_count(len(found), what)}: {_verdicts(found)}."
        for found, what in ((claims, "claim"), (own, "further question"))
        if found
    )


def _verdicts(studies: list[Results]) -> str:
    counts = Counter(conjunction(answers(results)) for results in studies)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict] or verdict in ORDER[:3])


def claims_table(studies: list[Results]) -> TextTable:
    """A row a study, by the paper's sections, then by name."""
    headings = ["claim", "section", "verdict", "hypotheses", "n", "scale", "data", "command"]
    ordered = in_order(studies)
    links = [f"{quote(results.study['name'], safe='')}/report.md" for results in ordered]
    return TextTable("Claims", headings, [_row(results) for results in ordered], NOTES, links)


def in_order(studies: list[Results]) -> list[Results]:
    """By the paper's sections, then by name; last what quotes no paper."""

    def place(results: Results) -> tuple[bool, list[tuple[int, ...]], str]:
        section = results.study["claim"]["section"]
        return not section, _numbers(section), results.study["name"]

    return sorted(studies, key=place)


def _numbers(section: str | None) -> list[tuple[int, ...]]:
    """3.1, 4.1.2 -> [(3, 1), (4, 1, 2)]; what has no number, such as an abstract, comes first."""
    return [tuple(map(int, part.split("."))) for part in re.findall(r"\d+(?:\.\d+)*", section or "")]


def _row(results: Results) -> list[str]:
    study, found = results.study, answers(results)
    scored = results.records[results.records["label"] != GROUND_TRUTH]
    photographs = scored.loc[scored["photograph"] != ALL_IMAGES, "photograph"].nunique()
    seeds = fewest_seeds(results)
    screening = " (screening)" if found and seeds < SCREENING_BELOW else ""
    return [
        f"{' '.join(study['title'].split())}\n“{' '.join(study['claim']['text'].split())}”",
        study["claim"]["section"] or MISSING,
        conjunction(found) + screening,
        "\n".join(map(_line, found)) or "—",
        f"{_count(seeds, 'seed')};\n{_count(photographs, 'photograph')}",
        study["scale"],
        _data(results),
        study["command"],
    ]


def _line(answer: Answer) -> str:
    """A hypothesis with the estimate that its verdict stands on."""
    column = answer.quantity.column
    text = new_text(answer.comparison, column) if answer.of_new_images else these_text(answer.comparison, column)
    unit = f" {column.unit}" if column.unit and not column.is_ratio else ""
    return f"{answer.text}: {text}{unit}, {answer.verdict}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _data(results: Results) -> str:
    """photos: 6 to train on, 3 to validate"""
    found: list[dict[str, Any]] = [run["run"]["data"] for run in results.runs if run["run"]]
    if not found:
        return "—"
    names = " and ".join(dict.fromkeys(str(data["name"]) for data in found))
    return f"{names}: {_range(found, 'train_photographs')} to train on, {_range(found, 'val_photographs')} to validate"


def _range(found: list[dict[str, Any]], key: str) -> str:
    counts = {int(data[key]) for data in found}
    return f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,} to {max(counts):,}"


def _setting(results: Results) -> str:
    prints = sorted({run["run"]["data"]["fingerprint"] for run in results.runs if run["run"]})
    shown = f" (fingerprint {code(str(prints[0]))})" if len(prints) == 1 else ""
    config = results.study["control"]
    train = config["train"]
    budget = budget_text(train)
    side = config["data"]["image_size"]
    scale = f"scale {code(results.study['scale'])} ({side}x{side} pixels, {budget} at batch {train['batch_size']})"
    return f"{scale}, photographs from {escape_markdown(_data(results))}{shown}"


def commands(studies: list[Results]) -> list[str]:
    """What regenerates every report: studies that were called alike stand in one command."""
    called: dict[tuple[str, ...], list[str]] = {}
    for results in in_order(studies):
        bench, verb, path, *options = shlex.split(results.study["command"])
        called.setdefault((bench, verb, *options), []).append(path)
    return [shlex.join([bench, verb, *paths, *options]) for (bench, verb, *options), paths in called.items()]
