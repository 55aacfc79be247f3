"""Probes that were made, kept beside the runs: what a step of a config took on a machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.data.cache import cache_root
from bench.machine import Machine
from bench.store.run_store import read_text, write_atomically

VERSION = 1  # raise it when the fields of a probe come to mean something else
PACKAGES = ("torch", "torchvision", "torchmetrics", "numpy")
"""Whose versions change how long a run takes."""


@dataclass(frozen=True)
class Probe:
    """What a run takes, in seconds and bytes. With a `reason` nothing else is known."""

    start: float = 0.0
    """Once a process: imports."""
    setup: float = 0.0
    """Once a process: opening the data, building the method, and what first steps, validations and scores do once."""
    train: float = 0.0
    """The whole budget, drawing its batches included."""
    validation: float = 0.0
    """Each validation."""
    score: float = 0.0
    """What follows training: weights, samples and the metrics."""
    measure: float = 0.0
    """Cost and speed, once all runs are trained."""
    peak_bytes: int = 0
    """Of the process in main memory."""
    gpu_peak_bytes: int | None = None
    """Of tensors, as CUDA's allocator has it."""
    gpu_bytes: int | None = None
    """What the device has."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds of a step by phase, which is named after its losses."""
    took: float = 0.0
    """The probe itself."""
    reason: str = ""


def probe_file(seedless: str, metrics: Sequence[str], machine: Machine, device_name: str) -> Path:
    """Where the probes of a config are remembered. seedless: the run id that it has with seed 0, which stands for the
    config, the data's content and the code."""
    key: dict[str, Any] = {
        "version": VERSION,
        "run": seedless,
        "metrics": sorted(metrics),
        "device": device_name,
        "threads": machine.threads,
        "cuda_graphs": machine.cuda_graphs,
        "packages": {name: _version(name) for name in PACKAGES},
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return cache_root() / "probes" / f"{name}.json"


def recall(file: Path, at_a_time: int) -> Probe | None:
    """The remembered probe, of the nearest number of runs at a time; None if there is none."""
    known = _known(file)
    if not known:
        return None
    return known[min(known, key=lambda count: (abs(count - at_a_time), count))]


def remember(file: Path, at_a_time: int, found: Probe) -> None:
    """Write it down; where the cache cannot be written, it is forgotten."""
    known = _known(file) | {at_a_time: found}
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps({str(count): asdict(p) for count, p in known.items()}, indent=1) + "\n")


def all_remembered() -> list[Probe]:
    """Every probe in the cache, of whatever config and machine."""
    return [found for file in sorted((cache_root() / "probes").glob("*.json")) for found in _known(file).values()]


def _known(file: Path) -> dict[int, Probe]:
    """By number of runs at a time; empty where the file is not there or damaged."""
    try:
        return {int(count): Probe(**fields) for count, fields in json.loads(read_text(file) or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
