"""The resources that a run's Ray task asks for, from a probe of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.machine import Machine
    from bench.runs.probe_cache import Probe

MARGIN = 1.2  # times what the probe took
CONTEXT_BYTES = 600 << 20  # of a process on a GPU, besides its tensors: CUDA's context and its libraries
SHARES = 100  # of a GPU: tasks ask for a whole number of them


@dataclass(frozen=True)
class Resources:
    """Ray's resources of a task."""

    cpus: int
    gpus: float = 0.0
    """A share of one GPU, or 1."""
    memory: int = 0
    """Bytes of main memory; 0: unknown."""

    def options(self) -> dict[str, Any]:
        """As ray's task options."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory or None}


def default_resources(machine: Machine) -> Resources:
    """Resources of a run that was not probed: a GPU of its own."""
    return Resources(machine.threads, 1.0 if machine.device == "cuda" else 0.0)


def resources_for(probe: Probe, machine: Machine, max_memory: float) -> Resources:
    """max_memory: the largest of any node; a task that asked for more would wait for ever."""
    if probe.reason:
        return default_resources(machine)
    memory = int(min(probe.peak_bytes * MARGIN, max_memory))
    if machine.device != "cuda" or probe.gpu_peak_bytes is None or not probe.gpu_bytes:
        return Resources(machine.threads, default_resources(machine).gpus, memory)
    share = (probe.gpu_peak_bytes * MARGIN + CONTEXT_BYTES) / probe.gpu_bytes
    return Resources(machine.threads, min(1.0, math.ceil(share * SHARES) / SHARES), memory)
