"""The contract between a method and the harness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from bench.data.tasks import Batch


@dataclass(frozen=True)
class Progress:
    """Where a run is: the iteration, from 0, and the share of the budget spent so far, in [0, 1)."""

    step: int
    fraction: float


class Method(Protocol):
    """Anything that learns from batches and predicts.

    All state that learning changes is in these two dicts, so that the harness can count, save and restore it bit by
    bit.
    """

    networks: dict[str, nn.Module]
    """By name. "generator" predicts; "average", if there is one, holds its averaged weights and predicts instead. Empty
    for a method without parameters, which is not trained."""
    optimizers: dict[str, Optimizer]

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """One iteration, without I/O; returns the losses as detached scalars on the device."""
        ...

    def predict(self, batch: Batch) -> Tensor:
        """(B, C_out, H, W) in [-1, 1], without gradients, independent of the other images of the batch."""
        ...


@runtime_checkable
class Capturable(Method, Protocol):
    """A method whose update has two halves, the second of which can be replayed as a CUDA graph.

    update(batch, progress) is compute(batch, prepare(progress)). A method whose update draws random numbers cannot be
    captured.
    """

    def prepare(self, progress: Progress) -> str:
        """Write all values that depend on progress into tensors on the device; return the name of the phase."""
        ...

    def compute(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        """The update of a phase: only device work, with the same operators on the same tensors each time."""
        ...
