"""Measure cases in turn, round by round, so that a disturbance of the machine disturbs all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from bench.profile.cases import Case, ProfileSettings
from bench.profile.clock import ratios, spread
from bench.profile.process import CaseFailed, CaseProcess, NotPresent, OutOfMemory
from bench.profile.roofline import Demand, Rates
from bench.profile.sensors import Reading, Sensors, summarise

NOISY = 0.10  # interquartile range over median
TRIES = 3  # of a round in which a GPU was throttled
Row = dict[str, Any]
"""A row of a record, as JSON has it."""
Log = Callable[[str], None]
"""Takes a line about the progress."""


@dataclass
class _Entry:
    """A row while it is measured."""

    row: Row
    process: CaseProcess
    windows: list[tuple[int, float, float]] = field(default_factory=list)
    """Calls, seconds, images a second, by round."""
    readings: list[Reading] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [rate for _, _, rate in self.windows]


def compare(cases: Sequence[Case], settings: ProfileSettings, log: Log) -> list[Row]:
    """A row a case, in their order: its speed, the ratio to the first case round by round, the time by part, memory,
    operations, and the share of the roofline.

    The row of a case that cannot be measured has the reason as `missing`.
    """
    rows = [_head(case) for case in cases]
    with ExitStack() as stack:
        processes = [stack.enter_context(closing(CaseProcess(case, settings))) for case in cases]
        entries = [_Entry(row, process) for row, process in zip(rows, processes, strict=True)]
        for entry in _living(entries):
            log(f"{entry.row['label']}: warming up")
            with _missing(entry.row):
                entry.row["warm_up"] = entry.process.ask("warm_up")
        _rounds(entries, settings, log)
        for entry in _living(entries):
            entry.row |= _speed(entry)
            log(f"{entry.row['label']}: memory, split, costs")
            _extras(entry)
        _add_rooflines(entries)
    _add_ratios(entries)
    return rows


def _head(case: Case) -> Row:
    """The fields of a row that describe its case."""
    train = case.config.train
    return {
        "label": case.label,
        "method": case.config.method,
        "work": case.work,
        "loop": case.loop,
        "image_size": case.config.data.image_size,
        "batch_size": case.batch_size,
        "precision": "fp32" if case.loop in ("plain", "reference") else train.precision,
    }


@contextmanager
def _missing(row: Row) -> Iterator[None]:
    """Put the reason into the row if the case cannot be measured inside."""
    try:
        yield
    except OutOfMemory as error:
        row["missing"] = f"out of memory ({error})"
    except CaseFailed as error:
        row["missing"] = str(error)
        row["not_present"] = isinstance(error, NotPresent)


def _living(entries: Sequence[_Entry]) -> list[_Entry]:
    """The entries that can still be measured."""
    return [entry for entry in entries if "missing" not in entry.row]


def open_sensors(device: str) -> Sensors | str:
    """The GPU's sensors, or the reason why there are none."""
    if not device.startswith("cuda"):
        return "not a GPU"
    try:
        return Sensors(int(device.partition(":")[2] or 0))
    except RuntimeError as error:
        return str(error)


def _rounds(entries: Sequence[_Entry], settings: ProfileSettings, log: Log) -> None:
    """Measure all rounds. A round in which the GPU was throttled is repeated as a whole; a case that is throttled every
    time is missing."""
    sensors = open_sensors(settings.device)
    for number in range(settings.rounds):
        for attempt in range(TRIES):
            readings = _round(_living(entries), sensors, log, f"round {number + 1} of {settings.rounds}")
            rejected = {label: reason for label, seen in readings.items() if (reason := summarise(seen)["rejected"])}
            if not rejected:
                break
            for entry in _living(entries):
                if attempt < TRIES - 1:
                    entry.windows.pop()
                elif entry.row["label"] in rejected:
                    entry.row["missing"] = f"rejected {TRIES} times: {rejected[entry.row['label']]}"
        for entry in _living(entries):
            entry.readings += readings[entry.row["label"]]
    for entry in entries:
        entry.row["sensors"] = {"missing": sensors} if isinstance(sensors, str) else summarise(entry.readings)


def _round(entries: Sequence[_Entry], sensors: Sensors | str, log: Log, which: str) -> dict[str, list[Reading]]:
    """Measure a window of each; gives label -> the readings of the sensors meanwhile."""
    readings: dict[str, list[Reading]] = {}
    for entry in entries:
        log(f"{entry.row['label']}: {which}")
        seen = readings[entry.row["label"]] = []
        with _missing(entry.row), nullcontext() if isinstance(sensors, str) else sensors.watching(seen):
            calls, images, seconds = entry.process.ask("window")
            entry.windows.append((calls, seconds, images / seconds))
    return readings


def _speed(entry: _Entry) -> Row:
    relative_spread = spread(entry.rates)
    return {
        "images_per_second": float(np.median(entry.rates)),
        "rounds": entry.rates,
        "spread": relative_spread,
        "noisy": relative_spread > NOISY,
        "calls": sum(calls for calls, _, _ in entry.windows),
        "seconds": sum(seconds for _, seconds, _ in entry.windows),
    }


def _extras(entry: _Entry) -> None:
    """Measure everything about a case besides its speed."""
    row = entry.row
    applicable = {
        "memory": True,
        "split": row["work"] == "training",
        "costs": row["work"] != "scoring" and row["loop"] != "compiled",
    }
    for name in (name for name, applies in applicable.items() if applies):
        with _unknown(row, name):
            row[name] = entry.process.ask(name)


@contextmanager
def _unknown(row: Row, name: str) -> Iterator[None]:
    """Put the reason into the row's `unknown` if the field cannot be measured inside; the speed stays valid."""
    try:
        yield
    except (OutOfMemory, CaseFailed) as error:
        row.setdefault("unknown", {})[name] = str(error)


def _add_rooflines(entries: Sequence[_Entry]) -> None:
    """Measure the machine's rates once a precision, and add the roofline to every row."""
    rates: dict[str, Rates] = {}
    for entry in _living(entries):
        row, costs = entry.row, entry.row.get("costs")
        if costs is None or not costs["call_flops"]:
            continue
        with _unknown(row, "roofline"):
            if row["precision"] not in rates:
                rates[row["precision"]] = Rates(**entry.process.ask("rates", row["precision"]))
            of_machine, demand = rates[row["precision"]], Demand(costs["call_flops"], costs["call_bytes"])
            floor = demand.floor(of_machine) / costs["images"]
            row["roofline"] = asdict(of_machine) | {
                "intensity": demand.intensity,
                "floor_seconds_per_image": floor,
                "share": floor * row["images_per_second"],
            }


def _add_ratios(entries: Sequence[_Entry]) -> None:
    """Add the ratio to the first row to every row."""
    first = entries[0]
    for entry in _living(entries):
        if "missing" not in first.row:
            entry.row["ratio"] = {"to": first.row["label"], **ratios(entry.rates, first.rates)}


def measure_latency(cases: Sequence[Case], settings: ProfileSettings, log: Log) -> list[Row]:
    """A row a case at batch 1: percentiles of single, synchronised calls, in seconds."""
    rows = []
    for case in cases:
        one = replace(case, batch_size=1)
        rows.append(row := _head(one))
        log(f"{case.label}: latency")
        with closing(CaseProcess(one, settings)) as process, _missing(row):
            row["warm_up"] = process.ask("warm_up")
            row["latency"] = process.ask("latency")
    return rows
