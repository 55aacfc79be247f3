"""A search's report folder: report.md, the trials as CSV and LaTeX, figures/ and the archive that they stand on."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import ARCHIVE, BEST, TRIALS, load
from bench.report.analysis.quantities import parse
from bench.report.folder import rewritten
from bench.report.search.figures import draw_search
from bench.report.search.frames import PARAMETER, best_trials, objectives, trials_frame, winner
from bench.report.search.results import SearchResults, Trial, search_text
from bench.report.search.tables import (
    Confirmed,
    best_table,
    change,
    change_table,
    confirmed,
    confirmed_table,
    counts_text,
    outcome_table,
    shown,
    space_table,
)
from bench.report.tables.data_set import data_words
from bench.report.tables.numbers import budget_text, listed, number
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, latex, markdown, titled
from bench.report.write import check_report, write_report
from bench.store.run_store import read_text, write_atomically

BEST_FILE = "best.yaml"
"""The winner and the default as a study, in the report folder."""
CONFIRMED = "best/report.md"
"""The report of that study."""
PICTURES = {  # file below figures/: heading, text
    "history.png": (
        "History",
        "Every trial that has a score by its number: complete ones as dots, pruned ones as crosses at their last "
        "validation, the winner as a star, the best complete trial so far as steps, and the default as a dashed line. "
        "A pruned trial's score is of less training and of the first seed",
    ),
    "importances.png": (
        "What mattered",
        "The share of the differences between complete trials that Optuna lays to each parameter; of few trials it is "
        "a rough guess",
    ),
    "slices.png": (
        "Each parameter",
        "The first objective against each parameter, complete trials only; the star is the winner, the dashed line the "
        "default. The other parameters vary too",
    ),
    "pareto.png": (
        "Pareto front",
        "Complete trials by their objectives; filled, and of two objectives joined by the line, are those that no "
        "other trial dominates; the star is the winner, the diamond the default",
    ),
    "curves.png": (
        "Learning curves",
        "The first objective at the validations of each trial's first seed: complete trials solid, pruned ones dashed, "
        "the winner thick with stars",
    ),
}


def write_search(results: SearchResults, folder: Path, confirmed: Confirmed | None) -> None:
    """Write or rewrite the folder, whole or not at all; best.yaml and best/ are linked if they are there already."""
    with rewritten(folder) as beside:
        for name in PICTURES:  # pictures of other trials are worse than none
            (beside / "figures" / name).unlink(missing_ok=True)
        draw_search(results, beside / "figures")
        for name, text in search_texts(results, beside, confirmed).items():
            write_atomically(beside / name, text)


def check_search(results: SearchResults, folder: Path, confirmed: Confirmed | None) -> list[str]:
    """Names of the folder's text files that differ from what the results give."""
    return [name for name, text in search_texts(results, folder, confirmed).items() if read_text(folder / name) != text]


def search_texts(results: SearchResults, folder: Path, confirmed: Confirmed | None) -> dict[str, str]:
    """File name -> content; the figures, best.yaml and best/report.md that lie in the folder are linked."""
    tables = [*_found(results, confirmed), space_table(results), outcome_table(results)]
    return {
        TRIALS: search_text(results),
        "report.md": _markdown(results, folder, confirmed),
        "trials.csv": _csv(trials_frame(results)),
        "trials.tex": "\n".join(map(latex, tables)),
    }


def _csv(frame: pd.DataFrame) -> str:
    """Fractions to 8 digits, also in columns of words and numbers, where pandas leaves them as they are."""
    frame = frame.copy()
    for name in (name for name in frame if str(name).startswith(PARAMETER)):
        frame[name] = [f"{value:.8g}" if isinstance(value, float) else value for value in frame[name]]
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.8g")


def _found(results: SearchResults, confirmed: Confirmed | None) -> list[TextTable]:
    """What was found, in the page's order."""
    both = [confirmed_table(confirmed)] if confirmed and confirmed.rows else []
    return [*both, *([best_table(results)] if best_trials(results) else [])]


def _markdown(results: SearchResults, folder: Path, confirmed: Confirmed | None) -> str:
    question = escape_markdown(results.search["question"])
    parts = [
        f"# {escape_markdown(results.search['title'])}",
        textwrap.fill(question, 110, initial_indent="> ", subsequent_indent="> "),
        *_setting(results.search),
        _answer(results, folder, confirmed),
    ]
    parts += [titled(table) for table in [*_found(results, confirmed), space_table(results)]]
    parts += [
        f"## {title}\n\n![{text}](figures/{name})\n\n{text}."
        for name, (title, text) in PICTURES.items()
        if (folder / "figures" / name).exists()
    ]
    parts.append(titled(outcome_table(results)))
    parts += [*_best(results, folder), *_again(results)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _setting(search: dict[str, Any]) -> list[str]:
    """What was searched: the default's setting, data, and how."""
    config, data = search["control"], search["data"]
    train, size = config["train"], config["data"]["image_size"]
    lines = [
        f"Scale {code(search['scale'])}: {size}x{size} images, {budget_text(train)} at batch {train['batch_size']}, "
        f"{train['precision']}; that is the default's setting, from which trials differ by what the space sets."
    ]
    if data:
        lines.append(
            f"Data {code(data['name'])} (fingerprint {code(data['fingerprint'])}): "
            f"{data['train_photographs']:,} photographs "
            f"to train on, {data['val_photographs']:,} to validate; {data_words(data)}. Split: "
            f"{escape_markdown(str(data['split_rule']))}."
        )
    timeout = f", none begun after {search['timeout']:,g} seconds" if search["timeout"] else ""
    lines.append(
        f"Sampler {escape_markdown(str(search['sampler']))}, pruner {escape_markdown(str(search['pruner']))}; "
        f"{search['trials']:,} trials asked for{timeout}, each with {_seeds(search['seeds'])}; the "
        f"winner and the default again with {_seeds(search['fresh_seeds'])}."
    )
    aims = [
        f"{parse(each['quantity']).column.title}, the {each['direction']} the better" for each in search["objectives"]
    ]
    limits = [_limit(each) for each in search["constraints"]]
    spoken = [("Objective", aims), ("Constraint", limits)]
    lines.append(" ".join(f"{what}{'s' if len(each) > 1 else ''}: {'; '.join(each)}." for what, each in spoken if each))
    return lines


def _seeds(seeds: list[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {listed(list(map(str, seeds)))}"


def _limit(constraint: dict[str, Any]) -> str:
    """MACs ≤ 5.25 M, with all digits of the bound"""
    column = parse(constraint["quantity"]).column
    relation = {"<=": "≤", ">=": "≥"}.get(constraint["relation"], constraint["relation"])
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.title} {escape_markdown(relation)} {constraint['bound'] / column.per_unit:,.10g}{unit}"


def _answer(results: SearchResults, folder: Path, confirmed: Confirmed | None) -> str:
    """Counts, the winner on the search's own seeds, and with fresh ones."""
    sentences = [f"{counts_text(results)}."]
    if found := winner(results):
        sentences += winner_sentences(results, found)
    else:
        sentences.append("So there is no winner." if not best_trials(results) else "No trial was chosen as the winner.")
    if confirmed and confirmed.rows:
        sentences.append(f"With fresh seeds: {escape_markdown(fresh_text(confirmed))}.")
    if confirmed and (folder / CONFIRMED).exists():
        about = "The winner and the default with fresh seeds on photographs that no trial was judged on"
        sentences.append(f"[{about}]({CONFIRMED}).")
    return " ".join(sentences)


def fresh_text(confirmed: Confirmed) -> str:
    """PSNR +0.10 [+0.05, +0.15] against the default, supported"""
    return "; ".join(
        f"{parse(row['quantity']).column.title} {row['estimate_fresh']} against {row['against']}, {row['verdict']}"
        for row in confirmed.rows
    )


def winner_sentences(results: SearchResults, found: Trial) -> list[str]:
    """What it reached, on the search's own seeds and photographs."""
    columns, defaults = objectives(results), results.default["values"] or [None] * len(found.values or [])
    parts = []
    for column, value, default in zip(columns, found.values or [], defaults, strict=False):
        unit = f" {column.unit}" if column.unit else ""
        difference = change(value, default, column)
        against = f" against the default's {shown(default, column)}{unit} ({difference})" if difference else ""
        parts.append(f"{column.title} {shown(value, column)}{unit}{against}")
    front = f"The Pareto set has {len(best_trials(results))} of them. " if len(columns) > 1 else ""
    if results.search.get("winner_is_default"):
        return [f"{front}The best, trial {found.number}, is the default itself: there is nothing to confirm."]
    first, others = columns[0].title, listed([column.title for column in columns[1:]]) if len(columns) > 1 else ""
    rules = {
        "no worse": f"It is the best in {first} of the trials that are no worse than the default in {others}.",
        "best of all": f"No trial is as good as the default in {others}, so it is the best in {first} of all.",
    }
    rule = rules.get(results.search.get("winner_rule", ""))
    return [
        f"{front}The winner, trial {found.number}, has {listed(parts)}, on the search's own seeds and photographs.",
        *([rule] if rule else []),
        "It was chosen for these values, which makes them look better than they are.",
    ]


def _best(results: SearchResults, folder: Path) -> list[str]:
    """The section on the winner's study, where there is one."""
    table = change_table(results)
    if table is None or not (folder / BEST_FILE).exists():
        return []
    search, called = results.search, shlex.split(results.search["command"])
    data = called[called.index("--data") :][:2] if "--data" in called else []
    here = search.get("folder", f"reports/{search['name']}")
    command = shlex.join(["bench", "run", f"{here}/{BEST_FILE}", "--scale", search["scale"], *data])
    text = f"[`{BEST_FILE}`]({BEST_FILE}) is a study of the winner and the default, ready for `bench run`:"
    return [f"## The best config\n\n{text}", fenced(command), f"What the winner sets:\n\n{markdown(table)}"]


def _again(results: SearchResults) -> list[str]:
    storage = escape_markdown(str(results.search["storage"]))
    parts = [
        "## How to get these numbers again",
        fenced(results.search["command"]),
        f"Name in Optuna's storage: {storage}.",
    ]
    trials = [trial for trial in results.outcome("complete", "pruned") if trial.seconds > 0]
    total = sum(trial.seconds for trial in trials)
    if total:
        share = 100 * (1 - sum(trial.work_seconds for trial in trials) / total)
        took = f"{total / 60:,.1f} minutes" if total > 60 else f"{total:.1f} seconds"
        parts.append(
            f"The harness took {number(share, 2)}% of {took}, summed over n = {len(trials)} complete and pruned "
            "trials: what lay between a proposal and its answer and was neither training nor scoring."
        )
    return parts


def confirmed_in(results: SearchResults, folder: Path) -> Confirmed | None:
    """What the archive of the comparison says, if there is one and it is of this winner. Raises InputError."""
    if not (folder / BEST / ARCHIVE).exists():
        return None
    best = analyse(load(folder / BEST))
    return confirmed(results, best) if [run["id"] for run in best.runs] == results.search.get("best_runs") else None


def write_again(results: SearchResults, folder: Path, pictures: bool) -> None:
    """Both reports from their archives, or neither. Raises InputError."""
    with rewritten(folder) as beside:
        if (beside / BEST / ARCHIVE).exists():
            write_report(analyse(load(beside / BEST)), beside / BEST, None, pictures)
        write_search(results, beside, confirmed_in(results, beside))


def stale(results: SearchResults, folder: Path) -> list[Path]:
    """Files of both that differ from what their archives give. Raises InputError."""
    found = [folder / name for name in check_search(results, folder, confirmed_in(results, folder))]
    if (folder / BEST / ARCHIVE).exists():
        found += [folder / BEST / name for name in check_report(analyse(load(folder / BEST)), folder / BEST)]
    return found
