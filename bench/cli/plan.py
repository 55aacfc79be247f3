"""`bench plan`: what would run, and what it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.checks import check_readable, known_device, load_studies, say, say_advice
from bench.cli.exits import INTERRUPTED
from bench.cli.options import AsJson, Data, Device, MaxRuns, Runs, Scale, Studies, Threads, Workers


def plan(
    studies: Studies,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    workers: Workers = None,
    threads: Threads = 1,
    device: Device = "auto",
    probe: Annotated[
        bool, typer.Option("--probe", help="Measure 20 training steps of each run whose price is not known.")
    ] = False,
    max_runs: MaxRuns = None,
    as_json: AsJson = False,
) -> None:
    """Show what would run, what it takes, and how each variant differs from its control."""
    from bench.machine import Machine, device_and_name, processor_flags
    from bench.plan.bf16 import bf16_warning
    from bench.plan.price import Pricing, probe_unknown
    from bench.plan.terminal import plan_json, print_outlook, print_plan
    from bench.plan.wall_time import outlook
    from bench.runs.runner import default_workers, jobs_of
    from bench.store.run_store import RunStore

    loaded = load_studies(studies, scale, data, max_runs=max_runs)
    check_readable("--runs", runs)
    resolved, device_name = device_and_name(known_device(device))
    machine, jobs = Machine(resolved, threads), jobs_of(loaded)
    say_advice(line for study in loaded for line in study.advice())
    # A run's price depends on how many runs share the machine.
    at_a_time = min(workers or default_workers(machine, len(jobs)), len(jobs))
    pricing = Pricing(RunStore(runs), machine, device_name, at_a_time)
    planned = pricing.plan(jobs)
    if probe:
        try:
            for job, probed in probe_unknown(planned, pricing):
                say(f"probed {job.run.label} {f'without success: {probed.reason}' if probed.reason else ''}".rstrip())
        except KeyboardInterrupt:
            say("interrupted; what was probed is remembered")
            raise typer.Exit(INTERRUPTED) from None
        planned = pricing.plan(jobs)
    if warning := bf16_warning(jobs, pricing.store, machine, processor_flags()):
        say(warning)
    used = workers or default_workers(machine, max(1, sum(not job.is_scored for job in planned)))
    expected = outlook(planned, used)
    if as_json:
        print(json.dumps(plan_json(planned, expected), indent=1))
        return
    console, by_id = Console(emoji=False), {job.run.id: job for job in planned}
    for study in loaded:
        print_plan(study, [by_id[run.id] for run in study.runs()], console)
    print_outlook(planned, expected, resolved != "cpu", console)
