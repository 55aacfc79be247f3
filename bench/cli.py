"""The command line: parse, call, print."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from bench.cli_baselines import app as baselines
from bench.cli_search import search
from bench.config import InputError
from bench.study_file import ScaleName

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="A benchmark and ablation harness for image-to-image GANs: one YAML study in, one report out.",
)

app.add_typer(baselines, name="baselines")
app.command()(search)

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

Studies = Annotated[
    list[str],
    typer.Argument(metavar="STUDY... [KEY=VALUE...]", help="Study files, then dotted overrides: train.steps=500."),
]
Scale = Annotated[ScaleName, typer.Option(help="How much compute: tiny (seconds), small (minutes on a laptop), paper.")]
Data = Annotated[str | None, typer.Option(metavar="photos|places365|PATH", help="Data set, or a folder of images.")]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="The run store.")]
Reports = Annotated[Path, typer.Option(metavar="DIR", help="Where reports go.")]
Pictures = Annotated[
    bool, typer.Option("--pictures/--no-pictures", help="Leave sample pictures out if the data may not be passed on.")
]
Device = Annotated[str, typer.Option(help="auto takes CUDA if there is one; or cpu, cuda, cuda:1.")]


@app.command()
def plan(studies: Studies, scale: Scale = "small", data: Data = None, runs: Runs = Path("runs")) -> None:
    """Say what would run, and how each variant differs from its control."""
    from bench.report.terminal import print_plan
    from bench.store import RunStore

    check_folder("--runs", runs)
    for study in _load(studies, scale, data):
        print_plan(study, RunStore(runs), Console(emoji=False))


@app.command()
def run(
    studies: Studies,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time.  [default: as many as the cores bear; 1 on CUDA]")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each run on the CPU.")] = 1,
    device: Device = "auto",
    pictures: Pictures = True,
    checkpoint_every: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints.")] = 20,
) -> None:
    """Train what is missing, score it, and report."""
    from bench.report.claims import archives, write_claims
    from bench.report.frames import collect
    from bench.report.terminal import print_results
    from bench.report.write import write_report
    from bench.runner import jobs_of, run_jobs
    from bench.store import RunStore

    console, store = Console(emoji=False), RunStore(runs)
    loaded = _load(studies, scale, data)
    check_folder("--runs", runs)
    check_folder("--reports", reports)
    archives(reports, without={study.name for study in loaded})  # a broken one is said before the work
    jobs = jobs_of(loaded)
    try:
        states = run_jobs(jobs, store, console, known_device(device), threads, workers, checkpoint_every)
    except KeyboardInterrupt:
        say("interrupted; what is done is kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    for study in loaded:
        results = collect(study, store)
        write_report(results, reports / study.name, store, pictures)
        print_results(results, reports / study.name, console)
    write_claims(reports)
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
) -> None:
    """Make reports again, from the store or from the records beside them; trains nothing."""
    from bench.report.again import all_results
    from bench.report.claims import archives, check_claims, write_claims
    from bench.report.terminal import print_results
    from bench.report.write import check_report, write_report
    from bench.store import RunStore

    console, store = Console(emoji=False), RunStore(runs)
    stale = []
    loaded = _load(studies or [], scale, data, may_be_empty=True)
    archives(reports, without={study.name for study in loaded})
    for results, folder, source in all_results(loaded, store, reports):
        if check:
            stale += [folder / name for name in check_report(results, folder)]
        else:
            write_report(results, folder, source, pictures)
            print_results(results, folder, console)
    if check:
        stale += check_claims(reports)
    else:
        write_claims(reports)
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

    if download:
        if name != "places365":
            raise InputError(f"--download fetches places365, not {name}")
        from bench.data.places365_download import download_places365

        try:
            download_places365("data/places365")
        except (OSError, RuntimeError) as error:
            raise InputError(f"--download: {error}") from None
    known = name in ("photos", "places365")
    config = DataConfig(name=name if known else "folder", path=None if known else name, image_size=image_size)  # type: ignore[arg-type]
    described = open_dataset(config).describe()
    for key, value in described.items():
        Console(emoji=False).print(f"[bold]{key}[/]: {escape(str(value))}", highlight=False, soft_wrap=True)


def _load(arguments: list[str], scale: ScaleName, data: str | None, may_be_empty: bool = False) -> list[Any]:
    """Study files and overrides, as the command line mixes them, to studies."""
    from bench.study import load_study

    paths = [Path(a) for a in arguments if "=" not in a or Path(a).is_file()]
    overrides = tuple(a for a in arguments if Path(a) not in paths)
    if not paths and not may_be_empty:
        raise InputError("command line: no study; give a YAML file such as ablations/pooling.yaml")
    twice = {p.stem for p in paths if sum(q.stem == p.stem for q in paths) > 1}
    if twice:
        raise InputError(f"command line: several studies are named {', '.join(twice)}; their reports would overwrite")
    return [load_study(path, scale, data, overrides) for path in paths]


def check_folder(option: str, path: Path) -> None:
    """Before hours of work, not after: a folder that is there, or can be made."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{option} {path}: {there} is not a folder that can be written")


def known_device(name: str) -> str:
    """A device's name. Raises InputError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"--device {name}: unknown; allowed: auto, cpu, cuda, cuda:N")
    return name


def say(text: str) -> None:
    """To stderr."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(text, markup=False, highlight=False)


def main() -> None:
    """Entry point: errors in words, exit codes as README says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow is no reason to fail where the terminal knows none
    try:
        app()
    except InputError as error:
        say(f"error: {error}")
        sys.exit(BAD_INPUT)
    except BrokenPipeError:  # what read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SOME_FAILED)
