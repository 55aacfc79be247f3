"""`bench search`: make a search's trials, confirm the winner, report; and its page again from the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.config import InputError
from bench.study_file import ScaleName
from bench.yaml_lines import Located

DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130


def is_search(path: Path) -> bool:
    """Whether a YAML file is a search's. Raises InputError if it cannot be read."""
    return "space" in Located(path).content


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
    scale: Annotated[ScaleName, typer.Option(help="How much compute: tiny, small, paper.")] = "small",
    data: Annotated[str | None, typer.Option(metavar="photos|places365|PATH", help="Data set, or a folder.")] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="The run store.")] = Path("runs"),
    reports: Annotated[Path, typer.Option(metavar="DIR", help="Where reports go.")] = Path("reports"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of each run on the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="auto takes CUDA if there is one; or cpu, cuda, cuda:1.")] = "auto",
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Leave sample pictures out of the comparison's report.")
    ] = True,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Hold the winner against the default with fresh seeds.")
    ] = True,
    checkpoint_every: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints.")] = 20,
    grace: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Silence after which a worker's trial is taken over.")
    ] = 60,
) -> None:
    """Search with Optuna for the best config: its trials are runs like any other. The same command goes on, and on
    several machines with the same --storage shares the work."""
    from bench.cli import check_folder, known_device, say
    from bench.search.load import load_search

    files = [Path(a) for a in arguments if "=" not in a or Path(a).is_file()]
    if len(files) != 1:
        raise InputError(f"command line: one search at a time, here are {len(files)}; see ablations/search/")
    overrides = tuple(a for a in arguments if Path(a) not in files)
    loaded = load_search(files[0], scale, data, overrides, trials)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    console = Console(emoji=False)

    from bench.report.search_terminal import print_search
    from bench.run import Machine
    from bench.runner import default_workers, resolve_device, run_jobs
    from bench.search.finish import best_jobs, best_study, check_objectives, default_jobs, write_all
    from bench.search.outcome import collect_search
    from bench.search.processes import WorkersLost, work
    from bench.search.storage import default_storage, open_study
    from bench.search.worker import Orders
    from bench.store import RunStore

    check_objectives(loaded)
    store, folder = RunStore(runs), reports / loaded.name
    machine = Machine(resolve_device(known_device(device)), threads, checkpoint_every)
    url = storage or default_storage(loaded, runs)
    deadline = time.time() + (loaded.file.timeout or float("inf"))
    count = workers or default_workers(machine, loaded.file.trials)
    try:
        work(loaded, Orders(url, runs, machine, grace, deadline), count, console)
        study, _ = open_study(loaded, url)
        asked = (store, console, machine.device, threads, workers, checkpoint_every)
        states = run_jobs(default_jobs(loaded), *asked) if confirm else {}
        best = best_study(loaded, collect_search(loaded, study, store), folder) if confirm else None
        if best is not None:
            states |= run_jobs(best_jobs(best), *asked)
    except KeyboardInterrupt:
        say("interrupted; what is done is kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    except WorkersLost:
        say("workers were killed again and again (out of memory?); what is done is kept; try fewer --workers")
        raise typer.Exit(SOME_FAILED) from None
    results, _ = write_all(loaded, study, store, folder, pictures)
    print_search(results, folder, console)
    failed = results.outcome("failed") or any(state not in ("done", "unavailable") for state in states.values())
    raise typer.Exit(SOME_FAILED if failed else DONE)
