"""Cases measured in turn, round by round, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from bench.profile.cases import Case, Settings
from bench.profile.clock import ratios, spread
from bench.profile.process import NotPresent, OutOfMemory, Subject, SubjectFailed
from bench.profile.roofline import Demand, Rates
from bench.profile.sensors import Reading, Sensors, summary

NOISY = 0.10  # IQR over median
TRIES = 3  # of a round in which a GPU was held back
Row = dict[str, Any]
Log = Callable[[str], None]


@dataclass
class _Entry:
    row: Row
    subject: Subject
    windows: list[tuple[int, float, float]] = field(default_factory=list)
    """Calls, seconds, images a second, by round."""
    readings: list[Reading] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [rate for _, _, rate in self.windows]


def compare(cases: Sequence[Case], settings: Settings, tell: Log) -> list[Row]:
    """A row a case, in their order: its speed, by round its ratio to the first case's, where the time goes, memory,
    what it computes and the share of the floor.

    A case that cannot be measured has `missing` in its row, the reason.
    """
    rows = [_head(case) for case in cases]
    with ExitStack() as stack:
        subjects = [stack.enter_context(closing(Subject(case, settings))) for case in cases]
        entries = [_Entry(row, subject) for row, subject in zip(rows, subjects, strict=True)]
        for entry in _living(entries):
            tell(f"{entry.row['label']}: warming up")
            with _missing(entry.row):
                entry.row["warm_up"] = entry.subject.ask("warm_up")
        _rounds(entries, settings, tell)
        for entry in _living(entries):
            entry.row |= _speed(entry)
            tell(f"{entry.row['label']}: memory, split, costs")
            _extras(entry)
        _floors(entries)
    _ratios(entries)
    return rows


def _head(case: Case) -> Row:
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
    """What goes wrong inside is said in the row."""
    try:
        yield
    except OutOfMemory as error:
        row["missing"] = f"out of memory ({error})"
    except SubjectFailed as error:
        row["missing"] = str(error)
        row["not_present"] = isinstance(error, NotPresent)


def _living(entries: Sequence[_Entry]) -> list[_Entry]:
    return [entry for entry in entries if "missing" not in entry.row]


def sensors_of(device: str) -> Sensors | str:
    """The GPU's sensors, or why there are none."""
    if not device.startswith("cuda"):
        return "not a GPU"
    try:
        return Sensors(int(device.partition(":")[2] or 0))
    except RuntimeError as error:
        return str(error)


def _rounds(entries: Sequence[_Entry], settings: Settings, tell: Log) -> None:
    """All rounds. One in which a GPU was held back is taken again, as a whole, and what still was is missing."""
    sensors = sensors_of(settings.device)
    for number in range(settings.rounds):
        for attempt in range(TRIES):
            readings = _round(_living(entries), sensors, tell, f"round {number + 1} of {settings.rounds}")
            rejected = {label: why for label, seen in readings.items() if (why := summary(seen)["rejected"])}
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
        entry.row["sensors"] = {"missing": sensors} if isinstance(sensors, str) else summary(entry.readings)


def _round(entries: Sequence[_Entry], sensors: Sensors | str, tell: Log, which: str) -> dict[str, list[Reading]]:
    """A window of each, with what the sensors said meanwhile."""
    found: dict[str, list[Reading]] = {}
    for entry in entries:
        tell(f"{entry.row['label']}: {which}")
        seen = found[entry.row["label"]] = []
        with _missing(entry.row), nullcontext() if isinstance(sensors, str) else sensors.watching(seen):
            calls, images, seconds = entry.subject.ask("window")
            entry.windows.append((calls, seconds, images / seconds))
    return found


def _speed(entry: _Entry) -> Row:
    found = spread(entry.rates)
    return {
        "images_per_second": float(np.median(entry.rates)),
        "rounds": entry.rates,
        "spread": found,
        "noisy": found > NOISY,
        "calls": sum(calls for calls, _, _ in entry.windows),
        "seconds": sum(seconds for _, seconds, _ in entry.windows),
    }


def _extras(entry: _Entry) -> None:
    row = entry.row
    asked = {
        "memory": True,
        "split": row["work"] == "training",
        "costs": row["work"] != "scoring" and row["loop"] != "compiled",
    }
    for what in (name for name, wanted in asked.items() if wanted):
        with _unknown(row, what):
            row[what] = entry.subject.ask(what)


@contextmanager
def _unknown(row: Row, what: str) -> Iterator[None]:
    """What cannot be had beside the speed is `unknown`, with its reason: the speed stands."""
    try:
        yield
    except (OutOfMemory, SubjectFailed) as error:
        row.setdefault("unknown", {})[what] = str(error)


def _floors(entries: Sequence[_Entry]) -> None:
    """The machine's rates in each precision, measured once, and with them every row's floor."""
    rates: dict[str, Rates] = {}
    for entry in _living(entries):
        row, costs = entry.row, entry.row.get("costs")
        if costs is None or not costs["call_flops"]:
            continue
        with _unknown(row, "roofline"):
            if row["precision"] not in rates:
                rates[row["precision"]] = Rates(**entry.subject.ask("rates", row["precision"]))
            found, demand = rates[row["precision"]], Demand(costs["call_flops"], costs["call_bytes"])
            floor = demand.floor(found) / costs["images"]
            row["roofline"] = asdict(found) | {
                "intensity": demand.intensity,
                "floor_seconds_per_image": floor,
                "share": floor * row["images_per_second"],
            }


def _ratios(entries: Sequence[_Entry]) -> None:
    first = entries[0]
    for entry in _living(entries):
        if "missing" not in first.row:
            entry.row["ratio"] = {"to": first.row["label"], **ratios(entry.rates, first.rates)}


def latency(cases: Sequence[Case], settings: Settings, tell: Log) -> list[Row]:
    """A row a case at batch 1: percentiles of synchronised calls, in seconds."""
    rows = []
    for case in cases:
        one = replace(case, batch_size=1)
        rows.append(row := _head(one))
        tell(f"{case.label}: latency")
        with closing(Subject(one, settings)) as subject, _missing(row):
            row["warm_up"] = subject.ask("warm_up")
            row["latency"] = subject.ask("latency")
    return rows
