"""`bench profile`: what variants and methods cost and how fast they run, and the paper's model against pix2pix."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bench.cli.options import (
    INTERRUPTED,
    SOME_FAILED,
    Data,
    Device,
    Reports,
    Scale,
    check_folder,
    known_device,
    say,
)
from bench.errors import InputError, is_file

REFERENCES = ("pix2pix",)
COUNTS = "1,2,4"


def profile(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY|METHOD...] [KEY=VALUE...]", help="A study file, or methods by name."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="pix2pix", help="Compare with its reference loop; alone: the whole ladder.")
    ] = None,
    scale: Scale = "small",
    data: Data = None,
    batch: Annotated[int | None, typer.Option(min=1, help="The fixed batch.  [default: train.batch_size]")] = None,
    rounds: Annotated[int, typer.Option(min=5, help="In which rows take turns.")] = 5,
    most_seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of a row's windows, at the most.")] = 30,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for steady windows while warming up.")] = 10,
    sweep: Annotated[bool, typer.Option("--sweep/--no-sweep", help="Batches of 1, 2, 4 ... to out of memory.")] = True,
    packing: Annotated[str, typer.Option(metavar="N,N...", help="How many runs at once; empty for none.")] = COUNTS,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process on the CPU.")] = 1,
    device: Device = "auto",
    reports: Reports = Path("reports"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the record too.")] = False,
) -> None:
    """Measure speed, memory and cost; write a record, and speed.md from all records."""
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
    given = targets or []
    named = [text for text in given if "=" not in text or is_file(text)]
    on = resolve_device(known_device(device))
    overrides = [text for text in given if text not in named]
    plan = make_plan(ProfileRequest(named, scale, data, overrides, against is not None, batch, on.startswith("cuda")))
    check_folder("--reports", reports)
    settings = ProfileSettings(on, threads, rounds, most_seconds=most_seconds, patience=patience)
    console = Console(stderr=as_json, emoji=False)
    try:
        with console.status("") as status:
            record = measure_plan(
                plan,
                settings,
                counts,
                sweep,
                _command(sys.argv[1:]),
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
    """Raises InputError."""
    try:
        found = [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        found = [0]
    if any(count < 1 for count in found) or len(set(found)) < len(found):
        raise InputError(f"--packing {text}: give numbers of runs, each once, such as {COUNTS}")
    return found


def _command(arguments: Sequence[str]) -> str:
    """What was typed, but for where it was written to."""
    kept: list[str] = []
    left = iter(arguments)
    for text in left:
        if text == "--reports":
            next(left, None)
        elif text != "--json" and not text.startswith("--reports="):
            kept.append(text)
    return shlex.join(["bench", *kept])
