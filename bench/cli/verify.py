"""`bench verify`: whether a run store still holds what was written to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.checks import say
from bench.cli.exits import SOME_FAILED
from bench.cli.options import GRACE_SECONDS, Grace, Runs
from bench.errors import InputError

HEADINGS = ["run", "file", "problem", "remedy"]


def verify(
    runs: Runs = Path("runs"),
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged runs back to pending, and change nothing else.")
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
    findings = verify_store(store)
    to_repair = dict.fromkeys(finding.run for finding in findings if finding.can_be_repaired and repair)
    outcomes = {run: repair_run(store, run) for run in to_repair}
    rows, remaining = [], 0
    for finding in findings:
        outcome = outcomes[finding.run] if finding.can_be_repaired and repair else finding.remedy
        remaining += (finding.is_damage or finding.is_unreadable) and outcome != REPAIRED
        rows.append([finding.run, finding.file, finding.problem, outcome])
    print_table(TextTable("", HEADINGS, rows), console, left=HEADINGS)
    damaged = {finding.run for finding in findings if finding.is_damage}
    unreadable = {finding.run for finding in findings if finding.is_unreadable}
    counts = f"{len(store.runs())} runs checked, {len(damaged)} damaged"
    console.print(counts + f", {len(unreadable)} unreadable" * bool(unreadable), highlight=False)
    if remaining:
        if damaged and not repair:
            say("damaged; bench verify --repair sets such runs back, and bench run makes again what is missing")
        raise typer.Exit(SOME_FAILED)
