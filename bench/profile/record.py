"""Measure a plan: the record behind the speed report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from bench.measure import PEAK_VERSION
from bench.profile.cases import Case, Plan, ProfileSettings
from bench.profile.compare import Log, Row, compare, measure_latency
from bench.profile.process import CaseFailed, CaseProcess, OutOfMemory
from bench.profile.sweep import measure_packing, sweep

WAITING = {"least_calls": 10, "least_seconds": 1.0, "most_seconds": 10.0, "rounds": 1, "patience": 1.0}
"""Settings where only the split of a step is measured."""


def measure_plan(
    plan: Plan, settings: ProfileSettings, counts: Sequence[int], with_sweeps: bool, command: str, log: Log
) -> dict[str, Any]:
    """Measure everything in the plan; gives plain values. `counts` are the numbers of runs at once; empty for none.

    Raises CaseFailed if not even the first case can be built.
    """
    first = plan.tables[0].cases[0]
    record: dict[str, Any] = {
        "name": plan.name,
        "title": plan.title,
        "command": command,
        "settings": asdict(settings),
        "peak_version": PEAK_VERSION,
        "machine": _machine(first, settings),
        "data": first.config.data.name,
        "tables": [],
    }
    for table in plan.tables:
        rows = compare(table.cases, settings, lambda text, title=table.title: log(f"{title}: {text}"))  # type: ignore[misc]
        record["tables"].append({"title": table.title, "rows": rows})
    record["latency"] = measure_latency(plan.latencies, settings, log)
    record["sweeps"] = [sweep(case, settings, log) for case in plan.sweeps] if with_sweeps else []
    if plan.packed is not None and counts:
        record["packing"] = {"label": plan.packed.label, **_packing(plan.packed, counts, settings, log)}
    record["waiting"] = [_waiting(case, settings, log) for case in plan.waiting]
    return record


def _machine(case: Case, settings: ProfileSettings) -> dict[str, Any]:
    """The machine as a process of the case sees it. Raises OutOfMemory, CaseFailed."""
    small = replace(case, batch_size=1, loop="as run" if case.work == "training" else case.loop)
    with closing(CaseProcess(small, settings)) as process:
        machine: dict[str, Any] = process.ask("machine")
        return machine


def _packing(case: Case, counts: Sequence[int], settings: ProfileSettings, log: Log) -> dict[str, Any]:
    try:
        return {"points": measure_packing(case, counts, settings, log)}
    except (OutOfMemory, CaseFailed) as error:
        return {"points": [], "missing": str(error)}


def _waiting(case: Case, settings: ProfileSettings, log: Log) -> Row:
    """The seconds of one step by part, in a row."""
    log(f"{case.label}: time for data")
    row: Row = {"label": case.label, "image_size": case.config.data.image_size, "batch_size": case.batch_size}
    with closing(CaseProcess(case, replace(settings, **WAITING))) as process:  # type: ignore[arg-type]
        try:
            process.ask("warm_up")
            row["split"] = process.ask("split")
        except (OutOfMemory, CaseFailed) as error:
            row["missing"] = str(error)
    return row


def file_stem(record: dict[str, Any]) -> str:
    """The stem of the record's files: its name and the machine's, so that machines do not overwrite each other."""
    return f"{record['name']}.{re.sub(r'[^a-z0-9]+', '-', record['machine']['device'].lower()).strip('-')}"
