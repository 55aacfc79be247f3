"""`bench verify`: is everything in a run store what was written there? `--repair` sets damaged runs back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.options import GRACE_SECONDS, SOME_FAILED, Grace, Runs, say
from bench.errors import InputError

HEADINGS = ["run", "file", "what is wrong", "what becomes of it"]


def verify(
    runs: Runs = Path("runs"),
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged runs back to pending; touches nothing else.")
    ] = False,
    grace: Grace = GRACE_SECONDS,
) -> None:
    """Check every run of a store: checksums, missing and damaged files, checkpoints, ids, leases."""
    from bench.report.tables.narrow import print_table
    from bench.report.tables.text_table import TextTable
    from bench.runs.repair import REPAIRED, repair_run, verify_store
    from bench.store.run_store import RunStore

    if not runs.is_dir():
        raise InputError(f"--runs {runs}: there is no such folder; bench run makes it")
    console, store = Console(emoji=False), RunStore(runs, grace)
    found = verify_store(store)
    rows = []
    repaired = {
        run: repair_run(store, run) for run in dict.fromkeys(f.run for f in found if f.can_be_repaired and repair)
    }
    left = 0
    for finding in found:
        outcome = repaired[finding.run] if finding.can_be_repaired and repair else finding.remedy
        left += (finding.is_damage or finding.is_unreadable) and outcome != REPAIRED
        rows.append([finding.run, finding.file, finding.problem, outcome])
    print_table(TextTable("", HEADINGS, rows), console, left=HEADINGS)
    damaged = {finding.run for finding in found if finding.is_damage}
    unread = {finding.run for finding in found if finding.is_unreadable}
    counts = f"{len(store.runs())} runs checked, {len(damaged)} damaged" + (
        f", {len(unread)} unreadable" * bool(unread)
    )
    console.print(counts, highlight=False)
    if left:
        if damaged and not repair:
            say("damaged; bench verify --repair sets such runs back, and bench run makes again what is missing")
        raise typer.Exit(SOME_FAILED)
