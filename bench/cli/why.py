"""`bench why`: what made a run new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.checks import load_studies
from bench.cli.options import AnyStudies, Data, MaxRuns, Runs, Scale


def why(
    run: Annotated[str, typer.Argument(metavar="RUN", help='A run id, the beginning of one, or "LABEL, seed N".')],
    studies: AnyStudies = None,
    scale: Scale = "small",
    data: Data = None,
    runs: Runs = Path("runs"),
    max_runs: MaxRuns = None,
) -> None:
    """Explain why a run is new although a similar one is stored: its config, data, schema version or code differs."""
    from bench.plan.why import why as reasons
    from bench.runs.runner import jobs_of
    from bench.store.run_store import RunStore

    loaded = load_studies(studies or [], scale, data, True, max_runs)
    for line in reasons(run, [planned for planned, _ in jobs_of(loaded)], RunStore(runs)):
        print(line)
