"""report.md of a search, from its analysis."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import Any

from bench.report.analysis.quantities import parse
from bench.report.search.analysis import SearchAnalysis
from bench.report.search.sentences import counts_text, fresh_text, winner_sentences
from bench.report.search.tables import best_table, changes_table, confirmation_table, outcome_table, space_table
from bench.report.tables.data_set import data_words
from bench.report.tables.numbers import budget_text, listed, number
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, markdown, titled

BEST_FILE = "best.yaml"
"""The study of the winner against the default, in the report folder."""
COMPARISON = "best/report.md"
"""The report of that study."""
PICTURES = {
    "history.png": (
        "History",
        "The score of each trial against its number: complete trials as dots, pruned ones as crosses at their last "
        "validation, the winner as a star. The steps show the best complete trial so far, the dashed line the default. "
        "A pruned trial's score comes from less training, and from its first seed only",
    ),
    "importances.png": (
        "Importance of the parameters",
        "The share of the variance among complete trials that each parameter explains, as Optuna estimates it. With "
        "few trials it is a rough estimate",
    ),
    "slices.png": (
        "Each parameter",
        "The first objective against each parameter, for complete trials. The star is the winner, the dashed line the "
        "default. The other parameters vary as well",
    ),
    "pareto.png": (
        "Pareto front",
        "Complete trials by their objectives. No other trial dominates the filled ones, which a line joins if there "
        "are two objectives. The star is the winner, the diamond the default",
    ),
    "curves.png": (
        "Learning curves",
        "The first objective at each validation of a trial's first seed: complete trials as solid lines, pruned ones "
        "dashed, the winner thick with stars",
    ),
}
"""File below figures/ -> heading, caption."""


def page_text(analysis: SearchAnalysis, folder: Path) -> str:
    """report.md; it links the figures, best.yaml and best/report.md that lie in the folder."""
    search = analysis.results.search
    parts = [
        f"# {escape_markdown(search['title'])}",
        textwrap.fill(escape_markdown(search["question"]), 110, initial_indent="> ", subsequent_indent="> "),
        *_setting(search),
        _answer(analysis, folder),
    ]
    parts += [titled(table) for table in [*answer_tables(analysis), space_table(analysis)]]
    parts += [
        f"## {title}\n\n![{caption}](figures/{name})\n\n{caption}."
        for name, (title, caption) in PICTURES.items()
        if (folder / "figures" / name).exists()
    ]
    parts.append(titled(outcome_table(analysis)))
    parts += [*_best_config(analysis, folder), *_reproduction(analysis)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def answer_tables(analysis: SearchAnalysis) -> list[TextTable]:
    """The tables with the answer, in the order of the page."""
    confirmation = analysis.confirmation
    confirmed = [confirmation_table(confirmation)] if confirmation and confirmation.rows else []
    return [*confirmed, *([best_table(analysis)] if analysis.ranking else [])]


def _setting(search: dict[str, Any]) -> list[str]:
    """Paragraphs on the default's setting, the data, the sampler, and the objectives and constraints."""
    config, data = search["control"], search["data"]
    train, size = config["train"], config["data"]["image_size"]
    lines = [
        f"Scale {code(search['scale'])}: {size}x{size} images, {budget_text(train)} at batch {train['batch_size']}, "
        f"{train['precision']}. This is the setting of the default; trials change what the space sets."
    ]
    if data:
        lines.append(
            f"Data {code(data['name'])} (fingerprint {code(data['fingerprint'])}): "
            f"{data['train_photographs']:,} photographs to train on, {data['val_photographs']:,} to validate; "
            f"{data_words(data)}. Split: {escape_markdown(str(data['split_rule']))}."
        )
    timeout = f", none started after {search['timeout']:,g} seconds" if search["timeout"] else ""
    lines.append(
        f"Sampler {escape_markdown(str(search['sampler']))}, pruner {escape_markdown(str(search['pruner']))}; "
        f"{search['trials']:,} trials requested{timeout}, each with {_seeds(search['seeds'])}. "
        f"Fresh seeds for the winner and the default: {_numbers(search['fresh_seeds'])}."
    )
    objectives = [f"{parse(o['quantity']).column.title} ({o['direction']} is better)" for o in search["objectives"]]
    named = [("Objective", objectives), ("Constraint", list(map(_bound, search["constraints"])))]
    lines.append(
        " ".join(f"{name}{'s' if len(items) > 1 else ''}: {', '.join(items)}." for name, items in named if items)
    )
    return lines


def _seeds(seeds: list[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {_numbers(seeds)}"


def _numbers(seeds: list[int]) -> str:
    return listed(list(map(str, seeds)))


def _bound(constraint: dict[str, Any]) -> str:
    """MACs ≤ 5.25 M, with all digits of the bound"""
    column = parse(constraint["quantity"]).column
    relation = {"<=": "≤", ">=": "≥"}.get(constraint["relation"], constraint["relation"])
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.title} {escape_markdown(relation)} {constraint['bound'] / column.per_unit:,.10g}{unit}"


def _answer(analysis: SearchAnalysis, folder: Path) -> str:
    """The paragraph with the outcomes, the winner in the search, and the winner with fresh seeds."""
    sentences = [f"{counts_text(analysis)}.", *winner_sentences(analysis)]
    if analysis.winner is None:
        sentences.append("No trial was chosen as the winner." if analysis.ranking else "So there is no winner.")
    confirmation = analysis.confirmation
    if confirmation and confirmation.rows:
        sentences.append(f"With fresh seeds: {escape_markdown(fresh_text(confirmation))}.")
    if confirmation and (folder / COMPARISON).exists():
        link = "The report of the winner against the default, with fresh seeds, on photographs that judged no trial"
        sentences.append(f"[{link}]({COMPARISON}).")
    return " ".join(sentences)


def _best_config(analysis: SearchAnalysis, folder: Path) -> list[str]:
    """The section on the study of the winner, if there is one."""
    table = changes_table(analysis)
    if table is None or not (folder / BEST_FILE).exists():
        return []
    search = analysis.results.search
    arguments = shlex.split(search["command"])
    data = arguments[arguments.index("--data") :][:2] if "--data" in arguments else []
    command = shlex.join(["bench", "run", f"{search['folder']}/{BEST_FILE}", "--scale", search["scale"], *data])
    text = f"[`{BEST_FILE}`]({BEST_FILE}) is a study of the winner against the default, ready for `bench run`:"
    return [f"## The best config\n\n{text}", fenced(command), f"The winner sets these fields:\n\n{markdown(table)}"]


def _reproduction(analysis: SearchAnalysis) -> list[str]:
    """The section with the command, the Optuna study, and the overhead of the harness."""
    search = analysis.results.search
    parts = [
        "## How to reproduce these numbers",
        fenced(search["command"]),
        f"Name of the Optuna study: {escape_markdown(str(search['storage']))}.",
    ]
    if (overhead := analysis.overhead) is not None:
        seconds = overhead.seconds
        total = f"{seconds / 60:,.1f} minutes" if seconds > 60 else f"{seconds:.1f} seconds"
        parts.append(
            f"The harness took {number(100 * overhead.share, 2)}% of {total}, summed over n = {overhead.trials} "
            "complete and pruned trials: the time between proposal and result that was neither training nor scoring."
        )
    return parts
