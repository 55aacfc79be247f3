"""A plan measured: the record that reports of speed are made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from bench.measure import PEAK_VERSION
from bench.profile.cases import Case, Plan, Settings
from bench.profile.compare import Log, Row, compare, latency
from bench.profile.process import OutOfMemory, Subject, SubjectFailed
from bench.profile.sweep import packing, sweep

WAITING = {"least_calls": 10, "least_seconds": 1.0, "most_seconds": 10.0, "rounds": 1, "patience": 1.0}
"""Settings where only the parts of a step are asked for."""


def measure_plan(
    plan: Plan, settings: Settings, counts: Sequence[int], with_sweeps: bool, command: str, tell: Log
) -> dict[str, Any]:
    """Everything that the plan names; counts: of runs at once, none for no packing. Plain values."""
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
        rows = compare(table.cases, settings, lambda text, title=table.title: tell(f"{title}: {text}"))  # type: ignore[misc]
        record["tables"].append({"title": table.title, "rows": rows})
    record["latency"] = latency(plan.latencies, settings, tell)
    record["sweeps"] = [sweep(case, settings, tell) for case in plan.sweeps] if with_sweeps else []
    if plan.packed is not None and counts:
        record["packing"] = {"label": plan.packed.label, **_packing(plan.packed, counts, settings, tell)}
    record["waiting"] = [_waiting(case, settings, tell) for case in plan.waiting]
    return record


def _machine(case: Case, settings: Settings) -> dict[str, Any]:
    """Raises SubjectFailed where not even this can be had."""
    small = replace(case, batch_size=1, loop="as run" if case.work == "training" else case.loop)
    with closing(Subject(small, settings)) as subject:
        found: dict[str, Any] = subject.ask("machine")
        return found


def _packing(case: Case, counts: Sequence[int], settings: Settings, tell: Log) -> dict[str, Any]:
    try:
        return {"points": packing(case, counts, settings, tell)}
    except (OutOfMemory, SubjectFailed) as error:
        return {"points": [], "missing": str(error)}


def _waiting(case: Case, settings: Settings, tell: Log) -> Row:
    """Seconds of one step by part."""
    tell(f"{case.label}: time for data")
    row: Row = {"label": case.label, "image_size": case.config.data.image_size, "batch_size": case.batch_size}
    with closing(Subject(case, replace(settings, **WAITING))) as subject:  # type: ignore[arg-type]
        try:
            subject.ask("warm_up")
            row["split"] = subject.ask("split")
        except (OutOfMemory, SubjectFailed) as error:
            row["missing"] = str(error)
    return row


def file_stem(record: dict[str, Any]) -> str:
    """What the record's files are called: its name and its machine's, so that machines do not write over each other."""
    return f"{record['name']}.{re.sub(r'[^a-z0-9]+', '-', record['machine']['device'].lower()).strip('-')}"
