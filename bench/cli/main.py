"""The command line: parse, call, print."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from bench.cli.baselines import app as baselines
from bench.cli.options import (
    BAD_INPUT,
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
    MaxRuns,
    Pictures,
    Reports,
    Runs,
    Scale,
    Studies,
    Threads,
    Workers,
    check_distinct,
    check_folder,
    cluster_at,
    exit_cleanly,
    given_command,
    known_device,
    load_studies,
    parse_shard,
    say,
    say_advice,
)
from bench.cli.plan import plan, why
from bench.cli.profile import profile
from bench.cli.search import is_search, report_searches, search
from bench.cli.studies import app as studies_app
from bench.cli.verify import verify
from bench.errors import InputError, Unreadable, Unwritable, is_file
from bench.interrupts import INTERRUPTED, WORDS, at_work, listen, over, was_heard


class Commands(TyperGroup):
    """Says in words that a command was interrupted, where the command does not."""

    def invoke(self, ctx: Any) -> Any:
        with at_work():
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                pass
            except Exception as error:
                if isinstance(error, typer.Exit) or not was_heard():
                    raise
        say(WORDS)
        raise typer.Exit(INTERRUPTED)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="A benchmark and ablation harness for image-to-image GANs: one YAML study in, one report out.",
)

app.add_typer(baselines, name="baselines")
app.add_typer(studies_app, name="studies")
app.command()(plan)
app.command()(why)
app.command()(search)
app.command()(profile)
app.command()(verify)


@app.command()
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
        typer.Option(metavar="I/N", help="Of N commands on one store, do the I-th share of the runs; no report."),
    ] = None,
) -> None:
    """Train what is missing, score it, and report."""
    from bench.machine import Machine, processor_flags
    from bench.plan.bf16 import bf16_warning
    from bench.report.analysis.analysis import analyse
    from bench.report.analysis.archive import load_all
    from bench.report.analysis.frames import collect
    from bench.report.overview import write_overview
    from bench.report.ownership import check_study
    from bench.report.terminal import print_results
    from bench.report.write import write_report
    from bench.runs.runner import jobs_of, run_jobs
    from bench.store.run_store import RunStore

    console, store = Console(emoji=False), RunStore(runs, grace)
    if executor == "ray" and workers is not None:
        raise InputError("--workers: with --executor ray the nodes take as many runs at a time as they bear")
    if executor == "ray" and shard is not None:
        raise InputError("--shard: is for clusters without Ray, which deals out the runs itself; leave one of them out")
    place, shards = parse_shard(shard)
    loaded = load_studies(studies, scale, data, max_runs=max_runs)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    for study in loaded:
        check_study(study, reports / study.name)
    load_all(reports, without={study.name for study in loaded})  # a damaged archive is reported before the work
    jobs = jobs_of(loaded)[place::shards]
    say_advice(line for study in loaded for line in study.advice())
    machine = Machine(known_device(device), threads, checkpoint_every, cuda_graphs, hang_after, given_command())
    if executor == "local" and (warning := bf16_warning(jobs, store, machine, processor_flags())):
        say(warning)
    with exit_cleanly(), cluster_at(executor, address, store) as cluster:
        states = run_jobs(jobs, store, console, machine, workers, cluster, measures=shard is None)
    for study in loaded if shard is None else ():
        try:
            analysis = analyse(collect(study, store))
        except Unreadable as error:
            say(f"{study.name}: no report is written, and one that stands there stays: {error}")
            continue
        write_report(analysis, reports / study.name, store, pictures)
        print_results(analysis, reports / study.name, console)
    if shard is None:
        write_overview(reports)
    else:
        say(f"shard {shard} is done; when all are, the same command without --shard measures speed and reports")
    if any(state not in ("done", "unavailable") for state in states.values()):
        raise typer.Exit(SOME_FAILED)


@app.command()
def report(
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY...] [KEY=VALUE...]")] = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    pictures: Pictures = True,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a table differs.")] = False,
    storage: Annotated[str | None, typer.Option(metavar="URL", help="Where a search has its trials.")] = None,
    max_runs: MaxRuns = None,
) -> None:
    """Make reports of studies and searches again, from the store or from the records beside them; trains nothing."""
    from bench.report.analysis.archive import load_all
    from bench.report.overview import check_overview, write_overview
    from bench.report.ownership import check_study
    from bench.report.sources import all_analyses
    from bench.report.terminal import print_results
    from bench.report.write import check_report, write_report
    from bench.store.run_store import RunStore
    from bench.study.shipped import meant

    console, store = Console(emoji=False), RunStore(runs)
    given = studies or []
    searches = [a for a in given if meant(Path(a)) is not None and is_search(Path(a))]
    rest = [a for a in given if a not in searches]
    overrides = tuple(a for a in rest if "=" in a and not is_file(a))
    loaded = load_studies([] if searches and len(rest) == len(overrides) else rest, scale, data, True, max_runs)
    check_distinct([*searches, *(study.path for study in loaded)], "studies and searches")
    for study in () if check else loaded:
        check_study(study, reports / study.name)
    load_all(reports, without={study.name for study in loaded})
    asked = (scale, data, overrides, storage, runs, reports, pictures, check)
    stale = report_searches([Path(a) for a in searches], not given, *asked)
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


@app.command(name="data")
def describe_data(
    name: Annotated[str, typer.Argument(metavar="photos|places365|PATH")] = "photos",
    image_size: Annotated[int, typer.Option(min=8, help="Side of the crops in pixels.")] = 64,
    download: Annotated[bool, typer.Option("--download", help="Fetch places365 (24 GB) through torchvision.")] = False,
) -> None:
    """Describe a data set: its photographs, split, fingerprint and what was skipped."""
    from bench.config import DataConfig
    from bench.data.dataset import open_dataset
    from bench.report.tables.data_set import described_table

    if download:
        if name != "places365":
            raise InputError(f"--download fetches places365, not {name}")
        from bench.data.sources import download_places365

        try:
            download_places365("data/places365")
        except (OSError, RuntimeError) as error:
            raise InputError(f"--download: {error}") from None
    known = name in ("photos", "places365")
    config = DataConfig(name=name if known else "folder", path=None if known else name, image_size=image_size)  # type: ignore[arg-type]
    Console(emoji=False).print(described_table(open_dataset(config).describe()), highlight=False)


def main() -> None:
    """Errors in words, exit codes as README says."""
    listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow is no reason to fail where the terminal knows none
    code = SOME_FAILED
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else SOME_FAILED if end.code else DONE
    except InputError as error:
        say(f"error: {error}")
        code = BAD_INPUT
    except BrokenPipeError:  # what read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Unreadable, Unwritable) as error:
        say(f"error: {error}; what is done is kept")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"error: {where}{error.strerror or error}; what is done is kept")
    over(code)
    sys.exit(code)
