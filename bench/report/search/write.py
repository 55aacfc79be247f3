"""Write a search's report folder: report.md, the trials as CSV and LaTeX, figures/ and the archive behind them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import ARCHIVE, BEST, TRIALS, load
from bench.report.folder import rewritten
from bench.report.search.analysis import SearchAnalysis, analyse_search
from bench.report.search.confirmation import Confirmation, confirm
from bench.report.search.figures import draw_search
from bench.report.search.frames import PARAMETER
from bench.report.search.page import BEST_FILE as BEST_FILE
from bench.report.search.page import PICTURES, answer_tables, page_text
from bench.report.search.results import SearchResults, search_text
from bench.report.search.tables import outcome_table, space_table
from bench.report.tables.text_table import latex
from bench.report.write import check_report, write_report
from bench.store.run_store import read_text, write_atomically


def write_search(results: SearchResults, folder: Path, confirmation: Confirmation | None) -> None:
    """Write or rewrite the folder, completely or not at all; best.yaml and best/ are linked if they are there."""
    analysis = analyse_search(results, confirmation)
    with rewritten(folder) as draft:
        for name in PICTURES:  # a picture of other trials is worse than none
            (draft / "figures" / name).unlink(missing_ok=True)
        draw_search(analysis, draft / "figures")
        for name, text in search_texts(analysis, draft).items():
            write_atomically(draft / name, text)


def check_search(results: SearchResults, folder: Path, confirmation: Confirmation | None) -> list[str]:
    """The names of the folder's text files that differ from what the results give."""
    texts = search_texts(analyse_search(results, confirmation), folder)
    return [name for name, text in texts.items() if read_text(folder / name) != text]


def search_texts(analysis: SearchAnalysis, folder: Path) -> dict[str, str]:
    """File name -> content; the figures, best.yaml and best/report.md that lie in the folder are linked."""
    tables = [*answer_tables(analysis), space_table(analysis), outcome_table(analysis)]
    return {
        TRIALS: search_text(analysis.results),
        "report.md": page_text(analysis, folder),
        "trials.csv": _csv(analysis.trials),
        "trials.tex": "\n".join(map(latex, tables)),
    }


def confirmation_in(results: SearchResults, folder: Path) -> Confirmation | None:
    """The confirmation from the archive of the final comparison; None without one, or if it compares another winner.
    Raises InputError."""
    if not (folder / BEST / ARCHIVE).exists():
        return None
    comparison = analyse(load(folder / BEST))
    is_of_winner = [run["id"] for run in comparison.runs] == results.search.get("best_runs")
    return confirm(results, comparison) if is_of_winner else None


def rewrite_search(results: SearchResults, folder: Path, with_pictures: bool) -> None:
    """Write the search's report and that of the final comparison from their archives, both or neither. Raises
    InputError."""
    with rewritten(folder) as draft:
        if (draft / BEST / ARCHIVE).exists():
            write_report(analyse(load(draft / BEST)), draft / BEST, None, with_pictures)
        write_search(results, draft, confirmation_in(results, draft))


def stale_files(results: SearchResults, folder: Path) -> list[Path]:
    """The files of both reports that differ from what their archives give. Raises InputError."""
    stale = [folder / name for name in check_search(results, folder, confirmation_in(results, folder))]
    if (folder / BEST / ARCHIVE).exists():
        stale += [folder / BEST / name for name in check_report(analyse(load(folder / BEST)), folder / BEST)]
    return stale


def _csv(frame: pd.DataFrame) -> str:
    """Fractions to 8 digits. pandas applies its float format only to columns of floats; parameters are mixed."""
    frame = frame.copy()
    for name in (name for name in frame if str(name).startswith(PARAMETER)):
        frame[name] = [f"{value:.8g}" if isinstance(value, float) else value for value in frame[name]]
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.8g")
