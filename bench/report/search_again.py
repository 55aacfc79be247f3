"""The page of a search made again, or checked, from the archives in its folder."""

from __future__ import annotations

from pathlib import Path

from bench.report.analysis.archive import ARCHIVE, BEST, load
from bench.report.folder import rewritten
from bench.report.search_confirmed import confirmed
from bench.report.search_page import check_search, write_search
from bench.report.search_results import SearchResults
from bench.report.search_tables import Confirmed
from bench.report.write import check_report, write_report


def confirmed_in(results: SearchResults, folder: Path) -> Confirmed | None:
    """What the archive of the comparison says, if there is one and it is of this winner. Raises InputError."""
    if not (folder / BEST / ARCHIVE).exists():
        return None
    best = load(folder / BEST)
    return confirmed(results, best) if [run["id"] for run in best.runs] == results.search.get("best_runs") else None


def write_again(results: SearchResults, folder: Path, pictures: bool) -> None:
    """Both reports from their archives, or neither. Raises InputError."""
    with rewritten(folder) as beside:
        if (beside / BEST / ARCHIVE).exists():
            write_report(load(beside / BEST), beside / BEST, None, pictures)
        write_search(results, beside, confirmed_in(results, beside))


def stale(results: SearchResults, folder: Path) -> list[Path]:
    """Files of both that differ from what their archives give. Raises InputError."""
    found = [folder / name for name in check_search(results, folder, confirmed_in(results, folder))]
    if (folder / BEST / ARCHIVE).exists():
        found += [folder / BEST / name for name in check_report(load(folder / BEST), folder / BEST)]
    return found
