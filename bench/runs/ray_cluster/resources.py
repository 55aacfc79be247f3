"""What a run asks of a node, from what a probe of it took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.machine import Machine
    from bench.runs.probe_cache import Probe

MARGIN = 1.2  # over what the probe took
CONTEXT_BYTES = 600 << 20  # of a process on a GPU, besides its tensors: CUDA's context and its libraries
SHARES = 100  # a GPU is handed out in


@dataclass(frozen=True)
class Resources:
    """Ray's resources of a task."""

    cpus: int
    gpus: float = 0.0
    """A share of one GPU, or 1."""
    memory: int = 0
    """Bytes of main memory; 0: not known."""

    def options(self) -> dict[str, Any]:
        """As ray's task options."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory or None}


def whole(machine: Machine) -> Resources:
    """For what is not known: a GPU for itself."""
    return Resources(machine.threads, 1.0 if machine.device == "cuda" else 0.0)


def ask_for(probe: Probe, machine: Machine, most_memory: float) -> Resources:
    """most_memory: of any node, since a task that asks for more than there is would wait for ever."""
    if probe.reason:
        return whole(machine)
    memory = int(min(probe.peak_bytes * MARGIN, most_memory))
    if machine.device != "cuda" or probe.gpu_peak_bytes is None or not probe.gpu_bytes:
        return Resources(machine.threads, whole(machine).gpus, memory)
    share = (probe.gpu_peak_bytes * MARGIN + CONTEXT_BYTES) / probe.gpu_bytes
    return Resources(machine.threads, min(1.0, math.ceil(share * SHARES) / SHARES), memory)
