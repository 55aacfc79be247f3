"""`bench search`: make a search's trials, confirm the winner, report; and its page again from the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.options import (
    DONE,
    GRACE_SECONDS,
    HANG_SECONDS,
    SOME_FAILED,
    Address,
    CheckpointEvery,
    Data,
    Device,
    ExecutorName,
    Grace,
    HangAfter,
    Pictures,
    Reports,
    Runs,
    Scale,
    Threads,
    check_folder,
    cluster_at,
    exit_cleanly,
    given_command,
    known_device,
    say,
    say_advice,
)
from bench.errors import InputError, is_file
from bench.scales import ScaleName


def is_search(path: Path) -> bool:
    """Whether a file, or the bare name of a shipped one, is a search's. Raises InputError if it cannot be read."""
    from bench.study.shipped import file_of
    from bench.study.yaml_lines import Located

    return "space" in Located(file_of(path)).content


def search(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="FILE [KEY=VALUE...]", help="A search, then dotted overrides of its base."),
    ],
    trials: Annotated[int | None, typer.Option(min=1, help="How many trials in all.  [default: the file's]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time.  [default: as many as the cores bear; 1 on CUDA]")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="sqlite:///FILE, postgresql+psycopg://..., mysql+pymysql://..., or the path "
            "of a journal; machines that name the same one share the trials.  [default: a journal in the run "
            "store]",
        ),
    ] = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    threads: Threads = 1,
    device: Device = "auto",
    pictures: Pictures = True,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Hold the winner against the default with fresh seeds.")
    ] = True,
    checkpoint_every: CheckpointEvery = 20,
    grace: Grace = GRACE_SECONDS,
    hang_after: HangAfter = HANG_SECONDS,
    executor: ExecutorName = "local",
    address: Address = None,
) -> None:
    """Search with Optuna for the best config: its trials are runs like any other. The same command goes on, and on
    several machines with the same --storage shares the work."""
    from bench.data.advice import advice
    from bench.data.dataset import open_dataset
    from bench.search.load import load_search
    from bench.study.shipped import HOW

    files = [Path(a) for a in arguments if "=" not in a or is_file(a)]
    if len(files) != 1:
        raise InputError(f"command line: one search at a time, here are {len(files)}; {HOW}")
    overrides = tuple(a for a in arguments if Path(a) not in files)
    loaded = load_search(files[0], scale, data, overrides, trials)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    say_advice(advice(open_dataset(loaded.default.data), loaded.default.task))
    console = Console(emoji=False)

    from bench.machine import Machine, resolve_device
    from bench.report.overview import write_overview
    from bench.report.search.terminal import print_search
    from bench.search.ray_workers import check_shared
    from bench.search.run import SearchRequest, run_search, shortfall
    from bench.search.storage import STORAGE_ERRORS, default_storage, without_password
    from bench.search.worker import WorkerSettings, WorkersLost
    from bench.store.run_store import RunStore

    url, folder, store = storage or default_storage(loaded, runs), reports / loaded.name, RunStore(runs, grace)
    deadline = time.time() + (loaded.file.timeout or float("inf"))
    known = known_device(device)
    try:
        with exit_cleanly(), cluster_at(executor, address, store) as cluster:
            if cluster is not None:
                check_shared(cluster, url, storage is not None)
            machine = Machine(
                (cluster.device if cluster is not None else resolve_device)(known),
                threads,
                checkpoint_every,
                hang_seconds=hang_after,
                command=given_command(),
            )
            settings = WorkerSettings(url, runs, machine, grace, deadline)
            request = SearchRequest(loaded, settings, store, folder, workers, pictures, confirm, cluster)
            results, states = run_search(request, console)
    except STORAGE_ERRORS as error:
        say(f"{without_password(url)}: {str(error).splitlines()[0]}; what is done is kept, run the same command again")
        raise typer.Exit(SOME_FAILED) from None
    except WorkersLost:
        say("workers were killed again and again (out of memory?); what is done is kept; try fewer --workers")
        raise typer.Exit(SOME_FAILED) from None
    write_overview(reports)
    print_search(results, folder, console)
    missing = shortfall(loaded, results) if time.time() < deadline else ""
    if missing:
        say(missing)
    failed = missing or results.outcome("failed") or any(state not in ("done", "unavailable") for state in states)
    raise typer.Exit(SOME_FAILED if failed else DONE)


def report_searches(
    paths: list[Path],
    everything: bool,
    scale: ScaleName,
    data: str | None,
    overrides: tuple[str, ...],
    storage: str | None,
    runs: Path,
    reports: Path,
    pictures: bool,
    check: bool,
) -> list[Path]:
    """Make the pages of these searches again, or with `everything` of all with an archive below `reports`; from the
    storage that knows them, else from their archives. With `check` nothing is written, and the files that differ from
    what their archives give come back. Raises InputError."""
    from bench.report.analysis.archive import TRIALS
    from bench.report.search.results import load_search_results
    from bench.report.search.terminal import print_search
    from bench.report.search.write import rewrite_search, stale_files

    asked = (
        [(path.parent, False) for path in sorted(reports.glob(f"*/{TRIALS}"))]
        if everything
        else [_collected(path, scale, data, overrides, storage, runs, reports, pictures, check) for path in paths]
    )
    found = []
    for folder, is_written in asked:
        results = load_search_results(folder)
        if check:
            found += stale_files(results, folder)
            continue
        if not is_written:
            rewrite_search(results, folder, pictures)
        print_search(results, folder, Console(emoji=False))
    return found


def _collected(
    path: Path,
    scale: ScaleName,
    data: str | None,
    overrides: tuple[str, ...],
    storage: str | None,
    runs: Path,
    reports: Path,
    pictures: bool,
    check: bool,
) -> tuple[Path, bool]:
    """The report folder of a search, and whether it was written just now, from the storage; not if it is to be
    checked."""
    from bench.report.analysis.archive import TRIALS
    from bench.report.search.results import load_search_results
    from bench.search.load import load_search

    loaded = load_search(path, scale, data, overrides)
    folder = reports / loaded.name
    if not check:
        from bench.report.ownership import check_free
        from bench.search.optuna_study import has_study, open_study
        from bench.search.results import describe
        from bench.search.run import write_reports
        from bench.search.storage import default_storage
        from bench.store.run_store import RunStore

        url = storage or default_storage(loaded, runs)
        if has_study(loaded, url):
            check_free("search", path, describe(loaded), folder)
            write_reports(loaded, open_study(loaded, url)[0], RunStore(runs), folder, pictures)
            return folder, True
    if not (folder / TRIALS).exists():
        raise InputError(
            f"{path}: neither a storage nor {folder} has its trials; bench search it first, or name --storage"
        )
    kept = load_search_results(folder).search
    if kept["storage"] != loaded.study_name:
        raise InputError(
            f"{folder} holds the trials of `{kept['command']}`, which are not those of `{loaded.command}` as {path} is "
            "now; give its options, or bench search it"
        )
    return folder, False
