"""`bench run`: train what is missing, score it, and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bench.cli.checks import (
    check_folder,
    given_command,
    known_device,
    load_studies,
    parse_shard,
    say,
    say_advice,
)
from bench.cli.exits import SOME_FAILED, cluster_at, exit_cleanly
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
    MaxRuns,
    Pictures,
    Reports,
    Runs,
    Scale,
    Studies,
    Threads,
    Workers,
)
from bench.errors import InputError, Unreadable

if TYPE_CHECKING:
    from bench.store.run_store import RunStore
    from bench.study.study import Study


def run(
    studies: Studies,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    workers: Workers = None,
    threads: Threads = 1,
    device: Device = "auto",
    pictures: Pictures = True,
    checkpoint_every: CheckpointEvery = 20,
    grace: Grace = GRACE_SECONDS,
    hang_after: HangAfter = HANG_SECONDS,
    cuda_graphs: Annotated[
        bool, typer.Option("--cuda-graphs", help="Replay training steps as CUDA graphs (gan and l1_unet).")
    ] = False,
    max_runs: MaxRuns = None,
    executor: ExecutorName = "local",
    address: Address = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Do the I-th of N shares of the runs on a shared store, without a report."),
    ] = None,
) -> None:
    """Train what is missing, score it, and write the reports.

    After an interruption, the same command resumes.
    """
    from bench.machine import Machine, processor_flags
    from bench.plan.bf16 import bf16_warning
    from bench.report.analysis.archive import load_archives
    from bench.report.ownership import check_study
    from bench.runs.runner import RunRequest, jobs_of, run_jobs
    from bench.store.run_store import RunStore

    console, store = Console(emoji=False), RunStore(runs, grace)
    if executor == "ray" and workers is not None:
        raise InputError("--workers: --executor ray runs as many at a time as its nodes allow; leave --workers out")
    if executor == "ray" and shard is not None:
        raise InputError("--shard: is for clusters without Ray, which deals out the runs itself; leave one of them out")
    index, shards = parse_shard(shard)
    loaded = load_studies(studies, scale, data, max_runs=max_runs)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    # All that can be wrong with the input is found before the first run, not after hours.
    for study in loaded:
        check_study(study, reports / study.name)
    load_archives(reports, without={study.name for study in loaded})
    jobs = jobs_of(loaded)[index::shards]
    say_advice(line for study in loaded for line in study.advice())
    machine = Machine(known_device(device), threads, checkpoint_every, cuda_graphs, hang_after, given_command())
    if executor == "local" and (warning := bf16_warning(jobs, store, machine, processor_flags())):
        say(warning)
    with exit_cleanly(), cluster_at(executor, address, store) as cluster:
        request = RunRequest(jobs, store, machine, workers, cluster, measures_speed=shard is None)
        states = run_jobs(request, console)
    if shard is None:
        _write_reports(loaded, store, reports, pictures, console)
    else:
        say(f"shard {shard} is done; when all are, the same command without --shard measures speed and reports")
    if any(state not in ("done", "unavailable") for state in states.values()):
        raise typer.Exit(SOME_FAILED)


def _write_reports(studies: list[Study], store: RunStore, reports: Path, pictures: bool, console: Console) -> None:
    from bench.report.analysis.analysis import analyse
    from bench.report.analysis.frames import collect
    from bench.report.overview import write_overview
    from bench.report.terminal import print_results
    from bench.report.write import write_report

    for study in studies:
        try:
            analysis = analyse(collect(study, store))
        except Unreadable as error:
            say(f"{study.name}: no report is written, and the one that is there stays: {error}")
            continue
        write_report(analysis, reports / study.name, store, pictures)
        print_results(analysis, reports / study.name, console)
    write_overview(reports)
