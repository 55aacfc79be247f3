"""Remembers probes in the cache: what a config took on a machine."""

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

VERSION = 1  # raise it when a probe's fields change their meaning
PACKAGES = ("torch", "torchvision", "torchmetrics", "numpy")
"""Packages whose version changes how long a run takes."""


@dataclass(frozen=True)
class Probe:
    """What a run takes, in seconds and bytes. A probe with a `reason` failed, and has only that and `took`."""

    start: float = 0.0
    """Once a process: imports."""
    setup: float = 0.0
    """Once a process: opening the data, building the method, and the extra time of first steps and scores."""
    train: float = 0.0
    """The whole training budget, drawing of batches included."""
    validation: float = 0.0
    """Each validation."""
    score: float = 0.0
    """After training: weights, samples and metrics."""
    measure: float = 0.0
    """Measuring cost and speed, once all runs are trained."""
    peak_bytes: int = 0
    """Peak main memory of the process."""
    gpu_peak_bytes: int | None = None
    """Peak of tensors, by CUDA's allocator; None on the CPU."""
    gpu_bytes: int | None = None
    """Memory of the device; None on the CPU."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds of a step, by phase; a phase is named after its losses."""
    took: float = 0.0
    """Seconds of the probe itself."""
    reason: str = ""
    """Why the probe failed; else empty."""


def probe_file(seedless: str, metrics: Sequence[str], machine: Machine, device_name: str) -> Path:
    """The file with the probes of a config. seedless: the config's run id with seed 0, the hash of config, data and
    code."""
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
    """The remembered probe with the nearest number of runs at a time; None if there is none."""
    probes = _read(file)
    if not probes:
        return None
    return probes[min(probes, key=lambda count: (abs(count - at_a_time), count))]


def remember(file: Path, at_a_time: int, probe: Probe) -> None:
    """Write the probe to the cache, if that can be written."""
    probes = _read(file) | {at_a_time: probe}
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps({str(count): asdict(p) for count, p in probes.items()}, indent=1) + "\n")


def all_remembered() -> list[Probe]:
    """Every probe in the cache, of any config and machine."""
    return [probe for file in sorted((cache_root() / "probes").glob("*.json")) for probe in _read(file).values()]


def _read(file: Path) -> dict[int, Probe]:
    """Number of runs at a time -> probe; empty if the file is absent or damaged."""
    try:
        return {int(count): Probe(**fields) for count, fields in json.loads(read_text(file) or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
