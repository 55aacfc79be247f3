"""Write a study's report folder: index.html, report.md, tables as CSV and LaTeX, figures/, and the archive."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.archive import ARCHIVE, BEST, head, save
from bench.report.document import FIGURES, markdown_report, result_tables
from bench.report.figures.curves import draw_curves, draw_samples, sample_grid
from bench.report.figures.effects import draw_effects
from bench.report.figures.pareto import draw_pareto
from bench.report.figures.scaling import draw_scaling
from bench.report.folder import rewritten
from bench.report.page.pictures import write_pictures
from bench.report.page.render import PAGE, render, undrawn
from bench.report.page.study_page import study_page
from bench.report.tables.text_table import latex
from bench.report.tables.variants import difference_table
from bench.store.run_store import RunStore, read_text, write_atomically

CURVES = {"curves.png": "step", "curves_seconds.svg": "seconds"}
"""File below figures/ -> x axis of its curves. Curves against images look like those against steps."""


def write_report(analysis: Analysis, folder: Path, store: RunStore | None, samples: bool = True) -> None:
    """Write or replace the folder, as a whole or not at all.

    Without a store (results from an archive) the pictures stay as they are, and a report whose figure files were
    removed stays without them: its page has every figure inside. Without `samples` there are no pictures.
    """
    with rewritten(folder) as copy:
        _write(analysis, copy, store, samples)


def _write(analysis: Analysis, folder: Path, store: RunStore | None, samples: bool) -> None:
    has_figure_files = store is not None or not _is_without_figure_files(folder)
    for name in FIGURES:  # figures of other runs are worse than none
        if store or not samples or name != "samples.png":
            (folder / "figures" / name).unlink(missing_ok=True)
    for path in (folder / "figures").glob("*.svg"):
        path.unlink()
    if has_figure_files:
        _draw(analysis, folder / "figures", store if samples else None)
    if store or not samples:
        write_pictures(analysis, folder, store if samples else None)
    if store:
        save(analysis.results, folder)
    for name, text in texts(analysis, folder).items():
        write_atomically(folder / name, text)
    write_atomically(folder / PAGE, _page(analysis, folder, drawn=True))


def _is_without_figure_files(folder: Path) -> bool:
    """Whether a report stands here whose figures are in its page alone."""
    return (folder / PAGE).exists() and not any((folder / "figures").glob("*.svg"))


def _page(analysis: Analysis, folder: Path, drawn: bool) -> str:
    up = ("The search", "../report.md") if folder.name == BEST else ("All studies", f"../{PAGE}")
    return render("study.html.j2", drawn, page=study_page(analysis, folder), up=up)


def _draw(analysis: Analysis, folder: Path, store: RunStore | None) -> None:
    has_scores = bool(analysis.study["metrics"])  # a study of costs hardly trains: it has nothing to show
    grid = sample_grid(analysis, store) if store and has_scores else []
    if grid:
        draw_samples(grid, folder / "samples.png")
    if has_scores and len(analysis.curves):
        for name, x in CURVES.items():
            draw_curves(analysis.curves, analysis.levels, analysis.labels, folder / name, x)
    if len(analysis.effects):
        draw_effects(analysis, folder / "effects.png")
    if len(analysis.pareto):
        draw_pareto(analysis.pareto, folder / "pareto.png")
    if len(analysis.scaling):
        draw_scaling(analysis.scaling, folder / "scaling.png")


def check_report(analysis: Analysis, folder: Path) -> list[str]:
    """Names of the folder's text files that do not match the results. The drawing of the page's figures is not
    compared, only their data."""
    stale = [name for name, text in texts(analysis, folder).items() if read_text(folder / name) != text]
    is_same = undrawn(read_text(folder / PAGE) or "") == undrawn(_page(analysis, folder, drawn=False))
    return stale if is_same else [*stale, PAGE]


def texts(analysis: Analysis, folder: Path) -> dict[str, str]:
    """File name -> content. report.md links the figures that lie in the folder."""
    return {
        ARCHIVE: head(analysis.results),
        "report.md": markdown_report(analysis, folder),
        "table.csv": _csv(analysis.table),
        "hypotheses.csv": _csv(analysis.hypotheses),
        "table.tex": "\n".join(latex(t) for t in [*result_tables(analysis), difference_table(analysis)]),
    }


def _csv(frame: pd.DataFrame) -> str:
    """CSV with 8 digits: the last digits of a sum depend on the processor, and the same records must give the same
    bytes."""
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.8g")
