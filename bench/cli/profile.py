"""`bench profile`: what variants and methods cost and how fast they run, and the paper's model against pix2pix."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bench.cli.checks import check_folder, known_device, say, split_arguments
from bench.cli.exits import INTERRUPTED, SOME_FAILED
from bench.cli.options import AsJson, Data, Device, Reports, Scale, Threads
from bench.errors import InputError

REFERENCES = ("pix2pix",)
COUNTS = "1,2,4"


def profile(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY|METHOD|KEY=VALUE", help="A study, or methods by name, then overrides."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="pix2pix", help="Compare with its reference loop; without a target, case by case."),
    ] = None,
    scale: Scale = "small",
    data: Data = None,
    batch: Annotated[int | None, typer.Option(min=1, show_default="train.batch_size", help="Images a batch.")] = None,
    rounds: Annotated[int, typer.Option(min=5, help="Rounds of measurement; the rows of a table take turns.")] = 5,
    most_seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="The most time that a row is measured for.")
    ] = 30,
    patience: Annotated[float, typer.Option(min=0, help="Seconds of warm-up to wait for a steady speed.")] = 10,
    sweep: Annotated[
        bool, typer.Option("--sweep/--no-sweep", help="Try batches of 1, 2, 4 ... until memory runs out.")
    ] = True,
    packing: Annotated[
        str, typer.Option(metavar="N,N...", help="Numbers of runs to train at once; empty: none.")
    ] = COUNTS,
    threads: Threads = 1,
    device: Device = "auto",
    reports: Reports = Path("reports"),
    as_json: AsJson = False,
) -> None:
    """Measure speed, memory and cost; write a record, and make speed.md from all records."""
    from bench.machine import resolve_device
    from bench.profile.cases import ProfileRequest, ProfileSettings, make_plan
    from bench.profile.process import CaseFailed
    from bench.profile.record import file_stem, measure_plan
    from bench.report.overview import write_overview
    from bench.report.tables.speed import tables_of
    from bench.report.tables.speed_records import save_record
    from bench.report.terminal import print_tables

    if against not in (None, *REFERENCES):
        raise InputError(f"--against {against}: unknown; allowed: {', '.join(REFERENCES)}")
    counts = _counts(packing)
    named, overrides = split_arguments(targets or [])
    on = resolve_device(known_device(device))
    plan = make_plan(ProfileRequest(named, scale, data, overrides, against is not None, batch, on.startswith("cuda")))
    check_folder("--reports", reports)
    settings = ProfileSettings(on, threads, rounds, most_seconds=most_seconds, patience=patience)
    # With --json, stdout is for the record alone.
    console = Console(stderr=as_json, emoji=False)
    try:
        with console.status("") as status:
            record = measure_plan(
                plan,
                settings,
                counts,
                sweep,
                _recorded_command(sys.argv[1:]),
                lambda text: status.update(escape(f"measuring {text}")),
            )
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    except CaseFailed as error:
        raise InputError(str(error)) from None
    path = save_record(record, reports, file_stem(record))
    write_overview(reports)
    print_tables(record["title"], tables_of(record), path, console)
    if as_json:
        print(json.dumps(record, indent=1))
    rows = [row for table in record["tables"] for row in table["rows"]]
    if any("missing" in row and not row.get("not_present") for row in rows):
        raise typer.Exit(SOME_FAILED)


def _counts(text: str) -> list[int]:
    """ "1,2,4" -> [1, 2, 4]. Raises InputError."""
    try:
        counts = [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        counts = [0]
    if any(count < 1 for count in counts) or len(set(counts)) < len(counts):
        raise InputError(f"--packing {text}: give numbers of runs, each once, such as {COUNTS}")
    return counts


def _recorded_command(arguments: list[str]) -> str:
    """The command line without the options that say where its result goes."""
    kept: list[str] = []
    rest = iter(arguments)
    for text in rest:
        if text == "--reports":
            next(rest, None)
        elif text != "--json" and not text.startswith("--reports="):
            kept.append(text)
    return shlex.join(["bench", *kept])
