"""`bench report`: make the reports of studies and searches again; nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.checks import check_distinct, load_studies, say, split_arguments
from bench.cli.exits import SOME_FAILED
from bench.cli.options import AnyStudies, Data, MaxRuns, Pictures, Reports, Runs, Scale, Storage
from bench.errors import InputError
from bench.scales import ScaleName


@dataclass(frozen=True)
class SearchReports:
    """How the reports of searches are asked for: the options of `bench report`."""

    scale: ScaleName
    data: str | None
    overrides: tuple[str, ...]
    storage: str | None
    runs: Path
    reports: Path
    pictures: bool
    check: bool


def report(
    studies: AnyStudies = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    pictures: Pictures = True,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file differs.")] = False,
    storage: Storage = None,
    max_runs: MaxRuns = None,
) -> None:
    """Make reports of studies and searches again, from the store or from the records beside them; trains nothing."""
    from bench.report.analysis.archive import load_archives
    from bench.report.overview import check_overview, write_overview
    from bench.report.ownership import check_study
    from bench.report.sources import all_analyses
    from bench.report.terminal import print_results
    from bench.report.write import check_report, write_report
    from bench.store.run_store import RunStore

    console, store = Console(emoji=False), RunStore(runs)
    named, overrides = split_arguments(studies or [])
    searches = [name for name in named if _is_search(name)]
    loaded = load_studies([*(n for n in named if n not in searches), *overrides], scale, data, True, max_runs)
    check_distinct([*searches, *(study.path for study in loaded)], "studies and searches")
    for study in () if check else loaded:
        check_study(study, reports / study.name)
    load_archives(reports, without={study.name for study in loaded})
    asked = SearchReports(scale, data, overrides, storage, runs, reports, pictures, check)
    stale = report_searches([Path(name) for name in searches], not studies, asked)
    for analysis, folder, source in all_analyses(loaded, store, reports) if loaded or not searches else ():
        if check:
            stale += [folder / name for name in check_report(analysis, folder)]
        else:
            write_report(analysis, folder, source, pictures)
            print_results(analysis, folder, console)
    if check:
        stale += check_overview(reports)
    else:
        write_overview(reports)
    for path in stale:
        say(f"{path} differs from what its records give; run bench report")
    if stale:
        raise typer.Exit(SOME_FAILED)


def _is_search(name: str) -> bool:
    """Whether a file, or the name of a shipped one, is a search. Raises InputError if it cannot be read."""
    from bench.study.shipped import find_file
    from bench.study.yaml_lines import Located

    path = find_file(Path(name))
    return path is not None and "space" in Located(path).content


def report_searches(paths: list[Path], everything: bool, asked: SearchReports) -> list[Path]:
    """Make the pages of these searches again, or with `everything` of all that have an archive below `reports`.

    A page comes from the storage that holds the trials, else from its archive. With `check` nothing is written; the
    files that differ from what their archives give are returned. Raises InputError.
    """
    from bench.report.analysis.archive import TRIALS
    from bench.report.search.results import load_search_results
    from bench.report.search.terminal import print_search
    from bench.report.search.write import rewrite_search, stale_files

    if everything:
        folders = [(path.parent, False) for path in sorted(asked.reports.glob(f"*/{TRIALS}"))]
    else:
        folders = [_report_from_storage(path, asked) for path in paths]
    differing = []
    for folder, is_written in folders:
        results = load_search_results(folder)
        if asked.check:
            differing += stale_files(results, folder)
            continue
        if not is_written:
            rewrite_search(results, folder, asked.pictures)
        print_search(results, folder, Console(emoji=False))
    return differing


def _report_from_storage(path: Path, asked: SearchReports) -> tuple[Path, bool]:
    """The report folder of a search, and whether the report was written from the storage just now.

    With `check`, and where the storage does not hold the search, nothing is written: the folder's archive is taken.
    """
    from bench.report.analysis.archive import TRIALS
    from bench.report.search.results import load_search_results
    from bench.search.load import load_search

    loaded = load_search(path, asked.scale, asked.data, asked.overrides)
    folder = asked.reports / loaded.name
    if not asked.check:
        from bench.report.ownership import check_free
        from bench.search.optuna_study import has_study, open_study
        from bench.search.results import describe
        from bench.search.run import write_reports
        from bench.search.storage import default_storage
        from bench.store.run_store import RunStore

        url = asked.storage or default_storage(loaded, asked.runs)
        if has_study(loaded, url):
            check_free("search", path, describe(loaded), folder)
            write_reports(loaded, open_study(loaded, url)[0], RunStore(asked.runs), folder, asked.pictures)
            return folder, True
    if not (folder / TRIALS).exists():
        raise InputError(
            f"{path}: neither a storage nor {folder} has its trials; bench search it first, or name --storage"
        )
    archived = load_search_results(folder).search
    if archived["storage"] != loaded.study_name:
        raise InputError(
            f"{folder} holds the trials of `{archived['command']}`, which are not those of `{loaded.command}` as "
            f"{path} is now; give its options, or bench search it"
        )
    return folder, False
