"""The table of the paper's claims: a row a study, with its verdict and hypotheses."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from urllib.parse import quote

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import NO_HYPOTHESIS, Answer
from bench.report.tables.numbers import budget_text, counted, estimate_with_unit, listed, range_text
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, markdown
from bench.study.labels import MISSING

CLAIMS = "claims.md"
NOTES = [
    "A claim is supported if all of its hypotheses are supported, refuted if any of them is refuted, and inconclusive "
    "otherwise.",
    "Each hypothesis has its difference (left − right; × is left / right), the 95% interval and a verdict of its own, "
    "adjusted over the study's hypotheses (Holm 1979). The estimate is for new images where the data allow one; the "
    "study's report has both estimates and the conventions.",
    f"(screening) means fewer than {SCREENING_BELOW} seeds: no sign-flip test can then pass 0.05.",
    "n is the number of training seeds, and of the photographs that the scored images are cut from.",
    "A verdict holds for the scale and the data of its row. Zhang & Zhou trained on around 8,000 images of 256x256 "
    "pixels (scale paper).",
]
ORDER = ("supported", "refuted", "inconclusive", NO_HYPOTHESIS)


def claims_text(studies: list[Analysis]) -> str:
    """claims.md: the counts of verdicts, the data, the commands, and the table. Empty without studies."""
    if not studies:
        return ""
    settings = list(dict.fromkeys(_setting(study) for study in in_order(studies)))
    table = claims_table(studies)
    return "\n\n".join(
        [
            "# Verdicts on the claims",
            counts_text(studies),
            "\n".join(f"- {setting}" for setting in settings),
            "To reproduce all of them:",
            fenced("\n".join(commands(studies))),
            markdown(table),
        ]
    )


def counts_text(studies: list[Analysis]) -> str:
    """4 claims: 1 supported, 0 refuted, 3 inconclusive. Studies that quote no paper are counted separately."""
    claims = [analysis for analysis in studies if analysis.study["claim"]["section"]]
    questions = [analysis for analysis in studies if not analysis.study["claim"]["section"]]
    return " ".join(
        f"{counted(len(group), noun)}: {_verdicts(group)}."
        for group, noun in ((claims, "claim"), (questions, "further question"))
        if group
    )


def _verdicts(studies: list[Analysis]) -> str:
    counts = Counter(analysis.verdict for analysis in studies)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict] or verdict in ORDER[:3])


def claims_table(studies: list[Analysis]) -> TextTable:
    """A row a study, ordered by the paper's sections, then by name."""
    headings = ["claim", "section", "verdict", "hypotheses", "n", "scale", "data", "command"]
    ordered = in_order(studies)
    links = [f"{quote(analysis.study['name'], safe='')}/report.md" for analysis in ordered]
    return TextTable("Claims", headings, [_row(analysis) for analysis in ordered], NOTES, links)


def in_order(studies: list[Analysis]) -> list[Analysis]:
    """The studies by the paper's sections, then by name; studies that quote no paper come last."""

    def key(analysis: Analysis) -> tuple[bool, list[tuple[int, ...]], str]:
        section = analysis.study["claim"]["section"]
        return not section, _numbers(section), analysis.study["name"]

    return sorted(studies, key=key)


def _numbers(section: str | None) -> list[tuple[int, ...]]:
    """3.1, 4.1.2 -> [(3, 1), (4, 1, 2)]; a section without a number, such as the abstract, sorts first."""
    return [tuple(map(int, part.split("."))) for part in re.findall(r"\d+(?:\.\d+)*", section or "")]


def _row(analysis: Analysis) -> list[str]:
    study, seeds = analysis.study, analysis.fewest_seeds
    screening = " (screening)" if analysis.answers and seeds < SCREENING_BELOW else ""
    return [
        f"{' '.join(study['title'].split())}\n“{' '.join(study['claim']['text'].split())}”",
        study["claim"]["section"] or MISSING,
        analysis.verdict + screening,
        "\n".join(map(_line, analysis.answers)) or MISSING,
        f"{counted(seeds, 'seed')};\n{counted(analysis.setting.photographs, 'photograph')}",
        study["scale"],
        _data(analysis),
        study["command"],
    ]


def _line(answer: Answer) -> str:
    """A hypothesis with the estimate that decides its verdict."""
    return f"{answer.text}: {estimate_with_unit(answer)}, {answer.verdict}"


def _data(analysis: Analysis) -> str:
    """photos: 6 to train on, 3 to validate"""
    setting = analysis.setting
    if not setting.data:
        return MISSING
    train, val = range_text(setting.train_photographs), range_text(setting.val_photographs)
    return f"{listed(setting.data_names)}: {train} to train on, {val} to validate"


def _setting(analysis: Analysis) -> str:
    prints = analysis.setting.fingerprints
    shown = f" (fingerprint {code(prints[0])})" if len(prints) == 1 else ""
    config = analysis.study["control"]
    train, side = config["train"], config["data"]["image_size"]
    budget = f"{budget_text(train)} at batch {train['batch_size']}"
    scale = f"scale {code(analysis.study['scale'])} ({side}x{side} pixels, {budget})"
    return f"{scale}, photographs from {escape_markdown(_data(analysis))}{shown}"


def commands(studies: list[Analysis]) -> list[str]:
    """The commands that make all reports again; studies with the same options share a command."""
    paths: dict[tuple[str, ...], list[str]] = {}
    for analysis in in_order(studies):
        bench, verb, path, *options = shlex.split(analysis.study["command"])
        paths.setdefault((bench, verb, *options), []).append(path)
    return [shlex.join([bench, verb, *files, *options]) for (bench, verb, *options), files in paths.items()]
