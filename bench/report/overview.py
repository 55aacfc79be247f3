"""What stands above all reports of a folder: claims.md, speed.md, and index.html with every study and search."""

from __future__ import annotations

from pathlib import Path

from bench.report.claims import CLAIMS, archives, claims_text
from bench.report.page.index_page import index_page
from bench.report.page.render import PAGE, render
from bench.report.search_results import TRIALS, load_search_results
from bench.report.speed import speed_text
from bench.report.speed_records import PAGE as SPEED_PAGE
from bench.report.speed_records import load_records
from bench.store.run_store import read_text, write_atomically


def write_overview(reports: Path) -> None:
    """Write them anew from the archives; nothing where there are none. Raises InputError."""
    for name, text in _texts(reports).items():
        write_atomically(reports / name, text)


def check_overview(reports: Path) -> list[Path]:
    """Paths of those that differ from what the archives give. Raises InputError."""
    return [reports / name for name, text in _texts(reports).items() if read_text(reports / name) != text]


def _texts(reports: Path) -> dict[str, str]:
    """File name -> content."""
    studies = archives(reports)
    folders = sorted(path.parent for path in reports.glob(f"*/{TRIALS}"))
    searches = [(folder, load_search_results(folder)) for folder in folders]
    speeds = load_records(reports)
    found = {CLAIMS: claims_text(studies)} if studies else {}
    if speeds:
        found[SPEED_PAGE] = speed_text(speeds)
    if studies or searches or speeds:
        found[PAGE] = render("index.html.j2", page=index_page(studies, searches, speeds, reports))
    return found
