"""`bench search`: run the trials of a search, confirm the winner, and report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.checks import check_folder, given_command, known_device, say, say_advice, split_arguments
from bench.cli.exits import DONE, SOME_FAILED, cluster_at, exit_cleanly
from bench.cli.options import (
    GRACE_SECONDS,
    HANG_SECONDS,
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
    Storage,
    Threads,
    Workers,
)
from bench.errors import InputError


def search(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="FILE|KEY=VALUE", help="A search file or name, then overrides of its base."),
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, show_default="the file's", help="Number of trials in all.")
    ] = None,
    workers: Workers = None,
    storage: Storage = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    threads: Threads = 1,
    device: Device = "auto",
    pictures: Pictures = True,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Compare the winner with the default on fresh seeds.")
    ] = True,
    checkpoint_every: CheckpointEvery = 20,
    grace: Grace = GRACE_SECONDS,
    hang_after: HangAfter = HANG_SECONDS,
    executor: ExecutorName = "local",
    address: Address = None,
) -> None:
    """Search for the best config with Optuna, confirm it on fresh seeds, and report.

    After an interruption, the same command resumes; on several machines with one --storage, it shares the work.
    """
    from bench.data.advice import advice
    from bench.data.dataset import open_dataset
    from bench.search.load import load_search
    from bench.study.shipped import HOW

    files, overrides = split_arguments(arguments)
    if len(files) != 1:
        raise InputError(f"command line: give one search at a time, not {len(files)}; {HOW}")
    loaded = load_search(Path(files[0]), scale, data, overrides, trials)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    say_advice(advice(open_dataset(loaded.default.data), loaded.default.task))
    console = Console(emoji=False)

    # These take seconds to import, and what is wrong with the input should be said before.
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
    device = known_device(device)
    try:
        with exit_cleanly(), cluster_at(executor, address, store) as cluster:
            if cluster is not None:
                check_shared(cluster, url, storage is not None)
            machine = Machine(
                (cluster.device if cluster is not None else resolve_device)(device),
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
