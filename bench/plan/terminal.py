"""Prints the plan: each run's state and price, each variant's differences, and the totals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console

from bench.plan.price import UNKNOWN, Planned, configs_without_price
from bench.plan.wall_time import Outlook
from bench.report.tables.narrow import print_table
from bench.report.tables.text_table import TextTable
from bench.runs.probe_cache import all_remembered
from bench.study.labels import MISSING
from bench.study.layers import difference
from bench.study.study import Study

HEADINGS = ("variant", "seed", "run", "state", "time", "memory", "from")
SHOWN = 3  # runs that cannot be read, with the file and the reason


def print_plan(study: Study, planned: Sequence[Planned], console: Console) -> None:
    """Each run with its state and price, and each variant's difference from the control."""
    rows = [
        [entry.run.label, str(entry.run.config.seed), entry.run.id, state_text(entry), *_price_cells(entry)]
        for entry in planned
    ]
    title = f"{study.title} ({study.path}, scale {study.scale})"
    print_table(TextTable(title, list(HEADINGS), rows), console, left=HEADINGS)
    print_differences(study, console)
    counts = Counter(state_text(entry).split(",")[0] for entry in planned)
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()), highlight=False)
    stale = [entry for entry in planned if entry.state == "stale"]
    for entry in stale[:1]:
        console.print(
            f"stale: the store has a run of the same config with other data or code; "
            f"`bench why {entry.run.id} {study.path} ...` shows what changed",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    for entry in [entry for entry in planned if entry.state == "unreadable"][:SHOWN]:
        console.print(f"unreadable: {entry.reason}", highlight=False, markup=False, soft_wrap=True)


def state_text(entry: Planned) -> str:
    """cached, to score: ssim; resumable, 40% trained"""
    if entry.state != "done":
        is_begun = entry.train_share < 1 and entry.is_left
        return f"{entry.state}, {1 - entry.train_share:.0%} trained" if is_begun else entry.state
    if entry.to_score:
        return f"cached, to score: {', '.join(entry.to_score)}"
    return "cached" if entry.is_measured else "cached, to measure"


def print_differences(study: Study, console: Console) -> None:
    """Each variant's difference from the control."""
    headings, rows = ["differs from", f"{study.control.label} by"], []
    for variant in study.variants[1:]:
        changes = difference(variant.config, study.control.config).items()
        listed = "\n".join(f"{path}: {old} -> {new}" for path, (old, new) in changes)
        rows.append([variant.label, f"method: {variant.config.method}" if variant.is_baseline else listed])
    print_table(TextTable("", headings, rows), console, left=headings)


def _price_cells(entry: Planned) -> tuple[str, str, str]:
    if not entry.is_left:
        return "", "", ""
    if entry.price is None or entry.seconds is None:
        return MISSING, MISSING, "unknown" if entry.reason == UNKNOWN else "missing"
    gpu = f" + {bytes_text(entry.price.gpu_peak_bytes)} GPU" if entry.price.gpu_peak_bytes else ""
    return duration(entry.seconds), bytes_text(entry.price.peak_bytes) + gpu, entry.price.source


def print_outlook(planned: Sequence[Planned], total: Outlook, is_cuda: bool, console: Console) -> None:
    """What is left of all runs together, and the runs whose price is unknown."""
    left = [entry for entry in planned if entry.is_left]
    if not left:
        return
    priced = [entry for entry in left if entry.price is not None]
    lines = [
        f"no price for {entry.run.label}: {entry.reason}"
        for entry in configs_without_price(planned)
        if entry.reason != UNKNOWN
    ]
    if priced:
        gpu = ""
        if is_cuda:
            gpu = f"; {total.work_seconds / 3600:.2g} GPU-hours, {bytes_text(total.gpu_peak_bytes or 0)} on the GPU"
        lines.append(
            f"{_counted(len(priced), 'run')} left: {duration(total.work_seconds)} of work, "
            f"{duration(total.wall_seconds)} with {_counted(total.workers, 'worker')}, before the report; "
            f"{bytes_text(total.peak_bytes)} of memory at a time{gpu}"
        )
    unknown = [entry for entry in configs_without_price(planned) if entry.reason == UNKNOWN]
    if unknown:
        runs = sum(entry.reason == UNKNOWN for entry in left if entry.price is None)
        apart = ", which are not in these totals" if priced else ""
        subject = f"{_counted(runs, 'run')} of {_counted(len(unknown), 'config')} without a price{apart}"
        lines.append(f"{subject}; bench plan --probe measures them, {_probing_time(unknown, total)}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _probing_time(unknown: Sequence[Planned], total: Outlook) -> str:
    """In words, by the median of the probes that are remembered."""
    took = [probe.took for probe in all_remembered() if not probe.reason]
    if not took:
        return "with 20 steps and two scorings of each config"
    rounds = math.ceil(len(unknown) / total.workers)
    return f"in about {duration(rounds * median(took))} if they take as long as earlier probes"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 20 s, 5 h 10 min"""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if seconds < 3570:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"


def bytes_text(count: int) -> str:
    """980 MB, 1.2 GB"""
    return f"{count / 1e6:.0f} MB" if count < 999.5e6 else f"{count / 1e9:.1f} GB"


def plan_json(planned: Sequence[Planned], total: Outlook) -> dict[str, Any]:
    """The plan as plain values, in seconds and bytes; null where a value is unknown."""
    runs = [
        {
            "run": entry.run.id,
            "label": entry.run.label,
            "seed": entry.run.config.seed,
            "state": state_text(entry),
            "seconds": entry.seconds,
            "price": None if entry.price is None else asdict(entry.price),
            "reason": entry.reason,
        }
        for entry in planned
    ]
    return {"runs": runs, "left": asdict(total)}
