"""`bench plan`: what would run and what it takes; `bench why`: what made a run new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.options import (
    INTERRUPTED,
    Data,
    Device,
    MaxRuns,
    Runs,
    Scale,
    Studies,
    Threads,
    Workers,
    check_readable,
    known_device,
    load_studies,
    say,
    say_advice,
)


def plan(
    studies: Studies,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    workers: Workers = None,
    threads: Threads = 1,
    device: Device = "auto",
    probe: Annotated[bool, typer.Option("--probe", help="Measure what has no price yet, on 20 steps.")] = False,
    max_runs: MaxRuns = None,
    as_json: Annotated[bool, typer.Option("--json", help="Runs, prices and totals as JSON.")] = False,
) -> None:
    """Say what would run, what it takes, and how each variant differs from its control."""
    from bench.machine import Machine, device_and_name, processor_flags
    from bench.plan.bf16 import bf16_warning
    from bench.plan.price import Pricing, probe_unknown
    from bench.plan.terminal import plan_json, print_outlook, print_plan
    from bench.plan.wall_time import outlook
    from bench.runs.runner import default_workers, jobs_of
    from bench.store.run_store import RunStore

    loaded = load_studies(studies, scale, data, max_runs=max_runs)
    check_readable("--runs", runs)
    on, name = device_and_name(known_device(device))
    machine, jobs = Machine(on, threads), jobs_of(loaded)
    say_advice(line for study in loaded for line in study.advice())
    at_a_time = min(workers or default_workers(machine, len(jobs)), len(jobs))
    pricing = Pricing(RunStore(runs), machine, name, at_a_time)
    planned = pricing.plan(jobs)
    if probe:
        try:
            for one, probed in probe_unknown(planned, pricing):
                say(f"probed {one.run.label} {f'without success: {probed.reason}' if probed.reason else ''}".rstrip())
        except KeyboardInterrupt:
            say("interrupted; what was probed is remembered")
            raise typer.Exit(INTERRUPTED) from None
        planned = pricing.plan(jobs)
    if warning := bf16_warning(jobs, pricing.store, machine, processor_flags()):
        say(warning)
    used = workers or default_workers(machine, max(1, sum(not one.is_scored for one in planned)))
    found = outlook(planned, used)
    if as_json:
        print(json.dumps(plan_json(planned, found), indent=1))
        return
    console, by_id = Console(emoji=False), {one.run.id: one for one in planned}
    for study in loaded:
        print_plan(study, [by_id[run.id] for run in study.runs()], console)
    print_outlook(planned, found, on != "cpu", console)


def why(
    run: Annotated[str, typer.Argument(metavar="RUN", help='A run id, how one begins, or "LABEL, seed N".')],
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY...] [KEY=VALUE...]")] = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    max_runs: MaxRuns = None,
) -> None:
    """Name what made a run new although it looks like one that is there: config, data, schema version or code."""
    from bench.plan.why import why as reasons
    from bench.runs.runner import jobs_of
    from bench.store.run_store import RunStore

    loaded = load_studies(studies or [], scale, data, True, max_runs)
    for line in reasons(run, [one for one, _ in jobs_of(loaded)], RunStore(runs)):
        print(line)
